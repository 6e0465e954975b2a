"""Images and files that a client names by URL, fetched from the web.

The client chooses where the gateway connects to. So an address is judged where nothing can change it any more: when
the socket for it is made. By then every spelling of a host, every DNS answer and every redirect has become a socket
address, and that one is connected to (seen in aiohttp 3.14.5 with aiohappyeyeballs 2.7.1).
"""

import asyncio
import errno
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire.inbound import shown

from .names import Names

logger = logging.getLogger(__name__)

type IPAddress = IPv4Address | IPv6Address
type _AddressInfo = tuple[int, int, int, str, tuple[object, ...]]
"""As `socket.getaddrinfo` gives them."""


class Kinds(Enum):
    """What may be fetched, as beginnings of content types."""

    IMAGE = ("image/",)
    ANY_FILE = (
        "image/",
        "audio/",
        "video/",
        "text/",
        "application/pdf",
        "application/json",
        "application/xml",
        "application/vnd.openxmlformats-officedocument.",
    )


_UNTOLD_TYPES = {"application/octet-stream", "binary/octet-stream"}
"""They say nothing, so the bytes will have to; the second is what Amazon S3 states unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Fetched:
    content: bytes
    content_type: str
    """Lower case, without parameters; `application/octet-stream` if the web server stated none."""


@dataclass(frozen=True, slots=True)
class Limits:
    seconds: float = 10.0
    """For one fetch with its redirects, not counting its wait for a turn."""
    connect_seconds: float = 5.0
    content_bytes: int = 20_000_000
    redirects: int = 3
    at_once: int = 16
    """Fetches under way, of all requests together; more of them wait."""
    cached_bytes: int = 64_000_000
    cached_seconds: float = 600.0


# --- addresses --------------------------------------------------------------------------------------------

# IANA's registries of special-purpose addresses, and what clouds add to them
_SPECIAL_IPV4 = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # between carriers and customers; metadata of Alibaba
    IPv4Network("127.0.0.0/8"),
    IPv4Network("168.63.129.16/32"),  # metadata and DNS of Azure, at an address that looks public
    IPv4Network("169.254.0.0/16"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),  # metadata of Oracle among others
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("224.0.0.0/4"),
    IPv4Network("240.0.0.0/4"),
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_SPECIAL_IPV6 = (
    IPv6Network("2001::/23"),  # Teredo, 2001::/32, among others
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""The way to IPv4 for networks without it. 64:ff9b:1::/48 is not here: what it leads to is a local matter."""
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""In front of the IPv4 address that is the end of such an IPv6 one, whatever the network."""
_LINK_BITS = 64
"""Of an IPv6 address: the rest is a machine's own, and all of one link share these."""


def is_public(address: IPAddress) -> bool:
    """A unicast address that is the same machine wherever one asks from.

    An IPv4 address inside an IPv6 one counts as itself, if mapped or behind NAT64. 6to4, Teredo and ISATAP are refused
    whatever they hold: no web server is left there, and a tunnel may end in the local network.
    """
    match address:
        case IPv4Address():
            return not any(address in network for network in _SPECIAL_IPV4)
        case IPv6Address(scope_id=str()):
            return False
        case IPv6Address(ipv4_mapped=IPv4Address() as inner):
            return is_public(inner)
        case IPv6Address() if address in _NAT64:
            return is_public(IPv4Address(address.packed[-4:]))
        case IPv6Address() if address.packed[8:12] in _ISATAP:
            return False
        case IPv6Address():
            return address in _GLOBAL_IPV6 and not any(address in network for network in _SPECIAL_IPV6)


def is_elsewhere(address: IPAddress) -> bool:
    """A public address, and not one of this machine or its link: public as those may be, what listens there is behind
    the same firewall. How far an IPv4 link goes, nothing tells.
    """
    return is_public(address) and not _is_own(address) and not _is_on_link(address)


def _is_own(address: IPAddress) -> bool:
    """Every address of this machine can be bound to, and no other one, unless the system was told otherwise
    (`ip_nonlocal_bind`): then nothing counts as elsewhere."""
    with _unused_socket(address) as unused:
        try:
            unused.bind((str(address), 0))
        except OSError:
            return False
    return True


def _is_on_link(address: IPAddress) -> bool:
    match address:
        case IPv4Address() | IPv6Address(ipv4_mapped=IPv4Address()):
            return False
        case IPv6Address():
            return address in ip_network((_source_towards(address), _LINK_BITS), strict=False)


