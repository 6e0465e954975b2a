"""TLS of clients: mitmproxy's layer, with a bound to how a handshake may begin, and an end to what is broken.

mitmproxy (12.2.3) waits for a ClientHello of up to 16 MB, and reads what has come of it again with each piece: a client
without a key made all others wait for seconds.
"""

from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers import ClientTLSLayer
from mitmproxy.proxy.tunnel import TunnelState
from OpenSSL import SSL

TLS_HANDSHAKE = b"\x16"
"""What TLS begins with, and nothing of HTTP."""
HELLO_BYTES = 16 * 1024
"""A ClientHello may have so many, with its records. The longest of today's, with post-quantum keys, have two thousand."""


class StrictClientTls(ClientTLSLayer):
    def receive_handshake_data(self, data: bytes) -> layer.CommandGenerator[tuple[bool, str | None]]:
        if not self.client_hello_parsed and len(self.recv_buffer) + len(data) > HELLO_BYTES:
            self.recv_buffer.clear()
            return False, f"Cannot parse ClientHello: it is longer than {HELLO_BYTES} bytes."
        return (yield from super().receive_handshake_data(data))

    def receive_data(self, data: bytes) -> layer.CommandGenerator[None]:
        if self.tunnel_state is TunnelState.CLOSED:
            return  # on its way when the handshake failed: there is nobody to decrypt it
        for command in super().receive_data(data):
            yield command
            if isinstance(command, commands.Log) and command.message.startswith("TLS Error"):
                # OpenSSL takes nothing more, and mitmproxy would say so of each piece
                yield commands.CloseConnection(self.tunnel_connection)

    def send_data(self, data: bytes) -> layer.CommandGenerator[None]:
        try:
            yield from super().send_data(data)
        except SSL.Error:
            yield commands.CloseConnection(self.tunnel_connection)
