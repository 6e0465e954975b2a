"""mitmweb's pages: what mitmproxy makes of them, while clients have their turns."""

import asyncio
import io as bytes_io
import json
import re
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, override

import aiohttp
import pytest
from mitmproxy import contentviews, http
from mitmproxy.contentviews import Contentview, Metadata
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow, tutils
from mitmproxy.tools.web.app import ClientConnection, flow_to_json
from mitmproxy.tools.web.master import WebMaster
from mitmproxy.utils.strutils import cut_after_n_lines

from antigravity_addon.gateway.tasks import LARGE, spawn
from antigravity_addon.mitm.contentviews.flow_list import all_flows
from antigravity_addon.mitm.web_updates import Updates

from .test_retention import run_mitmweb


@dataclass(frozen=True, slots=True)
class Browser:
    url: str
    token: str
    http: aiohttp.ClientSession

    async def get(self, page: str, **query: str) -> bytes:
        async with self._get(page, **query) as answer:
            assert answer.status == 200
            return await answer.read()

    async def look_at(self, page: str) -> None:
        await self.get(page)

    async def head(self, page: str, **query: str) -> tuple[int, str]:
        """The status, and how it is packed."""
        async with self._get(page, **query) as answer:
            return answer.status, answer.headers.get("content-encoding", "")

    def _get(self, page: str, **query: str) -> "aiohttp.client._RequestContextManager":
        return self.http.get(f"{self.url}{page}", params={"token": self.token} | query)

    async def open(self, saved: bytes) -> int:
        """The status."""
        async with self.http.ws_connect(f"{self.url}updates?token={self.token}"):
            pass  # which gives the cookie that mitmweb asks for where something is changed
        cookies = {cookie.key: cookie.value for cookie in self.http.cookie_jar}
        headers = {"X-XSRFToken": cookies["_mitmproxy_xsrf"]}
        url = f"{self.url}flows/dump?token={self.token}"
        async with self.http.post(url, data=saved, headers=headers) as answer:
            return answer.status

    async def search(self, expression: str) -> list[str]:
        """The ids of what is found."""
        async with self.searching(expression) as found:
            return found

    @asynccontextmanager
    async def searching(self, expression: str) -> AsyncGenerator[list[str]]:
        """What is found, with the page still open."""
        async with self.http.ws_connect(f"{self.url}updates?token={self.token}") as updates:
            payload = {"name": "search", "expr": expression}
            await updates.send_json({"type": "flows/updateFilter", "payload": payload})
            async with asyncio.timeout(60):
                while (message := await updates.receive_json())["type"] != "flows/filterUpdate":
                    pass
            yield message["payload"]["matching_flow_ids"]


@asynccontextmanager
async def browsing(folder: Path, flows: Sequence[http.HTTPFlow]) -> AsyncGenerator[tuple[Browser, WebMaster]]:
    cookies = aiohttp.CookieJar(unsafe=True)  # of an address, too
    async with run_mitmweb(folder) as (_, master), aiohttp.ClientSession(cookie_jar=cookies) as session:
        master.view.add(flows)
        url, _, token = master.web_url.partition("?token=")
        yield Browser(url, token, session), master


def connection_to(master: WebMaster) -> Updates:
    """Of the only browser."""
    (connection,) = (each for each in ClientConnection.connections if each.application is master.app)
    assert isinstance(connection, Updates)
    return connection


class Turns:
    """Counts how often others had theirs."""

    def __init__(self) -> None:
        self._count = 0
        self.seen: list[int] = []
        """At each look."""
        self._task = spawn(self._take(), name="take turns")

    async def _take(self) -> None:
        while True:
            self._count += 1
            await asyncio.sleep(0)

    def look(self) -> None:
        self.seen.append(self._count)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


class Watched(http.HTTPFlow):
    """Says when it is looked at."""

    looked_at: Callable[[], None]

    @override
    def modified(self) -> bool:
        self.looked_at()
        return super().modified()

    @override
    def get_state(self) -> Any:
        self.looked_at()
        return super().get_state()


