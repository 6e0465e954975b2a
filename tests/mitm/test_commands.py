"""mitmproxy's commands, as somebody types them."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import CommandError
from mitmproxy.log import ALERT
from mitmproxy.master import Master
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.file import Unusable
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.gateway.account_check import AccountCheck
from antigravity_addon.gateway.connections import Connections
from antigravity_addon.gateway.ground import RunningGateway
from antigravity_addon.gateway.keeper import Keeper
from antigravity_addon.gateway.operator import Operator
from antigravity_addon.gateway.usage import UsageLedger
from antigravity_addon.mitm import options
from antigravity_addon.mitm.commands import Commands
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.state.pool_store import UsageSum
from antigravity_addon.state.volatile import VolatilePoolStore
from tests.e2e.operating import listening, write_private
from tests.running import new_master, run_gateway

UNIX = 1_795_000_000.0
ANA, BO = "ana@x.y", "bo@x.y"
KEY = "s3cret-of-nobody"
FILE = """\
# Who pays.
accounts:
  - email: ana@x.y
    api_key: good-s3cret
oauth_clients:
  own: {client_id: own.apps, client_secret: clients-s3cret}
"""
TASKS = {
    "check accounts",
    "disable an account",
    "enable an account",
    "reset accounts",
    "sum up usage",
    "add an account",
    "import accounts",
}


@dataclass
class Prompt:
    """mitmproxy's, and the log below it."""

    master: Master
    caplog: pytest.LogCaptureFixture
    store: VolatilePoolStore
    operator: Operator | None
    accounts: Path

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
        options.declare(Loader(master))
        file = write_private(tmp_path / "accounts.yaml", FILE)
        master.options.update(gateway_accounts=str(file))
        prompt = Prompt(master, caplog, store, Operator(ground, lambda: UNIX, check), file)
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


# --- accounts that come into the file ----------------------------------------------------------------------


