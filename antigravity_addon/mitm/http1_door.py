"""Where HTTP/1 clients come in: mitmproxy's server side of HTTP/1, strict about heads and with bounds to everything.

mitmproxy (12.2.3) is a proxy for people who look at what odd software says. It reads heads of any size, keeps any amount of
what a client sends ahead, answers with pages of HTML, and never gets over the trailers of a body.
"""

from typing import NoReturn

import h11
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    HttpEvent,
    ReceiveHttp,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http1 import Http1Server, make_body_reader

from antigravity_addon.errors import GatewayError, InvalidHttp, RequestTimeout
from antigravity_addon.wire.http1_chunks import ChunkReader
from antigravity_addon.wire.http1_head import Http1Head, head_size, read_head

from .door import (
    AHEAD_BYTES,
    HEAD_SECONDS,
    LINGER_SECONDS,
    ClientGone,
    ComingBody,
    Overdue,
    RequestOverdue,
    error_of,
    nothing_more,
    now,
    refusal,
)
from .messages import new_request


class Http1Door(Http1Server):
    """State, beside mitmproxy's: until when the client must have gone on, whether this request is the last, and how its answer
    is framed.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._is_chunked = False
        self._deadline: float | None = now() + HEAD_SECONDS
        """Of what is due but a body."""
        self._body: ComingBody | None = None
        self._sent_too_much_ahead = False

    def next_deadline(self) -> float | None:
        return self._body.due if self._body is not None else self._deadline

    def is_full(self, stream_id: int) -> bool:  # noqa: ARG002
        """Never: all that waits is in the socket's buffer."""
        return False

    async def moved(self) -> None:
        return

    def waiting(self) -> dict[int, int]:
        return {}

    def let_go(self) -> None:
        """Of the last request and its answer, which have bodies. What is left of a connection refers to itself, and waits for the
        garbage collector, which counts objects and not their size: a few clients with a connection for each request took
        gigabytes.
        """
        self.request = self.response = None
        self.state = nothing_more
        self.send = nothing_more  # pyright: ignore[reportAttributeAccessIssue]  of any event

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case Overdue():
                yield from self._give_up(event.at)
            case ClientGone():
                yield from self._tell_that_the_client_is_gone()
            case _:
                yield from super()._handle_event(event)

    # --- heads ------------------------------------------------------------------------------------------

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if not isinstance(event, events.DataReceived):
            yield from super().read_headers(event)
            return
        try:
            head = self._head_in_buffer()
            if head is None:
                return
            request = _to_request(head)
        except GatewayError as error:
            yield from self._refuse(error)
            return
        except ValueError as error:
            yield from self._refuse(InvalidHttp(f"{error}."))
            return
        size = head.body_size
        self.request = request
        self._deadline = None
        self._body = ComingBody(now())
        yield ReceiveHttp(RequestHeaders(self.stream_id, request, end_stream=size == 0))
        self.body_reader = _Chunks() if size is None else make_body_reader(size)  # pyright: ignore[reportAttributeAccessIssue]  read the same way
        self.state = self.read_body
        yield from self.state(event)

    def _head_in_buffer(self) -> Http1Head | None:
        received = bytes(self.buf)
        # empty lines before a request, which some send after a body
        if skipped := len(received) - len(received := received.lstrip(b"\r\n")):
            self.buf.maybe_extract_at_most(skipped)
        if not received:
            return None
        size = head_size(received)
        if size is None:
            self._deadline = self._deadline or now() + HEAD_SECONDS
            return None
        head = read_head(received[:size])
        self.buf.maybe_extract_at_most(size)
        return head

    # --- bodies, and what follows -----------------------------------------------------------------------

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.DataReceived) and self._body is not None:
            self._body.came(len(event.data))
        for command in super().read_body(event):
            if isinstance(command, commands.CloseConnection) and self.response is None:
                # mitmproxy closes in front of telling why
                yield from self._refuse(InvalidHttp("The request's body is broken, or it ends too soon."))
            else:
                yield command

    def wait(self, event: events.Event) -> layer.CommandGenerator[None]:
        """For our answer. A client that closes its side is gone, unless it has said that it would."""
        if isinstance(event, events.DataReceived):
            if self._sent_too_much_ahead or len(self.buf) > AHEAD_BYTES:
                self._sent_too_much_ahead = True
                self.buf = ReceiveBuffer()
        elif self._asks_to_close() and self.conn.state & ConnectionState.CAN_WRITE:
            pass
        else:
            yield from super().wait(event)

    def _linger(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Closed at once, a socket that was sent more than was read tells the client so, which then never reads why."""
        self.buf = ReceiveBuffer()
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)
            self.state = self.done

    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        if request:
            self._body = None
        yield from super().mark_done(request=request, response=response)
        if self.state != self._linger:
            is_reading = self.state == self.read_body or (self.state == self.read_headers and self.buf)
            self._deadline = self._deadline if is_reading else None

    # --- answers ----------------------------------------------------------------------------------------

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        match event:
            case ResponseProtocolError() if self.response is None and (error := error_of(event)) is not None:
                yield from self._refuse(error)
            case ResponseHeaders(response=response) if response.status_code == 100:
                # not by way of mitmproxy, which takes it for the answer
                yield commands.SendData(self.conn, http1.assemble_response_head(response))
            case ResponseHeaders(response=response):
                self._say_whether_it_goes_on(response)
                # mitmproxy would look for it again at each piece, as long as all the rest it does with one
                self._is_chunked = "chunked" in response.headers.get("transfer-encoding", "").lower()
                yield from super().send(event)
            case ResponseData(data=data):
                yield commands.SendData(self.conn, self.framed(data))
            case ResponseEndOfMessage():
                is_last = not self.request_done or self._sent_too_much_ahead
                if is_last:
                    self.buf = ReceiveBuffer()
                yield from super().send(event)  # which may begin with the next request
                if is_last and self.state != self.done:
                    yield from self._begin_to_linger()
            case _:
                yield from super().send(event)

    def framed(self, piece: bytes) -> bytes:
        """A piece of the answer whose head has left, as it is sent."""
        return b"%x\r\n%b\r\n" % (len(piece), piece) if self._is_chunked else piece

    def _say_whether_it_goes_on(self, response: http.Response) -> None:
        if not self.request_done or self._sent_too_much_ahead or self._asks_to_close():
            response.headers["connection"] = "close"
        elif self.request is not None and not self.request.is_http11:
            response.headers.setdefault("connection", "keep-alive")

    def _asks_to_close(self) -> bool:
        if self.request is None:
            return False
        tokens = {token.strip() for token in self.request.headers.get("connection", "").split(",")}
        return "close" in tokens or (not self.request.is_http11 and "keep-alive" not in tokens)

    # --- ends -------------------------------------------------------------------------------------------

    def _refuse(self, error: GatewayError) -> layer.CommandGenerator[None]:
        if self.conn.state & ConnectionState.CAN_WRITE:
            response = refusal(error, self.request)
            response.headers["connection"] = "close"
            yield commands.SendData(self.conn, http1.assemble_response(response))
        yield from self._begin_to_linger()

    def _begin_to_linger(self) -> layer.CommandGenerator[None]:
        self._deadline = now() + LINGER_SECONDS
        self._body = None
        self.buf = ReceiveBuffer()
        if self.conn.state is ConnectionState.OPEN:
            self.state = self._linger
            yield commands.CloseTcpConnection(self.conn, half_close=True)
        else:
            self.state = self.done
            yield commands.CloseConnection(self.conn)

    def _give_up(self, at: float) -> layer.CommandGenerator[None]:
        self._deadline = None
        if self._body is not None:
            body, self._body = self._body, None
            # the flow is answered, and the answer ends the connection
            yield ReceiveHttp(RequestOverdue(self.stream_id, body.why_overdue(at)))
        elif self.state == self.read_headers and self.buf:
            yield from self._refuse(
                RequestTimeout(f"The request's head did not come within {HEAD_SECONDS:g} seconds.")
            )
        elif self.state in {self.read_headers, self._linger}:
            yield commands.CloseConnection(self.conn)
            self.state = self.done

    def _tell_that_the_client_is_gone(self) -> layer.CommandGenerator[None]:
        if self.state == self.wait:
            self.state = self.done
            yield ReceiveHttp(
                RequestProtocolError(self.stream_id, "Client disconnected.", ErrorCode.CLIENT_DISCONNECTED)
            )


def _to_request(head: Http1Head) -> http.Request:
    """Raises: ValueError: it is meant for a server that cannot be."""
    fields = [(name, _in_lower_case(name, value)) for name, value in head.fields]
    if head.target.startswith((b"/", b"*")):
        return new_request(head.method, head.target, http.Headers(fields), version=head.version)
    return http1.read_request_head([head.line, *(b"%b: %b" % each for each in fields)])


def _in_lower_case(name: bytes, value: bytes) -> bytes:
    """The words of `connection`, which are of any case; mitmproxy knows them in one."""
    return value.lower() if name.lower() == b"connection" else value


class _Chunks:
    """In the form of h11's reader, which mitmproxy asks for the next piece. Trailers are dropped: nothing of what is served
    here has any.
    """

    def __init__(self) -> None:
        self._reader = ChunkReader()

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        try:
            content, size = self._reader.read(bytes(buf))
        except InvalidHttp as error:
            raise h11.RemoteProtocolError(error.message) from error
        buf.maybe_extract_at_most(size)
        if content:
            return h11.Data(data=content)
        return h11.EndOfMessage() if self._reader.is_over else None

    def read_eof(self) -> NoReturn:
        raise h11.RemoteProtocolError("The body lacks its end.")
