"""Who may come in: client keys and web pages."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from antigravity_addon.errors import OriginRefused, WrongClientKey

from .settings import AuthMode, Settings

KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
"""Headers that may hold a client key, `api-key` being Azure's. Any that matches lets the client in."""

_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}


def check_key(headers: Mapping[str, str], settings: Settings, *, is_health: bool) -> None:
    """Let a client in or raise WrongClientKey. `headers` has lower-case names."""
    if settings.auth_mode is AuthMode.OFF or (is_health and settings.auth_mode is AuthMode.ALL_EXCEPT_HEALTH):
        return
    shown = list(shown_keys(headers))
    expected = settings.client_key.get_secret_value().encode() if settings.client_key else b""
    # every key is compared, in constant time, whether or not one matched already
    matches = [hmac.compare_digest(key.encode("utf-8", "surrogateescape"), expected) for key in shown]
    if expected and any(matches):
        return
    if not shown:
        raise WrongClientKey(
            "You didn't provide an API key. Send the gateway's key in an Authorization header: "
            "`Authorization: Bearer YOUR_KEY`."
        )
    raise WrongClientKey("Incorrect API key provided. It must be the key that this gateway was started with.")


def owner_of(headers: Mapping[str, str], settings: Settings) -> str:
    """Stands for a client wherever something is kept for it; the key cannot be had from it."""
    if settings.auth_mode is AuthMode.OFF or settings.client_key is None:
        # nobody asks for a key, but clients that show different ones do not want to share
        key = next(shown_keys(headers), "")
    else:
        key = settings.client_key.get_secret_value()
    return hashlib.sha256(f"client key: {key}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


def shown_keys(headers: Mapping[str, str]) -> Iterator[str]:
    """Every key in the headers, without its scheme, if it has one."""
    for name in KEY_HEADERS:
        value = headers.get(name, "").strip()
        scheme, _, rest = value.partition(" ")
        key = rest.strip() if scheme.lower() == "bearer" else value
        if key:
            yield key


def check_origin(origin: str | None, settings: Settings) -> None:
    """With no key to show, any web page in a browser on this machine could call us: only local ones may."""
    if not allows_origin(origin, settings):
        raise OriginRefused(
            "Web pages from other hosts may not call this gateway while it asks for no key: "
            "set gateway_api_key and gateway_auth_mode=strict."
        )


def allows_origin(origin: str | None, settings: Settings) -> bool:
    """`origin` is the header as a browser sends it; apps such as `vscode-webview://` are no web pages."""
    if origin is None or settings.auth_mode is not AuthMode.OFF:
        return True
    if origin == "null":
        return False  # a page that hides where it comes from
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme not in {"http", "https"} or parts.hostname in _LOOPBACK_NAMES
