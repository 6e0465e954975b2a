"""An HTTP server that speaks the Gemini API, answers without a model and fails on demand."""

import asyncio
import base64
import hashlib
import json
import re
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from aiohttp import web

from antigravity_addon.wire.base import Json

from .answer import answer, prompt_usage
from .exchange import JSON_HEADERS, Exchange
from .faults import Answered, Damage, Fault, Pace, Plan, Refusal, html_page, planned, refused
from .models import FAULTY, Model, find_model, listed
from .response import Framing, pretty
from .status import KEY_INVALID, KEY_MISSING, Refused, Status, invalid, model_not_found
from .validate import read_count_request, read_request

MODEL_PATH = re.compile(r"/v1beta/models/(?P<model>[^/:]+)(?::(?P<method>\w+))?")
KEY_FAULT = "fault-"
MODEL_FAULT = "gemini-fault-"
METHODS = {"generateContent": Framing.UNARY, "streamGenerateContent": Framing.ARRAY}
"""The framing each method has by itself; `alt=sse` changes the second."""
NOT_FOUND = html_page(404, "<!DOCTYPE html>\n<title>Error 404 (Not Found)!!1</title>\n")
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it arrived, to its last byte."""

    number: int
    """Counts from 0, over the life of the server."""
    method: str
    path: str
    model: str | None
    """As named in the path."""
    called: str | None
    """What the model is asked to do: `generateContent`, …"""
    api_key: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    disconnected: bool = False
    """The client went away before the end of the answer."""

    @property
    def body(self) -> Json:
        """The content as JSON; read on each access, so that only who asks pays for it."""
        return json.loads(self.content) if self.content else None


class Simulator:
    """A simulated Gemini API on a loopback port, or on any socket.

    async with Simulator() as simulator:
        ...  # requests to simulator.base_url

    Holds state for three things only: what it received, what it was told to answer next, and how often each
    counted fault has struck.
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
    ) -> None:
        """`sock` is bound already and takes the place of `host` and `port`; port 0 picks a free one."""
        self.requests: deque[ReceivedRequest] = deque(maxlen=remembered_requests)
        self._host = host
        self._port = port
        self._socket = sock
        self._pace = Pace(seconds_between_events, seconds_of_slow_first)
        self._largest_body = largest_body
        self._script: deque[Exchange] = deque()
        self._struck: Counter[str] = Counter()
        self._received = 0
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
        """Answer the next requests, whatever they are, with exactly these; then as ever."""
        self._script.extend(exchanges)

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
            exchange = refused(_too_large(self._largest_body))
            return await _send(exchange, request)
        named = MODEL_PATH.fullmatch(request.path)
        received = ReceivedRequest(
            number=self._received,
            method=request.method,
            path=request.path,
            model=named["model"] if named else None,
            called=named["method"] if named else None,
            api_key=request.headers.get("x-goog-api-key") or request.query.get("key"),
            headers=request.headers,
            content=content,
        )
        self._received += 1
        self._record(received)
        exchange = self._script.popleft() if self._script else self._answer(request, received)
        try:
            return await _send(exchange, request)
        except (asyncio.CancelledError, ConnectionError):
            if self._runner is not None:
                self._mark_disconnected(received)
            raise

    async def _read(self, request: web.BaseRequest) -> bytes | None:
        """The body, or `None` if there is too much of it."""
        content = bytearray()
        async for piece in request.content.iter_any():
            content += piece
            if len(content) > self._largest_body:
                return None
        return bytes(content)

    def _answer(self, request: web.BaseRequest, received: ReceivedRequest) -> Exchange:
        try:
            fault = self._fault(received)
            if isinstance(fault, Refusal):
                return fault.respond(received.model or FAULTY.name)
            return self._route(request, received, fault)
        except Refused as error:
            framing = _framing(received.called, request.query)
            return refused(error.status, in_array=framing is Framing.ARRAY)

    def _fault(self, received: ReceivedRequest) -> Fault | None:
        """The fault that strikes this request: the account's, or else the model's.

        Raises:
            Refused: for a key that is missing or wrong.
        """
        key, model = received.api_key, received.model
        of_key = _fault_of_key(key)
        generates = received.called in METHODS
        applies = of_key is not None and (generates or isinstance(of_key.fault, Refusal))
        if of_key is not None and applies and self._strikes(f"key {key}", of_key):
            return of_key.fault
        of_model = planned(model, MODEL_FAULT) if model is not None and generates else None
        if of_model is not None and self._strikes(f"model {model}", of_model):
            return of_model.fault
        return None

    def _strikes(self, who: str, plan: Plan) -> bool:
        if plan.times is None:
            return True
        self._struck[who] += 1
        return self._struck[who] <= plan.times

    def _route(self, request: web.BaseRequest, received: ReceivedRequest, damage: Damage | None) -> Exchange:
        method = received.called
        if received.path == "/v1beta/models" and received.method == "GET":
            return _list_models(request.query)
        if received.model is None:
            return NOT_FOUND
        if method is None:
            return _json(_model(received.model).to_json()) if received.method == "GET" else NOT_FOUND
        if received.method != "POST":
            return NOT_FOUND
        if method == "countTokens":
            model = _model(received.model, method)
            usage = prompt_usage(read_count_request(received.content, model))
            return _json({"totalTokens": usage.prompt, "promptTokensDetails": usage.prompt_details()})
        if method not in METHODS:
            return NOT_FOUND
        answered = self._generate(received.content, received.model, _framing(method, request.query))
        return damage.damage(answered) if damage else answered.exchange()

    def _generate(self, content: bytes, name: str, framing: Framing) -> Answered:
        model = _model(name)
        asked = read_request(content, model, streamed=framing is not Framing.UNARY)
        # without the token, so that every hop of one answer cuts the same text
        hop_free = repr((model.name, replace(asked, continuation_token=None)))
        digest = hashlib.sha256(hop_free.encode()).digest()
        return Answered(
            answer(asked, model, digest), framing, self._pace, continued=asked.continuation_token is not None
        )


