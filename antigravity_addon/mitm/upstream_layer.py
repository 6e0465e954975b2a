"""The in-process upstream: mitmproxy's HTTP layer with our exchange where a server connection would be.

mitmproxy reads the client's request, runs its hooks, and asks for a server connection; it is given one that is
open and leads nowhere. What the exchange pushes becomes the server's answer, so hooks, saving and filters see
an ordinary response, and a client that goes away is reported at once. Seen with mitmproxy 12.2.3.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakSet

from mitmproxy import http
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpConnection,
    HttpLayer,
    HTTPMode,
    ReceiveHttp,
    RequestEndOfMessage,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.server import ConnectionHandler

from antigravity_addon.gateway.tasks import others_first, somebody_waits, spawn

from .client_reader import read_for
from .door import ClientGone, Door, Overdue, ReadsNothing
from .http1_door import Http1Door
from .http2_door import PREFACE, Http2Door
from .listener import proxyserver
from .messages import forked, new_server, now
from .request_stream import RequestStream

logger = logging.getLogger(__name__)


_PIECE_BYTES = 64 * 1024
"""More is not put together, since that is a copy."""
_HOOKS_AT_ONCE = 4
"""That one event may lead to until others have their turn: a client may send many requests in one piece."""


@dataclass
class Pushed(events.ConnectionEvent):
    """Part of an answer, from the exchange to the layer that plays the server."""

    response: http.Response | None = None
    body: bytes = b""
    end: bool = False
    abort: str | None = None
    """Ends the answer as broken, for this reason: the client's connection is cut if it has part of it."""


class Answering(Protocol):
    """An exchange under way."""

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""
        ...


_layers: "WeakSet[InProcessHttpLayer]" = WeakSet()

type StartAnswer = Callable[[http.HTTPFlow, "Wire"], Answering | None]
"""Begins to answer a flow; pushes what there is into the wire. `None` if the flow may not be answered."""


class Wire:
    """The exchange's end of an in-process connection."""

    def __init__(self, stream: RequestStream, connection: Server, door: Door) -> None:
        self._stream = stream
        self._connection = connection
        self._door = door
        self._last_handler: ConnectionHandler | None = None

    @property
    def handler(self) -> ConnectionHandler | None:
        """The loop that serves the client's connection; `None` once the client is gone."""
        return _handler_of(self._stream.flow.client_conn)

    async def push(
        self,
        response: http.Response | None = None,
        *,
        body: bytes = b"",
        end: bool = False,
        abort: str | None = None,
    ) -> None:
        """Returns when the client has room for more; at an end of either kind at once, since there is no more."""
        handler = self._last_handler = self.handler or self._last_handler
        if handler is None:
            return
        await others_first()
        is_piece = response is None and not end and abort is None
        if not (is_piece and self._has_handed_over(body, handler)):
            await handler.server_event(Pushed(self._connection, response, body, end, abort))
        if not end and abort is None:
            await handler.drain_writers()
            while self._door.is_full(self._stream.stream_id):
                await self._door.moved()
        if _is_lost(handler):
            await handler.server_event(ClientGone())

    def _has_handed_over(self, piece: bytes, handler: ConnectionHandler) -> bool:
        """Straight to the client, where mitmproxy's layers would pass it on as it is: the way through all of them is a fifth of
        what a piece costs. TLS is one of them.
        """
        writer = _writer_of(handler)
        if not isinstance(self._door, Http1Door) or not self._stream.passes_on:
            return False
        if handler.client.tls or writer is None or writer.is_closing():
            return False
        handler.timeout_watchdog.register_activity()
        writer.write(self._door.framed(piece))
        return True


def _handler_of(client: Client) -> ConnectionHandler | None:
    return proxyserver().connections.get(client.id)


def _is_lost(handler: ConnectionHandler) -> bool:
    """Mitmproxy tells its layers that a client is gone when it can be read from no more, and then no second time."""
    writer = _writer_of(handler)
    return writer is None or writer.is_closing()


def _writer_of(handler: ConnectionHandler) -> asyncio.StreamWriter | None:
    """Of the client's connection; `None` once mitmproxy has done with it."""
    io = handler.transports.get(handler.client)
    # the others are of UDP
    return io.writer if io is not None and isinstance(io.writer, asyncio.StreamWriter) else None


def flows_under_way() -> list[http.HTTPFlow]:
    """Of clients that are there: from a request's head to the last byte of the answer that is on its way to them."""
    connections = proxyserver().connections
    return [
        stream.flow
        for layer_ in _layers
        if layer_.context.client.id in connections
        for stream in layer_.streams.values()
    ]


