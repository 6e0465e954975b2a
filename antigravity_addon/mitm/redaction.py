"""What is kept out of flows: client keys, accounts' credentials, cookies, and links that log their holder in."""

import re
from collections.abc import Callable, Collection
from functools import lru_cache

from mitmproxy import http

from antigravity_addon.gateway.clients import KEY_HEADERS
from antigravity_addon.views.masks import REDACTED as MASK
from antigravity_addon.views.masks import Masks, without, without_personal_links

REDACTED = MASK.decode()

CREDENTIAL_HEADERS = frozenset({"authorization", "x-goog-api-key"})
"""What pays for an upstream request."""

_CREDENTIAL_HEADERS = frozenset(name.encode() for name in CREDENTIAL_HEADERS)
_KEY_HEADERS = frozenset(
    name.encode() for name in (*KEY_HEADERS, "cookie", "proxy-authorization", "sec-websocket-protocol")
)
"""A key in any, what browsers and proxies show unasked, and where OpenAI's SDK puts the key in browsers."""
PRIVATE_HEADER = re.compile(
    r"(?:^|[-_])(?:api[-_]?key|subscription[-_]key|authorization|authentication|auth|cookie|cookie2|credential|password"
    r"|secret|token)(?:$|[-_])",
    re.IGNORECASE,
)
"""Names that speak of keys, tokens or cookies."""
_LONG = 12
_LONG_WORD = re.compile(rb"[0-9A-Za-z_-]{%d}" % _LONG)
"""A key has one. What SDKs send in their other headers has none, mostly."""
_SCHEMES = frozenset({b"basic", b"bearer", b"digest"})
_KEY_PARAMETERS = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token"})
_PROXYAUTH = "proxyauth"
"""Where mitmproxy (12.2.3) keeps the user and the password that its own option of that name has asked for."""
_COOKIES = frozenset({b"set-cookie", b"set-cookie2"})


def redact_misplaced_keys(request: http.Request, is_client_key: Callable[[str], bool]) -> None:
    """Where no key is looked for, a client may have put one all the same: into its path, into the parameters of it, into any
    header. It is known by its hash or by its looks, and is gone before anything is said of the request.
    """
    if "?" in request.path:
        for name in set(request.query):
            if name.lower() in _KEY_PARAMETERS:
                request.query[name] = REDACTED
    raw = request.data
    values = [value for name, value in raw.headers.fields if name.lower() not in _KEY_HEADERS]
    if _LONG_WORD.search(b"\n".join((raw.path, raw.authority, raw.method, *values))) is None:
        return
    masks = Masks({}, is_client_key=lambda word: len(word) >= _LONG and is_client_key(word))

    def masked(text: bytes) -> bytes:
        return masks(text) if _LONG_WORD.search(text) else text

    raw.path, raw.authority, raw.method = masked(raw.path), masked(raw.authority), masked(raw.method)
    raw.headers.fields = tuple(
        (name, value if name.lower() in _KEY_HEADERS else masked(value)) for name, value in raw.headers.fields
    )


def redact_keys(flow: http.HTTPFlow) -> None:
    """Client keys stay out of screens, saved flows and logs. The scheme stays, to show how a key was sent."""
    request = flow.request
    request.headers.fields = tuple(
        (name, _redacted(value) if _is_private(name) else value) for name, value in request.headers.fields
    )
    if (named := flow.metadata.get(_PROXYAUTH)) is not None:
        flow.metadata[_PROXYAUTH] = (named[0], REDACTED)


@lru_cache(maxsize=256)
def _is_private(name: bytes) -> bool:
    return name.lower() in _KEY_HEADERS or PRIVATE_HEADER.search(name.decode("latin-1")) is not None


def redacted_credential(value: str) -> str:
    return _redacted(value.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def redact_credentials(request: http.Request) -> tuple[str, ...]:
    """Take out of an upstream request what pays, and say what it was: an operator may have put another key in."""
    shown: list[str] = []
    fields: list[tuple[bytes, bytes]] = []
    for name, value in request.headers.fields:
        redacted = _redacted(value) if name.lower() in _CREDENTIAL_HEADERS else value
        if redacted != value:
            shown.append(value.decode("utf-8", "surrogateescape"))
        fields.append((name, redacted))
    if shown:
        request.headers.fields = tuple(fields)
    return tuple(shown)


def redacted_answer(text: bytes, credentials: Collection[str]) -> bytes:
    """An upstream's, which may repeat what it was paid with, or hold a link for the account's owner alone."""
    return without_personal_links(
        without(text, *(credential.rpartition(" ")[2] for credential in credentials))
    )


def redact_answer_headers(response: http.Response, credentials: Collection[str]) -> None:
    fields = response.headers.fields
    if _COOKIES.isdisjoint(name.lower() for name, _ in fields):
        values = b"\n".join(value for _, value in fields)
        if redacted_answer(values, credentials) == values:
            return
    response.headers.fields = tuple(
        (name, REDACTED.encode() if name.lower() in _COOKIES else redacted_answer(value, credentials))
        for name, value in fields
    )


def _redacted(value: bytes) -> bytes:
    scheme, space, _ = value.strip().partition(b" ")
    # keys of several words and cookies have blanks, too
    is_shown = space and scheme.lower() in _SCHEMES
    return scheme + space + REDACTED.encode() if is_shown else REDACTED.encode()
