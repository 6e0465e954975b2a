"""One request of a client, from its head to its answer: mitmproxy's stream, with our limits and no waiting for nothing.

What is refused once its head is known is an ordinary answer in an ordinary flow. It is given at once; mitmproxy (12.2.3)
would first read the body, and ask for it where the client waits to be asked.
"""

import asyncio
from dataclasses import dataclass, field

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    HTTPMode,
    HttpRequestHeadersHook,
    HttpStream,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseProtocolError,
)
from mitmproxy.proxy.utils import ReceiveBuffer

from antigravity_addon.errors import GatewayError, InvalidHttp, RequestTimeout, RequestTooLarge
from antigravity_addon.wire.content_encoding import decoded_size, encodings_in
from antigravity_addon.wire.http1_head import check_unframed, content_length

from .body_room import BodyRoom
from .door import SMALL_BODY_BYTES, RequestOverdue, most_bytes, nothing_more, refusal

_LARGE_BYTES = 4 * 1024 * 1024
"""Of a body. To put so many together takes a few milliseconds."""

ROOM = BodyRoom()
"""One for the process: connections outlive the addon when addon.py is saved."""


@dataclass
class EncodedBody:
    content: bytes = field(repr=False)
    encoding: str
    size: int = 0
    """Once the encoding is undone."""
    error: GatewayError | None = field(
        default_factory=lambda: GatewayError("The body could not be looked at; the gateway's log says why.")
    )
    """Why it is refused; also as long as nobody has looked."""

    async def work(self) -> None:
        """In a thread, which zlib lets others work beside: a few kilobytes may take as long as many megabytes."""
        try:
            self.size = await asyncio.to_thread(decoded_size, self.content, self.encoding, limit=most_bytes())
        except GatewayError as error:
            self.error = error
        else:
            self.error = None


@dataclass
class LargeBody:
    """To be put together beside the loop, which 100 MB would hold for a tenth of a second and longer."""

    pieces: ReceiveBuffer = field(repr=False)

    async def work(self) -> None:
        """In a thread, which bytes of this size let others work beside. A body of one piece is not copied again."""
        whole = await asyncio.to_thread(bytes, self.pieces)
        self.pieces.clear()
        self.pieces += whole


@dataclass
class GatewayBodyHook(commands.StartHook):
    """The body is all there, and nothing of it is in the flow. An event, since layers wait for nothing else; of one
    argument, since mitmproxy (12.2.3) takes no more. Scripts of the operator's hear of it, too, hence its name.
    """

    body: EncodedBody | LargeBody


