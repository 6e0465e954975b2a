"""Addresses that no connection can be made to, and connections that are not good for another request."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import zstandard
from aiohttp.client_proto import ResponseHandler

from antigravity_addon.errors import StreamTruncated, UpstreamBroken, UpstreamUnreachable
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import (
    CONNECTS_AT_ONCE,
    SMALL_BYTES,
    TURN_BYTES,
    Transport,
    UpstreamResponse,
)
from tests.authority import issue

NOWHERE: dict[str, str] = {
    "an empty label": "https://a..b/",
    "a label that is too long": f"https://{'a' * 64}.example/",
    "Punycode that is none": "https://xn--zzzzzz.example/",
    "an IP address of the future": "https://[v1.x]/",
    "a bracket too few": "https://[::1/",
    "nobody listens": "http://127.0.0.1:1/",
}


@pytest.mark.parametrize("url", NOWHERE.values(), ids=NOWHERE)
async def test_an_address_that_leads_nowhere_is_an_upstream_that_is_not_reached(url: str) -> None:
    transport = Transport()
    with pytest.raises(UpstreamUnreachable, match="reached"):
        async with transport.open(UpstreamRequest(url, {}, b"")):
            pass
    await transport.aclose()


async def test_a_certificate_that_nobody_vouches_for_is_named_as_the_reason(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issue(tmp_path, "localhost")[0])
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    url, transport = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", Transport()
    with pytest.raises(UpstreamUnreachable) as raised:
        async with transport.open(UpstreamRequest(url, {}, b"")):
            pass
    assert raised.value.message == (
        "The upstream's certificate is not trusted (unable to get local issuer certificate)."
    )
    await transport.aclose()
    server.close()


async def test_no_redirect_is_followed() -> None:
    """It would be told the account's key."""
    told: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    other = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
    location = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/"

    async def redirecting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())
        writer.close()

    server, transport = await asyncio.start_server(redirecting, "127.0.0.1", 0), Transport()
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with transport.open(UpstreamRequest(url, {"x-goog-api-key": "k"}, b"{}")) as response:
        assert response.status == 307
    assert not told
    await transport.aclose()
    for each in (server, other):
        each.close()


_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


class _Talkative:
    """Behind its first answer it says something more, once its reader has the whole of it."""

    def __init__(self, more: bytes) -> None:
        self._more = more
        self._answers = 0
        self.was_read = asyncio.Event()
        self.has_said_more = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                self._answers += 1
                writer.write(_ANSWER + b"no. %d" % self._answers)
                if self._answers == 1:
                    await self.was_read.wait()
                    writer.write(self._more)
                    self.has_said_more.set()
        writer.close()


UNASKED: dict[str, bytes] = {
    "a whole answer": _ANSWER + b"stale",
    "half an answer": _ANSWER + b"st",
    "an answer to be ended by the connection's end": b"HTTP/1.1 200 OK\r\n\r\nstale",
    "noise": b"\x00\xff\r\n\r\n",
}


@pytest.mark.parametrize("more", UNASKED.values(), ids=UNASKED)
async def test_what_was_not_asked_for_answers_nobody(more: bytes) -> None:
    upstream, transport = _Talkative(more), Transport()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    request = UpstreamRequest(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"")
    async with transport.open(request) as response:
        assert await response.read() == b"no. 1"
        assert response.connection is not None
        first = response.connection.own
    upstream.was_read.set()
    await upstream.has_said_more.wait()
    for _ in range(3):
        # over loopback it has arrived, and is read when the loop looks next
        await asyncio.sleep(0)
    async with transport.open(request) as response:
        assert await response.read() == b"no. 2"
        assert response.connection is not None
        assert response.connection.own != first
    await transport.aclose()
    server.close()


async def test_a_connection_that_says_nothing_more_is_used_again() -> None:
    upstream, transport = _Talkative(b""), Transport()
    upstream.was_read.set()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    request = UpstreamRequest(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"")
    used: set[tuple[str, int]] = set()
    for _ in range(3):
        async with transport.open(request) as response:
            await response.read()
            assert response.connection is not None
            used.add(response.connection.own)
    assert len(used) == 1
    await transport.aclose()
    server.close()


async def test_an_address_that_accepts_nobody_holds_up_no_other() -> None:
    upstream, transport = _Talkative(b""), Transport()
    upstream.was_read.set()
    arrived = asyncio.Semaphore(0)

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.release()
        while await reader.read(4096):
            pass
        writer.close()

    async def ask(url: str) -> bytes:
        async with transport.open(UpstreamRequest(url, {}, b"")) as response:
            return await response.read()

    silent = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    sound = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (silent, sound)]
    loop, url = asyncio.get_running_loop(), f"https://127.0.0.1:{ports[0]}/"
    stuck = [loop.create_task(ask(url)) for _ in range(CONNECTS_AT_ONCE)]
    for _ in stuck:
        await arrived.acquire()
    assert await ask(f"http://127.0.0.1:{ports[1]}/") == b"no. 1"
    assert not any(each.done() for each in stuck)
    for each in stuck:
        each.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    await transport.aclose()
    silent.close()
    sound.close()


