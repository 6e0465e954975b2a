"""Connections to upstreams. Only this module and `web_media.py` open any.

aiohttp, and not httpx on top of it: every stream took a fifth more of the gateway's time that way, and what httpx has
ready, redirects, cookies and schemes of authentication, is none of ours. One pool of connections for all clients and
accounts.
"""

import asyncio
import ssl
import time
import zlib
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import override
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.helpers import _EXC_SENTINEL  # pyright: ignore[reportPrivateUsage]  the default of what is overridden
from aiohttp.tracing import Trace
from yarl import URL

from antigravity_addon.errors import (
    StreamTruncated,
    UpstreamBroken,
    UpstreamTimeout,
    UpstreamUnreachable,
    forget_frames,
)
from antigravity_addon.wire.inflating import CODINGS, Inflating
from antigravity_addon.wire.json_values import has_more_values

from .endpoint import UpstreamRequest
from .names import Names

CONNECT_SECONDS = 10.0
CONNECTS_AT_ONCE = 64
"""To one address, beyond which connections wait to be opened, on nobody's clock: of a thousand at once, the last would be
given up because the first keep the gateway busy. Of one address, since another one's may be at it until they are given up.
"""
NAMES_AT_ONCE = 16
"""Of operators' addresses, each of which is looked up once at a time."""
IDLE_CONNECTION_SECONDS = 60.0
"""Google's front end closes idle connections after some minutes; ours must go first."""
ERROR_BODY_BYTES = 256 * 1024
"""As much of an error answer as is read; real ones have a few kilobytes."""
SMALL_BYTES = 1024 * 1024
"""Nothing is read as a whole that is larger."""
SMALL_VALUES = 20_000
"""Nor has more values in it; a list of models has two thousand."""

MOST_BYTES = 128 * 1024 * 1024
"""Of one answer. The longest that Gemini gives, image by image or token by token, has less than half of it."""
_NO_CODINGS = frozenset({"", "identity"})

PIECE_BYTES = 256 * 1024
"""A larger body is sent in pieces of this size, so that others get their turn in between."""
TURN_BYTES = 16 * 1024
"""Of an answer, that are read before others get their turn. Made of the shortest events that can be, they take 40 ms."""


@dataclass(frozen=True, slots=True)
class Secured:
    """TLS, as it was agreed upon."""

    version: str
    cipher: str
    certificate: bytes = field(repr=False)
    """The server's, DER."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection that carries a request. Times are Unix times in seconds."""

    peer: tuple[str, int]
    own: tuple[str, int]
    secured: Secured | None
    began: float
    """The name was looked up from here on."""
    ready: float
    """With TLS."""


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """The head of an answer, and the way to its bytes."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    _pieces: AsyncIterable[bytes]
    connection: Connected | None = None
    """`None` if none was needed, or it was gone too soon to be looked at."""
    is_recorded: bool = False
    """It came from no upstream, but from a recording of one."""
    most_bytes: int = MOST_BYTES

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body as it arrives, content encoding undone.

        Raises: StreamTruncated: the connection broke, the encoding did not hold, or there is no end to it.
        """
        left = self.most_bytes
        try:
            async for chunk in self._pieces:
                left -= len(chunk)
                if left < 0:
                    raise StreamTruncated(f"The upstream's answer is longer than {self.most_bytes:,} bytes.")
                if len(chunk) <= TURN_BYTES:
                    yield chunk
                    continue
                for start in range(0, len(chunk), TURN_BYTES):
                    if start:
                        # what is there already is nothing to wait for
                        await asyncio.sleep(0)
                    yield chunk[start : start + TURN_BYTES]
        except (aiohttp.ClientError, OSError) as error:
            forget_frames(error)  # aiohttp keeps it in what they refer to
            raise StreamTruncated(f"The upstream cut the answer off ({kind_of_cause(error)}).") from error

    async def read(self) -> bytes:
        """The whole body of an answer that is small by its nature.

        Raises: StreamTruncated: see `chunks`. UpstreamBroken: it is not small.
        """
        body = b""
        async for chunk in self.chunks():
            body += chunk
            if len(body) > SMALL_BYTES:
                raise UpstreamBroken("The upstream's answer is larger than it can be.")
        if has_more_values(body, SMALL_VALUES):
            raise UpstreamBroken("The upstream's answer has more in it than it can have.")
        return body

    async def read_error(self) -> bytes:
        """The first part of an error answer's body; what could be had of it if the connection breaks."""
        body = b""
        try:
            async for chunk in self.chunks():
                body += chunk
                if len(body) >= ERROR_BODY_BYTES:
                    break
        except StreamTruncated:
            pass  # the status alone says enough
        return body[:ERROR_BODY_BYTES]


