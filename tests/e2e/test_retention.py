"""mitmweb itself keeps its list within bounds, and browsers are told."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from mitmproxy import io
from mitmproxy.exceptions import OptionsError
from mitmproxy.test import tflow
from mitmproxy.tools.web.master import WebMaster

from tests.running import RunningGateway, new_web_master, run_master, stopping_web_servers, write_accounts

BODY = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "echo:one two"}]}


@asynccontextmanager
async def run_mitmweb(
    folder: Path, **option_values: object
) -> AsyncGenerator[tuple[RunningGateway, WebMaster]]:
    """Without the flows of upstream requests, unless they are asked for: so each request is one flow."""
    options = {"gateway_upstream": "simulator", "gateway_attempt_flows": False} | option_values
    master = new_web_master(folder, **options)
    with stopping_web_servers():
        async with run_master(master, None, folder) as gateway:
            yield gateway, master


async def ask(gateway: RunningGateway, times: int) -> list[str]:
    """The ids of the flows."""
    before = len(gateway.recorder.flows)
    async with gateway.client() as client:
        for _ in range(times):
            answer = await client.post("/v1/chat/completions", json=BODY)
            assert answer.status_code == 200
    await gateway.recorder.wait(before + times)
    return [flow.id for flow in gateway.recorder.flows[before:]]


def shown(master: WebMaster) -> list[str]:
    return [flow.id for flow in master.view]


async def test_browsers_see_old_flows_go(tmp_path: Path) -> None:
    async with (
        run_mitmweb(tmp_path, gateway_keep_flows=3) as (gateway, master),
        aiohttp.ClientSession() as web,
    ):
        url, _, token = master.web_url.partition("?")
        async with web.ws_connect(f"{url}updates?{token}") as browser:
            served = await ask(gateway, 5)
            removed: list[str] = []
            async with asyncio.timeout(60):
                while len(removed) < 2:
                    message = json.loads(await browser.receive_str())
                    if message["type"] == "flows/remove":
                        removed.append(message["payload"])
        assert removed == served[:2]
        async with web.get(f"{url}flows?{token}") as answer:
            assert [flow["id"] for flow in await answer.json()] == served[2:]


async def test_the_bounds_can_be_changed_while_it_runs(tmp_path: Path) -> None:
    async with run_mitmweb(tmp_path, gateway_keep_flows=0) as (gateway, master):
        served = await ask(gateway, 5)
        assert shown(master) == served
        master.options.update(gateway_keep_flows=2)
        assert shown(master) == served[3:]
        with pytest.raises(OptionsError, match=r"gateway_keep_flows cannot be -1: it must be 0 or more\."):
            master.options.update(gateway_keep_flows=-1)
        assert master.options.gateway_keep_flows == 2


async def test_an_old_file_is_there_to_be_looked_at(tmp_path: Path) -> None:
    loaded = [tflow.tflow(resp=True, live=False) for _ in range(5)]
    saved = tmp_path / "old.mitm"
    with saved.open("wb") as file:
        writer = io.FlowWriter(file)
        for flow in loaded:
            writer.add(flow)
    async with run_mitmweb(tmp_path, gateway_keep_flows=2, rfile=str(saved)) as (gateway, master):
        await gateway.recorder.wait(5)
        served = await ask(gateway, 3)
        assert shown(master) == [flow.id for flow in loaded] + served[1:]


async def test_refused_requests_and_clients_that_left_count_as_well(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("ana@example.com", "fault-silence-after-first"))
    async with run_mitmweb(tmp_path, gateway_keep_flows=2, gateway_accounts=accounts) as (gateway, master):
        async with gateway.client() as client:
            for number in range(3):
                async with client.stream("POST", "/v1/chat/completions", json=BODY) as answer:
                    await anext(answer.aiter_bytes())
                await gateway.recorder.wait(2 * number + 1)
                assert (await client.get("/nowhere")).status_code == 404
                await gateway.recorder.wait(2 * number + 2)
        assert shown(master) == [flow.id for flow in gateway.recorder.flows[-2:]]


async def test_an_exchange_goes_with_its_upstream_requests(tmp_path: Path) -> None:
    options = {"gateway_keep_flows": 4, "gateway_attempt_flows": True}
    async with run_mitmweb(tmp_path, **options) as (gateway, master):
        served = await ask(gateway, 5)
        kept = [flow.id for flow in gateway.recorder.attempts[3:]]
        assert sorted(shown(master)) == sorted(served[3:] + kept)
