"""Pieces of what a client sends, and whose turn it is between them."""

import asyncio
from collections.abc import Iterator

import pytest

from antigravity_addon.mitm.client_reader import FIRST_BYTES, ClientReader

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
