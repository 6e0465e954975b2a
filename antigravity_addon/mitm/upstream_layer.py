"""The in-process upstream: mitmproxy's HTTP layer with our exchange where a server connection would be.

mitmproxy reads the client's request, runs its hooks, and asks for a server connection; it is given one that is
open and leads nowhere. What the exchange pushes becomes the server's answer, so hooks, saving and filters see
an ordinary response, and a client that goes away is reported at once. Seen with mitmproxy 12.2.3.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakSet

from mitmproxy import http
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpConnection,
    HttpLayer,
    HTTPMode,
    HttpStream,
    ReceiveHttp,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.server import ConnectionHandler

from .listener import proxyserver


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

    def __init__(self, flow: http.HTTPFlow, connection: Server) -> None:
        self._flow = flow
        self._connection = connection

    @property
    def handler(self) -> ConnectionHandler | None:
        """The loop that serves the client's connection; `None` once the client is gone."""
        return proxyserver().connections.get(self._flow.client_conn.id)

    async def push(
        self,
        response: http.Response | None = None,
        *,
        body: bytes = b"",
        end: bool = False,
        abort: str | None = None,
    ) -> None:
        """Returns when the client has room for more; at the end at once, since there is no more."""
        if (handler := self.handler) is not None:
            await handler.server_event(Pushed(self._connection, response, body, end, abort))
            if not end:
                await handler.drain_writers()


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
    """An `HttpLayer` that never opens a connection."""

    def __init__(self, context: Context, start: StartAnswer) -> None:
        super().__init__(context, HTTPMode.transparent)
        self._start = start
        _layers.add(self)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, Pushed) and event.connection not in self.connections:
            return  # the stream ended while this was on its way
        for command in super()._handle_event(event):
            # "Streaming response from …", once per stream: each log record visits every addon
            if not isinstance(command, commands.Log) or command.level > logging.INFO:
                yield command
        if isinstance(event, Pushed) and (event.end or event.abort is not None):
            # one connection per request, and clients keep theirs open for hours
            self.connections.pop(event.connection, None)

    def get_connection(
        self,
        event: GetHttpConnection,
        *,
        reuse: bool = True,  # noqa: ARG002  there is nothing to reuse
    ) -> layer.CommandGenerator[None]:
        stream = self.command_sources.pop(event)
        assert isinstance(stream, HttpStream)  # noqa: S101  nothing else asks for HTTP connections
        server = Server(address=event.address, timestamp_start=time.time())  # noqa: TID251
        server.state = ConnectionState.OPEN
        child = _ExchangeLayer(self.context.fork(), server, flow=stream.flow, start=self._start)
        self.connections[server] = child
        yield from self.event_to_child(child, events.Start())
        yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, (server, None)))


class _ExchangeLayer(HttpConnection):
    """Plays the server for one request."""

    def __init__(self, context: Context, server: Server, *, flow: http.HTTPFlow, start: StartAnswer) -> None:
        super().__init__(context, server)
        self._server = server
        self._flow = flow
        self._start = start
        self._stream_id = 0
        self._answering: Answering | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case RequestHeaders():
                self._stream_id = event.stream_id
            case RequestEndOfMessage():
                self._answering = self._start(self._flow, Wire(self._flow, self._server))
                if self._answering is None:
                    yield from self._receive(Pushed(self._server, abort="This request was not let in."))
            case RequestProtocolError():
                # the client is gone
                if self._answering is not None:
                    self._answering.cancel()
            case Pushed():
                yield from self._receive(event)
            case _:
                pass  # the start of this layer; request data, which the flow holds
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
