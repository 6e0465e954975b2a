"""TLS of clients: mitmproxy's layer, with a bound to how a handshake may begin.

mitmproxy (12.2.3) waits for a ClientHello of up to 16 MB, and reads what has come of it again with each piece: a client
without a key made all others wait for seconds.
"""

from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import ClientTLSLayer
from mitmproxy.proxy.tunnel import TunnelState

HELLO_BYTES = 16 * 1024
"""A ClientHello may have so many, with its records. The longest of today's, with post-quantum keys, have two thousand."""


class BoundedClientTls(ClientTLSLayer):
    def receive_handshake_data(self, data: bytes) -> layer.CommandGenerator[tuple[bool, str | None]]:
        if not self.client_hello_parsed and len(self.recv_buffer) + len(data) > HELLO_BYTES:
            self.recv_buffer.clear()
            return False, f"Cannot parse ClientHello: it is longer than {HELLO_BYTES} bytes."
        return (yield from super().receive_handshake_data(data))

    def receive_data(self, data: bytes) -> layer.CommandGenerator[None]:
        # what was on its way when the handshake failed has nobody to decrypt it
        if self.tunnel_state is not TunnelState.CLOSED:
            yield from super().receive_data(data)
