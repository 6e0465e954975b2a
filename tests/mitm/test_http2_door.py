"""Requests of an HTTP/2 connection and their ends, without a socket."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

import h2.config
import h2.connection
import h2.errors
import pytest
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook, HttpRequestHeadersHook
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.test import taddons

from antigravity_addon.mitm.door import Overdue
from antigravity_addon.mitm.upstream_layer import InProcessHttpLayer, Wire
from tests.mitm.layers import layer_of_a_client

HEAD = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/v1/responses")]


class _Serving:
    """Stands for the loop that serves a connection, and for the addon: which requests have begun, and which have failed."""

    def __init__(self) -> None:
        self.transports: dict[object, object] = {}
        self.begun: list[http.HTTPFlow] = []
        self.failed: list[http.HTTPFlow] = []

    async def handle_hook(self, hook: commands.StartHook) -> None:
        match hook:
            case HttpRequestHeadersHook():
                self.begun.append(hook.flow)
            case HttpErrorHook():
                self.failed.append(hook.flow)
            case _:
                pass


class _Answering:
    """Has nothing to say."""

    def __init__(self, flow: http.HTTPFlow, wire: Wire) -> None: ...
    def cancel(self) -> None: ...


async def test_requests_end_that_are_complete_and_taken_back_at_once() -> None:
    """The last of too many, which ends the connection, as well."""
    with _connection() as (layer, client, serving):
        _take_back_too_many(layer, client)
        assert serving.failed == serving.begun
        assert not layer.streams


@pytest.mark.parametrize("last", ["the client closes", "nothing comes"])
async def test_a_connection_that_is_over_is_closed_when_the_client_has_read_why(last: str) -> None:
    with _connection() as (layer, client, _):
        _take_back_too_many(layer, client)
        assert layer.door is not None
        due = layer.door.next_deadline()
        assert due is not None
        found = list[commands.Command](layer.handle_event(events.DataReceived(client, b"more")))
        assert not found, "it is read, or the client would not learn why"
        end = events.ConnectionClosed(client) if last == "the client closes" else Overdue(due)
        found = list(layer.handle_event(end))
        assert [type(command) for command in found] == [commands.CloseConnection]
        assert layer.door.next_deadline() is None


@contextmanager
def _connection() -> Generator[tuple[InProcessHttpLayer, Client, _Serving]]:
    """Of a client, in HTTP/2."""
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    server, serving = Proxyserver(), _Serving()
    with taddons.context(server) as context:
        layer, client = layer_of_a_client(context, _Answering)
        server.connections[client.id] = cast("ProxyConnectionHandler", serving)
        yield layer, client, serving


def _take_back_too_many(layer: InProcessHttpLayer, client: Client) -> None:
    """Requests, each complete and taken back in the same piece, until the connection ends for it."""
    peer = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    peer.initiate_connection()
    is_over = False
    while not is_over:
        stream = peer.get_next_available_stream_id()
        peer.send_headers(stream, HEAD)
        list(layer.handle_event(events.DataReceived(client, peer.data_to_send())))
        peer.end_stream(stream)
        peer.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        found: list[commands.Command] = list(
            layer.handle_event(events.DataReceived(client, peer.data_to_send()))
        )
        is_over = any(isinstance(command, commands.CloseConnection) for command in found)
