"""The layers of a connection, without a socket."""

from mitmproxy.connection import Client, ConnectionState
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons

from antigravity_addon.mitm.upstream_layer import InProcessHttpLayer, StartAnswer


def layer_of_a_client(
    context: taddons.context,
    start: StartAnswer = lambda flow, wire: None,  # noqa: ARG005
) -> tuple[InProcessHttpLayer, Client]:
    client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), state=ConnectionState.OPEN)
    client.proxy_mode = ProxyMode.parse("reverse:http://upstream.test")
    inner = Context(client, context.options)
    inner.server.address = ("upstream.test", 80)
    layer = InProcessHttpLayer(inner, start)
    list(layer.handle_event(events.Start()))
    return layer, client