async def test_an_account_is_added_by_reference(prompt: Prompt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOS", "bos-s3cret")
    line = "gateway.accounts.add bo@x.y vertex env:BOS oauth_client=own project=p-1 location=europe-west4"
    assert await prompt.logged(line) == [
        (
            ALERT,
            (
                f"bo@x.y was added to {prompt.accounts}; gateways that run take it at once.\n"
                "Try it: antigravity accounts check bo@x.y"
            ),
        )
    ]
    new = (
        "  - email: bo@x.y\n"
        "    kind: vertex\n"
        '    refresh_token: "env:BOS"\n'
        "    oauth_client: own\n"
        "    project: p-1\n"
        "    location: europe-west4\n"
    )
    assert prompt.accounts.read_text() == FILE.replace("oauth_clients:", f"{new}oauth_clients:")
    assert "s3cret" not in prompt.caplog.text


async def test_two_at_once_both_come_in(prompt: Prompt) -> None:
    prompt.type("gateway.accounts.add bo@x.y gemini env:BOS")
    logged = await prompt.logged("gateway.accounts.add cy@x.y gemini env:CYS")
    assert [level for level, _ in logged] == [ALERT, ALERT]
    text = prompt.accounts.read_text()
    assert "bo@x.y" in text
    assert "cy@x.y" in text


async def test_accounts_are_imported(prompt: Prompt) -> None:
    export = [{"email": "bo@x.y", "refresh_token": "bos-s3cret"}]
    source = write_private(prompt.accounts.with_name("export.json"), json.dumps(export))
    [(level, text)] = await prompt.logged(f"gateway.accounts.import {source} oauth_client=own")
    assert level == ALERT
    assert text.splitlines()[:4] == [
        f"Added to {prompt.accounts}:",
        "    ACCOUNT  KIND         PAYS WITH             DISABLED",
        "    bo@x.y   code_assist  refresh token of own  no",
        "What to know:",
    ]
    assert '    refresh_token: "bos-s3cret"\n    oauth_client: own\n' in prompt.accounts.read_text()
    assert "s3cret" not in prompt.caplog.text


WITH_A_KEY: dict[str, tuple[str, str]] = {
    "as what it pays with": (
        f"add bo@x.y gemini {KEY}",
        "Nothing was added: what it pays with must be env:NAME, keyring:SERVICE/USER, gcloud, gemini-cli, machine, or a file",
    ),
    "without a kind": (f"add bo@x.y {KEY}", "Invalid choice."),
    "alone": (
        f"add {KEY}",
        "An account has an e-mail address, a kind, and a reference to what it pays with.",
    ),
    "for the e-mail": (f"add {KEY} gemini env:BOS", "Nothing was added: what should be the e-mail"),
    "behind a reference": (
        f"add bo@x.y gemini keyring:gateway/bo {KEY}",
        "What follows can only be project=…, location=…, oauth_client=….",
    ),
    "by its name": (f"add bo@x.y gemini env:BOS api_key={KEY}", "What follows can only be"),
    "behind env:": (f"add bo@x.y gemini env:{KEY}", "accounts[1].api_key: must be env:NAME"),
    "for the client": (f"add bo@x.y vertex env:BOS oauth_client={KEY}", "lists no OAuth client of that name"),
    "as a source": (f"import {KEY}", "Nothing was imported: what to import must be gcloud, gemini-cli, or a"),
    "behind a source": (
        f"import gcloud {KEY}",
        "What follows can only be oauth_client=…, email=…, project=….",
    ),
    "for a source's client": (f"import gcloud oauth_client={KEY}", "lists no OAuth client of that name"),
}


@pytest.mark.parametrize(("line", "sentence"), WITH_A_KEY.values(), ids=WITH_A_KEY.keys())
async def test_a_key_that_is_typed_appears_nowhere(
    prompt: Prompt, capsys: pytest.CaptureFixture[str], line: str, sentence: str
) -> None:
    try:
        [(level, told)] = await prompt.logged(f"gateway.accounts.{line}")
        assert level == logging.ERROR
    except CommandError as error:
        told = str(error)
    assert sentence in told
    assert prompt.accounts.read_text() == FILE
    assert KEY not in "".join((told, prompt.caplog.text, *capsys.readouterr()))
    for file in prompt.accounts.parent.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()


async def test_kinds_are_completed(prompt: Prompt) -> None:
    assert prompt.type("gateway.accounts.kinds") == ["gemini", "vertex", "code_assist"]
    parsed, _ = prompt.master.commands.parse_partial("gateway.accounts.add bo@x.y vertex gcloud project=p-1")
    assert [part.valid for part in parsed] == [True] * 9


async def test_without_a_file_none_is_made(prompt: Prompt) -> None:
    prompt.master.options.update(gateway_accounts="")
    for line in ("add bo@x.y gemini env:BOS", "import gcloud"):
        with pytest.raises(
            CommandError, match=r"^gateway_accounts names no file: begin one with antigravity"
        ):
            prompt.type(f"gateway.accounts.{line}")


async def test_a_gateway_that_runs_takes_the_account_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOS", "bos-s3cret")
    file = write_private(tmp_path / "accounts.yaml", FILE)
    named = {"gateway_accounts": str(file), "gateway_upstream": "simulator"}
    with listening() as log:
        async with run_gateway(None, tmp_path, **named) as gateway:
            commands = gateway.master.commands
            commands.execute("gateway.accounts.add bo@x.y gemini env:BOS project=p-1")
            await log.until("was read again: 2 accounts.")
            assert commands.execute("gateway.accounts.list") == [
                "ACCOUNT  KIND    PROJECT  WEIGHT  LEASES  TALKS  STATE",
                "ana@x.y  gemini  -             1       0      0  usable",
                "bo@x.y   gemini  p-1           1       0      0  usable",
            ]
    assert "s3cret" not in log.text
