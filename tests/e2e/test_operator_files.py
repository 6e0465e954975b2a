"""The operator's files, edited while clients are served."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from antigravity_addon.accounts.file import AccountsFile, load_accounts
from antigravity_addon.gateway.client_keys import hash_key
from antigravity_addon.mitm import operator_files
from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway

from .operating import Entry, Log, Payers, listening, write_accounts_file, write_private
from .rows.scripted import chunk, text
from .test_cases import events

BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:hello there"}]}
ANA, BO = "ana@example.com", "bo@example.com"
WORDS = tuple(f"word{number} " for number in range(45))


def account(email: str, key: str) -> Entry:
    return {"email": email, "api_key": key}


def slowly(*words: str) -> Exchange:
    """An answer of more than a second, several times what it takes to notice an edit."""
    answer = events(*(chunk(text(word)) for word in words), chunk(text("end"), finish="STOP"))
    return Exchange(pieces=tuple((0.025, piece) for _, piece in answer.pieces))


def take_away(path: str) -> None:
    Path(path).unlink()


async def ask(gateway: RunningGateway, key: str = "", **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key else None
    async with gateway.client(headers) as http:
        return await http.post("/v1/chat/completions", json=BODY | more)


def served(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.headers["x-account-email"]


@dataclass
class Streams:
    """Answers that are under way."""

    tasks: list[asyncio.Task[httpx.Response]] = field(default_factory=list[asyncio.Task[httpx.Response]])

    async def begin(self, gateway: RunningGateway, simulator: Simulator, key: str = "") -> None:
        simulator.script([slowly(*WORDS)] * 3)
        already = len(simulator.requests)
        for _ in range(3):
            self.tasks.append(asyncio.get_running_loop().create_task(ask(gateway, key, stream=True)))
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: len(requests) == already + 3)

    async def end(self) -> list[str]:
        """Who served them. Each was under way until now, and is whole."""
        assert not any(task.done() for task in self.tasks)
        answers = [await task for task in self.tasks]
        for answer in answers:
            assert "".join(_pieces(answer)) == "".join(WORDS) + "end"
            assert answer.text.endswith("data: [DONE]\n\n")
        return [served(answer) for answer in answers]


def _pieces(answer: httpx.Response) -> list[str]:
    read = [yaml.safe_load(line[6:]) for line in answer.text.split("\n") if line.startswith("data: {")]
    return [choice["delta"].get("content") or "" for event in read for choice in event["choices"]]


@asynccontextmanager
async def edited(
    folder: Path, simulator: Simulator, **options: object
) -> AsyncGenerator[tuple[RunningGateway, Log]]:
    with listening() as log:
        async with run_gateway(simulator.base_url, folder, **options) as gateway:
            yield gateway, log


# --- accounts ----------------------------------------------------------------------------------------------


async def test_an_account_that_is_added_serves_next_and_streams_end_in_order(tmp_path: Path) -> None:
    path = write_accounts_file(tmp_path, account(ANA, "a"))
    async with Simulator() as simulator, edited(tmp_path, simulator, gateway_accounts=path) as (gateway, log):
        streams = Streams()
        await streams.begin(gateway, simulator)
        write_accounts_file(tmp_path, account(ANA, "a"), account(BO, "b"))
        await log.until(f"{path} was read again: 2 accounts.")
        assert served(await ask(gateway, user="somebody else")) in {ANA, BO}
        assert served(await ask(gateway, user="a third one")) in {ANA, BO}
        assert "b" in {request.api_key for request in simulator.requests}
        assert await streams.end() == [ANA] * 3


async def test_an_account_that_is_taken_out_is_not_used_any_more(tmp_path: Path) -> None:
    path = write_accounts_file(tmp_path, account(ANA, "a"))
    async with Simulator() as simulator, edited(tmp_path, simulator, gateway_accounts=path) as (gateway, log):
        streams = Streams()
        await streams.begin(gateway, simulator)
        write_accounts_file(tmp_path, account(BO, "b"))
        await log.until("was read again: 1 accounts.")
        # the conversation was with the other one
        assert [served(await ask(gateway)) for _ in range(3)] == [BO] * 3
        assert await streams.end() == [ANA] * 3
        assert [served(await ask(gateway)) for _ in range(3)] == [BO] * 3
        assert [request.api_key for request in simulator.requests] == ["a"] * 3 + ["b"] * 6


async def test_another_key_is_used_by_the_next_request_and_forgives_the_old_one(tmp_path: Path) -> None:
    path = write_accounts_file(tmp_path, account(ANA, "fault-dead-key"))
    async with Simulator() as simulator, edited(tmp_path, simulator, gateway_accounts=path) as (gateway, log):
        assert (await ask(gateway)).status_code == 503
        assert (await ask(gateway)).status_code == 503
        assert len(simulator.requests) == 1
        write_accounts_file(tmp_path, account(ANA, "new"))
        await log.until("was read again")
        assert served(await ask(gateway)) == ANA
        assert simulator.requests[-1].api_key == "new"


BROKEN: dict[str, tuple[str, str]] = {
    "a field that is missing": (
        "accounts:\n  - email: ana@example.com\n    api_key: a\n  - email: bo@example.com\n",
        ":4: accounts[1].api_key: is missing. The accounts stay as they were.",
    ),
    "a field that nobody knows": (
        "accounts:\n  - email: ana@example.com\n    apikey: hush-hush\n    api_key: hush-hush\n",
        ":3: accounts[0].apikey: is not a field that is known here",
    ),
    "not YAML": ("accounts: [\n  - hush-hush: }\n", ":2: not valid YAML: "),
    "nothing": ("", ": the file: must be a mapping"),
}


@pytest.mark.parametrize(("broken", "sentence"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_edit_changes_nothing_and_is_said(tmp_path: Path, broken: str, sentence: str) -> None:
    path = write_accounts_file(tmp_path, account(ANA, "a"))
    async with Simulator() as simulator, edited(tmp_path, simulator, gateway_accounts=path) as (gateway, log):
        assert served(await ask(gateway)) == ANA
        write_private(Path(path), broken)
        said = await log.until(f"{path}{sentence}")
        assert said.endswith(" The accounts stay as they were.")
        assert "hush-hush" not in log.text
        assert served(await ask(gateway)) == ANA
        write_accounts_file(tmp_path, account(BO, "b"))
        await log.until("was read again: 1 accounts.")
        assert served(await ask(gateway)) == BO


async def test_a_file_that_is_gone_for_a_moment_changes_nothing(tmp_path: Path) -> None:
    path = write_accounts_file(tmp_path, account(ANA, "a"))
    async with Simulator() as simulator, edited(tmp_path, simulator, gateway_accounts=path) as (gateway, log):
        assert served(await ask(gateway)) == ANA
        take_away(path)
        await log.until(f"{path}: there is no such file. The accounts stay as they were.")
        assert served(await ask(gateway)) == ANA
        write_accounts_file(tmp_path, account(BO, "b"))
        await log.until("was read again")
        assert served(await ask(gateway)) == BO


async def test_a_login_that_another_program_renews_is_taken_up(tmp_path: Path) -> None:
    async with Simulator() as simulator:
        payers = Payers.at(simulator.base_url, tmp_path)
        path = write_accounts_file(tmp_path, payers.user("first"))
        async with edited(tmp_path, simulator, gateway_accounts=path) as (gateway, log):
            assert served(await ask(gateway)) == "user@example.com"
            payers.user("second")
            await log.until("was read again")
            assert served(await ask(gateway)) == "user@example.com"
        assert [asked.refresh_token for asked in simulator.token_requests] == ["first", "second"]


# --- client keys -------------------------------------------------------------------------------------------


def write_keys(folder: Path, **keys: str) -> str:
    document = {"client_keys": [{"name": name, "hash": hash_key(key)} for name, key in keys.items()]}
    return str(write_private(folder / "client-keys.yaml", yaml.safe_dump(document)))


@asynccontextmanager
async def with_keys(
    folder: Path, simulator: Simulator, **keys: str
) -> AsyncGenerator[tuple[RunningGateway, Log, str]]:
    accounts, path = write_accounts_file(folder, account(ANA, "a")), write_keys(folder, **keys)
    async with edited(
        folder,
        simulator,
        gateway_accounts=accounts,
        gateway_client_keys=path,
        gateway_auth_mode="strict",
    ) as (gateway, log):
        yield gateway, log, path


async def test_client_keys_come_and_go_while_streams_go_on(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        with_keys(tmp_path, simulator, ana="sk-ana") as (gateway, log, path),
    ):
        assert (await ask(gateway, "sk-bo")).status_code == 401
        streams = Streams()
        await streams.begin(gateway, simulator, "sk-ana")
        write_keys(tmp_path, bo="sk-bo")
        await log.until(f"{path} was read again: 1 client keys.")
        assert (await ask(gateway, "sk-bo")).status_code == 200
        assert (await ask(gateway, "sk-ana")).status_code == 401
        assert await streams.end() == [ANA] * 3


async def test_a_broken_edit_of_client_keys_changes_nothing_and_is_said(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        with_keys(tmp_path, simulator, ana="sk-ana") as (gateway, log, path),
    ):
        write_private(Path(path), "client_keys:\n  - name: ana\n    hash: sk-ana\n")
        said = await log.until(f"{path}:3: client_keys[0].hash: ")
        assert said.endswith(" The client keys stay as they were.")
        assert "sk-ana" not in log.text
        assert (await ask(gateway, "sk-ana")).status_code == 200
        write_keys(tmp_path, ana="sk-new")
        await log.until("was read again: 1 client keys.")
        assert (await ask(gateway, "sk-ana")).status_code == 401
        assert (await ask(gateway, "sk-new")).status_code == 200


# --- options that name other files ------------------------------------------------------------------------


async def looked(folder: Path, log: Log) -> None:
    """Until the files have been looked at, whatever else became of that."""
    words = "client-keys.yaml was read again"
    already = len(log.those_with(words))
    write_keys(folder, ana="sk-ana", **{f"another-{already}": f"sk-{already}"})
    await log.until(words, count=already + 1)


class SlowDisk:
    """State: whether it is being read from, and whether it may give what it read."""

    def __init__(self) -> None:
        self.is_read = asyncio.Event()
        self._may_give = threading.Event()
        self._loop = asyncio.get_running_loop()

    def load(self, path: Path) -> AccountsFile:
        file = load_accounts(path)
        if threading.current_thread() is not threading.main_thread():
            self._loop.call_soon_threadsafe(self.is_read.set)
            self._may_give.wait(10)
        return file

    def give(self) -> None:
        self._may_give.set()


async def test_a_slow_look_at_the_old_file_does_not_undo_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk()
    monkeypatch.setattr(operator_files, "load_accounts", disk.load)
    new = write_accounts_file(tmp_path, account(BO, "b"), name="new.yaml")
    async with (
        Simulator() as simulator,
        with_keys(tmp_path, simulator, ana="sk-ana") as (gateway, log, _),
    ):
        async with asyncio.timeout(60):
            await disk.is_read.wait()
        gateway.master.options.update(gateway_accounts=new)
        disk.give()
        await looked(tmp_path, log)
        assert not log.those_with("accounts.yaml was read again")
        assert served(await ask(gateway, "sk-ana")) == BO


async def test_an_edit_right_after_an_option_is_noticed(tmp_path: Path) -> None:
    new = write_accounts_file(tmp_path, account(ANA, "a"), name="new.yaml")
    async with (
        Simulator() as simulator,
        with_keys(tmp_path, simulator, ana="sk-ana") as (gateway, log, _),
    ):
        await looked(tmp_path, log)
        gateway.master.options.update(gateway_accounts=new)
        write_accounts_file(tmp_path, account(BO, "b"), name="new.yaml")
        await looked(tmp_path, log)
        assert served(await ask(gateway, "sk-ana")) == BO
