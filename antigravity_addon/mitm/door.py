"""What the doors for HTTP/1 and HTTP/2 clients share: limits, the events between them and what stands behind, refusals."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from mitmproxy import ctx, http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import ErrorCode, HttpEvent, ResponseProtocolError
from mitmproxy.utils import human

from antigravity_addon.errors import GatewayError, InvalidHttp, RequestTooLarge
from antigravity_addon.gateway.heads import error_headers, new_request_id
from antigravity_addon.translate.openai_error import to_openai_error

from .messages import new_response

BODY_BYTES = 100 * 1024 * 1024
"""A request's body may have so many, before and after its encoding is undone; mitmproxy's `body_size_limit` changes it."""
SMALL_BODY_BYTES = 64 * 1024
"""A body of a refused request that is read all the same, since it is there already: the connection can then go on."""
AHEAD_BYTES = 256 * 1024
"""What a client may send of its next requests while it waits for an answer."""
WRITE_BYTES = 64 * 1024
"""What may wait for a client that reads slowly, for each stream, before the exchange has to wait."""

TURN_SECONDS = 0.004
"""What one connection has sent is worked on for so long; then others have their turn."""
HEAD_SECONDS = 30.0
"""From a head's first byte to its last, and from the connection to its first byte."""
BODY_SECONDS = 60.0
"""Silence in the middle of a body."""
SLOW_BODY_SECONDS = 300.0
"""From a body's beginning to its end, however little it is; and for each so many bytes of it a second more:"""
SLOW_BODY_BYTES = 500
"""A fourteenth of what a modem did, so that a picture comes by the poorest line, and nothing comes a byte a minute."""
READ_SECONDS = 120.0
"""A client that has an answer to read may take nothing of it for so long."""
LINGER_SECONDS = 10.0
"""For a client to read why its connection ends, while what it still sends is thrown away."""


class Door(Protocol):
    """The end of mitmproxy's HTTP layer at which a client is."""

    def next_deadline(self) -> float | None:
        """By the loop's clock: when the client must have gone on. `None`: it owes nothing."""
        ...

    def is_full(self, stream_id: int) -> bool:
        """More is waiting for the client than `WRITE_BYTES`, and not in the socket's buffer."""
        ...

    async def moved(self) -> None:
        """Returns when there may be more room than before."""
        ...

    def waiting(self) -> dict[int, int]:
        """Bytes that wait at the door, by stream."""
        ...

    def let_go(self) -> None:
        """The connection is no more."""
        ...


@dataclass
class Overdue(events.Event):
    """The client's deadline is over."""

    at: float
    """By the loop's clock."""


@dataclass
class ClientGone(events.Event):
    """The client's connection is lost, after the client had already said that it would send no more."""


@dataclass
class ReadsNothing(events.Event):
    """The client of one stream reads none of its answer, while the connection as such goes on."""

    stream_id: int


@dataclass
class RequestOverdue(HttpEvent):
    """The rest of this request did not come in time."""

    why: str


@dataclass(slots=True)
class ComingBody:
    """Of a request that is not all there."""

    began: float
    heard: float = field(init=False)
    """When something of it came."""
    size: int = 0

    def __post_init__(self) -> None:
        self.heard = self.began

    def came(self, size: int) -> None:
        self.heard = now()
        self.size += size

    @property
    def due(self) -> float:
        """When more must have come."""
        return min(self.heard + BODY_SECONDS, self._slowest)

    @property
    def _slowest(self) -> float:
        return self.began + SLOW_BODY_SECONDS + self.size / SLOW_BODY_BYTES

    def why_overdue(self, at: float) -> str:
        if self._slowest <= at:
            return f"The request's body comes too slowly: {self.size} bytes in {at - self.began:.0f} seconds."
        return f"Nothing more of the request's body came for {BODY_SECONDS:g} seconds."


class Refused(ResponseProtocolError):
    """There is no flow that could be answered: the door itself says why."""

    def __init__(self, stream_id: int, error: GatewayError) -> None:
        super().__init__(stream_id, error.message, ErrorCode.GENERIC_CLIENT_ERROR)
        self.error = error


def nothing_more(_event: events.Event) -> layer.CommandGenerator[None]:
    """What is over does with an event; no method, which would refer to what is over."""
    yield from ()


def error_of(event: ResponseProtocolError) -> GatewayError | None:
    """What the client is to be told, where mitmproxy has a page of HTML. `None`: nothing, its connection is cut."""
    if isinstance(event, Refused):
        return event.error
    match event.code.http_status_code():
        case None:
            return None
        case 400:
            return InvalidHttp(event.message.partition(", refusing")[0])
        case 413:
            return RequestTooLarge(event.message)
        case _:
            return failure()


def failure() -> GatewayError:
    """Of our own making: says so, and nothing more."""
    return GatewayError("The gateway failed to handle this request; its log says why.")


def refusal(error: GatewayError, request: http.Request | None) -> http.Response:
    """What is refused, or failed, outside of an exchange; `request` is `None` where none could be read."""
    body = to_openai_error(error).to_json()
    headers = {"x-request-id": new_request_id(), **error_headers(error), "content-length": str(len(body))}
    return new_response(
        error.status,
        headers.items(),
        version=b"HTTP/2.0" if request and (request.is_http2 or request.is_http3) else b"HTTP/1.1",
        content=b"" if request and request.method == "HEAD" else body,
    )


def most_bytes() -> int:
    """See `BODY_BYTES`."""
    return human.parse_size(ctx.options.body_size_limit) or BODY_BYTES


def now() -> float:
    return asyncio.get_running_loop().time()