class RequestStream(HttpStream):
    """State, beside mitmproxy's: whether the rest of the request is no longer wanted, and whether it is small enough to be
    read all the same.

    Once it is over, nothing of it refers to itself, so it goes at once and with it all that came of the request. mitmproxy
    (12.2.3) leaves its streams to the garbage collector, which was an eighth of a stream's cost, and 20 ms at a time.
    """

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.mode = HTTPMode.transparent  # which mitmproxy looks for among the layers
        context.layers.remove(self)
        self._has_enough = False
        self._is_soon_read = False
        self._announced: int | None = None
        """Bytes of the body, if its length was said ahead."""
        self._most = most_bytes()

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Mitmproxy keeps, without a bound, what comes while a hook is waited for: who has shown a wrong key may wait long."""
        if isinstance(event, RequestData) and self._paused and self._is_refused:
            return nothing_more(event)
        return super().handle_event(event)

    @property
    def _is_refused(self) -> bool:
        """Already by its head, so that nobody will look at its body."""
        return not self._is_soon_read and self.flow.response is not None

    @property
    def passes_on(self) -> bool:
        """Pieces of the answer, each as it is and at once: no script changes them, nobody holds them, nothing is kept of them."""
        response = self.flow.response
        return (
            self.server_state == self.state_stream_response_body
            and not self._paused
            and response is not None
            and response.stream is True
            and not self.context.options.store_streamed_bodies
        )

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case RequestOverdue(why=why):
                if self.client_state == self.state_consume_request_body:
                    yield from self._refuse(RequestTimeout(why))
            case RequestTrailers():
                pass  # of HTTP/2; nothing of what is served here has any, and a key may be in one
            case RequestData() | RequestEndOfMessage() if self._has_enough:
                pass
            case _:
                yield from super()._handle_event(event)
                if self in ROOM and not self.flow.live:
                    ROOM.give_back(self)

    def flow_done(self) -> layer.CommandGenerator[None]:
        yield from super().flow_done()
        self._let_go()

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        for command in super().handle_protocol_error(event):
            yield command
            if isinstance(command, DropStream):
                self._let_go()

    def _let_go(self) -> None:
        self.client_state = self.server_state = nothing_more

    def state_wait_for_request_headers(self, event: RequestHeaders) -> layer.CommandGenerator[None]:
        if event.request.http_version == "HTTP/1.0":
            event.request.headers.pop("expect", None)  # RFC 9110, section 10.1.1
        self._announced = _announced(event.request)
        self._is_soon_read = self._will_soon_be_read(event)
        for command in super().state_wait_for_request_headers(event):
            yield command
            if isinstance(command, HttpRequestHeadersHook) and not self.flow.error:
                self._judge_head()
                if self._is_refused:
                    if not (yield from self.check_killed(emit_error_hook=True)):
                        yield from self._answer()
                    return

    def _will_soon_be_read(self, event: RequestHeaders) -> bool:
        if event.end_stream:
            return True
        if self._announced is None or "expect" in event.request.headers:
            return False
        return self._announced <= SMALL_BODY_BYTES

    def _judge_head(self) -> None:
        request = self.flow.request
        try:
            if request.is_http2:
                check_unframed(request.data.method, request.data.path, request.headers.fields)
            encodings_in(request.headers.get("content-encoding", ""))
            self._check_size(self._announced or 0)
            ROOM.check(self._announced or 0)
        except GatewayError as error:
            # a stranger hears first that he is one
            self.flow.response = self.flow.response or refusal(error, self.flow.request)

    def check_invalid(self, request: bool) -> layer.CommandGenerator[bool]:  # noqa: FBT001  mitmproxy's
        """For smuggling. An answer is made here, and a head of HTTP/1 was read more strictly by its door, but for its scheme where
        it has one.
        """
        asked = self.flow.request
        if not request or not (asked.is_http2 or asked.data.scheme):
            return False
        return (yield from super().check_invalid(request))

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:  # noqa: ARG002, FBT001  mitmproxy's
        """Requests are measured here, and not as mitmproxy does it, which has no answer for them but a page. Answers are
        as long as they are: to break one off would help nobody.
        """
        yield from ()
        return False

    def state_consume_request_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, RequestEndOfMessage):
            yield from self._judge_body()
        yield from super().state_consume_request_body(event)
        if isinstance(event, RequestData):
            try:
                self._check_size(len(self.request_body_buf))
                ROOM.take(self, len(self.request_body_buf))
            except GatewayError as error:
                yield from self._refuse(error)

    def _judge_body(self) -> layer.CommandGenerator[None]:
        """Whoever looks at the flow undoes the encoding without a bound, so none may be there that has to have one."""
        if self._announced is not None and self._announced != len(self.request_body_buf):
            # by HTTP/2 alone, where the library compares them in most cases
            self._take_back_body(
                InvalidHttp(
                    f"The request's body has {len(self.request_body_buf)} bytes, and its content-length is "
                    f"{self._announced}.",
                    param="content-length",
                )
            )
            return
        if len(self.request_body_buf) > _LARGE_BYTES:
            yield GatewayBodyHook(LargeBody(self.request_body_buf))
        encoding = self.flow.request.headers.get("content-encoding", "")
        if not encoding or not self.request_body_buf:
            return
        body = EncodedBody(bytes(self.request_body_buf), encoding)
        yield GatewayBodyHook(body)
        try:
            ROOM.take(self, len(self.request_body_buf) + body.size)
        except GatewayError as error:
            body.error = body.error or error
        if body.error is not None:
            self._take_back_body(body.error)

    def _take_back_body(self, error: GatewayError) -> None:
        self.request_body_buf.clear()
        ROOM.give_back(self)
        self.flow.response = self.flow.response or refusal(error, self.flow.request)

    def _check_size(self, size: int) -> None:
        if size > self._most:
            raise RequestTooLarge(f"The request's body is longer than {self._most} bytes.")

    def _refuse(self, error: GatewayError) -> layer.CommandGenerator[None]:
        self.flow.response = self.flow.response or refusal(error, self.flow.request)
        yield from self._answer()

    def _answer(self) -> layer.CommandGenerator[None]:
        """As if the request were all there."""
        self._has_enough = True
        self.request_body_buf.clear()
        ROOM.give_back(self)
        self.client_state = self.state_consume_request_body
        self.server_state = self.state_wait_for_response_headers
        yield from super().state_consume_request_body(RequestEndOfMessage(self.stream_id))


def _announced(request: http.Request) -> int | None:
    try:
        return content_length([(name.lower(), value) for name, value in request.headers.fields])
    except InvalidHttp:
        return None  # by HTTP/2, where it is judged with the head
