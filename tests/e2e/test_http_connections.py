"""Connections of HTTP/1 clients: how they begin, go on and end, and what becomes of those that do not move."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Self, override

import pytest
from mitmproxy.proxy.server import ConnectionHandler

from antigravity_addon.mitm import door, patience, upstream_layer
from antigravity_addon.mitm.client_tls import HELLO_BYTES
from antigravity_addon.mitm.door import (
    AHEAD_BYTES,
    BODY_SECONDS,
    HEAD_SECONDS,
    READ_SECONDS,
    SLOW_BODY_BYTES,
    SLOW_BODY_SECONDS,
)
from antigravity_addon.mitm.http1_door import Http1Door
from antigravity_addon.simulator.exchange import Exchange
from tests.e2e.raw_http import CHAT, HEALTH, POST, RawClient, chunked, connected, sized
from tests.e2e.test_chat import gateway_and_simulator
from tests.running import RunningGateway, proxyserver

STREAM = CHAT.replace(b"{", b'{"stream":true,', 1)
SILENT = ("ana@example.com", "fault-silence")


def now() -> float:
    return asyncio.get_running_loop().time()


async def look(gateway: RunningGateway, *, after: float) -> None:
    """As if so many seconds had passed."""
    await gateway.addon._patience.look(now() + after)


def only_handler(gateway: RunningGateway) -> ConnectionHandler:
    (handler,) = proxyserver(gateway.master).connections.values()
    return handler


def waiting_for_client(handler: ConnectionHandler) -> int:
    writer = handler.transports[handler.client].writer
    assert isinstance(writer, asyncio.StreamWriter)
    return writer.transport.get_write_buffer_size()


# --- one request after the other ---------------------------------------------------------------------------


async def test_requests_that_are_sent_ahead_are_answered_in_order(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), connected(gateway) as client:
        asked = [CHAT.replace(b"hello", word) for word in (b"one", b"two", b"three")]
        await client.send(b"".join(POST + sized(body) for body in asked) + HEALTH)
        for word in ("one", "two", "three"):
            answer = json.loads((await client.answer()).body)
            assert answer["choices"][0]["message"]["content"] == word
        assert (await client.answer()).body == b'{"status":"ok"}'
        assert len(simulator.requests) == 3


async def test_an_answer_leaves_with_its_head_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    write = asyncio.StreamWriter.write

    def noted(self: asyncio.StreamWriter, data: bytes) -> None:
        written.append(data)
        write(self, data)

    async with gateway_and_simulator(tmp_path) as (gateway, _), connected(gateway) as client:
        with monkeypatch.context() as patched:
            # this test's own client, which would go first
            patched.setattr(upstream_layer, "somebody_waits", lambda: False)
            await client.send(POST + sized(STREAM))
            patched.setattr(asyncio.StreamWriter, "write", noted)
            await client.reader.readuntil(b"[DONE]")
    assert written[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" in written[0]
    assert b"data: {" in written[0]
    assert written[-1].endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


async def test_what_is_sent_ahead_without_end_is_not_kept(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, SILENT) as (gateway, simulator), connected(gateway) as client:
        await client.send(POST + sized(CHAT))
        await simulator.wait_for(bool)
        await client.send(HEALTH * (8 * AHEAD_BYTES // len(HEALTH)))
        (connection,) = gateway.addon._patience._connections.values()
        door = connection.door
        assert isinstance(door, Http1Door)
        while not door._sent_too_much_ahead:  # noqa: ASYNC110  nobody is told
            await asyncio.sleep(0)
        assert len(door.buf) <= AHEAD_BYTES


@pytest.mark.parametrize("is_answered", [True, False], ids=["answered", "left"])
async def test_of_a_connection_that_is_no_more_no_body_is_kept(tmp_path: Path, *, is_answered: bool) -> None:
    """What is left of it refers to itself, and the garbage collector does not see how large that is."""
    async with gateway_and_simulator(tmp_path, *([] if is_answered else [SILENT])) as (gateway, simulator):
        async with asyncio.timeout(60), connected(gateway) as client:
            await client.send(POST + b"connection: close\r\n" * is_answered + sized(CHAT))
            await simulator.wait_for(bool)
            (connection,) = gateway.addon._patience._connections.values()
            door = connection.door
            assert isinstance(door, Http1Door)
            assert door.request is not None
            if is_answered:
                assert (await client.answer()).status == 200
        async with asyncio.timeout(60):
            while any((door.request, door.response)):  # noqa: ASYNC110  nobody is told
                await asyncio.sleep(0)


CLOSING: dict[str, tuple[bytes, str, bool]] = {
    "the last request": (HEALTH[:-2] + b"Connection: Close\r\n\r\n", "close", True),
    "an old client": (HEALTH.replace(b"1.1", b"1.0"), "close", True),
    "an old client that wants to go on": (
        HEALTH.replace(b"1.1", b"1.0")[:-2] + b"connection: Keep-Alive\r\n\r\n",
        "keep-alive",
        False,
    ),
}


async def test_a_client_is_told_whether_its_connection_goes_on(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _):
        for case, (request, said, is_ended) in CLOSING.items():
            async with connected(gateway) as client:
                await client.send(request)
                assert (await client.answer()).headers["connection"] == said, case
                if is_ended:
                    assert await client.is_ended(), case
                else:
                    await client.send(request)
                    assert (await client.answer()).status == 200, case


async def test_a_websocket_is_refused_and_its_connection_goes_on(tmp_path: Path) -> None:
    upgrade = (
        b"GET /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: WebSocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected(gateway) as client:
        await client.send(upgrade + HEALTH)
        answer = await client.answer()
        assert (answer.status, answer.error["code"]) == (426, "websocket_not_supported")
        assert (await client.answer()).status == 200
        # frames of a client that has not waited
        await client.send(b"\x81\x85\x01\x02\x03\x04abcde")
        assert (await client.answer()).error["code"] == "invalid_http"
        assert await client.is_ended()


# --- clients that close their side -------------------------------------------------------------------------


async def test_a_client_that_closes_its_side_is_answered_if_it_said_so(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _):
        for last in (POST + b"connection: close\r\n", POST.replace(b"1.1", b"1.0")):
            async with connected(gateway) as client:
                client.writer.write(last + sized(CHAT))
                client.writer.write_eof()
                assert (await client.answer()).status == 200
                assert await client.is_ended()


async def test_a_client_that_closes_its_side_is_gone_if_it_did_not(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, SILENT) as (gateway, simulator), connected(gateway) as client:
        client.writer.write(POST + sized(CHAT))
        client.writer.write_eof()
        assert await client.is_ended()
        flow = await gateway.recorder.wait()
        assert flow.error is not None
        if simulator.requests:
            await simulator.wait_for(lambda requests: requests[0].disconnected)


async def test_a_client_that_closes_its_side_too_soon_is_told_so(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        for request in (POST + sized(CHAT)[:-1], POST + chunked(CHAT, end=b"")):
            async with connected(gateway) as client:
                client.writer.write(request)
                client.writer.write_eof()
                answer = await client.answer()
                assert (answer.status, answer.error["code"]) == (400, "invalid_http")
                assert await client.is_ended()
        assert not simulator.requests


async def test_a_client_that_is_lost_after_it_closed_its_side_costs_nothing_more(tmp_path: Path) -> None:
    endless = Endless(4000)
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), connected(gateway) as client:
        simulator.script([Exchange(pieces=endless)])
        client.writer.write(POST + b"connection: close\r\n" + sized(STREAM))
        client.writer.write_eof()
        await client.reader.readuntil(b"data: ")
        client.writer.transport.abort()
        async with asyncio.timeout(60):
            flow = await gateway.recorder.wait()
            await simulator.wait_for(lambda requests: requests[0].disconnected)
        assert flow.error is not None
        assert endless.sent < len(endless)


# --- clients that do not move ------------------------------------------------------------------------------


class Endless(tuple[tuple[float, bytes], ...]):  # noqa: SLOT001  a tuple can have none
    """Events of 16 kB, so many of them, and how many of these were sent."""

    sent = 0

    def __new__(cls, count: int) -> Self:
        text = json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": "a" * 16_000}]}}]})
        return super().__new__(cls, ((0.0, b"data: %s\r\n\r\n" % text.encode()),) * count)

    @override
    def __iter__(self) -> Iterator[tuple[float, bytes]]:
        for piece in super().__iter__():
            self.sent += 1
            yield piece


@contextlib.asynccontextmanager
async def reading_nothing(gateway: RunningGateway) -> AsyncGenerator[RawClient]:
    """A client with as little room as the system allows."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(
        connection, ("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    )
    reader, writer = await asyncio.open_connection(sock=connection, limit=1)
    writer.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()


async def test_a_client_that_reads_nothing_holds_the_upstream_back_and_is_cut_in_the_end(
    tmp_path: Path,
) -> None:
    endless = Endless(4000)
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), reading_nothing(gateway) as slow:
        simulator.script([Exchange(pieces=endless)])
        slow.writer.write(POST + sized(STREAM))
        async with asyncio.timeout(60):
            await simulator.wait_for(bool)
            handler = only_handler(gateway)
            while not waiting_for_client(handler):  # noqa: ASYNC110  nobody is told
                await asyncio.sleep(0)
            sent = -1
            while sent < endless.sent:
                sent = endless.sent
                for _ in range(200):
                    await asyncio.sleep(0)
        assert sent < len(endless) // 2, "what is left is the upstream's"
        assert waiting_for_client(handler) < 200_000
        async with connected(gateway) as other:
            await other.send(POST + sized(CHAT))
            assert (await other.answer()).status == 200
        await look(gateway, after=0)
        await look(gateway, after=READ_SECONDS - 1)
        assert not simulator.requests[0].disconnected
        await look(gateway, after=READ_SECONDS + 1)
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: requests[0].disconnected)
        flow = await gateway.recorder.wait(2)
        assert flow.error is not None


