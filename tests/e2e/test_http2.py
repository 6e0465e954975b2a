"""HTTP/2 clients, with TLS and without: many requests on one connection, and what one connection may not do."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import h2.errors
import h2.settings
import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from antigravity_addon.mitm.door import BODY_SECONDS, HEAD_SECONDS, READ_SECONDS, WRITE_BYTES, Door
from antigravity_addon.mitm.http2_door import Http2Door
from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.wire.http1_head import FIELDS
from tests.e2e.held_upstream import held_upstream
from tests.e2e.http2_client import Http2Client, Received, connected_by_http2
from tests.e2e.raw_http import CHAT, POST, connected, sized
from tests.e2e.test_chat import gateway_and_simulator
from tests.e2e.test_http_connections import SILENT, STREAM, Endless, look
from tests.running import RunningGateway, run_gateway, write_accounts


def text_of(answer: Received) -> str:
    """Whole or streamed."""
    lines = answer.body.decode().removeprefix("data: ").split("\n\ndata: ")
    choices = [json.loads(line)["choices"][0] for line in lines if line.startswith("{")]
    return "".join(choice.get("delta", choice.get("message")).get("content") or "" for choice in choices)


@pytest.mark.parametrize("tls", [False, True], ids=["prior knowledge", "TLS"])
async def test_many_requests_share_a_connection(tmp_path: Path, *, tls: bool) -> None:
    async with (
        gateway_and_simulator(tmp_path) as (gateway, _),
        connected_by_http2(gateway, tls=tls) as client,
    ):
        words = [f"word{number}" for number in range(50)]
        bodies = [
            (STREAM if number % 2 else CHAT).replace(b"hello", word.encode())
            for number, word in enumerate(words)
        ]
        streams = [client.ask(body) for body in bodies]
        for stream, word in zip(streams, words, strict=True):
            answer = await client.answer(stream)
            assert (answer.status, text_of(answer)) == (200, word)
            assert not answer.headers.keys() & {"connection", "transfer-encoding", "keep-alive"}
        assert (await gateway.recorder.wait(50)).request.http_version == "HTTP/2.0"


async def test_an_http2_client_may_begin_byte_by_byte(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected_by_http2(gateway) as client:
        first = client.h2.data_to_send()
        for byte in first:
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.answer(client.ask(method="GET", path="/healthz"))).body == b'{"status":"ok"}'


@pytest.mark.parametrize("offers", [["http/1.1", "h2"], ["http/1.1"], ["acme"]], ids=" ".join)
async def test_a_client_may_speak_another_version_than_it_agreed_to(
    tmp_path: Path, offers: list[str]
) -> None:
    """mitmproxy takes what it offers first, and httpx, told to speak HTTP/2 alone, offers HTTP/1.1 before it."""
    async with (
        gateway_and_simulator(tmp_path) as (gateway, _),
        connected_by_http2(gateway, tls=True, offers=offers) as client,
    ):
        assert (await client.answer(client.ask(method="GET", path="/healthz"))).body == b'{"status":"ok"}'


REFUSED: dict[str, tuple[dict[str, str], str, int, str | None]] = {
    "a body too long by its length": ({"content-length": "200000"}, "POST", 413, "request_too_large"),
    "an encoding of its own": ({"content-encoding": "rot13"}, "POST", 415, "unsupported_encoding"),
    "a web page": ({"origin": "https://x.test"}, "POST", 403, "origin_refused"),
    "many fields": ({f"x-{number}": "a" for number in range(FIELDS + 1)}, "POST", 431, "headers_too_large"),
    "long fields": ({"x-long": "a" * 100_000}, "POST", 431, "headers_too_large"),
    "a path that is long": ({":path": "/v1/chat/completions?" + "a" * 20_000}, "POST", 414, "uri_too_long"),
    "another server's": ({":path": "http://other/v1/chat/completions"}, "POST", 400, "invalid_http"),
    "a path that is none": ({":path": "v1/chat/completions"}, "POST", 400, "invalid_http"),
    "an escape in the path": ({":path": "/v1/chat/completions?\x1b[2J"}, "POST", 400, "invalid_http"),
    "a terminal's control character": ({":path": "/v1/chat/completions?\x9b2J"}, "POST", 400, "invalid_http"),
    "an escape in a field": ({"x-a": "\x1b[2J"}, "POST", 400, "invalid_http"),
    "a method that nobody serves": ({}, "PUT", 405, "method_not_supported"),
    "a way to somewhere else": ({}, "CONNECT", 405, "method_not_supported"),
}


async def test_a_request_that_is_refused_leaves_the_others_alone(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, SILENT, body_size_limit="100000") as (gateway, simulator),
        connected_by_http2(gateway) as client,
    ):
        other = client.ask(STREAM)
        for case, (headers, method, status, code) in REFUSED.items():
            path = headers.get(":path", "/v1/chat/completions")
            fields = {name: value for name, value in headers.items() if name != ":path"}
            stream = client.ask(method=method, path=path, headers=fields, end=False)
            answer = await client.answer(stream)
            assert not client.is_closed, case
            assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code), case
            await client.until(lambda answer=answer: answer.reset is not None)
            assert answer.reset == h2.errors.ErrorCodes.NO_ERROR, case
        answer = await client.answer(client.ask(bytes(100_001), end=False))
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (413, "request_too_large")
        assert not client.streams[other].ended
        assert [request.disconnected for request in simulator.requests][:1] == [False]
        assert "\x9b" not in "".join(flow.request.path for flow in gateway.recorder.flows)


@pytest.mark.parametrize("length", ["10", "1_0", "+0"])
async def test_a_length_is_a_number_and_the_bodys(tmp_path: Path, length: str) -> None:
    """The h2 library (4.3) reads them as Python does, and compares them with bodies that are there."""
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected_by_http2(gateway) as client:
        answer = await client.answer(
            client.ask(method="GET", path="/v1/models", headers={"content-length": length})
        )
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "invalid_http")


async def test_trailers_are_no_body_and_are_dropped(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected_by_http2(gateway) as client:
        trailers = [("authorization", "Bearer sk-in-a-trailer")]
        whole = client.ask(CHAT, end=False)
        client.h2.send_headers(whole, trailers, end_stream=True)
        short = client.ask(headers={"content-length": "5"}, end=False)
        client.h2.send_headers(short, trailers, end_stream=True)
        client.send()
        assert (await client.answer(whole)).status == 200
        refused = json.loads((await client.answer(short)).body)["error"]
        assert (refused["code"], refused["param"]) == ("invalid_http", "content-length")
        await gateway.recorder.wait(2)
        states = repr([flow.get_state() for flow in gateway.recorder.flows])
        assert "sk-in-a-trailer" not in states


async def test_what_is_remembered_of_answers_is_bounded(tmp_path: Path) -> None:
    """By HPACK, for a client that offers to remember all there is: it was looked through for each header of each answer."""
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected_by_http2(gateway) as client:
        client.h2.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 2**32 - 1})
        for _ in range(100):
            assert (await client.answer(client.ask(method="GET", path="/healthz"))).status == 200
        (connection,) = gateway.addon._patience._connections.values()
        assert isinstance(connection.door, Http2Door)
        assert connection.door.h2_conn.encoder.header_table._current_size <= 4096


async def ask_without_room(client: Http2Client, gateway: RunningGateway) -> tuple[int, Door]:
    """For a stream, of which the client then reads nothing: its number, and the door once what waits for it is all it may be."""
    client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 10})
    client.reads = False
    slow = client.ask(STREAM)
    await client.until(lambda: client.streams[slow].status == 200)
    (connection,) = gateway.addon._patience._connections.values()
    door = connection.door
    assert door is not None
    async with asyncio.timeout(60):
        while not door.is_full(slow):  # noqa: ASYNC110  nobody is told
            await asyncio.sleep(0)
    return slow, door


async def test_a_client_that_gives_no_room_holds_the_upstream_back_and_is_cut_in_the_end(
    tmp_path: Path,
) -> None:
    endless = Endless(2000)
    async with (
        gateway_and_simulator(tmp_path) as (gateway, simulator),
        connected_by_http2(gateway) as client,
    ):
        simulator.script([Exchange(pieces=endless)])
        slow, door = await ask_without_room(client, gateway)
        async with asyncio.timeout(60):
            sent = -1
            while sent < endless.sent:
                sent = endless.sent
                for _ in range(200):
                    await asyncio.sleep(0)
        assert sent < len(endless) // 2, "what is left is the upstream's"
        assert door.waiting()[slow] < 3 * WRITE_BYTES
        other = client.ask(method="GET", path="/healthz")
        await client.until(lambda: client.streams[other].status == 200)
        await look(gateway, after=0)
        await look(gateway, after=READ_SECONDS + 1)
        assert (await client.answer(slow)).reset == h2.errors.ErrorCodes.CANCEL
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: requests[0].disconnected)
        assert not client.is_closed


async def test_a_client_of_little_room_gets_all_of_its_answer(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected_by_http2(gateway) as client:
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1000})
        await client.answer(client.ask(method="GET", path="/healthz"))
        text = "a" * 200_000
        answer = await client.answer(client.ask(STREAM.replace(b"hello", text.encode())))
        assert (answer.status, text_of(answer)) == (200, text)


async def test_a_client_that_wants_nothing_more_gets_what_it_has_asked_for(tmp_path: Path) -> None:
    """As Node's `session.close()` says it, in the middle of an answer."""
    async with (
        held_upstream() as held,
        run_gateway(
            held.url, tmp_path, gateway_accounts=write_accounts(tmp_path, ("a@example.com", "k"))
        ) as gateway,
        connected_by_http2(gateway) as client,
    ):
        stream = client.ask(STREAM)
        await client.until(lambda: b"One" in client.streams[stream].body)
        client.send(GoAwayFrame(0).serialize())
        other = client.ask(method="GET", path="/healthz")
        assert (await client.answer(other)).status == 200
        held.may_end.set()
        answer = await client.answer(stream)
        assert (text_of(answer), answer.ended) == ("One two.", True)
        client.send(GoAwayFrame(0).serialize())
        await client.until(lambda: client.is_closed)


