"""Pieces of what a client sends, and whose turn it is between them."""

import asyncio
import gc
from collections.abc import Iterator
from types import FrameType
from typing import cast

import h2.connection
import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook
from mitmproxy.test import taddons

from antigravity_addon.mitm import http2_door
from antigravity_addon.mitm.client_reader import FIRST_BYTES, ClientReader, Crowd
from antigravity_addon.mitm.http2_door import Http2Door
from tests.mitm.layers import layer_of_a_client

ORDINARY, SHORT, LONG = 0.002, 0.0001, 0.01
"""Seconds that a piece takes."""


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def filled(size: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(bytes(size))
    reader.feed_eof()
    return reader


@pytest.fixture
async def reading() -> tuple[ClientReader, Clock]:
    clock = Clock()
    return ClientReader(filled(10_000_000), clock), clock


async def sizes(reader: ClientReader, clock: Clock, seconds: Iterator[float]) -> list[int]:
    """Of pieces, of which each takes so long to be worked on."""
    read: list[int] = []
    for took in seconds:
        read.append(len(await reader.read(65_535)))
        clock.seconds += took
    return read


@pytest.mark.parametrize(
    ("took", "last"),
    [(SHORT, 65_535), (ORDINARY, FIRST_BYTES), (LONG, 1024)],
    ids=["short", "ordinary", "long"],
)
async def test_a_piece_is_as_large_as_the_work_on_it_allows(
    reading: tuple[ClientReader, Clock], took: float, last: int
) -> None:
    read = await sizes(*reading, iter([took] * 10))
    assert read[0] == FIRST_BYTES
    assert read[-1] == last


@pytest.mark.parametrize(
    ("took", "pieces"), [(SHORT, 42), (ORDINARY, 4), (LONG, 2)], ids=["short", "ordinary", "long"]
)
async def test_others_have_their_turn_after_some_work(
    reading: tuple[ClientReader, Clock], took: float, pieces: int
) -> None:
    reader, clock = reading
    had_turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(had_turn.set)
    count = 0
    while not had_turn.is_set():
        count += len(await sizes(reader, clock, iter([took])))
    assert count == pytest.approx(pieces, abs=1)


async def test_who_has_much_to_do_has_as_many_turns_as_the_client_had_time(
    reading: tuple[ClientReader, Clock],
) -> None:
    reader, clock = reading
    loop, turns = asyncio.get_running_loop(), 0

    def another() -> None:
        nonlocal turns
        turns += 1
        clock.seconds += LONG / 5
        loop.call_soon(another)

    await sizes(reader, clock, iter([LONG]))
    loop.call_soon(another)
    await sizes(reader, clock, iter([LONG]))
    assert turns == pytest.approx(5, abs=1)


async def test_two_that_let_each_other_go_first_go_on() -> None:
    clock = Clock()
    readers = [ClientReader(filled(100_000), clock) for _ in range(2)]
    for reader in readers:
        await reader.read(65_535)
    clock.seconds += LONG
    async with asyncio.timeout(60):
        pieces = await asyncio.gather(*(reader.read(65_535) for reader in readers))
    assert all(pieces)


async def test_who_waits_for_its_client_has_let_others_go_first() -> None:
    """As one does who asks, and asks again when it was answered."""
    clock, source = Clock(), asyncio.StreamReader()
    reader = ClientReader(source, clock)

    def arrive() -> None:
        clock.seconds += ORDINARY
        source.feed_data(bytes(100))

    loop = asyncio.get_running_loop()
    for _ in range(10):
        loop.call_soon(arrive)
        await reader.read(65_535)
        clock.seconds += ORDINARY
    source.feed_data(bytes(100))
    had_turn = asyncio.Event()
    loop.call_soon(had_turn.set)
    await reader.read(65_535)
    assert not had_turn.is_set()


async def test_it_ends_as_what_it_reads_from_ends() -> None:
    reader = ClientReader(filled(3), Clock())
    assert [await reader.read(65_535), await reader.read(65_535)] == [bytes(3), b""]


class LateDoor:
    """Stands for one that still works on what has come."""

    def __init__(self) -> None:
        self.turns = 3

    @property
    def is_behind(self) -> bool:
        return self.turns > 0

    async def moved(self) -> None:
        self.turns -= 1


async def test_nothing_is_read_as_long_as_the_door_is_behind() -> None:
    door, reader = LateDoor(), ClientReader(filled(100_000), Clock())
    reader.wait_for(cast("Http2Door", door))
    await reader.read(65_535)
    assert not door.is_behind


async def test_of_many_requests_in_a_kilobyte_some_are_worked_on_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(http2_door, "now", clock)
    with taddons.context(Proxyserver()) as context:
        layer, client = layer_of_a_client(context)
        event: events.Event | None = events.DataReceived(client, _requests(99))
        turns: list[int] = []
        while event is not None:
            heads = 0
            following: events.Event | None = None
            for command in layer.handle_event(event):
                if isinstance(command, HttpRequestHeadersHook):
                    heads += 1
                    clock.seconds += ORDINARY
                elif isinstance(command, commands.RequestWakeup):
                    following = events.Wakeup(command)
            turns.append(heads)
            event = following
        assert sum(turns) == 99
        assert max(turns) <= 4


async def test_what_made_a_request_does_not_keep_it() -> None:
    with taddons.context(Proxyserver()) as context:
        layer, client = layer_of_a_client(context)
        found: list[commands.Command] = list(layer.handle_event(events.DataReceived(client, _requests(1))))
        (hook,) = [each for each in found if isinstance(each, HttpRequestHeadersHook)]
        assert not any(isinstance(each, FrameType) for each in gc.get_referrers(hook.flow.request))
        asked = hook.flow.request.data
        assert (asked.method, asked.path) == (b"GET", b"/healthz")
        assert (asked.scheme, asked.http_version) == (b"http", b"HTTP/2.0")


def _requests(count: int) -> bytes:
    client = h2.connection.H2Connection()
    client.initiate_connection()
    for _ in range(count):
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/healthz")]
        client.send_headers(client.get_next_available_stream_id(), fields, end_stream=True)
    return client.data_to_send()


@pytest.mark.parametrize(("beginning", "most"), [(b"\x16\x03\x01", 1), (b"", 8)], ids=["handshake", "end"])
async def test_of_a_crowd_few_go_on_at_a_time(beginning: bytes, most: int) -> None:
    crowd, gone_on = Crowd(), 0

    async def go_on() -> None:
        nonlocal gone_on
        source = asyncio.StreamReader()
        source.feed_data(beginning)
        source.feed_eof()
        await ClientReader(source, crowd=crowd).read(65_535)
        gone_on += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(go_on())
        at_once = 0
        while gone_on < 20:
            before = gone_on
            await asyncio.sleep(0)
            at_once = max(at_once, gone_on - before)
    assert at_once == most