def _fault_of_key(key: str | None) -> Plan | None:
    """
    Raises:
        Refused: no key, a key said to be invalid, a fault nobody knows.
    """
    if not key:
        raise Refused(KEY_MISSING)
    if key.startswith("invalid"):
        raise Refused(KEY_INVALID)
    plan = planned(key, KEY_FAULT)
    if plan is None and key.startswith(KEY_FAULT):
        raise invalid(f"The simulator knows no fault for the key {key!r}.")
    return plan


def _too_large(limit: int) -> Status:
    return Status(400, f"Request payload size exceeds the limit: {limit} bytes.")


def _model(name: str, method: str = "generateContent") -> Model:
    """
    Raises:
        Refused: 404.
    """
    model = FAULTY if planned(name, MODEL_FAULT) else find_model(name)
    if model is None:
        raise Refused(model_not_found(name, method))
    return model


def _framing(method: str | None, query: Mapping[str, str]) -> Framing:
    framing = METHODS.get(method or "", Framing.UNARY)
    return Framing.SSE if framing is Framing.ARRAY and query.get("alt") == "sse" else framing


def _json(value: Json) -> Exchange:
    return Exchange(200, JSON_HEADERS, ((0.0, pretty(value) + b"\n"),))


def _list_models(query: Mapping[str, str]) -> Exchange:
    """One page; the token of the next is the place to go on at, in base64."""
    try:
        size = min(int(query.get("pageSize") or 50), 1000)
        start = int(base64.b64decode(query.get("pageToken", ""), altchars=b"-_", validate=True) or 0)
    except ValueError:
        raise invalid("Invalid value for page_size or page_token.") from None
    if size < 1 or start < 0:
        raise invalid("Invalid value for page_size or page_token.")
    models = listed()
    page: dict[str, Json] = {"models": [model.to_json() for model in models[start : start + size]]}
    if start + size < len(models):
        page["nextPageToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return _json(page)


# --- sending --------------------------------------------------------------------------------------------


async def _send(exchange: Exchange, request: web.BaseRequest) -> web.StreamResponse:
    if len(exchange.pieces) == 1 and not (exchange.reset or exchange.silent or exchange.pieces[0][0]):
        return web.Response(status=exchange.status, headers=exchange.headers, body=exchange.pieces[0][1])
    response = web.StreamResponse(status=exchange.status, headers=exchange.headers)
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
