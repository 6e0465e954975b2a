"""Names that are looked up while others have something else to do."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, current_thread
from typing import Any

import aiohttp
import pytest

from antigravity_addon.errors import InvalidRequest, UpstreamFailure
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.names import Names
from antigravity_addon.upstream.transport import NAMES_AT_ONCE, Transport
from antigravity_addon.upstream.web_media import Kinds, Limits, WebMedia

type Closing = Callable[[], Awaitable[None]]
type Asking = tuple[Callable[[str], Awaitable[object]], Closing]


def as_a_client_does() -> Asking:
    media = WebMedia(user_agent="gateway/1")

    async def ask(name: str) -> object:
        return await media.fetch(f"http://{name}/", param="url", kinds=Kinds.IMAGE)

    return ask, media.aclose


def as_an_exchange_does() -> Asking:
    transport = Transport()

    async def ask(name: str) -> object:
        async with transport.open(UpstreamRequest(f"http://{name}/", {}, b"")) as response:
            return response

    return ask, transport.aclose


@pytest.mark.parametrize(
    ("begin", "at_once"),
    [
        pytest.param(as_a_client_does, Limits().at_once, id="that clients name"),
        pytest.param(as_an_exchange_does, NAMES_AT_ONCE, id="of operators' addresses"),
    ],
)
async def test_names_whose_servers_do_not_answer_hold_up_no_other_work(
    monkeypatch: pytest.MonkeyPatch, begin: Callable[[], Asking], at_once: int
) -> None:
    given_up, asked, loop = Event(), asyncio.Event(), asyncio.get_running_loop()
    waited_for_at_the_end: list[bool] = []

    def getaddrinfo(*_: object, **__: object) -> Any:
        waited_for_at_the_end.append(not current_thread().daemon)
        loop.call_soon_threadsafe(asked.set)
        given_up.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    loop.set_default_executor(ThreadPoolExecutor(1))
    ask, close = begin()

    async def look_up(name: str) -> None:
        with suppress(InvalidRequest, UpstreamFailure):
            await ask(name)

    waiting = [loop.create_task(look_up(f"{number}.test")) for number in range(at_once)]
    try:
        async with asyncio.timeout(60):
            await asked.wait()
            assert await asyncio.to_thread(lambda: "done") == "done"
        assert not any(each.done() for each in waiting)
        assert not any(waited_for_at_the_end)
    finally:
        given_up.set()
        await asyncio.gather(*waiting)
        await close()


async def test_a_name_that_nobody_waits_for_any_more_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else there would be a thread for each that was given up."""
    answer, asked, loop = Event(), asyncio.Queue[str](), asyncio.get_running_loop()

    def getaddrinfo(host: str, *_: object, **__: object) -> Any:
        loop.call_soon_threadsafe(asked.put_nowait, host)
        answer.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    names = Names(at_once=1)
    async with asyncio.timeout(60):
        first, second = (loop.create_task(names.resolve(f"{each}.test", 80)) for each in "ab")
        assert await asked.get() == "a.test"
        first.cancel()
        await asyncio.wait([first])
        assert asked.empty()
        answer.set()
        assert [each["host"] for each in await second] == ["192.0.2.1"]
        assert await asked.get() == "b.test"
    await names.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
async def test_a_name_leads_where_aiohttp_finds_it(host: str, family: socket.AddressFamily) -> None:
    names = Names(at_once=1)

    async def found(resolver: Names | aiohttp.ThreadedResolver) -> object:
        try:
            return await resolver.resolve(host, 80, family)
        except OSError as error:
            return error.errno

    assert await found(names) == await found(aiohttp.ThreadedResolver())
    await names.close()


async def test_an_address_of_one_link_keeps_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> Any:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 2))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    names = Names(at_once=1)
    (found,) = await names.resolve("printer.test", 80, socket.AF_UNSPEC)
    assert (found["host"], found["port"]) == ("fe80::1%2", 80)
    await names.close()
