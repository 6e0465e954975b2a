"""An HTTP/2 client whose every frame a test decides."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events

from tests.running import RunningGateway

_FRAME = 16_384


@dataclass
class Received:
    """What has come on one stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    ended: bool = False
    reset: int | None = None
    """The error's code."""


class Http2Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        config = h2.config.H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.h2 = h2.connection.H2Connection(config)
        self.reads = True
        """It gives the gateway room for what it has read."""
        self.streams: defaultdict[int, Received] = defaultdict(Received)
        self.goaway: int | None = None
        self.is_closed = False
        self._reader = reader
        self._writer = writer

    def begin(self) -> None:
        self.h2.initiate_connection()

    def send(self, data: bytes = b"") -> None:
        """These bytes after what h2 has to send."""
        self._writer.write(self.h2.data_to_send() + data)

    def ask(
        self,
        body: bytes = b"",
        *,
        method: str = "POST",
        path: str = "/v1/chat/completions",
        headers: Mapping[str, str] | None = None,
        end: bool = True,
    ) -> int:
        """The stream's id."""
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
        self.h2.send_headers(stream, [*fields, *(headers or {}).items()], end_stream=end and not body)
        for start in range(0, len(body), _FRAME):
            piece = body[start : start + _FRAME]
            self.h2.send_data(stream, piece, end_stream=end and start + len(piece) == len(body))
        self.send()
        return stream

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await self._read()

    async def answer(self, stream: int) -> Received:
        received = self.streams[stream]
        await self.until(lambda: received.ended or received.reset is not None or self.is_closed)
        return received

    async def _read(self) -> None:
        try:
            data = await self._reader.read(65_536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.is_closed = True
            return
        for event in self.h2.receive_data(data):
            self._take(event)
        self.send()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                stream = self.streams[event.stream_id]
                stream.headers = {name.decode(): value.decode() for name, value in event.headers}
                stream.status = int(stream.headers[":status"])
            case h2.events.DataReceived():
                self.streams[event.stream_id].body += event.data
                if self.reads:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.streams[event.stream_id].ended = True
            case h2.events.StreamReset():
                self.streams[event.stream_id].reset = int(event.error_code or 0)
            case h2.events.ConnectionTerminated():
                self.goaway = int(event.error_code or 0)
            case _:
                pass


@asynccontextmanager
async def connected_by_http2(
    gateway: RunningGateway, *, tls: bool = False, offers: Sequence[str] = ("h2",)
) -> AsyncGenerator[Http2Client]:
    """Without TLS, its first bytes are still to be sent with the next ones."""
    context = None
    if tls:
        context = ssl.create_default_context()
        context.set_alpn_protocols(list(offers))
    port = int(gateway.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    client = Http2Client(reader, writer)
    client.begin()
    try:
        yield client
    finally:
        writer.transport.abort()