async def test_requests_that_are_taken_back_without_end_end_the_connection(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, SILENT) as (gateway, simulator),
        connected_by_http2(gateway) as client,
    ):
        for _ in range(300):
            client.h2.reset_stream(client.ask(CHAT), h2.errors.ErrorCodes.CANCEL)
        client.send()
        await client.until(lambda: client.is_closed)
        assert client.goaway == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
        assert len(simulator.requests) <= 200
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: all(request.disconnected for request in requests))


async def test_a_client_that_takes_some_requests_back_is_served(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path, SILENT, ("bo@example.com", "key-b")) as (gateway, _),
        connected_by_http2(gateway) as client,
    ):
        for _ in range(50):
            client.h2.reset_stream(client.ask(CHAT), h2.errors.ErrorCodes.CANCEL)
        assert (await client.answer(client.ask(method="GET", path="/healthz"))).status == 200
        await gateway.recorder.wait(51)
        assert sum(flow.error is not None for flow in gateway.recorder.flows) == 50


def flood_of_fields() -> bytes:
    """A header that is repeated by one byte each time, far beyond what may be said in all."""
    indexed = b"\x40\x03x-a\x7f\xa1\x1e" + b"a" * 4000
    block = b"\x82\x86\x84\x41\x01x" + indexed + b"\xbe" * 10_000
    return HeadersFrame(1, block, flags=["END_HEADERS", "END_STREAM"]).serialize()


