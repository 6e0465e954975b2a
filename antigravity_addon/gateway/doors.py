"""Who is let in by the head of a request, before anybody looks at its key: under which name it came, and from which page.

A web page in a browser on this machine, or on one that may use the gateway, must not use it for its own ends. It can
neither hide its `Origin` nor what browsers say of it in `Sec-Fetch-Site`, and it can have any name lead here (DNS
rebinding), which then stands in `Host`.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Self

from antigravity_addon.errors import HostRefused, OriginRefused, TlsRequired

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST = re.compile(r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[^\s\[\]:/@?#\\,%]+))(?::\d{1,5})?")
_NAME = r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"
_ORIGIN = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\*|{_NAME}|\[[0-9a-f:.]+\]|)(?::(?P<port>\*|\d{{1,5}}))?/?"
)
_PORT_OF = {"http": "80", "https": "443"}
_NOBODYS_DOMAINS = ("local", "internal", "lan", "home.arpa", "test")
"""Nobody can register a name in them, nor one without a dot: a page cannot come from there. Docker's
`host.docker.internal` is one, and what routers and mDNS call the machines of a network.
"""
_METHODS = "GET, POST, DELETE, HEAD, OPTIONS"
_EXPOSED = (
    "x-request-id, x-mapped-model, x-account-email, retry-after, retry-after-ms, x-should-retry, "
    "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)
"""Headers of answers that pages may read."""
_SIMPLE_TYPES = ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
"""What pages may send to other sites without asking them first."""
_LONGEST_HOST = 300
"""Characters. Of a domain there are 253 at most."""
_MOST_HOPS = 20
_SHOWN = 100
"""Characters of what a stranger sent, in messages."""


@dataclass(frozen=True, slots=True)
class Came:
    """How a request came to us."""

    peer: str = ""
    """Address of the other end of the connection; empty where there is none."""
    is_tls: bool = False


NOWHERE = Came()


# --- what operators allow ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """A name, or all names of a domain (`*.example.com`), or any (`*`)."""

    pattern: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises: ValueError: it is neither."""
        name = text.strip().lower().removesuffix(".").removeprefix("[").removesuffix("]")
        if name != "*" and not re.fullmatch(_NAME, name) and _address(name) is None:
            raise ValueError(
                f"{text!r} is no name of a host: give it without scheme and port, as gateway.example.com "
                "or *.example.com."
            )
        return cls(name)

    @property
    def is_any(self) -> bool:
        return self.pattern == "*"

    def matches(self, name: str) -> bool:
        if self.pattern.startswith("*."):
            return name.endswith(self.pattern[1:])
        return self.is_any or name == self.pattern


@dataclass(frozen=True, slots=True)
class AllowedOrigin:
    """An origin as browsers write it, or a pattern: `*` for all of the host, for what is left of it, or for the port."""

    pattern: str
    is_any: bool
    """Pages that anybody can put on the web are among those that match."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises: ValueError: it is none."""
        origin = text.strip().lower()
        if origin in {"*", "null"}:
            return cls(".*" if origin == "*" else "null", is_any=True)
        if (found := _ORIGIN.fullmatch(origin)) is None:
            raise ValueError(
                f"{text!r} is no origin: give it as browsers write it, scheme and host, such as "
                "https://app.example.com, http://localhost:3000, chrome-extension://* or app://obsidian.md."
            )
        scheme, host, port = found["scheme"], found["host"], found["port"]
        pattern = rf"{re.escape(scheme)}://{re.escape(host).replace(r'\*', '[^/:@]+')}"
        if port == "*":
            pattern += r"(:\d+)?"
        elif port is not None and port != _PORT_OF.get(scheme):
            pattern += f":{port}"
        return cls(pattern, is_any=host == "*" and scheme in _PORT_OF)

    def matches(self, origin: str) -> bool:
        return re.fullmatch(self.pattern, origin) is not None


