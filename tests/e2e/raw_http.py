"""A client that sends bytes as they are, and reads what comes."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.running import RunningGateway

CHAT = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:hello"}]}).encode()
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


def sized(body: bytes) -> bytes:
    """The rest of a head, and its body."""
    return b"content-length: %d\r\n\r\n%s" % (len(body), body)


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"transfer-encoding: chunked\r\n\r\n" + chunks + end


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/json"
        error = json.loads(self.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return error


class RawClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, sent: bytes) -> None:
        """All of it, unless the gateway closes meanwhile."""
        self.writer.write(sent)
        try:
            await self.writer.drain()
        except OSError:
            pass

    async def answer(self, *, has_body: bool = True) -> Answer:
        """The next one, whose length must be stated."""
        async with asyncio.timeout(60):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.strip().split("\r\n")
            headers = dict(field.lower().split(": ", 1) for field in fields)
            assert len(headers) == len(fields), "no header is there twice"
            length = int(headers.get("content-length", 0))
            body = await self.reader.readexactly(length if has_body else 0)
        return Answer(int(line.split(" ")[1]), headers, body)

    async def is_ended(self) -> bool:
        """The gateway closes, and has sent nothing more."""
        async with asyncio.timeout(60):
            try:
                return not await self.reader.read(1)
            except ConnectionResetError:
                return True


@asynccontextmanager
async def connected(gateway: RunningGateway) -> AsyncGenerator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