class Noticing:
    """Says when somebody searches the metadata in which it is, and what they find."""

    def __init__(self, looked_at: Callable[[], None], text: str = "") -> None:
        self.looked_at = looked_at
        self.text = text

    @override
    def __str__(self) -> str:
        self.looked_at()
        return self.text


def watched(looked_at: Callable[[], None]) -> Watched:
    flow = Watched(tflow.tclient_conn(), tflow.tserver_conn())
    flow.request = tutils.treq()
    flow.looked_at = looked_at
    return flow


PAGES: dict[str, Callable[[Browser], Any]] = {
    "the list": lambda browser: browser.get("flows"),
    "a file": lambda browser: browser.get("flows/dump"),
    "a file of some": lambda browser: browser.get("flows/dump", filter="~m GET"),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
async def test_others_have_their_turn_between_two_flows(
    tmp_path: Path, page: Callable[[Browser], Any]
) -> None:
    turns = Turns()
    flows = [watched(lambda: None) for _ in range(5)]
    async with browsing(tmp_path, flows) as (browser, _):
        for flow in flows:
            flow.looked_at = turns.look
        await page(browser)
        for flow in flows:
            flow.looked_at = lambda: None
    await turns.end()
    assert len(set(turns.seen)) == len(flows)


async def test_others_have_their_turn_between_two_flows_of_a_search(tmp_path: Path) -> None:
    turns = Turns()
    flows = [tflow.tflow() for _ in range(5)]
    async with browsing(tmp_path, flows) as (browser, _):
        for flow in flows:
            flow.metadata["noticing"] = Noticing(turns.look, "a needle")
        assert await browser.search("~meta needle") == [flow.id for flow in flows]
        for flow in flows:
            flow.metadata.clear()
    await turns.end()
    assert len(set(turns.seen)) == len(flows)


async def test_a_search_finds_what_has_changed_meanwhile(tmp_path: Path) -> None:
    flows = [tflow.tflow() for _ in range(4)]
    first, second, third, fourth = flows
    late = tflow.tflow()
    for flow in (third, fourth, late):
        flow.comment = "needle"
    async with browsing(tmp_path, flows) as (browser, master):

        def change() -> None:
            first.comment = "needle, too"
            fourth.comment = "none any more"
            master.view.update([first, fourth])
            master.view.remove([third])
            master.view.add([late])

        second.metadata["noticing"] = Noticing(change)
        assert await browser.search("~comment needle | ~meta needle") == [first.id, late.id]
        second.metadata.clear()


async def test_a_search_that_is_over_keeps_no_flow(tmp_path: Path) -> None:
    async with browsing(tmp_path, [tflow.tflow()]) as (browser, master), browser.searching("~m GET"):
        connection = connection_to(master)
        master.view.add([tflow.tflow()])
        assert not connection._unseen


async def test_a_search_that_is_half_typed_finds_nothing(tmp_path: Path) -> None:
    async with browsing(tmp_path, [tflow.tflow()]) as (browser, _):
        assert await browser.search("~b '") == []


async def test_others_have_their_turn_while_a_view_is_made(tmp_path: Path) -> None:
    class Slow(Contentview):
        @override
        def prettify(self, data: bytes, metadata: Metadata) -> str:
            turn = threading.Event()
            loop.call_soon_threadsafe(turn.set)
            return "others had theirs" if turn.wait(5) else "nobody had one"

    loop = asyncio.get_running_loop()
    contentviews.registry.register(Slow())
    flow = tflow.tflow()
    async with browsing(tmp_path, [flow]) as (browser, _):
        shown = json.loads(await browser.get(f"flows/{flow.id}/request/content/slow.json", lines="513"))
    assert shown["text"] == "others had theirs"


async def test_no_view_is_made_that_nobody_waits_for(tmp_path: Path) -> None:
    class Counted(Contentview):
        @override
        def prettify(self, data: bytes, metadata: Metadata) -> str:
            made.append(data)
            loop.call_soon_threadsafe(has_begun.set)
            assert may_end.wait(60)
            return ""

    made: list[bytes] = []
    loop, has_begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    contentviews.registry.register(Counted())
    flows = [tflow.tflow(req=tutils.treq(content=body)) for body in (b"first", b"second", b"third")]
    pages = [f"flows/{flow.id}/request/content/counted.json" for flow in flows]
    async with browsing(tmp_path, flows) as (browser, master):
        first = spawn(browser.look_at(pages[0]), name="first")
        await has_begun.wait()
        second = spawn(browser.look_at(pages[1]), name="second")
        while master.view.focus.flow is not flows[1]:  # noqa: ASYNC110  it says so to nobody
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        third = spawn(browser.look_at(pages[2]), name="third")
        while master.view.focus.flow is not flows[2]:  # noqa: ASYNC110  it says so to nobody
            await asyncio.sleep(0)
        may_end.set()
        await asyncio.wait([first, third])
    assert made == [b"first", b"third"]


async def test_flows_may_come_while_a_view_looks_for_others(tmp_path: Path) -> None:
    flows = [tflow.tflow() for _ in range(1000)]
    some = len(flows) // 10
    is_over = threading.Event()

    def look() -> list[int]:
        counts: list[int] = []
        while not is_over.is_set():
            counts.append(len(all_flows()))
        return counts

    interval = sys.getswitchinterval()
    async with browsing(tmp_path, flows[:some]) as (_, master):
        sys.setswitchinterval(1e-6)
        try:
            looking = asyncio.get_running_loop().run_in_executor(None, look)
            for flow in flows[some:]:
                master.view.add([flow])
                await asyncio.sleep(0)
            is_over.set()
            counts = await looking
        finally:
            sys.setswitchinterval(interval)
    assert counts == sorted(counts)
    assert set(counts) <= set(range(some, len(flows) + 1))


BODIES = {
    "short": b'{"a": "b"}',
    "lines": b"one\ntwo\r\nthree\x00\n\nfive",
    "one long line": b'"' + "ä\x1b\t".encode() * LARGE + b'"',
    "long and binary": bytes(range(256)) * 1000,
    "none": b"",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_view_has_the_words_that_mitmproxy_gives_it(tmp_path: Path, body: bytes) -> None:
    flow = tflow.tflow(req=tutils.treq(content=body))
    async with browsing(tmp_path, [flow]) as (browser, _):
        for view in ("auto", "raw", "json", "hex dump", "hex stream", "no such view"):
            whole = contentviews.prettify_message(flow.request, flow, view_name=view)
            for lines in (0, 1, 3, 513):
                page = f"flows/{flow.id}/request/content/{view.replace(' ', '%20')}.json"
                query = {"lines": str(lines)} if lines else {}
                shown = json.loads(await browser.get(page, **query))
                is_whole = not lines or whole.syntax_highlight == "error"
                text = whole.text if is_whole else cut_after_n_lines(whole.text, lines)
                assert _comparable(shown) == _comparable(vars(whole) | {"text": text}), (view, lines)


def _comparable(shown: dict[str, Any]) -> dict[str, Any]:
    """Without the places where a view failed, and without noughts before the numbers of a hex dump's lines."""
    text = re.sub(r'(?m)^  (File ".*|  .*)\n', "", shown["text"])
    return shown | {"text": re.sub(r"(?m)^0+(?=[0-9a-f]{4}: )", "", text)}


async def test_pages_have_what_mitmproxy_puts_there(tmp_path: Path) -> None:
    flows = [tflow.tflow(resp=True), tflow.tflow(err=True), tflow.tflow(ws=True)]
    flows[1].comment = "↳ ein ⟦Wort⟧"
    async with browsing(tmp_path, flows) as (browser, master):
        expected = json.loads(json.dumps([flow_to_json(flow) for flow in flows]))
        assert json.loads(await browser.get("flows")) == expected
        assert json.loads(await browser.get("flows.json")) == expected
        assert await browser.get("flows/dump") == dumped(flows)
        assert await browser.get("flows/dump", filter="~e") == dumped(flows[1:2])
        assert await browser.get("flows/dump", filter="~u nowhere") == b""
        assert (await browser.head("flows/dump", filter="~b ("))[0] == 400
        master.view.clear()
        assert await browser.get("flows") == b"[]"
        assert await browser.get("flows/dump") == b""


def dumped(flows: Sequence[http.HTTPFlow]) -> bytes:
    written = bytes_io.BytesIO()
    for flow in flows:
        FlowWriter(written).add(flow)
    return written.getvalue()


OPENED: dict[str, tuple[Callable[[bytes], bytes], int, list[int]]] = {
    "whole": (lambda saved: saved, 200, [0, 1, 2]),
    "empty": (lambda _: b"", 200, []),
    "cut off": (lambda saved: saved[:-10], 400, [0, 1]),
    "something else": (lambda _: b"not flows", 400, [-1]),
}


@pytest.mark.parametrize(("spoil", "status", "listed"), OPENED.values(), ids=OPENED)
async def test_a_file_takes_the_place_of_the_list(
    tmp_path: Path, spoil: Callable[[bytes], bytes], status: int, listed: list[int]
) -> None:
    flows = [tflow.tflow(resp=True, live=False) for _ in range(4)]
    async with browsing(tmp_path, flows[3:]) as (browser, master):
        assert await browser.open(spoil(dumped(flows[:3]))) == status
        assert [flow.id for flow in master.view] == [flows[place].id for place in listed]


async def test_a_browser_that_takes_nothing_is_given_up(tmp_path: Path) -> None:
    async with browsing(tmp_path, []) as (browser, master):
        async with browser.http.ws_connect(f"{browser.url}updates?token={browser.token}") as updates:
            connection = connection_to(master)
            for _ in range(100_000):
                connection.send(b"{}")
            async with asyncio.timeout(60):
                taken = [message async for message in updates]
        assert len(taken) < 100_000


async def test_a_stranger_sees_nothing(tmp_path: Path) -> None:
    flow = tflow.tflow(live=False)
    async with browsing(tmp_path, [flow]) as (browser, master), aiohttp.ClientSession() as stranger:
        for page in ("flows", "flows/dump", "updates", f"flows/{flow.id}/request/content/raw"):
            async with stranger.get(f"{browser.url}{page}") as answer:
                assert answer.status == 403, page
                assert flow.id not in await answer.text()
        async with stranger.post(f"{browser.url}flows/dump", data=b"") as answer:
            assert answer.status == 403
        assert len(master.view) == 1


async def test_only_small_pages_are_packed(tmp_path: Path) -> None:
    small, large = (tflow.tflow(req=tutils.treq(content=b"x" * size)) for size in (LARGE // 2, LARGE))
    async with browsing(tmp_path, [small, large]) as (browser, _):
        assert await browser.head(f"flows/{small.id}/request/content/raw") == (200, "gzip")
        assert await browser.head(f"flows/{large.id}/request/content/raw") == (200, "")
        assert await browser.head("flows/dump") == (200, "")


async def test_browsers_tell_bodies_apart(tmp_path: Path) -> None:
    flow = tflow.tflow()
    async with browsing(tmp_path, [flow]):

        def mark(body: bytes) -> str:
            flow.request.content = body
            flow.backup()  # as every edit does
            return flow_to_json(flow)["request"]["contentHash"]

        first = b"a" * LARGE + b"b" * LARGE
        assert mark(first) == mark(first)
        assert mark(b"a" * LARGE + b"c" * 8 + b"b" * (LARGE - 8)) != mark(first)
        assert mark(b"short") == mark(b"".join([b"sho", b"rt"])) != mark(b"other")
