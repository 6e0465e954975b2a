"""What a stream keeps of a request, without a socket."""

import asyncio
from typing import cast

import pytest
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._events import RequestData
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.test import taddons

from antigravity_addon.mitm.door import SMALL_BODY_BYTES
from antigravity_addon.mitm.request_stream import ROOM, GatewayBodyHook, LargeBody
from antigravity_addon.mitm.upstream_layer import InProcessHttpLayer
from tests.e2e.raw_http import POST, chunked, sized
from tests.mitm.layers import layer_of_a_client

MEGABYTE = bytes(1_000_000)
REFUSED: dict[str, tuple[bytes, bool]] = {
    "chunks": (POST + chunked(MEGABYTE, MEGABYTE, end=b""), False),
    "a length": (POST + sized(MEGABYTE), False),
    "a body that is read all the same": (POST + sized(bytes(SMALL_BODY_BYTES)), True),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_of_a_request_that_waits_to_be_refused_no_large_body_is_kept(case: str) -> None:
    request, is_kept = REFUSED[case]
    with taddons.context(Proxyserver()) as context:
        layer, client = layer_of_a_client(context)
        head, _, body = request.partition(b"\r\n\r\n")
        (hook,) = _hooks(layer, events.DataReceived(client, head + b"\r\n\r\n"))
        hook.flow.response = http.Response.make(401, b"no")
        for start in range(0, len(body), 60_000):
            assert not list(layer.handle_event(events.DataReceived(client, body[start : start + 60_000])))
        (stream,) = layer.streams.values()
        kept = sum(len(event.data) for event in stream._paused_event_queue if isinstance(event, RequestData))
        assert kept == (len(body) if is_kept else 0)


async def test_a_large_body_is_put_together_beside_the_loop() -> None:
    with taddons.context(Proxyserver()) as context:
        layer, client = layer_of_a_client(context)
        head, _, body = (POST + sized(5 * MEGABYTE)).partition(b"\r\n\r\n")
        (hook,) = _hooks(layer, events.DataReceived(client, head + b"\r\n\r\n"))
        list(layer.handle_event(events.HookCompleted(hook)))
        assert not list(layer.handle_event(events.DataReceived(client, body[:-1])))
        (to_do,) = list(layer.handle_event(events.DataReceived(client, body[-1:])))
        assert isinstance(to_do, GatewayBodyHook)
        assert isinstance(to_do.body, LargeBody)
        await to_do.body.work()
        whole = bytes(to_do.body.pieces)
        list(layer.handle_event(events.HookCompleted(to_do)))
        assert hook.flow.request.raw_content is whole
        for stream in layer.streams.values():
            ROOM.give_back(stream)


def _hooks(layer: InProcessHttpLayer, event: events.Event) -> list[HttpRequestHeadersHook]:
    found: list[commands.Command] = list(layer.handle_event(event))
    return [each for each in found if isinstance(each, HttpRequestHeadersHook)]


class _Refusing:
    """Stands for the loop that serves a connection, with one addon that refuses everybody."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def handle_hook(self, hook: commands.StartHook) -> None:
        self.ran.append(hook.name)
        if isinstance(hook, HttpRequestHeadersHook):
            hook.flow.response = http.Response.make(401, b"no")


async def test_hooks_run_in_their_place_until_others_are_to_have_their_turn() -> None:
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    server, handler = Proxyserver(), _Refusing()
    with taddons.context(server) as context:
        layer, client = layer_of_a_client(context)
        server.connections[client.id] = cast("ProxyConnectionHandler", handler)
        request = events.DataReceived(client, b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        found: list[commands.Command] = list(layer.handle_event(request))
        assert handler.ran == ["requestheaders", "request", "responseheaders", "response"]
        assert [each.name for each in found if isinstance(each, commands.StartHook)] == ["requestheaders"]


async def test_hooks_of_one_client_let_others_go_first() -> None:
    server, handler = Proxyserver(), _Refusing()
    with taddons.context(server) as context:
        layer, client = layer_of_a_client(context)
        server.connections[client.id] = cast("ProxyConnectionHandler", handler)
        asyncio.get_running_loop().call_soon(lambda: None)
        request = events.DataReceived(client, b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert len(_hooks(layer, request)) == 1
        assert handler.ran == []