async def test_whoever_finds_an_idle_connection_does_not_wait_for_those_that_are_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport, arrived, may_end = Transport(), asyncio.Semaphore(0), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(_ANSWER)
                await may_end.wait()
                writer.write(b"Hello")
        writer.close()

    async def never(*_: object) -> ResponseHandler:
        arrived.release()
        await asyncio.Event().wait()
        raise AssertionError

    async def ask(url: str) -> bytes:
        async with transport.open(UpstreamRequest(url, {}, b"")) as response:
            return await response.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    loop, url = asyncio.get_running_loop(), f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with asyncio.timeout(20):
        async with transport.open(UpstreamRequest(url, {}, b"")) as response:
            monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", never)
            stuck = [loop.create_task(ask(url)) for _ in range(CONNECTS_AT_ONCE)]
            for _ in stuck:
                await arrived.acquire()
            may_end.set()
            assert await response.read() == b"Hello"
        assert await ask(url) == b"Hello"
    for each in stuck:
        each.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    await transport.aclose()
    server.close()


# --- bodies ----------------------------------------------------------------------------------------------

_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


async def read_all(answer: bytes, *, rest: bytes = b"") -> list[bytes]:
    """The pieces of an answer that is sent like this, on a connection that stays open. The rest is sent once the first was
    read.
    """
    was_read, is_over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if rest:
            await was_read.wait()
            writer.write(rest)
        await is_over.wait()
        writer.close()

    server, transport = await asyncio.start_server(serve, "127.0.0.1", 0), Transport()
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(60), transport.open(UpstreamRequest(address, {}, b"")) as response:
            async for piece in response.chunks():
                pieces.append(piece)
                was_read.set()
    finally:
        is_over.set()
        await transport.aclose()
        server.close()
    return pieces


def chunked(body: bytes, *lines: bytes) -> bytes:
    head = _CHUNKED + b"".join(line + b"\r\n" for line in lines)
    return b"%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)


ENDLESS: dict[str, bytes] = {
    "a size that is no number": b"zz\r\nhello\r\n",
    "a size below zero": b"-5\r\nhello\r\n",
    "a size that is too small": b"3\r\nhello\r\n",
    "noise": bytes(range(256)),
}


@pytest.mark.parametrize("rest", ENDLESS.values(), ids=ENDLESS)
async def test_a_body_that_is_chunked_wrongly_ends_at_once(rest: bytes) -> None:
    with pytest.raises(StreamTruncated, match="cut the answer off"):
        await read_all(_CHUNKED + b"\r\n5\r\nhello\r\n", rest=rest)


CODINGS: dict[str, tuple[bytes, bytes]] = {
    "gzip": (b"gzip", gzip.compress(b"hello")),
    "in capitals": (b"GZip", gzip.compress(b"hello")),
    "several members": (b"gzip", gzip.compress(b"hel") + gzip.compress(b"lo")),
    "deflate": (b"deflate", zlib.compress(b"hello")),
    "deflate without its head": (b"deflate", zlib.compress(b"hello", wbits=-zlib.MAX_WBITS)),
    "deflate that is gzip": (b"deflate", gzip.compress(b"hello")),
    "identity": (b"identity", b"hello"),
}


@pytest.mark.parametrize(("coding", "body"), CODINGS.values(), ids=CODINGS)
async def test_a_body_is_unpacked(coding: bytes, body: bytes) -> None:
    assert b"".join(await read_all(chunked(body, b"Content-Encoding: " + coding))) == b"hello"


async def test_what_swells_is_unpacked_in_small_pieces() -> None:
    pieces = await read_all(chunked(gzip.compress(bytes(5_000_000)), b"Content-Encoding: gzip"))
    assert sum(map(len, pieces)) == 5_000_000
    assert max(map(len, pieces)) <= TURN_BYTES


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
async def test_what_is_packed_and_lacks_its_end_was_cut_off(coding: bytes) -> None:
    packed = (gzip.compress if coding == b"gzip" else zlib.compress)(b"hello")
    for length in (1, len(packed) - 1):
        with pytest.raises(StreamTruncated, match="in the middle of what it had packed"):
            await read_all(chunked(packed[:length], b"Content-Encoding: " + coding))


EXPLOSIVE: dict[str, tuple[bytes, bytes]] = {
    "zstd": (b"zstd", zstandard.ZstdCompressor().compress(b"hello")),
    "gzip twice": (b"gzip, gzip", gzip.compress(gzip.compress(b"hello"))),
    "one that nobody knows": (b"rot13", b"uryyb"),
}


@pytest.mark.parametrize(("coding", "body"), EXPLOSIVE.values(), ids=EXPLOSIVE)
async def test_what_may_grow_without_bounds_is_not_unpacked(coding: bytes, body: bytes) -> None:
    with pytest.raises(StreamTruncated, match="which nobody asked for"):
        await read_all(chunked(body, b"Content-Encoding: " + coding))


async def test_an_answer_has_an_end() -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        while True:
            yield b"hello"

    chunks = UpstreamResponse(200, {}, pieces(), most_bytes=12).chunks()
    assert [await anext(chunks), await anext(chunks)] == [b"hello", b"hello"]
    with pytest.raises(StreamTruncated, match="longer than 12 bytes"):
        await anext(chunks)


async def test_others_have_their_turn_while_an_answer_that_is_there_already_is_read() -> None:
    async def at_once() -> AsyncGenerator[bytes]:
        yield bytes(64 * TURN_BYTES)

    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.get_running_loop().create_task(others())
    sizes = [len(piece) async for piece in UpstreamResponse(200, {}, at_once()).chunks()]
    beside.cancel()
    assert sizes == [TURN_BYTES] * 64
    assert turns >= 63, "one between each piece and the next"


@pytest.mark.parametrize("body", [bytes(2 * SMALL_BYTES), b"[" + b"{}," * 20_000], ids=["bytes", "values"])
async def test_a_small_answer_has_no_megabytes_and_no_thousands_of_values(body: bytes) -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        yield body

    with pytest.raises(UpstreamBroken, match="than it can"):
        await UpstreamResponse(200, {}, pieces()).read()