def _source_towards(address: IPv6Address) -> str:
    """What this machine would call itself there; the unspecified address if no way leads there. Sends nothing."""
    with _unused_socket(address) as unused:
        try:
            unused.connect((str(address), 443))
        except OSError:
            return "::"
        source: str = unused.getsockname()[0]
    return source.partition("%")[0]


def _unused_socket(address: IPAddress) -> socket.socket:
    return socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)


_ADDRESSES = 6


class _FewAddresses(AbstractResolver):
    """The first addresses of a name. aiohttp tries them all, then all but the first, and so on: a name with
    thousands of them would keep it busy for as long as a fetch may take."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return (await self._resolver.resolve(host, port, family))[:_ADDRESSES]

    async def close(self) -> None:
        """Nothing: the resolver is its owner's to close."""


# --- URLs -------------------------------------------------------------------------------------------------


class _Unfetchable(Exception):
    """Its text is the reason, for the client, as the second half of a sentence."""


def _parsed(text: str) -> URL:
    try:
        return URL(text)
    except (ValueError, IndexError) as error:  # IndexError: yarl 1.25.1, of `http://[]@`
        raise _Unfetchable(f"{shown(text)} is no valid URL") from error


# https://fetch.spec.whatwg.org/#port-blocking, "bad port", of 2025
_PORTS_OF_OTHER_PROTOCOLS = frozenset(
    {0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103}
    | {104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513}
    | {514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995}
    | {
        1719,
        1720,
        1723,
        2049,
        3659,
        4045,
        4190,
        5060,
        5061,
        6000,
        6566,
        *range(6665, 6670),
        6679,
        6697,
        10080,
    }
)
"""Those that browsers do not fetch from either: what listens there might take a request for words of its own."""


def _checked(url: URL) -> URL:
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise _Unfetchable("only http:// and https:// URLs are fetched")
    if url.port in _PORTS_OF_OTHER_PROTOCOLS:
        raise _Unfetchable(f"port {url.port} is one of another protocol")
    if "@" in url.raw_authority:
        raise _Unfetchable("a URL with a user name or a password in it is not followed")
    return url


def _redirected(url: URL, location: str) -> URL:
    target = _checked(url.join(_parsed(location)))
    if url.scheme == "https" and target.scheme == "http":
        raise _Unfetchable("it redirects from https to http")
    return target


_REDIRECTS = {301, 302, 303, 307, 308}


def _redirect_target(url: URL, response: aiohttp.ClientResponse) -> URL | None:
    location = response.headers.get("Location")
    if response.status not in _REDIRECTS or location is None:
        return None
    return _redirected(url, location)


# --- content ----------------------------------------------------------------------------------------------


async def _content(response: aiohttp.ClientResponse, kinds: Kinds, limit: int) -> Fetched:
    """The body of an answer that is no redirect. Reads at most one chunk more than `limit` bytes."""
    if response.status != 200:
        raise _Unfetchable(f"the web server answered with status {response.status}")
    content_type = _acceptable_type(response.content_type, kinds)
    # `identity` was asked for; undoing anything else could make gigabytes of kilobytes
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise _Unfetchable("the web server sent it compressed, although asked not to")
    too_large = _Unfetchable(f"it is larger than {limit:,} bytes")
    if (response.content_length or 0) > limit:
        raise too_large
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > limit:
            raise too_large
    return Fetched(bytes(content), content_type)


def _acceptable_type(stated: str, kinds: Kinds) -> str:
    if stated in _UNTOLD_TYPES:
        return "application/octet-stream"
    if not stated.startswith(kinds.value):
        wanted = "an image" if kinds is Kinds.IMAGE else "a file that a model can read"
        raise _Unfetchable(f"the web server says that it is {shown(stated)}, which is not {wanted}")
    return stated


# --- fetching ---------------------------------------------------------------------------------------------

type _Wanted = tuple[str, Kinds]

_ENTRY_BYTES = 1024
"""What a cached fetch costs beside its content, about. Without it, there would be no end to small ones."""