def flood_of_swelling_fields() -> bytes:
    """Each request is short, and so is each field of it; together they are not, and hardly a byte was sent of them."""
    named = b"\x40\x03x-a\x7f\xb9\x16" + b"a" * 3000
    block = b"\x82\x86\x84\x41\x09localhost" + named + b"\xbe" * 60
    return HeadersFrame(1, block, flags=["END_HEADERS", "END_STREAM"]).serialize()


def flood_of_continuations() -> bytes:
    return HeadersFrame(1, b"\x82").serialize() + ContinuationFrame(1, b"").serialize() * 1000


def flood_of_nonsense() -> bytes:
    return b"\xff" * 100_000


def flood_of_long_continuations() -> bytes:
    """Fewer than h2 counts, and of no end."""
    return HeadersFrame(1, b"\x82").serialize() + ContinuationFrame(1, bytes(16_000)).serialize() * 40


def flood_of_pings() -> bytes:
    return PingFrame(0, bytes(8)).serialize() * 2000


def flood_of_settings() -> bytes:
    return SettingsFrame(0).serialize() * 2000


def flood_of_what_nobody_knows() -> bytes:
    return ExtensionFrame(99, 0, flag_byte=0, body=b"").serialize() * 2000


FLOODS: dict[Callable[[], bytes], h2.errors.ErrorCodes] = {
    flood_of_fields: h2.errors.ErrorCodes.ENHANCE_YOUR_CALM,
    flood_of_swelling_fields: h2.errors.ErrorCodes.ENHANCE_YOUR_CALM,
    flood_of_continuations: h2.errors.ErrorCodes.PROTOCOL_ERROR,
    flood_of_long_continuations: h2.errors.ErrorCodes.ENHANCE_YOUR_CALM,
    flood_of_nonsense: h2.errors.ErrorCodes.FRAME_SIZE_ERROR,
    flood_of_pings: h2.errors.ErrorCodes.ENHANCE_YOUR_CALM,
    flood_of_settings: h2.errors.ErrorCodes.ENHANCE_YOUR_CALM,
    flood_of_what_nobody_knows: h2.errors.ErrorCodes.ENHANCE_YOUR_CALM,
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_ends_its_connection_and_no_other(tmp_path: Path, flood: Callable[[], bytes]) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), connected(gateway) as other:
        async with connected_by_http2(gateway) as client:
            client.send(flood())
            await client.until(lambda: client.is_closed)
            assert client.goaway == FLOODS[flood]
        await other.send(POST + sized(CHAT))
        assert (await other.answer()).status == 200
        assert len(simulator.requests) == 1


