"""An exchange for one flow: runs the gateway, and turns what it sends into a mitmproxy response."""

import contextlib
import logging
from asyncio import CancelledError
from collections.abc import Iterable, Mapping

from mitmproxy import http
from mitmproxy.proxy.server import ConnectionHandler

from antigravity_addon.errors import GatewayError
from antigravity_addon.gateway.client_stream import Head, Sink
from antigravity_addon.gateway.clients import ANYBODY, Client
from antigravity_addon.gateway.doors import NOWHERE, Came
from antigravity_addon.gateway.ending import Ending
from antigravity_addon.gateway.gateway import Gateway
from antigravity_addon.gateway.heads import RequestHead
from antigravity_addon.gateway.legs import Carrier
from antigravity_addon.gateway.tasks import others_first, spawn
from antigravity_addon.wire.content_encoding import decoded

from .attempts import shown_through
from .body_redaction import is_redacted, redact_request, redact_response, redacts_bodies
from .door import failure, most_bytes, refusal
from .messages import new_response
from .progress import Progress
from .upstream_layer import Wire

logger = logging.getLogger(__name__)


_WHERE_FROM = frozenset({"host", "origin", "sec-fetch-site", "x-forwarded-for", "forwarded"})
"""Headers that say where a request came from: of several, no one may stand for all."""