async def test_a_request_that_does_not_go_on_is_given_up(tmp_path: Path) -> None:
    begun: dict[str, tuple[bytes, float]] = {
        "a head": (POST[:-3], HEAD_SECONDS),
        "a body of a length": (POST + sized(CHAT)[:-1], BODY_SECONDS),
        "a body in chunks": (POST + chunked(CHAT, end=b""), BODY_SECONDS),
    }
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        for case, (request, seconds) in begun.items():
            async with connected(gateway) as client:
                await client.send(HEALTH + request)
                assert (await client.answer()).status == 200
                await look(gateway, after=seconds - 1)
                await look(gateway, after=seconds + 1)
                answer = await client.answer()
                assert (answer.status, answer.error["code"]) == (408, "request_timeout"), case
                assert await client.is_ended(), case
        assert not simulator.requests


async def test_a_body_of_which_a_little_comes_all_the_time_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 10 * SLOW_BODY_SECONDS)
    pieces = [bytes(SLOW_BODY_BYTES)] * 100
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected(gateway) as client:
        await client.send(HEALTH + POST + chunked(*pieces, end=b""))
        assert (await client.answer()).status == 200
        await look(gateway, after=SLOW_BODY_SECONDS + len(pieces) - 10)
        await look(gateway, after=SLOW_BODY_SECONDS + len(pieces) + 10)
        answer = await client.answer()
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        assert "too slowly" in answer.error["message"]