FLOODS_OF_A_REQUEST = {
    "data that is empty": DataFrame(1, b""),
    "data of one byte": DataFrame(1, b"x"),
    "room": WindowUpdateFrame(1, window_increment=1),
}


@pytest.mark.parametrize("frame", FLOODS_OF_A_REQUEST.values(), ids=FLOODS_OF_A_REQUEST)
async def test_a_request_whose_frames_carry_nothing_ends_its_connection(tmp_path: Path, frame: Frame) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), connected_by_http2(gateway) as client:
        client.ask(end=False)
        # so many that they are too many on a busy machine, too: each second makes up for a thousand of one byte
        client.send(frame.serialize() * 48_000)
        await client.until(lambda: client.is_closed)
        assert client.goaway == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
        assert not simulator.requests


async def test_a_body_may_be_written_word_by_word(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(1000)]
    body = CHAT.replace(b"hello", " ".join(words).encode())
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected_by_http2(gateway) as client:
        stream = client.ask(end=False)
        for start in range(0, len(body), 5):
            client.h2.send_data(stream, body[start : start + 5])
        client.h2.end_stream(stream)
        client.send()
        assert text_of(await client.answer(stream)) == " ".join(words)


@pytest.mark.parametrize(
    "ends", [b"", ContinuationFrame(1, b"").serialize()], ids=["it goes", "it is cut off"]
)
async def test_a_client_of_no_room_leaves_nothing_behind(
    tmp_path: Path, ends: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([Exchange(pieces=Endless(2000))])
        async with connected_by_http2(gateway) as client:
            await ask_without_room(client, gateway)
            client.send(ends)
            if ends:
                await client.until(lambda: client.is_closed)
        await gateway.recorder.wait(1)
        async with asyncio.timeout(60):
            while any(task.get_name().startswith("exchange") for task in asyncio.all_tasks()):  # noqa: ASYNC110  nobody is told
                await asyncio.sleep(0)
    assert "nobody foresaw" not in caplog.text


async def test_a_request_that_does_not_go_on_is_given_up_alone(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), connected_by_http2(gateway) as client:
        begun = client.ask(CHAT, end=False)
        assert (await client.answer(client.ask(method="GET", path="/healthz"))).status == 200
        await look(gateway, after=BODY_SECONDS - 5)
        await look(gateway, after=BODY_SECONDS + 5)
        answer = await client.answer(begun)
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (408, "request_timeout")
        assert (await client.answer(client.ask(method="GET", path="/healthz"))).status == 200
        assert not simulator.requests


async def test_headers_that_do_not_go_on_end_their_connection(tmp_path: Path) -> None:
    """Also on a connection that has had requests: nothing else can come on it meanwhile."""
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected_by_http2(gateway) as client:
        assert (await client.answer(client.ask(method="GET", path="/healthz"))).status == 200
        (connection,) = gateway.addon._patience._connections.values()
        door = connection.door
        assert door is not None
        assert door.next_deadline() is None
        client.send(HeadersFrame(3, b"\x82").serialize())
        async with asyncio.timeout(60):
            while door.next_deadline() is None:  # noqa: ASYNC110  nobody is told
                await asyncio.sleep(0)
        await look(gateway, after=HEAD_SECONDS + 1)
        await client.until(lambda: client.is_closed)
        assert client.goaway == h2.errors.ErrorCodes.NO_ERROR


async def test_a_connection_without_a_request_is_ended(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected_by_http2(gateway) as client:
        client.send()
        await client.until(lambda: client.h2.remote_settings.max_concurrent_streams == 100)
        await look(gateway, after=HEAD_SECONDS + 1)
        await client.until(lambda: client.is_closed)
        assert client.goaway == h2.errors.ErrorCodes.NO_ERROR
