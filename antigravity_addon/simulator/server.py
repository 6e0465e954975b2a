"""An HTTP server that speaks the Gemini API, Vertex AI's and Code Assist's, answers without a model and fails on demand.

It issues the access tokens for them, too.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from aiohttp import web

from .api import Api, ReceivedRequest, model_named_in
from .damage import Pace
from .exchange import Exchange
from .families import Family, address_of
from .refusals import refused
from .status import Status
from .tokens import TOKEN_PATH, TokenRequest, Tokens, read_token_request

MEBIBYTE = 1024 * 1024
BEARER = "bearer "


class Simulator:
    """Simulated APIs of Google's on a loopback port, or on any socket.

    async with Simulator() as simulator:
        ...  # requests to simulator.base_url

    Remembers what it received and what it was told to answer next.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        sock: socket.socket | None = None,
        seconds_between_events: float = 0.0,
        seconds_of_slow_first: float = 1.0,
        largest_body: int = 100 * MEBIBYTE,
        remembered_requests: int = 1000,
        seconds_tokens_live: float = 3599,
    ) -> None:
        """`sock` is bound already and takes the place of `host` and `port`; port 0 picks a free one."""
        self.requests: deque[ReceivedRequest] = deque(maxlen=remembered_requests)
        """What came, but for requests to the token endpoint."""
        self.token_requests: deque[TokenRequest] = deque(maxlen=remembered_requests)
        self._host = host
        self._port = port
        self._socket = sock
        self._tokens = Tokens(
            seconds_live=seconds_tokens_live, clock=lambda: asyncio.get_running_loop().time()
        )
        self._api = Api(Pace(seconds_between_events, seconds_of_slow_first), self._tokens)
        self._largest_body = largest_body
        self._script: deque[Exchange] = deque()
        self._received = 0
        self._tokens_asked = 0
        self._changed = asyncio.Event()
        self._running: set[asyncio.Task[object]] = set()
        self._runner: web.ServerRunner | None = None

    # --- life --------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        server = web.Server(self._serve, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await runner.setup()
        site = (
            web.SockSite(runner, self._socket)
            if self._socket is not None
            else web.TCPSite(runner, self._host, self._port)
        )
        await site.start()
        self._runner = runner
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        runner, self._runner = self._runner, None
        for task in self._running:
            task.cancel()
        if runner is not None:
            await runner.cleanup()

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:12345`, without a path."""
        if self._runner is None:
            raise RuntimeError("The simulator is not running: use it as an async context manager.")
        host, port, *_ = self._runner.addresses[0]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    # --- for tests ---------------------------------------------------------------------------------------

    def script(self, exchanges: Iterable[Exchange]) -> None:
        """Answer the next requests, whatever they are, with exactly these; then as ever. The token endpoint goes on as
        it does.
        """
        self._script.extend(exchanges)

    def revoke_tokens(self) -> None:
        """All access tokens that are out. New ones may be had as before."""
        self._tokens.revoke()

    async def wait_for(self, predicate: Callable[[Sequence[ReceivedRequest]], bool]) -> None:
        """Returns as soon as the predicate holds for the received requests. Put a deadline around it."""
        while not predicate(self.requests):
            await self._changed.wait()

    def _record(self, request: ReceivedRequest) -> None:
        self.requests.append(request)
        self._notify()

    def _mark_disconnected(self, request: ReceivedRequest) -> None:
        for index, kept in enumerate(self.requests):
            if kept.number == request.number:
                self.requests[index] = replace(kept, disconnected=True)
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # --- one request -------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp runs every handler in a task
        self._running.add(task)
        try:
            return await self._receive(request)
        finally:
            self._running.discard(task)

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        content = await self._read(request)
        if content is None:
            too_large = Status(400, f"Request payload size exceeds the limit: {self._largest_body} bytes.")
            return await _send(refused(too_large), request)
        if request.path == TOKEN_PATH and request.method == "POST":
            return await _send(self._answer_token(request, content), request)
        address = address_of(request.path)
        in_body = address.family is Family.CODE_ASSIST
        received = ReceivedRequest(
            number=self._received,
            method=request.method,
            path=request.path,
            address=address,
            model=model_named_in(content) if in_body else address.model,
            api_key=request.headers.get("x-goog-api-key") or request.query.get("key"),
            bearer=_bearer(request.headers.get("authorization", "")),
            query=request.query,
            headers=request.headers,
            content=content,
        )
        self._received += 1
        self._record(received)
        exchange = self._script.popleft() if self._script else self._api.answer(received)
        try:
            return await _send(exchange, request)
        except asyncio.CancelledError:
            if self._runner is not None:
                self._mark_disconnected(received)
            raise
        except ConnectionError:
            self._mark_disconnected(received)
            # nobody will see it; an exception would be logged as a fault of ours
            return web.StreamResponse()

    def _answer_token(self, request: web.BaseRequest, content: bytes) -> Exchange:
        asked = read_token_request(self._tokens_asked, request.headers.get("content-type", ""), content)
        self._tokens_asked += 1
        self.token_requests.append(asked)
        self._notify()
        return self._tokens.answer(asked)

    async def _read(self, request: web.BaseRequest) -> bytes | None:
        """The body, or `None` if there is too much of it."""
        content = bytearray()
        async for piece in request.content.iter_any():
            content += piece
            if len(content) > self._largest_body:
                return None
        return bytes(content)


def _bearer(authorization: str) -> str | None:
    return authorization[len(BEARER) :] if authorization.lower().startswith(BEARER) else None


# --- sending --------------------------------------------------------------------------------------------


async def _send(exchange: Exchange, request: web.BaseRequest) -> web.StreamResponse:
    if exchange.is_plain:
        body = b"".join(piece for _, piece in exchange.pieces)
        return web.Response(status=exchange.status, headers=exchange.headers, body=body)
    response = web.StreamResponse(status=exchange.status, headers=exchange.headers)
    if response.content_length is not None:
        # what is scripted may be shorter than it says: closing is what ends it
        response.force_close()
    if not exchange.headless:
        await response.prepare(request)
        for pause, piece in exchange.pieces:
            # sleeping for 0 seconds gives way to the loop, so that each piece is a read of its own
            await asyncio.sleep(pause)
            await response.write(piece)
    if exchange.silent:
        await asyncio.Event().wait()
    if exchange.reset:
        _reset(request)
    return response


def _reset(request: web.BaseRequest) -> None:
    """Ends the connection with a RST: closing is told to linger for no time at all."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
