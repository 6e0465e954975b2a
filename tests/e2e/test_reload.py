"""addon.py is saved while the gateway runs: mitmproxy makes a new addon, which goes on where the old one was."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from mitmproxy.addons.script import ScriptLoader
from mitmproxy.tools.dump import DumpMaster

from antigravity_addon.simulator.server import Simulator
from antigravity_addon.testing.running import Signal
from tests.running import new_master, proxyserver, run_gateway

from .operating import write_accounts_file

ANA, BO, DAY = (f"{name}@example.com" for name in ("ana", "bo", "day"))
LATER = "later@example.com"


@asynccontextmanager
async def run_script(
    folder: Path, upstream_url: str, accounts: str
) -> AsyncGenerator[tuple[DumpMaster, str]]:
    """mitmproxy with addon.py as its script, and the address of its listener."""
    (folder / "addon.py").write_text((Path(__file__).parents[2] / "addon.py").read_text())
    master = new_master(folder, gateway_accounts=accounts, scripts=[str(folder / "addon.py")])
    master.options.update(mode=[f"reverse:{upstream_url}@127.0.0.1:0"])
    running = asyncio.Event()
    master.addons.add(Signal(running))
    task = asyncio.get_running_loop().create_task(master.run())
    try:
        async with asyncio.timeout(10):
            await running.wait()
        host, port = proxyserver(master).listen_addrs()[0][:2]
        yield master, f"http://{host}:{port}"
    finally:
        await proxyserver(master).servers.update([])
        master.shutdown()
        await task


async def ask(url: str, user: str) -> str:
    """Who served."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:x"}], "user": user}
    async with httpx.AsyncClient(base_url=url, timeout=20) as http:
        answer = await http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-account-email"]


def states(master: DumpMaster) -> dict[str, str]:
    """What each account does, as mitmproxy's command tells it."""
    lines = master.commands.call("gateway.accounts.list")
    return {line.split()[0]: line.split(maxsplit=6)[6] for line in lines if "@" in line.split()[0]}


async def test_the_new_gateway_knows_what_the_old_one_did(tmp_path: Path) -> None:
    accounts = write_accounts_file(
        tmp_path,
        {"email": ANA, "api_key": "a", "weight": 0.01},
        {"email": BO, "api_key": "fault-dead-key"},
        {"email": DAY, "api_key": "fault-quota-day"},
    )
    async with (
        Simulator() as simulator,
        run_script(tmp_path, simulator.base_url, accounts) as (master, url),
    ):
        assert {await ask(url, f"u{number}") for number in range(3)} == {ANA}
        before = states(master)
        assert before == {ANA: "usable", BO: "refused by Google", DAY: "resting"}
        scripts = master.addons.get("scriptloader")
        assert isinstance(scripts, ScriptLoader)
        # what mitmproxy does when the file is saved
        scripts.addons[0].loadscript()
        async with asyncio.timeout(10):
            while states(master) != before:  # noqa: ASYNC110  as an operator would look
                await asyncio.sleep(0)
        assert await ask(url, "u0") == ANA
        asked = [request.api_key for request in simulator.requests]
        assert (asked.count("fault-dead-key"), asked.count("fault-quota-day")) == (1, 1)


async def test_a_fixed_account_that_is_none_stops_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = write_accounts_file(tmp_path, {"email": ANA, "api_key": "a"})
    async with (
        Simulator() as simulator,
        run_gateway(
            simulator.base_url,
            tmp_path,
            gateway_accounts=accounts,
            gateway_strategy="fixed",
            gateway_fixed_account=LATER,
        ) as gateway,
        gateway.client() as http,
    ):
        assert (await http.get("/healthz")).status_code == 500
    assert f"gateway_fixed_account: {LATER!r} is none of the accounts that can be used." in caplog.text
