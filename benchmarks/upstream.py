"""An upstream that costs next to nothing: answers made beforehand, one write per event.

Bare asyncio on purpose: a web framework here would be what is measured. What is wished stands in the prompt
(`answers`); to a prompt that wishes nothing, a text of `--events` pieces is answered.
"""

import argparse
import asyncio
from functools import lru_cache

from .answers import Answer, frames, whole, wished

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
LENGTH_REQUIRED = b"HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\n\r\n"
_TURNS = 10
"""Of a rhythm's timer within its period, so that not all streams get their events in the same moment."""


@lru_cache
def _frames(answer: Answer) -> list[bytes]:
    chunks = [b"%x\r\n%s\r\n" % (len(frame), frame) for frame in frames(answer)]
    chunks[-1] += b"0\r\n\r\n"
    return chunks


@lru_cache
def _whole(answer: Answer) -> bytes:
    body = whole(answer)
    return WHOLE % (len(body), body)


class _Rhythm:
    """One timer for all streams of a pace: a timer for each would be what is measured."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._step = seconds / _TURNS
        self._turns: list[list[_Stream]] = [[] for _ in range(_TURNS)]
        self._turn = 0
        self._next = self._loop.time()
        self._tick()

    def add(self, stream: "_Stream") -> None:
        # the turn that was served last is due again after a whole period
        self._turns[self._turn - 1].append(stream)

    def _tick(self) -> None:
        streams = self._turns[self._turn]
        self._turns[self._turn] = [stream for stream in streams if stream.send_next()]
        self._turn = (self._turn + 1) % _TURNS
        self._next += self._step
        self._loop.call_at(self._next, self._tick)


class _Stream:
    def __init__(self, transport: asyncio.Transport, frames: list[bytes]) -> None:
        self._transport = transport
        self._frames = iter(frames)
        self._left = len(frames)

    def send_next(self) -> bool:
        """Whether there is more."""
        if self._transport.is_closing():
            return False
        self._transport.write(next(self._frames))
        self._left -= 1
        return self._left > 0

    def send_all(self) -> None:
        """As fast as they go, but with a write for each."""
        if self.send_next():
            asyncio.get_running_loop().call_soon(self.send_all)


class _Double:
    def __init__(self, usual: Answer) -> None:
        self._usual = usual
        self._rhythms: dict[int, _Rhythm] = {}

    def answer(self, path: bytes, body: bytearray, transport: asyncio.Transport) -> None:
        answer = wished(body) or self._usual
        if b":streamGenerateContent" not in path:
            transport.write(_whole(answer))
            return
        transport.write(STREAM)
        stream = _Stream(transport, _frames(answer))
        if not answer.every:
            asyncio.get_running_loop().call_soon(stream.send_all)
        elif stream.send_next():
            self._rhythm(answer.every).add(stream)

    def _rhythm(self, every: int) -> _Rhythm:
        if every not in self._rhythms:
            self._rhythms[every] = _Rhythm(every / 1000)
        return self._rhythms[every]


class _Connection(asyncio.Protocol):
    """State: what came of the request under way."""

    def __init__(self, double: _Double) -> None:
        self._double = double
        self._path = b""
        self._missing = -1
        """Bytes of the body; negative while the head is not there."""
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._missing < 0 and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            self._read_head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
        if 0 <= self._missing <= len(self._buffer) and self._transport is not None:
            body, self._buffer = self._buffer, bytearray()
            self._missing = -1
            self._double.answer(self._path, body, self._transport)

    def _read_head(self, head: bytes) -> None:
        request, *lines = head.split(b"\r\n")
        self._path = request.split(b" ")[1]
        headers = {name.lower(): value for name, _, value in (line.partition(b":") for line in lines)}
        if b"content-length" in headers:
            self._missing = int(headers[b"content-length"])
        elif self._transport is not None:
            self._transport.write(LENGTH_REQUIRED)
            self._transport.close()


async def listen(port: int, usual: Answer) -> asyncio.Server:
    double = _Double(usual)
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Connection(double), "127.0.0.1", port, backlog=2048)


async def _serve(port: int, usual: Answer) -> None:
    server = await listen(port, usual)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, Answer(pieces=arguments.events)))
