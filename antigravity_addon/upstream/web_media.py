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
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire.inbound import shown

from .addresses import IPAddress, is_elsewhere
from .names import Names

logger = logging.getLogger(__name__)

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


# --- names ------------------------------------------------------------------------------------------------

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