class Transport:
    """Sends upstream requests. Lives as long as the gateway; `aclose` ends all connections."""

    def __init__(self, unix_time: Callable[[], float] = time.time) -> None:  # noqa: TID251  as on every clock
        self._unix_time = unix_time
        self._names = Names(at_once=NAMES_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncGenerator[UpstreamResponse]:
        """Send a request and give its answer once the head is there. Leaving the block ends the connection
        unless the body was read to its end.

        Raises: UpstreamUnreachable, UpstreamTimeout, UpstreamBroken: no answer came.
        """
        session = self._session = self._session or self._new_session()
        carriers: list[Connected] = []
        _carriers.set(carriers)
        try:
            response = await session.request(
                request.method,
                _parsed(request.url),
                headers={**request.headers, "content-length": str(len(request.body))},
                data=_body(request),
                allow_redirects=False,
            )
        except aiohttp.ClientConnectorCertificateError as error:
            raise UpstreamUnreachable(
                f"The upstream's certificate is not trusted ({_verdict(error.certificate_error)})."
            ) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            # a name that looks like one, and that no host can have
            raise UpstreamUnreachable(
                f"The upstream's address is none that can be reached ({kind_of_cause(error)})."
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise UpstreamUnreachable(f"The upstream cannot be reached ({kind_of_cause(error)}).") from error
        except TimeoutError as error:
            raise UpstreamTimeout("The upstream did not accept a connection in time.") from error
        except aiohttp.ClientConnectionError as error:
            raise UpstreamUnreachable(
                f"The upstream closed the connection ({kind_of_cause(error)})."
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamBroken(f"The upstream answered no HTTP ({kind_of_cause(error)}).") from error
        async with response:
            connection = carriers[-1] if carriers else None
            yield UpstreamResponse(response.status, response.headers, _unpacked(response), connection)

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        await self._names.close()

    def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_Connector(self._unix_time, self._names),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            # waiting for the first byte and between bytes is timed by the exchange, which knows what is due
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
            trust_env=False,
        )


_carriers: ContextVar[list[Connected]] = ContextVar("carriers")
"""Where the connections of the request under way are noted; a second one, if the first turned out to be closed.

aiohttp (3.14) gives a short answer's connection back before anybody can look at it, and tells its traces nothing of it.
"""


class _Connector(aiohttp.TCPConnector):
    """Notes which connection each request gets.

    State: what is known of those that are open, since whoever opened one has found out.
    """

    def __init__(self, unix_time: Callable[[], float], names: Names) -> None:
        super().__init__(limit=0, keepalive_timeout=IDLE_CONNECTION_SECONDS, resolver=names)  # pyright: ignore[reportUnknownMemberType]  its socket factory
        self._factory = partial(_Protocol, loop=self._loop)
        self._unix_time = unix_time
        self._connecting: defaultdict[ConnectionKey, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(CONNECTS_AT_ONCE)
        )
        """For each of the operator's addresses."""
        self._known: WeakKeyDictionary[asyncio.Transport, Connected] = WeakKeyDictionary()

    @override
    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        began = self._unix_time()
        connection = await super().connect(req, traces, timeout)
        while _has_said_more(connection):
            connection.close()
            connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        if transport is not None:
            known = self._known.get(transport)
            if known is None:
                known = self._known[transport] = _described(transport, began=began, ready=self._unix_time())
            _carriers.get([]).append(known)
        return connection

    @override
    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        """Where none is idle."""
        async with self._connecting[req.connection_key]:
            return await super()._create_connection(req, traces, timeout)


class _Protocol(ResponseHandler):
    """Wakes whoever reads a body when what comes is no HTTP any more: aiohttp (3.14.5) lets it wait for ever.

    And goes on reading only where reading was paused: aiohttp has its parser look for more after each piece that is taken,
    which was a fortieth of a stream's cost.
    """

    @override
    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._reading_paused:
            super().resume_reading(resume_parser)

    @override
    def set_exception(self, exc: BaseException, exc_cause: BaseException = _EXC_SENTINEL) -> None:
        body = self._payload
        super().set_exception(exc, exc_cause)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("no HTTP"), exc)


def _has_said_more(connection: Connection) -> bool:
    """Since its last answer: what nobody has asked for would be taken for the answer to the next request.

    aiohttp does not look for it: https://github.com/aio-libs/aiohttp/issues/13656, seen in 3.14.5.
    """
    return connection.protocol is not None and connection.protocol.should_close


def _described(transport: asyncio.Transport, *, began: float, ready: float) -> Connected:
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    secured = None
    if tls is not None and (cipher := tls.cipher()) is not None:
        secured = Secured(tls.version() or "", cipher[0], tls.getpeercert(binary_form=True) or b"")
    return Connected(
        peer=transport.get_extra_info("peername")[:2],
        own=transport.get_extra_info("sockname")[:2],
        secured=secured,
        began=began,
        ready=ready,
    )


def _body(request: UpstreamRequest) -> bytes | AsyncGenerator[bytes] | None:
    if not request.body:
        return None
    return request.body if len(request.body) <= PIECE_BYTES else _in_pieces(request.body)


def _unpacked(response: aiohttp.ClientResponse) -> AsyncIterable[bytes]:
    coding = ", ".join(response.headers.getall("content-encoding", ())).strip().lower()
    if coding in _NO_CODINGS:
        return response.content.iter_any()
    return _inflated(response.content.iter_any(), coding)


async def _inflated(packed: AsyncIterable[bytes], coding: str) -> AsyncGenerator[bytes]:
    """No coding is asked for, and some relays pack all the same. Those that `Inflating` does not know, and several in a
    row, make gigabytes of a few kilobytes before anybody can look.

    Raises: StreamTruncated: the body is not what `coding` says, or that is none of those that are read.
    """
    if coding not in CODINGS:
        raise StreamTruncated(
            f"The upstream's answer has the content-encoding {coding!r}, which nobody asked for."
        )
    inflating = Inflating(coding)
    try:
        async for chunk in packed:
            for start in range(0, len(chunk), TURN_BYTES):
                for piece in inflating.feed(chunk[start : start + TURN_BYTES]):
                    yield piece
                if start:
                    # others have their turn, also where nothing comes out
                    await asyncio.sleep(0)
        for piece in inflating.finish():
            yield piece
    except zlib.error as error:
        raise StreamTruncated("The upstream's answer cannot be unpacked.") from error
    except EOFError as error:
        raise StreamTruncated(
            "The upstream cut the answer off in the middle of what it had packed."
        ) from error


async def _in_pieces(body: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]


def _verdict(error: Exception) -> str:
    """Without the address, which may stand behind a comma."""
    return str(getattr(error, "verify_message", type(error).__name__)).partition(",")[0]


@lru_cache(maxsize=256)
def _parsed(url: str) -> URL:
    """There is one URL per model and endpoint. Raises: ValueError: it is none."""
    return URL(url)


def kind_of_cause(error: BaseException) -> str:
    """The kind of the error at the root. Its text may hold addresses and is left to the traceback."""
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__
