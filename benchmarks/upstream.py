"""An upstream that costs next to nothing: the same Gemini stream for every request, one write per event.

Bare asyncio on purpose: a web framework here would be what is measured.
"""

import argparse
import asyncio
import json

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def gemini_events(count: int) -> list[bytes]:
    """A text answer in `count` events, shaped as the Gemini API sends it."""
    events: list[bytes] = []
    for number in range(count):
        last = number == count - 1
        candidate = {
            "content": {"parts": [{"text": f"piece number {number} of it, "}], "role": "model"},
            "index": 0,
        }
        chunk = {
            "candidates": [candidate | ({"finishReason": "STOP"} if last else {})],
            "usageMetadata": {
                "promptTokenCount": 18,
                "candidatesTokenCount": number + 1,
                "totalTokenCount": 19 + number,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 18}],
                "serviceTier": "standard",
            },
            "modelVersion": "gemini-2.5-flash",
            "responseId": "ru1garvBEoOiqtsP2fznmQw",
        }
        events.append(b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\r\n\r\n")
    return events


class _Connection(asyncio.Protocol):
    def __init__(self, frames: list[bytes]) -> None:
        self._frames = frames
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lengths = [
            line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        length = int(lengths[0]) if lengths else 0
        if len(rest) >= length:
            self._buffer = rest[length:]
            self._send(HEAD, 0)

    def _send(self, frame: bytes, following: int) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(frame)
        if following < len(self._frames):
            asyncio.get_running_loop().call_soon(self._send, self._frames[following], following + 1)


async def serve(port: int, events: int) -> None:
    frames = [b"%x\r\n%s\r\n" % (len(event), event) for event in gemini_events(events)]
    frames[-1] += b"0\r\n\r\n"
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(frames), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.events))