async def test_a_connection_on_which_nothing_begins_is_closed(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _):
        for begun in (b"", b"\r\n", b"PRI *", b"\x16\x03\x01\x02"):
            async with connected(gateway) as client:
                await client.send(begun)
                while not gateway.addon._patience._connections:  # noqa: ASYNC110  nobody is told
                    await asyncio.sleep(0)
                await look(gateway, after=HEAD_SECONDS + 1)
                assert await client.is_ended(), begun


async def test_a_connection_that_waits_for_its_next_request_or_for_its_answer_is_left_alone(
    tmp_path: Path,
) -> None:
    async with (
        gateway_and_simulator(tmp_path, SILENT) as (gateway, simulator),
        connected(gateway) as idle,
        connected(gateway) as waiting,
    ):
        await idle.send(HEALTH)
        await idle.answer()
        await waiting.send(POST + sized(CHAT))
        await simulator.wait_for(bool)
        await look(gateway, after=500)
        await idle.send(HEALTH)
        assert (await idle.answer()).status == 200
        assert not simulator.requests[0].disconnected


async def test_an_answer_that_nobody_reads_does_not_stay_after_its_connection(tmp_path: Path) -> None:
    """It is all there and waits in the socket; to close that politely would take until it is read."""
    text = CHAT.replace(b"hello", b"a" * 6_000_000)
    async with gateway_and_simulator(tmp_path) as (gateway, _), reading_nothing(gateway) as slow:
        slow.writer.write(POST + b"connection: close\r\n" + sized(text))
        await gateway.recorder.wait()
        (connection,) = gateway.addon._patience._connections.values()
        while not connection.transport.get_write_buffer_size():  # noqa: ASYNC110  nobody is told
            await asyncio.sleep(0)
        await look(gateway, after=0)
        await look(gateway, after=READ_SECONDS + 1)
        await look(gateway, after=READ_SECONDS + 1)
        assert not gateway.addon._patience._connections
        assert connection.transport.get_write_buffer_size() == 0


