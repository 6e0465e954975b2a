"""Who a request comes from: client keys."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache

from antigravity_addon.errors import OriginRefused, UnknownClientKey, WrongClientKey

from .client_keys import OPERATORS_KEY, ClientKey, hash_key
from .settings import AuthMode, Settings

KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
"""Headers that may hold a client key, `api-key` being Azure's. Any that matches lets the client in."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who a request comes from. Knows no key, and none can be had from it."""

    name: str = ""
    """Of its key; empty for one that showed no key that is known, where none is asked for."""
    owner: str = ""
    """Stands for the client wherever something is kept for it."""
    key: ClientKey | None = None
    """With the limits of the name; `None` where there are none."""

    def may_use(self, *names: str) -> bool:
        """See `ClientKey.may_use`."""
        return self.key is None or self.key.may_use(*names)


ANYBODY = Client()


class ClientKeys:
    """The keys that clients may show, beside the settings' own.

    They are found by their hashes. How long that takes may tell something of the hash of what a client showed, which it
    knows already; and nothing of the keys, whose hashes nobody can come nearer to step by step.
    """

    def __init__(self, unix_time: Callable[[], float]) -> None:
        self._unix_time = unix_time
        self._by_hash: Mapping[str, ClientKey] = {}

    def replace(self, keys: Iterable[ClientKey]) -> None:
        """Take a new list. Requests under way go on under the old one."""
        self._by_hash = {key.hash: key for key in keys}

    def is_one(self, word: str, settings: Settings) -> bool:
        """The operator's included."""
        return _hashed(word) in self._by_hash or _is_operators(word, settings)

    def client(self, headers: Mapping[str, str], settings: Settings, *, is_health: bool) -> Client:
        """Tell who it is. `headers` has lower-case names and still has its keys.

        Raises: WrongClientKey: no key that lets the client in, or one that the operator has ended, whoever else is let in.
            UnknownClientKey: one that nobody gave out.
        """
        shown = tuple(shown_keys(headers))
        is_free = settings.auth_mode is AuthMode.OFF
        if is_health and (is_free or settings.auth_mode is AuthMode.ALL_EXCEPT_HEALTH):
            return ANYBODY
        ended: WrongClientKey | None = None
        for shown_key in shown:
            if (key := self._by_hash.get(_hashed(shown_key))) is not None:
                ended = self._end_of(key)
                if ended is None:
                    return Client(key.name, _owner(shown_key), key)
            elif _is_operators(shown_key, settings):
                return Client(OPERATORS_KEY, _owner(shown_key))
        if ended is not None:
            raise ended
        if is_free:
            # clients that show different keys do not want to share
            return Client(owner=_owner(next(iter(shown), "")))
        if not shown:
            raise WrongClientKey(
                "You didn't provide an API key. Send the gateway's key in an Authorization header: "
                "`Authorization: Bearer YOUR_KEY`."
            )
        raise UnknownClientKey(
            "Incorrect API key provided. It must be the key that this gateway was started with, "
            "or one that its operator made."
        )

    def _end_of(self, key: ClientKey) -> WrongClientKey | None:
        """Why a key is good no more, for somebody who has shown to have it."""
        if key.disabled:
            return WrongClientKey(
                f"The API key {key.name!r} was switched off by the operator of this gateway."
            )
        if key.expires is not None and key.expires.timestamp() <= self._unix_time():
            return WrongClientKey(
                f"The API key {key.name!r} expired on {key.expires.astimezone(UTC):%Y-%m-%d at %H:%M} UTC. "
                "Ask the operator of this gateway for another one."
            )
        return None


def _is_operators(shown_key: str, settings: Settings) -> bool:
    if settings.client_key is None:
        return False
    # hashes, since a comparison in constant time still tells of lengths
    expected = _hashed(settings.client_key.get_secret_value())
    return hmac.compare_digest(_hashed(shown_key), expected)


_HASHES_AT_HAND = 64
"""Clients come with the same keys again and again, and four hashes were a fiftieth of the time until an upstream is asked.
Whoever makes up keys as long as a head may be fills a few megabytes.
"""
_hashed = lru_cache(_HASHES_AT_HAND)(hash_key)


@lru_cache(_HASHES_AT_HAND)
def _owner(key: str) -> str:
    return hashlib.sha256(f"client key: {key}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


def shown_keys(headers: Mapping[str, str]) -> Iterator[str]:
    """Every key in the headers, without its scheme, if it has one."""
    for name in KEY_HEADERS:
        value = headers.get(name, "").strip()
        scheme, _, rest = value.partition(" ")
        key = rest.strip() if scheme.lower() == "bearer" else value
        if key:
            yield key


def check_metrics_reader(client: Client, origin: str | None, settings: Settings) -> None:
    """Metrics tell of every client and account: not every client may read them, and without a key no page at all.

    Raises: WrongClientKey, OriginRefused.
    """
    if client.key is not None and not client.key.metrics:
        raise WrongClientKey(
            f"The API key {client.name!r} may not read /metrics: show gateway_api_key, or a key with `metrics: true`."
        )
    if settings.auth_mode is AuthMode.OFF and origin is not None:
        raise OriginRefused(
            "Web pages may not read /metrics while this gateway asks for no key: "
            "set gateway_api_key and gateway_auth_mode=strict."
        )
