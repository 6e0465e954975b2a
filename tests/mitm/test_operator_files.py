"""The watch over the operator's files, without a gateway."""

import asyncio
import logging
from collections.abc import Generator
from pathlib import Path
from typing import override

import pytest
from mitmproxy.test import taddons

from antigravity_addon.accounts.file import AccountsFile, load_accounts
from antigravity_addon.gateway.client_keys import ClientKey, read_client_keys
from antigravity_addon.gateway.prices import OwnPrice, read_prices
from antigravity_addon.mitm import operator_files
from antigravity_addon.mitm.operator_files import OperatorFiles, StartError, named_path

ACCOUNTS = "accounts:\n- {email: ana@example.com, api_key: k}\n"
PRICES = "prices:\n- {model: gemini-2.5-pro, input: 1, output: 8}\n"
KEYS = f"client_keys:\n- name: ana\n  hash: sha256:{'a' * 64}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Generator[Path]:
    """What mitmproxy's options name is in it."""
    with taddons.context() as context:
        for name in ("accounts", "client_keys", "prices"):
            path = tmp_path / f"{name}.yaml"
            context.options.add_option(f"gateway_{name}", str, str(path), "")
        (tmp_path / "accounts.yaml").write_text(ACCOUNTS)
        (tmp_path / "client_keys.yaml").write_text(KEYS)
        (tmp_path / "prices.yaml").write_text(PRICES)
        yield tmp_path


class Failing:
    """The first time, each file makes a bug of ours show."""

    def __init__(self) -> None:
        self._seen: set[Path] = set()

    def load_accounts(self, path: Path) -> AccountsFile:
        self._fail_once(path)
        return load_accounts(path)

    def read_client_keys(self, path: Path) -> tuple[ClientKey, ...]:
        self._fail_once(path)
        return read_client_keys(path)

    def read_prices(self, path: Path) -> tuple[OwnPrice, ...]:
        self._fail_once(path)
        return read_prices(path)

    def _fail_once(self, path: Path) -> None:
        if path not in self._seen:
            self._seen.add(path)
            raise ZeroDivisionError("nobody foresaw it")


class Heard(logging.Handler):
    """What was logged."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.often_enough = asyncio.Event()
        self._missing = count

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._missing -= 1
        if self._missing == 0:
            self.often_enough.set()


async def test_a_bug_in_reading_a_file_does_not_end_the_watch(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing()
    monkeypatch.setattr(operator_files, "load_accounts", failing.load_accounts)
    monkeypatch.setattr(operator_files, "read_client_keys", failing.read_client_keys)
    monkeypatch.setattr(operator_files, "read_prices", failing.read_prices)
    heard = Heard(3)
    monkeypatch.setattr(operator_files.logger, "handlers", [heard])
    files = OperatorFiles(simulator_url=None)
    accounts_changed, keys_changed, prices_changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    watch = asyncio.create_task(  # noqa: TID251  cancelled below
        files.watch(
            accounts_changed=accounts_changed.set,
            keys_changed=keys_changed.set,
            prices_changed=prices_changed.set,
        )
    )
    async with asyncio.timeout(60):
        await heard.often_enough.wait()
        assert [(record.getMessage(), record.exc_info is not None) for record in caplog.records] == [
            ("The accounts stay as they were: reading them failed in a way that nobody foresaw.", True),
            ("The client keys stay as they were: reading them failed in a way that nobody foresaw.", True),
            ("The prices stay as they were: reading them failed in a way that nobody foresaw.", True),
        ]
        _edit(folder)
        await accounts_changed.wait()
        await keys_changed.wait()
        await prices_changed.wait()
    assert [key.name for key in files.client_keys] == ["ana"]
    watch.cancel()
    await asyncio.wait([watch])


def _edit(folder: Path) -> None:
    (folder / "accounts.yaml").write_text(f"{ACCOUNTS}# edited\n")
    (folder / "client_keys.yaml").write_text(f"{KEYS}# edited\n")
    (folder / "prices.yaml").write_text(f"{PRICES}# edited\n")


async def test_prices_are_read_again_and_a_slip_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    files = OperatorFiles(simulator_url=None)
    files.read_prices()
    changed, others, heard = asyncio.Event(), asyncio.Event(), Heard(1)
    heard.setLevel(logging.ERROR)
    monkeypatch.setattr(operator_files.logger, "handlers", [heard])
    watch = asyncio.create_task(  # noqa: TID251  cancelled below
        files.watch(accounts_changed=others.set, keys_changed=others.set, prices_changed=changed.set)
    )
    async with asyncio.timeout(60):
        (folder / "prices.yaml").write_text(PRICES.replace("8", "9"))
        await changed.wait()
        assert [price.rate.output for price in files.prices] == [9]
        (folder / "prices.yaml").write_text(PRICES.replace("8", "nine"))
        await heard.often_enough.wait()
    assert caplog.records[-1].getMessage() == (
        f"{folder / 'prices.yaml'}:2: prices[0].output: must be US dollars for a million tokens, 0 or more, such as 1.25. "
        "The prices stay as they were."
    )
    assert [price.rate.output for price in files.prices] == [9]
    watch.cancel()
    await asyncio.wait([watch])


def test_a_home_folder_that_nobody_has_is_told_with_the_option() -> None:
    with pytest.raises(StartError) as caught:
        named_path("gateway_state", "~nobody-at-all/x")
    assert str(caught.value) == (
        "gateway_state cannot be '~nobody-at-all/x': there is no such home folder. Give the whole path."
    )
    assert named_path("gateway_state", "x/y") == Path("x/y")


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_what_is_in_no_files_name_is_refused(name: str) -> None:
    with pytest.raises(
        StartError, match=r"gateway_record cannot be .*: it has a character that is in no file's name"
    ):
        named_path("gateway_record", name)
