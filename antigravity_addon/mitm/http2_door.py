"""Where HTTP/2 clients come in: mitmproxy's server side of HTTP/2, with bounds to what one connection may cost.

The h2 library has its own against floods of headers and CONTINUATION frames, and ends the connection with GOAWAY.
"""

import asyncio
from collections.abc import Mapping

import h2.errors
import h2.events
import h2.exceptions
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    ReceiveHttp,
    RequestHeaders,
    RequestProtocolError,
    ResponseEndOfMessage,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http2 import Http2Server, StreamState, parse_h2_request_headers

from antigravity_addon.errors import GatewayError, InvalidHttp
from antigravity_addon.wire.http1_head import check_seen, no_proxy

from .door import (
    HEAD_SECONDS,
    LINGER_SECONDS,
    TURN_SECONDS,
    WRITE_BYTES,
    ClientGone,
    ComingBody,
    Overdue,
    ReadsNothing,
    RequestOverdue,
    error_of,
    now,
    refusal,
)
from .http2_connection import HEADERS_BYTES, BoundedConnection
from .messages import new_request

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_RESETS = 200
"""Requests that a client may take back at once; from then on so many in a second:"""
_RESETS_PER_SECOND = 20.0


class Http2Door(Http2Server):
    """State, beside mitmproxy's: how far each request has come, and how many more may be taken back."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn = self._bounded = BoundedConnection(self.h2_conf, clock=now)
        self._due: float | None = now() + HEAD_SECONDS
        """When something must have begun, or the end must have come."""
        self._has_begun = False
        """There was a request."""
        self._is_over = False
        self._bodies: dict[int, ComingBody] = {}
        """Of requests that are not all there."""
        self._moved = asyncio.Event()
        self._resets_left = float(_RESETS)
        self._counted_at = now()

    def next_deadline(self) -> float | None:
        due = [body.due for body in self._bodies.values()]
        return min((*due, self._due)) if self._due is not None else min(due, default=None)

    @property
    def is_behind(self) -> bool:
        """What has come is not all worked on."""
        return self._bounded.has_more and not self._is_over

    def is_full(self, stream_id: int) -> bool:
        return self._waiting_for(stream_id) > WRITE_BYTES

    async def moved(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    def waiting(self) -> dict[int, int]:
        return {stream_id: self._waiting_for(stream_id) for stream_id in self.h2_conn.stream_buffers}

    def let_go(self) -> None:
        """Its streams are, and nothing else has bodies."""

    def _waiting_for(self, stream_id: int) -> int:
        """Mitmproxy keeps, without a bound, what the client's flow control does not let it send."""
        return sum(len(piece.data) for piece in self.h2_conn.stream_buffers.get(stream_id, ()))

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case events.DataReceived():
                yield from self._read(event)
            case events.Wakeup():
                yield from self._read(events.DataReceived(self.conn, b""))
            case Overdue():
                yield from self._give_up(event.at)
            case ReadsNothing():
                yield from self._cut(event.stream_id)
            case ClientGone():
                pass  # a connection that is closed from one side only has no streams left
            case ResponseProtocolError() if self._can_still_say_why(event):
                error = error_of(event)
                assert error is not None  # noqa: S101  asked above
                yield from self._refuse(event.stream_id, error)
            case ResponseEndOfMessage():
                yield from super()._handle_event(event)
                yield from self._want_no_more(event.stream_id)
            case _:
                yield from super()._handle_event(event)
        self._moved.set()

    def _read(self, event: events.DataReceived) -> layer.CommandGenerator[None]:
        """As long as a turn lasts: a hundred requests find room in a kilobyte, by HPACK, and are a hundred milliseconds' work."""
        until = now() + TURN_SECONDS
        yield from super()._handle_event(event)
        while self.is_behind and now() < until:
            yield from super()._handle_event(events.DataReceived(self.conn, b""))
        if self.is_behind:
            yield commands.RequestWakeup(0.0)
        elif not self._is_over:
            yield from self._check_what_has_begun()

    def _check_what_has_begun(self) -> layer.CommandGenerator[None]:
        """h2 (4.3) waits for all of a frame, up to 16 MB, before it finds it too long, and for all of a request's headers,
        up to 8 MB and for ever.
        """
        frame, headers = self._bounded.frame_begun, self._bounded.headers_begun
        if frame is not None and frame[0] > self.h2_conn.max_inbound_frame_size:
            yield from self.protocol_error("A frame is too long.", h2.errors.ErrorCodes.FRAME_SIZE_ERROR)
        elif headers is not None and headers > HEADERS_BYTES:
            yield from self.protocol_error("Headers are too long.", h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
        elif headers is not None:
            self._due = self._due or now() + HEAD_SECONDS
        elif self._has_begun:
            self._due = None

    def close_connection(self, msg: str) -> layer.CommandGenerator[None]:
        self._is_over = True
        self._bodies.clear()
        self.h2_conn.stream_buffers.clear()  # or who waits for room waits for ever
        lingers = self.conn.state is ConnectionState.OPEN
        for command in super().close_connection(msg):
            is_end = lingers and isinstance(command, commands.CloseConnection)
            yield commands.CloseTcpConnection(self.conn, half_close=True) if is_end else command
        if lingers:
            self._due = now() + LINGER_SECONDS
            self._handle_event = self._linger

    def _linger(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Closed at once, a socket that was sent more than was read tells the client so, which then never reads why."""
        if isinstance(event, events.ConnectionClosed | Overdue):
            self._due = None
            self._handle_event = self.done  # pyright: ignore[reportAttributeAccessIssue]  as mitmproxy has it
            yield commands.CloseConnection(self.conn)

    def done(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Mitmproxy's own wants to hear of nothing but what it knows."""
        yield from ()

    def handle_h2_event(
        self, event: h2.events.Event | h2.exceptions.ProtocolError
    ) -> layer.CommandGenerator[bool]:
        match event:
            case h2.exceptions.ProtocolError():
                # with its own code, which mitmproxy (12.2.3) does not repeat
                yield from self.protocol_error(f"HTTP/2 protocol error: {event}", event.error_code)
                return True
            case h2.events.RequestReceived():
                self._has_begun = True
                self._due = None
                if not event.stream_ended:
                    self._bodies[event.stream_id] = ComingBody(now())
                if (error := _reason_for_no_flow(dict(event.headers))) is not None:
                    yield from self._refuse(event.stream_id, error)
                else:
                    yield from self._begin(event)
                return False
            case h2.events.DataReceived() if event.stream_id in self._bodies and event.data:
                self._bodies[event.stream_id].came(len(event.data))
            case h2.events.StreamEnded():
                self._bodies.pop(event.stream_id, None)
            case h2.events.StreamReset():
                self._bodies.pop(event.stream_id, None)
                if event.stream_id not in self.streams:
                    # mitmproxy (12.2.3) has dropped a stream that was ended and taken back in the same breath
                    yield ReceiveHttp(
                        RequestProtocolError(event.stream_id, "Taken back by the client.", ErrorCode.CANCEL)
                    )
                if not self._may_reset():
                    yield from self.protocol_error(
                        "Too many requests were taken back.", h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
                    )
                    return True
            case _:
                pass
        return (yield from super().handle_h2_event(event))

    def _begin(self, event: h2.events.RequestReceived) -> layer.CommandGenerator[None]:
        """As mitmproxy does it, but for how the request is made: see messages.py. What is left of the other way keeps the body,
        until garbage is collected.
        """
        try:
            host, port, method, scheme, authority, path, headers = parse_h2_request_headers(event.headers)
        except ValueError:
            error = InvalidHttp("The request's method, scheme, authority or path cannot be read.")
            yield from self._refuse(event.stream_id, error)
            return
        request = new_request(method, path, headers, version=b"HTTP/2.0", scheme=scheme, host=host, port=port)
        request.data.authority = authority
        self.streams[event.stream_id] = StreamState.HEADERS_RECEIVED
        yield ReceiveHttp(RequestHeaders(event.stream_id, request, end_stream=bool(event.stream_ended)))

    def _may_reset(self) -> bool:
        """A request that is taken back costs its client nothing (CVE-2023-44487)."""
        earned = (now() - self._counted_at) * _RESETS_PER_SECOND
        self._counted_at = now()
        self._resets_left = min(self._resets_left + earned, _RESETS) - 1
        return self._resets_left >= 0

    # --- ends -------------------------------------------------------------------------------------------

    def _can_still_say_why(self, event: ResponseProtocolError) -> bool:
        if error_of(event) is None or not self.is_open_for_us(event.stream_id):
            return False
        return not self.h2_conn.streams[event.stream_id].state_machine.headers_sent

    def _refuse(self, stream_id: int, error: GatewayError) -> layer.CommandGenerator[None]:
        response = refusal(error, None)
        self.h2_conn.send_headers(
            stream_id, [(b":status", b"%d" % response.status_code), *response.headers.fields]
        )
        self.h2_conn.send_data(stream_id, response.raw_content or b"", end_stream=True)
        yield commands.SendData(self.conn, self.h2_conn.data_to_send())
        yield from self._want_no_more(stream_id)

    def _want_no_more(self, stream_id: int) -> layer.CommandGenerator[None]:
        """The request was answered before it was all there."""
        if self._bodies.pop(stream_id, None) is not None and not self.is_closed(stream_id):
            self.streams.pop(stream_id, None)
            self.h2_conn.reset_stream(stream_id, h2.errors.ErrorCodes.NO_ERROR)
            yield commands.SendData(self.conn, self.h2_conn.data_to_send())

    def _give_up(self, at: float) -> layer.CommandGenerator[None]:
        if self._due is not None and self._due <= at:
            self._due = None
            yield from self.protocol_error("No request came.", h2.errors.ErrorCodes.NO_ERROR)
            return
        for stream_id, body in tuple(self._bodies.items()):
            if body.due <= at:
                yield ReceiveHttp(RequestOverdue(stream_id, body.why_overdue(at)))

    def _cut(self, stream_id: int) -> layer.CommandGenerator[None]:
        if not self.is_closed(stream_id):
            self.streams.pop(stream_id, None)
            self.h2_conn.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
            yield commands.SendData(self.conn, self.h2_conn.data_to_send())
        yield ReceiveHttp(RequestProtocolError(stream_id, "Client reads nothing.", ErrorCode.CANCEL))


def _reason_for_no_flow(fields: Mapping[bytes, bytes]) -> GatewayError | None:
    """Why a request is refused before anybody sees it."""
    if fields[b":method"].upper() == b"CONNECT":
        return no_proxy()
    try:
        for name in (b":method", b":authority", b":path"):
            check_seen(fields.get(name, b""))
    except InvalidHttp as error:
        return error
    return None
