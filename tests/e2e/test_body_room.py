"""Many large bodies at once: there is room for so many bytes of them, and what is more is refused before it is read."""

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from antigravity_addon.mitm.body_room import LARGEST_BODIES
from antigravity_addon.mitm.door import BODY_SECONDS, SMALL_BODY_BYTES
from antigravity_addon.mitm.request_stream import ROOM
from tests.e2e.http2_client import connected_by_http2
from tests.e2e.raw_http import CHAT, HEALTH, POST, Answer, RawClient, connected, sized
from tests.e2e.test_chat import gateway_and_simulator
from tests.e2e.test_http_connections import look
from tests.running import RunningGateway

LIMIT = 2 * SMALL_BODY_BYTES
LARGE = CHAT + b" " * (LIMIT - len(CHAT))


async def room_is_taken(size: int) -> None:
    async with asyncio.timeout(60):
        while ROOM.taken != size:  # noqa: ASYNC110  nobody is told
            await asyncio.sleep(0.01)


@asynccontextmanager
async def filled(gateway: RunningGateway) -> AsyncGenerator[list[RawClient]]:
    """Clients that have sent all of a large body but its end."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(gateway)) for _ in range(LARGEST_BODIES)]
        for client in clients:
            await client.send(POST + sized(LARGE)[:-1])
        await room_is_taken(LARGEST_BODIES * (len(LARGE) - 1))
        yield clients


def check_refused(answer: Answer) -> None:
    assert (answer.status, answer.error["code"]) == (503, "server_is_busy")
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("1", "1000")


async def test_a_large_body_is_refused_by_its_head_while_others_fill_the_room(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, body_size_limit=str(LIMIT)) as (gateway, simulator):
        async with filled(gateway) as clients:
            async with connected(gateway) as more:
                await more.send(POST + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(LARGE))
                check_refused(await more.answer())
                assert await more.is_ended()
            async with connected(gateway) as small:
                await small.send(POST + sized(CHAT))
                assert (await small.answer()).status == 200
            for client in clients:
                await client.send(LARGE[-1:])
                assert (await client.answer()).status == 200
            assert len(simulator.requests) == LARGEST_BODIES + 1
            await clients[0].send(POST + sized(LARGE))
            assert (await clients[0].answer()).status == 200
        assert not ROOM.taken


async def test_a_body_of_no_stated_length_is_refused_when_it_no_longer_fits(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, body_size_limit=str(LIMIT)) as (gateway, simulator):
        async with filled(gateway), connected(gateway) as more, connected_by_http2(gateway) as by_http2:
            await more.send(POST + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(LARGE) + LARGE)
            check_refused(await more.answer())
            answer = await by_http2.answer(
                by_http2.ask(headers={"content-length": str(len(LARGE))}, end=False)
            )
            assert (answer.status, json.loads(answer.body)["error"]["code"]) == (503, "server_is_busy")
            assert answer.headers["retry-after"] == "1"
            assert ROOM.taken == LARGEST_BODIES * (len(LARGE) - 1)
        assert not simulator.requests


async def test_a_body_takes_the_room_of_what_it_is_without_its_encoding(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, body_size_limit=str(LIMIT)) as (gateway, simulator):
        async with filled(gateway), connected(gateway) as more:
            packed = POST + b"content-encoding: gzip\r\n" + sized(gzip.compress(LARGE))
            await more.send(packed)
            check_refused(await more.answer())
            await more.send(HEALTH)
            assert (await more.answer()).status == 200
        assert not simulator.requests


@pytest.mark.parametrize("is_left", [True, False], ids=["goes away", "says no more"])
async def test_who_does_not_go_on_gives_its_room_back(tmp_path: Path, *, is_left: bool) -> None:
    async with (
        gateway_and_simulator(tmp_path, body_size_limit=str(LIMIT)) as (gateway, _),
        filled(gateway) as clients,
    ):
        if is_left:
            for client in clients:
                client.writer.transport.abort()
        else:
            await look(gateway, after=BODY_SECONDS + 5)
            assert (await clients[0].answer()).status == 408
        await room_is_taken(0)