@dataclass(frozen=True, slots=True)
class Doors:
    """Which of them are open."""

    lan: bool = False
    """Other machines may come, with a key."""
    hosts: tuple[AllowedHost, ...] = ()
    """Names beside those of this machine."""
    origins: tuple[AllowedOrigin, ...] = ()
    """Of pages and apps that may call."""
    proxies: tuple[Network, ...] = ()
    """Whose word about a client's address is taken."""
    requires_tls: bool = False
    """From other machines."""

    @property
    def is_open_to_others(self) -> bool:
        return self.lan or bool(self.proxies)

    # --- checks -----------------------------------------------------------------------------------------

    def check(self, method: str, headers: Mapping[str, str], came: Came) -> None:
        """Raises: HostRefused, OriginRefused, TlsRequired."""
        self._check_host(headers.get("host"))
        self._check_page(method, headers)
        if self.requires_tls and not came.is_tls and not self._is_near(came.peer):
            raise TlsRequired(
                "This gateway takes no plain HTTP from other machines: call it with https://. A key that was sent "
                "without TLS may have been read on the way: ask the operator for another one."
            )

    def allows_origin(self, origin: str | None) -> bool:
        return origin is not None and any(each.matches(origin.lower()) for each in self.origins)

    def may_connect(self, peer: str) -> bool:
        """Whether the machine with this address may open a connection at all."""
        return self.lan or self._is_near(peer)

    # --- names ------------------------------------------------------------------------------------------

    def _check_host(self, host: str | None) -> None:
        """HTTP/1.0 knows no Host, and browsers do not speak it. One that is there and empty is nobody's name."""
        if host is not None and not self._is_ours(host):
            raise HostRefused(
                f"This gateway does not answer to the name {host[:_SHOWN]!r}. Call it by its address or as localhost, "
                "or have its operator add the name to gateway_allowed_hosts."
            )

    def _is_ours(self, host: str) -> bool:
        called = _read_host(host) if len(host) <= _LONGEST_HOST else None
        if called is None:
            return False
        if any(each.matches(called.name) for each in self.hosts):
            return True
        return called.reach is _Reach.HERE or (self.lan and called.reach is _Reach.NEAR)

    # --- pages ------------------------------------------------------------------------------------------

    def _check_page(self, method: str, headers: Mapping[str, str]) -> None:
        if (origin := headers.get("origin")) is not None:
            if not self.allows_origin(origin):
                raise OriginRefused(
                    f"Pages and apps of the origin {origin[:_SHOWN]!r} may not call this gateway: its operator can "
                    "add it to gateway_allowed_origins."
                )
        elif headers.get("sec-fetch-site", "none").lower() not in {"none", "same-origin"}:
            raise OriginRefused("A page of another site may not have a browser call this gateway.")
        elif method == "POST" and "referer" in headers and _is_simple(headers.get("content-type", "")):
            # from browsers too old to say more
            raise OriginRefused(
                "A page may not send forms to this gateway. If this is none, send it without a Referer header, or with "
                "`Content-Type: application/json`."
            )

    def cors_headers(self, origin: str | None) -> dict[str, str]:
        """Of every answer. Only browsers read them."""
        if not self.origins:
            return {}
        if origin is None or not self.allows_origin(origin):
            return {"vary": "Origin"}
        return {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": _EXPOSED,
            "vary": "Origin",
        }

    def preflight_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Of the answer to OPTIONS, which asks what the page of `headers` may do."""
        origin = headers.get("origin")
        answer = {"allow": _METHODS} | self.cors_headers(origin)
        if not self.allows_origin(origin):
            return answer
        if "access-control-request-private-network" in headers:
            answer["access-control-allow-private-network"] = "true"
        return answer | {
            "access-control-allow-methods": _METHODS,
            # named one by one, since `*` does not stand for `authorization`
            "access-control-allow-headers": headers.get("access-control-request-headers", "*"),
            "access-control-max-age": "3600",
        }

    # --- addresses --------------------------------------------------------------------------------------

    def client_address(self, headers: Mapping[str, str], came: Came) -> str:
        """Of whom the request comes from, as far as those can be believed who passed it on."""
        address = _address(came.peer)
        if address is None or not self._is_proxy(address):
            return came.peer if address is None else str(address)
        for hop in reversed(_hops(headers)):
            if (before := _address(hop)) is None:
                break
            address = before
            if not self._is_proxy(address):
                break
        return str(address)

    def _is_near(self, peer: str) -> bool:
        """Whether it is this machine itself, a proxy that the operator trusts, or nobody at all."""
        address = _address(peer)
        return address is None or address.is_loopback or self._is_proxy(address)

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self.proxies)


AS_SHIPPED = Doors()


# --- reading -----------------------------------------------------------------------------------------------


class _Reach(Enum):
    """Who can have a page under a name."""

    HERE = auto()
    """This machine alone."""
    NEAR = auto()
    """Somebody in the same network, at most."""
    ANYWHERE = auto()


@dataclass(frozen=True, slots=True)
class _Called:
    name: str
    reach: _Reach


@lru_cache(maxsize=64)
def _read_host(host: str) -> _Called | None:
    """`None` if it is no name with a port, or without."""
    if (found := _HOST.fullmatch(host.lower())) is None:
        return None
    name = found["ipv6"] or found["name"].removesuffix(".")
    return _Called(name, _reach_of(name))


def _reach_of(name: str) -> _Reach:
    if (address := _address(name)) is not None:
        return _Reach.HERE if address.is_loopback else _Reach.NEAR
    if _is_in(name, "localhost"):
        return _Reach.HERE
    is_nobodys = "." not in name or any(_is_in(name, domain) for domain in _NOBODYS_DOMAINS)
    return _Reach.NEAR if is_nobodys else _Reach.ANYWHERE


def _is_in(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


def _is_simple(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in _SIMPLE_TYPES


def _address(text: str) -> Address | None:
    """Of IPv6, without the interface; and IPv4 as such, however it is written."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _hops(headers: Mapping[str, str]) -> list[str]:
    """Who passed the request on, the last one last. Empty where two headers say different things: a proxy writes one of
    them, and leaves the other as its client sent it.
    """
    told = [list(read(headers[name])) for name, read in _READERS.items() if name in headers]
    return told[0] if told and all(each == told[0] for each in told) else []


def _of_list(value: str) -> Iterator[str]:
    return (_without_port(each.strip()) for each in _last_of(value))


def _of_forwarded(value: str) -> Iterator[str]:
    for hop in _last_of(value):
        fields = (field.strip().partition("=") for field in hop.split(";"))
        yield next((_without_port(text.strip('"')) for name, _, text in fields if name.lower() == "for"), "")


def _last_of(value: str) -> list[str]:
    """As many as there are proxies in a row anywhere: a client may have put thousands in front of them."""
    return value.rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]


_READERS = {"x-forwarded-for": _of_list, "forwarded": _of_forwarded}


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
