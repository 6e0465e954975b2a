"""mitmproxy's commands, as somebody types them."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mitmproxy.exceptions import CommandError
from mitmproxy.log import ALERT
from mitmproxy.master import Master
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.file import Unusable
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.gateway.account_check import AccountCheck
from antigravity_addon.gateway.connections import Connections
from antigravity_addon.gateway.keeper import Keeper
from antigravity_addon.gateway.operator import Operator, RunningGateway
from antigravity_addon.gateway.usage import UsageLedger
from antigravity_addon.mitm.commands import Commands
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.state.pool_store import UsageSum
from antigravity_addon.state.volatile import VolatilePoolStore
from tests.running import new_master

UNIX = 1_795_000_000.0
ANA, BO = "ana@x.y", "bo@x.y"
TASKS = {"check accounts", "disable an account", "enable an account", "reset accounts", "sum up usage"}


@dataclass
class Prompt:
    """mitmproxy's, and the log below it."""

    master: Master
    caplog: pytest.LogCaptureFixture
    store: VolatilePoolStore
    operator: Operator | None

    def type(self, line: str) -> object:
        return self.master.commands.execute(line)

    async def logged(self, line: str) -> list[tuple[int, str]]:
        """What a command logs; it gives nothing itself."""
        self.caplog.clear()
        assert self.type(line) is None
        if tasks := {task for task in asyncio.all_tasks() if task.get_name() in TASKS}:
            await asyncio.wait(tasks)
        name = "antigravity_addon.mitm.commands"
        return [
            (record.levelno, record.getMessage()) for record in self.caplog.records if record.name == name
        ]


@pytest.fixture
async def prompt(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncGenerator[Prompt]:
    caplog.set_level(logging.INFO)
    accounts = [
        Account(ANA, ApiKey(SecretStr("good-s3cret"))),
        Account(BO, ApiKey(SecretStr("fault-dead-key")), project="p-2"),
    ]
    store = VolatilePoolStore(unix_time=lambda: UNIX)
    pool = AccountPool(accounts, clock=lambda: 1.0, unix_time=lambda: UNIX, chance=lambda: 0.5)
    ledger = UsageLedger(lambda: UNIX)
    ledger.record(ledger.begin("ide"), model="m", by_account={ANA: UsageSum(2, 0, 2, 70, 0, 5, 0, 3.0)})
    keeper = Keeper(store, pool, ledger, unix_time=lambda: UNIX)
    unusable = (Unusable("cy@x.y", "accounts.yaml:9: it is not set."),)
    ground = RunningGateway(pool, keeper, lambda: unusable, unix_time=lambda: UNIX)
    async with Simulator() as simulator:
        connections = Connections(target=simulator.base_url, token_file=None)
        check = AccountCheck(connections, unix_time=lambda: UNIX)
        master = new_master(tmp_path)
        prompt = Prompt(master, caplog, store, Operator(ground, lambda: UNIX, check))
        with caplog.at_level(logging.WARNING):
            master.addons.add(Commands(lambda: prompt.operator))
        assert not caplog.records, "a command that mitmproxy cannot load is only logged"
        yield prompt
        await connections.aclose()


async def test_the_list_is_there_at_once(prompt: Prompt) -> None:
    assert prompt.type("gateway.accounts.list") == [
        "ACCOUNT  KIND    PROJECT  WEIGHT  LEASES  TALKS  STATE",
        "ana@x.y  gemini  -             1       0      0  usable",
        "bo@x.y   gemini  p-2           1       0      0  usable",
        "cy@x.y   -       -             -       -      -  cannot be used",
        "    accounts.yaml:9: it is not set.",
    ]


async def test_checks_are_logged(prompt: Prompt) -> None:
    [(level, text)] = await prompt.logged("gateway.accounts.check")
    assert level == ALERT
    ana, bo, *_, cy, why = text.splitlines()
    assert ana.startswith("ana@x.y  ok, ")
    assert (bo, cy, why) == ("bo@x.y   failed", "cy@x.y   failed", "    accounts.yaml:9: it is not set.")
    assert "s3cret" not in prompt.caplog.text
    [(_, text)] = await prompt.logged("gateway.accounts.check bo@x.y")
    assert text.startswith("bo@x.y  failed\n    HTTP 400 API_KEY_INVALID")


async def test_orders_are_followed_and_logged(prompt: Prompt) -> None:
    assert await prompt.logged("gateway.accounts.disable ana@x.y 'on holiday'") == [
        (ALERT, "ana@x.y: switched off.")
    ]
    assert prompt.operator is not None
    assert [(each.standing, each.reason) for each in prompt.operator.overview().accounts[:2]] == [
        ("switched_off", "on holiday"),
        ("usable", ""),
    ]
    assert await prompt.logged("gateway.accounts.reset") == [
        (ALERT, "All accounts: cooldowns and refusals are forgotten.")
    ]
    assert await prompt.logged("gateway.accounts.reset bo@x.y ana@x.y") == [
        (
            ALERT,
            "bo@x.y: cooldowns and refusals are forgotten.\nana@x.y: cooldowns and refusals are forgotten.",
        )
    ]
    assert await prompt.logged("gateway.accounts.enable ana@x.y") == [
        (ALERT, "ana@x.y: switched on; its cooldowns and refusals are forgotten.")
    ]
    assert (await prompt.store.load()).disabled == {}


async def test_usage_is_logged(prompt: Prompt) -> None:
    wanted = (
        "Used: 2026-11-18 (UTC). On average, a request took SECONDS, and FIRST to its first token.\n"
        "ACCOUNT  MODEL  REQUESTS  ERRORS  INPUT  CACHED  OUTPUT  SECONDS  FIRST\n"
        "ana@x.y  m             2       0     70       0       5      1.5      -"
    )
    assert await prompt.logged("gateway.usage") == [(ALERT, wanted)]
    assert await prompt.logged("gateway.usage 3") == [
        (ALERT, wanted.replace("2026-11-18", "2026-11-16 to 2026-11-18"))
    ]
    with pytest.raises(CommandError, match="from 1 to 400"):
        prompt.type("gateway.usage 0")


async def test_addresses_are_completed_and_others_refused(prompt: Prompt) -> None:
    assert prompt.type("gateway.accounts.emails") == [ANA, BO, "cy@x.y"]
    with pytest.raises(CommandError, match="Invalid choice"):
        prompt.type("gateway.accounts.disable zoe@x.y")
    # what mitmproxy's prompt does with every letter
    parsed, _ = prompt.master.commands.parse_partial("gateway.accounts.disable ana@x.y")
    assert [part.valid for part in parsed] == [True, True, True]


async def test_what_cannot_be_done_is_logged_as_an_error(prompt: Prompt) -> None:
    assert await prompt.logged("gateway.accounts.disable cy@x.y") == [
        (logging.ERROR, "cy@x.y cannot be used anyway: accounts.yaml:9: it is not set.")
    ]
    await prompt.store.aclose()
    [(level, text)] = await prompt.logged("gateway.accounts.disable ana@x.y")
    assert (level, text) == (logging.ERROR, "The store in memory was closed.")


async def test_without_a_gateway_every_command_says_so(prompt: Prompt) -> None:
    prompt.operator = None
    assert prompt.type("gateway.accounts.emails") == []
    for line in (
        "gateway.accounts.list",
        "gateway.accounts.check",
        "gateway.accounts.reset",
        "gateway.usage",
    ):
        with pytest.raises(CommandError, match="The gateway does not run"):
            prompt.type(line)