class _Cache:
    """What was fetched last, as far as it fits and is not too old."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._entries: OrderedDict[_Wanted, tuple[float, Fetched]] = OrderedDict()
        """With the time each was fetched at; the least recently used first."""
        self._bytes = 0

    def get(self, wanted: _Wanted) -> Fetched | None:
        if wanted not in self._entries:
            return None
        fetched_at, fetched = self._entries[wanted]
        if self._clock() - fetched_at >= self._limits.cached_seconds:
            self._remove(wanted)
            return None
        self._entries.move_to_end(wanted)
        return fetched

    def put(self, wanted: _Wanted, fetched: Fetched) -> None:
        """Of something that is not in it."""
        self._entries[wanted] = (self._clock(), fetched)
        self._bytes += _cost(wanted, fetched)
        while self._bytes > self._limits.cached_bytes:
            self._remove(next(iter(self._entries)))

    def _remove(self, wanted: _Wanted) -> None:
        _, fetched = self._entries.pop(wanted)
        self._bytes -= _cost(wanted, fetched)


def _cost(wanted: _Wanted, fetched: Fetched) -> int:
    return len(wanted[0]) + len(fetched.content) + _ENTRY_BYTES


@dataclass(slots=True)
class _Load:
    """A fetch under way, and how many wait for it."""

    task: asyncio.Task[Fetched]
    waiting: int = 0


class WebMedia:
    """Fetches what clients name by URL. Lives as long as the gateway; `aclose` ends all connections.

    Requests that want the same URL at the same time share one fetch, which is given up when the last of them goes.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        allows: Callable[[IPAddress], bool] = is_elsewhere,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`allows` is for tests, which have no server at a public address. `resolver` stays the caller's."""
        self._user_agent = user_agent
        self._limits = limits or Limits()
        self._allows = allows
        self._names = Names(at_once=self._limits.at_once)
        self._resolver = resolver or self._names
        self._cache = _Cache(self._limits, clock)
        self._slots = asyncio.Semaphore(self._limits.at_once)
        self._loads: dict[_Wanted, _Load] = {}
        self._tasks: set[asyncio.Task[Fetched]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, *, param: str, kinds: Kinds) -> Fetched:
        """`param` is where the URL stood.

        Raises: InvalidRequest: it cannot be had. Whether nothing answers at its address or the address is one that
            clients may not reach, the text does not tell: else it would be a map of the network around us.
        """
        wanted = (url, kinds)
        try:
            return self._cache.get(wanted) or await self._share(wanted)
        except _Unfetchable as reason:
            raise InvalidRequest(
                f"The URL in '{param}' could not be fetched: {reason}.", param=param, code="invalid_image_url"
            ) from reason

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        await self._names.close()

    async def _share(self, wanted: _Wanted) -> Fetched:
        load = self._loads.get(wanted)
        if load is None:
            load = self._loads[wanted] = _Load(self._start(wanted))
        load.waiting += 1
        try:
            return await asyncio.shield(load.task)
        finally:
            load.waiting -= 1
            if not load.waiting:
                del self._loads[wanted]
                load.task.cancel()

    def _start(self, wanted: _Wanted) -> asyncio.Task[Fetched]:
        task = asyncio.get_running_loop().create_task(self._load(wanted), name="fetch for a client")
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Fetched]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: asyncio would report a failure that came when all had gone

    async def _load(self, wanted: _Wanted) -> Fetched:
        url, kinds = wanted
        limits = self._limits
        try:
            async with self._slots, asyncio.timeout(limits.seconds):
                fetched = await self._follow(url, kinds)
        # ValueError: from aiohttp, and from the codec for host names, where they take a URL for none
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _Unfetchable(
                f"no web server there gave a whole answer within {limits.seconds:g} seconds"
            ) from error
        self._cache.put(wanted, fetched)
        return fetched

    async def _follow(self, first: str, kinds: Kinds) -> Fetched:
        self._session = session = self._session or self._new_session()
        url = _checked(_parsed(first))
        for _ in range(self._limits.redirects + 1):
            async with session.get(url, allow_redirects=False) as response:
                target = _redirect_target(url, response)
                if target is None:
                    return await _content(response, kinds, self._limits.content_bytes)
                url = target
        raise _Unfetchable(f"it redirects more than {self._limits.redirects} times")

    def _new_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0,
            resolver=_FewAddresses(self._resolver),
            use_dns_cache=False,
            socket_factory=self._open_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect_seconds),
            auto_decompress=False,
            trust_env=False,
        )

    def _open_socket(self, address_info: _AddressInfo) -> socket.socket:
        """Raises: PermissionError: connections to the address are not allowed."""
        family, kind, protocol, _, (host, *_) = address_info
        if not self._may_connect(str(host)):
            logger.info("A client's URL led to %r, which clients may not reach: not connected.", host)
            raise PermissionError(errno.EACCES, "not for clients")
        return socket.socket(family, kind, protocol)

    def _may_connect(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False  # a short or octal form, which the system would read in its own way
        return self._allows(address)