async def test_of_too_many_connections_the_oldest_idle_one_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_most_connections", lambda: 2)
    async with (
        gateway_and_simulator(tmp_path, SILENT) as (gateway, simulator),
        connected(gateway) as busy,
        connected(gateway) as idle,
    ):
        await busy.send(POST + sized(CHAT))
        await simulator.wait_for(bool)
        await idle.send(HEALTH)
        await idle.answer()
        async with connected(gateway) as third:
            await third.send(POST + sized(CHAT))
            await simulator.wait_for(lambda requests: len(requests) == 2)
            assert await idle.is_ended()
            async with connected(gateway) as fourth:
                assert await fourth.is_ended()
            assert not any(request.disconnected for request in simulator.requests)


async def test_many_idle_connections_slow_nobody_down(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), contextlib.AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(connected(gateway)) for _ in range(100)]
        for client in idle[::2]:
            await client.send(HEALTH)
            await client.answer()
        await look(gateway, after=1)
        async with connected(gateway) as busy:
            await busy.send(POST + sized(CHAT))
            assert (await busy.answer()).status == 200
        for client in idle:
            await client.send(HEALTH)
            assert (await client.answer()).status == 200


async def test_a_tls_client_may_begin_byte_by_byte(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        async with connected(gateway) as client:
            hello = outgoing.read()
            await client.send(hello[:1])
            while not gateway.addon._patience._connections:  # noqa: ASYNC110  nobody is told
                await asyncio.sleep(0)
            await client.send(hello[1:])
            incoming.write(await client.reader.read(1))
            assert incoming.read() == b"\x16"


@pytest.mark.parametrize("record", [16_000, 1], ids=["in large records", "byte by byte"])
async def test_a_handshake_that_does_not_begin_for_megabytes_is_ended(
    tmp_path: Path, record: int, caplog: pytest.LogCaptureFixture
) -> None:
    """mitmproxy reads all of it again with each piece, and everybody else waits."""
    hello = b"\x01\xff\xff\xff" + bytes(HELLO_BYTES)
    records = (hello[start : start + record] for start in range(0, len(hello), record))
    sent = b"".join(b"\x16\x03\x01%b%b" % (len(each).to_bytes(2), each) for each in records)
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected(gateway) as client:
        await client.send(sent * 40)
        assert await client.is_ended()
    assert "ClientHello: it is longer than" in caplog.text
    assert "crashed" not in caplog.text


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
async def test_a_connection_whose_tls_is_broken_is_ended(
    tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.create_default_context()
    context.set_alpn_protocols([protocol])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected(gateway) as client:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await client.send(outgoing.read())
                incoming.write(await client.reader.read(65_536))
        for _ in range(10):
            await client.send(outgoing.read() + b"\x17\x03\x03\x00\x20" + bytes(32))
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionResetError):
                while await client.reader.read(65_536):
                    pass
    assert "TLS Error" in caplog.text
    assert "crashed" not in caplog.text