def head_of(request: http.Request, *, client: Client = ANYBODY, came: Came = NOWHERE) -> RequestHead:
    # not `headers.items()`, which joins and decodes each header twice
    fields = [
        (name.lower().decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in request.headers.fields
    ]
    headers = dict(fields)
    if request.authority:
        # as HTTP/2 calls the host, and HTTP/1.1 to a proxy
        fields.append(("host", request.authority))
        headers["host"] = request.authority
    elif request.is_http2:
        # unlike HTTP/1.0, it cannot do without
        headers.setdefault("host", "")
    if len(headers) != len(fields):
        headers |= {
            name: ", ".join(_several(name, [value for other, value in fields if other == name]))
            for name in headers.keys() & _WHERE_FROM
        }
    return RequestHead(request.method.upper(), request.path, headers, client=client, came=came)


def _several(name: str, values: list[str]) -> Iterable[str]:
    """In their order. What hops say stays as it is: a client can foresee what its proxy will say, and say it in front."""
    match name:
        case "host":
            return dict.fromkeys(value.lower() for value in values)
        case "x-forwarded-for" | "forwarded":
            return values
        case _:
            return dict.fromkeys(values)


def body_of(request: http.Request) -> bytes:
    """The request's body, its content encoding undone.

    Raises: InvalidRequest: it is not what its `content-encoding` says, that is unknown, or it would be too long.
    """
    encoding = request.headers.get("content-encoding", "")
    body = request.raw_content or b""
    return decoded(body, encoding, limit=most_bytes()) if encoding and body else body


def to_response(head: Head, body: bytes, request: http.Request) -> http.Response:
    """A whole response, with the length that clients rely on and without the body that HEAD must not have."""
    length = {} if head.status == 204 else {"content-length": str(len(body))}
    response = _to_headers_only(head, request, length)
    response.raw_content = b"" if request.method == "HEAD" else body
    return response


def failed_response(request: http.Request) -> http.Response:
    return refusal(failure(), request)


def _to_headers_only(head: Head, request: http.Request, framing: Mapping[str, str]) -> http.Response:
    headers = {**head.headers, **framing}
    if not (request.is_http2 or request.is_http3):
        return new_response(head.status, headers.items(), content=b"")
    headers.pop("connection", None)
    return new_response(head.status, headers.items(), version=b"HTTP/2.0", content=b"")


_STREAM_FRAMING: Mapping[str, Mapping[str, str]] = {
    "HTTP/1.1": {"transfer-encoding": "chunked"},
    "HTTP/1.0": {"connection": "close"},
}
"""By the client's version of HTTP. The frames of HTTP/2 say where a body ends."""


def _taken(flow: http.HTTPFlow) -> http.Request:
    """The request to be answered. From here on the flow holds it as it is kept, which need not be the same."""
    if not redacts_bodies():
        return flow.request
    asked = flow.request.copy()
    redact_request(flow)
    return asked


class _Answer:
    """What answers of both kinds do alike: ask the gateway, with upstream requests shown and the flow kept true."""

    def __init__(self, flow: http.HTTPFlow, client: Client) -> None:
        self._flow = flow
        self._asked = _taken(flow)
        self._client = client
        self.progress = Progress(flow)

    async def _serve(
        self, gateway: Gateway, sink: Sink, *, account: str = "", ending: Ending | None = None
    ) -> None:
        await gateway.serve(
            head_of(self._asked, client=self._client),
            lambda: body_of(self._asked),
            sink,
            self.progress.trace,
            through=self._through,
            account=account,
            ending=ending,
        )

    def _through(self, carrier: Carrier) -> Carrier:
        return shown_through(carrier, self._flow, self.progress.trace, self.progress.attempt_flows)


class LiveAnswer(_Answer):
    """The answer to a client that waits, pushed as it is made.

    State: what was sent so far, since mitmproxy keeps nothing of an answer that its client leaves.
    """

    def __init__(
        self, flow: http.HTTPFlow, wire: Wire, gateway: Gateway, *, client: Client, handler: ConnectionHandler
    ) -> None:
        """`handler` serves the client's connection."""
        super().__init__(flow, client)
        self._passes_by = is_redacted(flow)
        """mitmproxy must not hold the answer, or what it keeps would be what it sends."""
        self._wire = wire
        self._handler = handler
        self._gateway = gateway
        self._pieces: list[bytes] = []
        self._streamed = False
        self._head_sent = False
        self._ended = False
        self._ending = Ending()
        self.task = spawn(self._run(), name=f"exchange {flow.id}")

    def cancel(self) -> None:
        self.task.cancel()

    def end(self, error: GatewayError) -> None:
        """Soon, with this for the client."""
        self._ending.now(error)

    def drop(self) -> None:
        """The process ends, and the client's connection with it: cut off like this, nobody takes it for a whole answer.

        mitmproxy (12.2.3) forgets to close a socket that is closed from both sides at once.
        """
        self._ended = True
        self.task.cancel()

    async def _run(self) -> None:
        try:
            await others_first()
            # mitmproxy drops clients that are quiet for ten minutes, also those that wait for us
            with self._handler.timeout_watchdog.disarm():
                await self._serve(self._gateway, self, ending=self._ending)
        except CancelledError:
            # not raised again: nobody waits for more than this task's end, and it would be kept with all its frames
            with contextlib.suppress(CancelledError):
                await self._abort("The exchange was cancelled.")
        except Exception:
            logger.exception("An exchange failed in a way that nobody foresaw.")
            await self._fail()
        finally:
            self.progress.stop()

    async def send(self, *, head: Head | None = None, body: bytes = b"", end: bool = False) -> None:
        response = None
        if head is not None:
            self._head_sent = True
            self.progress.trace.status = head.status
            self._streamed = head.streamed
            response = self._to_response(head, body)
            if not head.streamed:
                body = response.raw_content or b""
                response.raw_content = b""
        if (self._streamed or self._passes_by) and body:
            self._pieces.append(body)
        if end:
            self._ended = True
            # before mitmproxy's response hook, in which flows are saved
            self.progress.end()
        await self._wire.push(response, body=body, end=end)

    def _to_response(self, head: Head, body: bytes) -> http.Response:
        if not head.streamed:
            response = to_response(head, body, self._flow.request)
            response.stream = self._passes_by
            return response
        request = self._flow.request
        response = _to_headers_only(head, request, _STREAM_FRAMING.get(request.http_version, {}))
        response.stream = True
        return response

    async def _fail(self) -> None:
        if self._head_sent:
            await self._abort("The gateway failed in the middle of the answer.")
        else:
            self._ended = True
            response = failed_response(self._flow.request)
            body, response.raw_content = response.raw_content or b"", b""
            await self._wire.push(response, body=body, end=True)

    async def _abort(self, why: str) -> None:
        """Cut the client off: to end the stream in an orderly way would pass for a whole answer."""
        if not self._ended:
            self._ended = True
            await self._wire.push(abort=why)

    def record(self, flow: http.HTTPFlow) -> None:
        """Put what was sent of an answer that passed by into its flow."""
        if flow.response is not None and self._pieces:
            flow.response.raw_content = b"".join(self._pieces)
        if self._passes_by:
            redact_response(flow)


class ReplayedAnswer(_Answer):
    """The answer to a flow that mitmproxy replays: collected, since such a flow has no client to stream to."""

    def __init__(self, flow: http.HTTPFlow, *, client: Client, account: str = "") -> None:
        """`account` is the only one that may pay, if one is named."""
        super().__init__(flow, client)
        self._account = account
        self._head: Head | None = None
        self._body = bytearray()

    async def run(self, gateway: Gateway) -> None:
        try:
            await self._serve(gateway, self, account=self._account)
        finally:
            self.progress.stop()
        assert self._head is not None  # noqa: S101  serve always sends one
        self.progress.trace.status = self._head.status
        self._flow.response = to_response(self._head, bytes(self._body), self._flow.request)
        if is_redacted(self._flow):
            redact_response(self._flow)
        self.progress.end()

    async def send(self, *, head: Head | None = None, body: bytes = b"", end: bool = False) -> None:  # noqa: ARG002
        self._head = head or self._head
        self._body += body
