"""addon.py is saved, or an option changed, while the gateway runs: what is new goes on where the old one was."""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httpx
import pytest
from mitmproxy.addons.script import ScriptLoader
from mitmproxy.exceptions import OptionsError
from mitmproxy.tools.dump import DumpMaster

from antigravity_addon.gateway.client_keys import hash_key
from antigravity_addon.mitm import gateway as gateway_module
from antigravity_addon.mitm import options
from antigravity_addon.mitm.cassette import read_flows
from antigravity_addon.mitm.compose import Runtime
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.testing.running import Signal
from tests.running import new_master, proxyserver, run_gateway

from .held_upstream import held_upstream
from .operating import write_accounts_file, write_private

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
        async with asyncio.timeout(60):
            await running.wait()
        host, port = proxyserver(master).listen_addrs()[0][:2]
        yield master, f"http://{host}:{port}"
    finally:
        await proxyserver(master).servers.update([])
        master.shutdown()
        await task


def reload(master: DumpMaster) -> None:
    """As mitmproxy does when addon.py is saved."""
    scripts = master.addons.get("scriptloader")
    assert isinstance(scripts, ScriptLoader)
    scripts.addons[0].loadscript()


async def ask(url: str, user: str) -> str:
    """Who served."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:x"}], "user": user}
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
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
        reload(master)
        async with asyncio.timeout(60):
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


# --- while streams go on ------------------------------------------------------------------------------------

CHANGES: dict[str, object] = {
    "gateway_account_header": "masked",
    "gateway_accounts": "OTHER_ACCOUNTS",
    "gateway_api_key": "sk-4b1f0c6a9d27e35c8812f7a6",
    "gateway_attempt_flows": False,
    "gateway_auth_mode": "strict",
    "gateway_allow_lan_access": True,
    "gateway_allowed_hosts": ["box.example"],
    "gateway_allowed_origins": ["app://a"],
    "gateway_client_keys": "KEYS",
    "gateway_default_model": "gemini-2.5-flash",
    "gateway_drain_seconds": 50,
    "gateway_enable_code_assist": True,
    "gateway_fetch_urls": False,
    "gateway_first_token_timeout": 70,
    "gateway_hedge_seconds": 60,
    "gateway_keep_flows": 1,
    "gateway_keep_megabytes": 1,
    "gateway_keepalive_seconds": 60,
    "gateway_longest_wait": 60,
    "gateway_max_attempts": 1,
    "gateway_model_map": ["gpt-4o=gemini-2.5-pro"],
    "gateway_prices": "PRICES",
    "gateway_record": "RECORDED",
    "gateway_redact_bodies": True,
    "gateway_replay_ignore": ["x+"],
    "gateway_replay_rhythm": "recorded",
    "gateway_request_timeout": 500,
    "gateway_require_tls": True,
    "gateway_state": "STATE",
    "gateway_state_days": 1,
    "gateway_state_megabytes": 1,
    "gateway_strategy": "balance",
    "gateway_trusted_proxies": ["192.0.2.0/24"],
}
"""What each is changed to, in this order. In capitals: a file that the test writes or names."""
TOGETHER = {"gateway_strategy": "fixed", "gateway_fixed_account": BO}
REFUSED = {"gateway_upstream": "simulator", "gateway_replay": "/nowhere.mitm"}
"""Nothing changes, and streams go on."""


def test_every_option_is_changed() -> None:
    assert {*CHANGES, *TOGETHER, *REFUSED} == options.NAMES


def files(folder: Path) -> dict[str, str]:
    keys = f"client_keys:\n  - name: ci\n    hash: {hash_key('sk-ci')}\n"
    return {
        "OTHER_ACCOUNTS": write_accounts_file(folder, {"email": BO, "api_key": "b"}, name="other.yaml"),
        "KEYS": str(write_private(folder / "keys.yaml", keys)),
        "PRICES": str(write_private(folder / "prices.yaml", "prices: []\n")),
        "RECORDED": str(folder / "recorded.mitm"),
        "STATE": str(folder / "state.sqlite"),
    }


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  one call, no objects


STREAMS = 24


async def test_no_option_and_no_reload_harms_a_stream(tmp_path: Path) -> None:
    accounts = write_accounts_file(tmp_path, {"email": ANA, "api_key": "a"})
    named = files(tmp_path)
    body = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
    async with (
        held_upstream() as upstream,
        run_script(tmp_path, upstream.url, accounts) as (master, url),
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        asked = [await http.post("/v1/chat/completions", json=body) for _ in range(STREAMS)]
        reload(master)
        for name, value in CHANGES.items():
            master.options.update(**{name: named.get(str(value), value)})
            await asyncio.sleep(0)
        master.options.update(**TOGETHER)
        for name, value in REFUSED.items():
            with pytest.raises(OptionsError):
                master.options.update(**{name: value})
        reload(master)
        upstream.may_end.set()
        answers = [await answer.read() for answer in asked]
        assert [answer.status for answer in asked] == [200] * STREAMS
        assert all(answer.endswith(b"data: [DONE]\n\n") for answer in answers)
        assert [answer.count(b'"content":"One"') for answer in answers] == [1] * STREAMS
        assert upstream.asked == STREAMS, "nobody was asked twice"
        async with http.post(
            "/v1/chat/completions", json=body, headers={"authorization": "Bearer sk-ci"}
        ) as answer:
            assert answer.headers["x-account-email"].startswith("b***@"), "the options have taken effect"
            assert answer.headers["x-mapped-model"] == "gemini-2.5-pro"
    assert list(read_flows(tmp_path / "recorded.mitm"))


def tasks(name: str) -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == name]


async def test_the_end_of_the_process_waits_for_gateways_that_were_replaced(tmp_path: Path) -> None:
    """They have yet to keep what their last streams have used, and to close what they have open."""
    accounts = write_accounts_file(tmp_path, {"email": ANA, "api_key": "a"})
    body = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
    async with held_upstream() as upstream:
        async with (
            run_script(tmp_path, upstream.url, accounts) as (master, url),
            aiohttp.ClientSession(url) as http,
        ):
            answer = await http.post("/v1/chat/completions", json=body)
            for _ in range(2):
                reload(master)
                await asyncio.wait(tasks("start the gateway"))
            assert tasks("stop the gateway"), "the stream goes on"
            upstream.may_end.set()
            assert (await answer.read()).endswith(b"data: [DONE]\n\n")
        assert not tasks("stop the gateway")


async def settled(master: DumpMaster, url: str) -> None:
    """Until the gateway serves, those that it replaced are gone, and so are their clients."""
    assert await ask(url, "u") == ANA
    between = {"stop the gateway", "start the gateway"}
    async with asyncio.timeout(60):
        while proxyserver(master).connections or any(  # noqa: ASYNC110  nobody tells
            task.get_name() in between for task in asyncio.all_tasks()
        ):
            await asyncio.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux shows them")
async def test_reloads_leave_nothing_behind(tmp_path: Path) -> None:
    accounts = write_accounts_file(tmp_path, {"email": ANA, "api_key": "a"})

    comes_and_goes = {"keep what is new", "load published prices"}

    def left() -> Counter[str]:
        gc.collect()
        found = Counter(
            name
            for task in asyncio.all_tasks()
            if not (name := task.get_name()).startswith("Task-") and name not in comes_and_goes
        )
        found["runtimes"] = sum(isinstance(each, Runtime) for each in gc.get_objects())
        found["open files"] = open_files()
        return found

    async with (
        Simulator() as simulator,
        run_script(tmp_path, simulator.base_url, accounts) as (master, url),
    ):
        reload(master)
        await settled(master, url)
        first = left()
        for _ in range(5):
            reload(master)
            await settled(master, url)
        async with asyncio.timeout(60):
            # sockets are closed a moment later, also those of the first time
            while not left() <= first:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not gateway_module._answers
