"""Requests of an HTTP/2 connection and their ends, without a socket."""

import asyncio
from typing import cast

import h2.config
import h2.connection
import h2.errors
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook, HttpRequestHeadersHook
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.test import taddons

from antigravity_addon.mitm.upstream_layer import Wire
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
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    server, serving = Proxyserver(), _Serving()
    peer = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    peer.initiate_connection()
    with taddons.context(server) as context:
        layer, client = layer_of_a_client(context, _Answering)
        server.connections[client.id] = cast("ProxyConnectionHandler", serving)
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
        assert serving.failed == serving.begun
        assert not layer.streams
