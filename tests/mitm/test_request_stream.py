"""What a stream keeps of a request, without a socket."""

import pytest
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._events import RequestData
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons

from antigravity_addon.mitm.door import SMALL_BODY_BYTES
from antigravity_addon.mitm.upstream_layer import InProcessHttpLayer
from tests.e2e.raw_http import POST, chunked, sized

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
        client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), state=ConnectionState.OPEN)
        client.proxy_mode = ProxyMode.parse("reverse:http://upstream.test")
        inner = Context(client, context.options)
        inner.server.address = ("upstream.test", 80)
        layer = InProcessHttpLayer(inner, lambda flow, wire: None)  # noqa: ARG005
        head, _, body = request.partition(b"\r\n\r\n")
        list(layer.handle_event(events.Start()))
        (hook,) = _hooks(layer, events.DataReceived(client, head + b"\r\n\r\n"))
        hook.flow.response = http.Response.make(401, b"no")
        for start in range(0, len(body), 60_000):
            assert not list(layer.handle_event(events.DataReceived(client, body[start : start + 60_000])))
        (stream,) = layer.streams.values()
        kept = sum(len(event.data) for event in stream._paused_event_queue if isinstance(event, RequestData))
        assert kept == (len(body) if is_kept else 0)


def _hooks(layer: InProcessHttpLayer, event: events.Event) -> list[HttpRequestHeadersHook]:
    found: list[commands.Command] = list(layer.handle_event(event))
    return [each for each in found if isinstance(each, HttpRequestHeadersHook)]