class InProcessHttpLayer(HttpLayer):
    """An `HttpLayer` that never opens a connection.

    State: the first bytes of a client, until they tell in which version of HTTP it speaks.
    """

    def __init__(self, context: Context, start: StartAnswer) -> None:
        super().__init__(context, HTTPMode.transparent)
        self._start = start
        _layers.add(self)
        self._first = b""

    @property
    def door(self) -> Door | None:
        """`None` while nothing has come that HTTP begins with."""
        door = self.connections.get(self.context.client)
        return door if isinstance(door, Http1Door | Http2Door) else None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        try:
            yield from _joined(self._commands([event]))
        except Exception as error:  # noqa: BLE001
            # mitmproxy's assertions repeat whole bodies, which do not belong into a log
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error(  # noqa: TRY400
                "A client's connection failed in a way that nobody foresaw, so it is closed: %s at\n%s",
                type(error).__name__,
                where,
            )
            yield commands.CloseConnection(self.context.client)

    def _commands(self, due: list[events.Event]) -> Iterator[commands.Command]:
        """`due` grows as hooks end."""
        for event in due:
            for command in self._events(event):
                if isinstance(command, commands.StartHook):
                    yield from self._run(command, due)
                else:
                    yield command

    def _run(self, hook: commands.StartHook, due: list[events.Event]) -> Iterator[commands.Command]:
        """In its place, without a task, which is seven hundredths of an exchange; and as mitmproxy (12.2.3) does it where
        somebody waits, or would if it went on.
        """
        handler = _handler_of(self.context.client)
        if handler is None or somebody_waits() or len(due) > _HOOKS_AT_ONCE:
            yield hook
        elif _has_run(hook, handler):
            due.append(events.HookCompleted(hook))

    def _events(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case events.Start():
                if self.context.client.alpn == b"h2":
                    yield from self._open_door(is_http2=True)
            case Overdue() | ClientGone() | ReadsNothing():
                if self.door is not None:
                    yield from self.event_to_child(self.connections[self.context.client], event)
            case events.DataReceived() if self.door is None:
                yield from self._begin(event.data)
            case events.ConnectionClosed() if self.door is None:
                yield commands.CloseConnection(self.context.client)
            case Pushed() if event.connection not in self.connections:
                pass  # the stream ended while this was on its way
            case _:
                yield from super()._handle_event(event)
        if isinstance(event, Pushed) and (event.end or event.abort is not None):
            # one connection per request, and clients keep theirs open for hours
            self.connections.pop(event.connection, None)

    def _begin(self, received: bytes) -> layer.CommandGenerator[None]:
        """Without TLS nothing was agreed upon, and some clients agree to HTTP/1 and begin with HTTP/2: its preface tells."""
        self._first += received
        if len(self._first) < len(PREFACE) and PREFACE.startswith(self._first):
            return
        yield from self._open_door(is_http2=self._first.startswith(PREFACE))
        first, self._first = self._first, b""
        yield from super()._handle_event(events.DataReceived(self.context.client, first))

    def _open_door(self, *, is_http2: bool) -> layer.CommandGenerator[None]:
        door = (Http2Door if is_http2 else Http1Door)(self.context.fork())
        if isinstance(door, Http2Door):
            read_for(self.context.client, door)
        self.connections[self.context.client] = door
        yield from self.event_to_child(door, events.Start())

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        stream = self.streams[stream_id] = RequestStream(forked(self.context), stream_id)
        yield from self.event_to_child(stream, events.Start())

    def get_connection(
        self,
        event: GetHttpConnection,
        *,
        reuse: bool = True,  # noqa: ARG002  there is nothing to reuse
    ) -> layer.CommandGenerator[None]:
        stream = self.command_sources.pop(event)
        assert isinstance(stream, RequestStream)  # noqa: S101  nothing else asks for HTTP connections
        server = new_server(*event.address, timestamp_start=now(), state=ConnectionState.OPEN)
        door = self.door
        assert door is not None  # noqa: S101  a request came in by it
        child = _ExchangeLayer(forked(self.context), server, stream=stream, door=door, start=self._start)
        self.connections[server] = child
        yield from self.event_to_child(child, events.Start())
        yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, (server, None)))


def _has_run(hook: commands.StartHook, handler: ConnectionHandler) -> bool:
    """Whether it is over at once, as most are. Otherwise the layer hears of its end when it comes."""
    is_late = False

    async def run() -> None:
        await handler.handle_hook(hook)
        if is_late:
            await handler.server_event(events.HookCompleted(hook))

    is_late = not spawn(run(), name=f"handle_hook({hook.name})").done()
    return not is_late


def _joined(each: Iterable[commands.Command]) -> layer.CommandGenerator[None]:
    """What is sent in a row, in one piece, since each is a call into the system: an answer's head with its first bytes, and its
    last bytes with its end.
    """
    held: commands.SendData | None = None
    for command in each:
        # "Streaming response from …", once per stream, of which nobody learns anything
        if isinstance(command, commands.Log) and command.level <= logging.INFO:
            continue
        if isinstance(command, commands.SendData) and len(command.data) <= _PIECE_BYTES:
            if held is None:
                held = command
                continue
            if len(held.data) <= _PIECE_BYTES and command.connection is held.connection:
                held = commands.SendData(held.connection, held.data + command.data)
                continue
        if held is not None:
            yield held
            held = None
        yield command
    if held is not None:
        yield held


class _ExchangeLayer(HttpConnection):
    """Plays the server for one request."""

    def __init__(
        self, context: Context, server: Server, *, stream: RequestStream, door: Door, start: StartAnswer
    ) -> None:
        super().__init__(context, server)
        context.layers.remove(self)  # see RequestStream
        self._server = server
        self._stream = stream
        self._stream_id = stream.stream_id
        self._door = door
        self._start = start
        self._answering: Answering | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case RequestEndOfMessage():
                wire = Wire(self._stream, self._server, self._door)
                self._answering = self._start(self._stream.flow, wire)
                if self._answering is None:
                    yield from self._receive(Pushed(self._server, abort="This request was not let in."))
            case RequestProtocolError():
                # the client is gone
                if self._answering is not None:
                    self._answering.cancel()
            case Pushed():
                yield from self._receive(event)
            case _:
                pass  # the start of this layer; head and body of the request, which the flow holds
        yield from ()

    def _receive(self, event: Pushed) -> layer.CommandGenerator[None]:
        if event.response is not None:
            yield ReceiveHttp(ResponseHeaders(self._stream_id, event.response, end_stream=False))
        if event.body:
            yield ReceiveHttp(ResponseData(self._stream_id, event.body))
        if event.end:
            yield ReceiveHttp(ResponseEndOfMessage(self._stream_id))
        if event.abort is not None:
            yield ReceiveHttp(
                ResponseProtocolError(self._stream_id, event.abort, ErrorCode.GENERIC_SERVER_ERROR)
            )
