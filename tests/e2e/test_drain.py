"""The process is told to stop while it answers."""

import asyncio
import json
import logging
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mitmproxy.addons.script import ScriptLoader

from antigravity_addon.mitm import gateway as gateway_module
from antigravity_addon.mitm.attempts import is_attempt
from antigravity_addon.mitm.cassette import read_flows, read_recordings
from antigravity_addon.mitm.drain import drain_of_the_process
from tests.running import RunningGateway, run_gateway, write_accounts

from .held_upstream import HeldUpstream, held_upstream
from .processes import Mitmdump, run_mitmdump
from .test_reload import run_script

ANA = ("ana@example.com", "k")
WHOLE: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Count."}]}
STREAMED = {**WHOLE, "stream": True}
ERRORS = {
    "/v1/chat/completions": b'data: {"error":{"message":"The gateway was stopped',
    "/v1/responses": b"event: response.failed\n",
    "/v1/completions": b'data: {"error":{"message":"The gateway was stopped',
}
"""As each dialect has them in a stream."""


async def ask(http: aiohttp.ClientSession, url: str, body: object = STREAMED) -> tuple[int, bytes]:
    async with http.post(f"{url}/v1/chat/completions", json=body) as answer:
        return answer.status, await answer.read()


@asynccontextmanager
async def run_held(
    folder: Path, *arguments: str
) -> AsyncGenerator[tuple[HeldUpstream, Mitmdump, aiohttp.ClientSession]]:
    async with (
        held_upstream() as upstream,
        run_mitmdump(
            folder, upstream.url, "--set", f"gateway_accounts={write_accounts(folder, ANA)}", *arguments
        ) as gateway,
        aiohttp.ClientSession() as http,
    ):
        yield upstream, gateway, http


async def test_what_is_under_way_is_served_to_its_end_and_kept_and_nobody_else_is(tmp_path: Path) -> None:
    saved, recorded = tmp_path / "saved.mitm", tmp_path / "recorded.mitm"
    options = ("-w", str(saved), "--set", f"gateway_record={recorded}")
    async with run_held(tmp_path, *options) as (upstream, gateway, http):
        async with http.get(f"{gateway.url}/healthz") as answer:
            assert await answer.json() == {"status": "ok"}, "this connection stays open, idle"
        asked = [
            asyncio.get_running_loop().create_task(ask(http, gateway.url, body)) for body in (STREAMED, WHOLE)
        ]
        await upstream.wait(2)
        gateway.signal(signal.SIGTERM)
        gateway.signal(signal.SIGTERM)  # as systemd and `uv run` together do
        await gateway.wait_for(b"Draining: 2 exchanges are under way and may take 30 s more.")
        async with http.get(f"{gateway.url}/healthz") as answer:
            assert (answer.status, await answer.json()) == (503, {"status": "stopping"})
            assert answer.headers["retry-after"] == "5"
            assert answer.headers["connection"] == "close"
        status, refused = await ask(http, gateway.url)
        error = json.loads(refused)["error"]
        assert (status, error["type"], error["code"]) == (503, "server_error", "server_is_stopping")
        async with http.get(f"{gateway.url}/metrics") as answer:
            assert answer.status == 200
        upstream.may_end.set()
        (_, streamed), (_, whole) = await asyncio.gather(*asked)
        assert streamed.endswith(b"data: [DONE]\n\n")
        assert json.loads(whole)["choices"][0]["message"]["content"] == "One two."
        assert await gateway.end() == 0
    assert b"Drained after " in gateway.output
    clients = [flow for flow in read_flows(saved) if not is_attempt(flow) and flow.request.method == "POST"]
    assert sorted(flow.response.status_code for flow in clients if flow.response) == [200, 200, 503]
    assert streamed in [recording.answer for recording in read_recordings(recorded)]


async def test_a_second_signal_cuts_off_what_is_under_way(tmp_path: Path) -> None:
    async with run_held(tmp_path) as (upstream, gateway, http):
        asked = asyncio.get_running_loop().create_task(ask(http, gateway.url))
        await upstream.wait(1)
        gateway.signal(signal.SIGTERM)
        await gateway.wait_for(b"Draining: 1 exchange is under way")
        gateway.signal(signal.SIGINT)
        assert await gateway.end() == 0
        with pytest.raises(aiohttp.ClientError):
            await asked
    assert b"Stopped at once: 1 exchange is cut off." in gateway.output


# --- inside the test's own process --------------------------------------------------------------------------


def stop(*, seconds: float, number: int = signal.SIGTERM) -> None:
    """As the signal does it."""
    drain_of_the_process(gateway_module.UNDER_WAY).hear(number, seconds=seconds)


@asynccontextmanager
async def held_gateway(folder: Path) -> AsyncGenerator[tuple[HeldUpstream, RunningGateway]]:
    async with (
        held_upstream() as upstream,
        run_gateway(upstream.url, folder, gateway_accounts=write_accounts(folder, ANA)) as gateway,
    ):
        yield upstream, gateway


async def test_who_is_given_up_is_told_so_in_the_stream(tmp_path: Path) -> None:
    inputs = {"/v1/responses": {"input": "Count."}, "/v1/completions": {"prompt": "Count."}}
    async with held_gateway(tmp_path) as (upstream, gateway), aiohttp.ClientSession(gateway.url) as http:
        streams = [
            await http.post(
                path,
                json={"model": "gpt-4o", "stream": True} | inputs.get(path, {"messages": WHOLE["messages"]}),
            )
            for path in ERRORS
        ]
        whole = asyncio.get_running_loop().create_task(ask(http, "", WHOLE))
        await upstream.wait(4)
        stop(seconds=0)
        for stream, error in zip(streams, ERRORS.values(), strict=True):
            text = await stream.read()
            assert stream.status == 200
            assert b"server_is_stopping" in text
            assert error in text
        status, body = await whole
        assert (status, json.loads(body)["error"]["code"]) == (503, "server_is_stopping")
        await asyncio.wait_for(gateway.master.should_exit.wait(), 60)
        assert not gateway_module._answers


async def test_a_reload_of_the_addon_ends_no_drain(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    accounts = write_accounts(tmp_path, ANA)
    async with (
        held_upstream() as upstream,
        run_script(tmp_path, upstream.url, accounts) as (master, url),
        aiohttp.ClientSession(url) as http,
    ):
        stream = await http.post("/v1/chat/completions", json=STREAMED)
        stop(seconds=60)
        scripts = master.addons.get("scriptloader")
        assert isinstance(scripts, ScriptLoader)
        scripts.addons[0].loadscript()
        assert (await ask(http, ""))[0] == 503
        assert not master.should_exit.is_set()
        upstream.may_end.set()
        assert (await stream.read()).endswith(b"data: [DONE]\n\n")
        await asyncio.wait_for(master.should_exit.wait(), 60)
    assert "Drained after " in caplog.text


async def test_a_page_of_a_browser_may_read_why_it_is_refused_and_a_stranger_may_not(tmp_path: Path) -> None:
    async with (
        held_gateway(tmp_path) as (upstream, gateway),
        gateway.client({"origin": "http://localhost:3000"}) as http,
    ):
        gateway.master.options.update(gateway_allowed_origins=["http://localhost:3000"])
        asked = asyncio.get_running_loop().create_task(http.post("/v1/chat/completions", json=STREAMED))
        await upstream.wait(1)
        gateway.master.options.update(gateway_api_key="sk-k", gateway_auth_mode="strict")
        stop(seconds=60)
        assert (await http.options("/v1/models")).status_code == 204
        assert (await http.get("/v1/models")).status_code == 401
        answer = await http.get("/v1/models", headers={"authorization": "Bearer sk-k"})
        assert (answer.status_code, answer.headers["retry-after-ms"]) == (503, "5000")
        assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
        upstream.may_end.set()
        assert (await asked).status_code == 200
