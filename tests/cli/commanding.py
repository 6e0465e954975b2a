"""The command line as a person uses it, and gateways that it speaks to."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from antigravity_addon.accounts.file import load_accounts
from antigravity_addon.accounts.policy import Wish
from antigravity_addon.accounts.pool import AccountPool, Lease
from antigravity_addon.accounts.secrets import SecretSources
from antigravity_addon.cli.main import main
from antigravity_addon.errors import UpstreamFailure
from antigravity_addon.gateway.keeper import Keeper
from antigravity_addon.gateway.usage import UsageLedger
from antigravity_addon.state.pool_store import UsageSum
from antigravity_addon.state.sqlite_file import SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore

NOW = 1_795_000_000.0
"""2026-11-18, 11:06:40 UTC."""


@dataclass
class Shell:
    """In a working directory of its own, with its state beside the other files."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    now: float = NOW

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def run(self, line: str, *more: str) -> "Said":
        """`more` are arguments with spaces in them."""
        self.capture.readouterr()
        try:
            code = main([*line.split(), *more], unix_time=lambda: self.now)
        except SystemExit as end:
            assert isinstance(end.code, int)
            code = end.code
        out, err = self.capture.readouterr()
        return Said(code, out, err)

    async def run_beside(self, line: str, *more: str) -> "Said":
        """While this event loop serves others."""
        return await asyncio.to_thread(self.run, line, *more)


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def without_times(self) -> str:
        """How long an answer took, and how long it is till midnight."""
        return re.sub(r"\d+(?= ms)|(?<=\"milliseconds\": )\d+|(?<=, for )[\w\s]+(?=\smore\.)", "N", self.out)


CONFIG = "gateway_state: state.sqlite\n"
"""A mitm-config.yaml, so that no test looks into a home folder."""


@dataclass
class Gateway:
    """As much of a running one as orders and usage concern."""

    pool: AccountPool
    keeper: Keeper
    ledger: UsageLedger

    async def fail(self, email: str, failure: UpstreamFailure, *, model: str = "gemini-2.5-flash") -> None:
        others = frozenset(account.email for account in self.pool.accounts) - {email}
        lease = await self.pool.lease(Wish(model, spent=others), patience=0.0)
        assert isinstance(lease, Lease)
        with pytest.raises(type(failure)), lease:
            raise failure

    def use(self, email: str, used: UsageSum, *, client: str = "", model: str = "gemini-2.5-flash") -> None:
        self.ledger.record(self.ledger.begin(client), model=model, by_account={email: used})

    def out(self) -> dict[str, str | None]:
        return {report.account.email: report.disabled_because for report in self.pool.reports()}


@asynccontextmanager
async def run_gateway(shell: Shell, *, now: float = NOW) -> AsyncGenerator[Gateway]:
    """On the shell's accounts file and state."""
    file = await asyncio.to_thread(
        load_accounts, shell.folder / "accounts.yaml", sources=SecretSources({}, lambda _, __: None)
    )
    pool = AccountPool(file.accounts, clock=lambda: 1000.0, unix_time=lambda: now, chance=lambda: 0.5)
    ledger = UsageLedger(lambda: now)
    store = SqlitePoolStore(SqliteFile(shell.folder / "state.sqlite"), unix_time=lambda: now)
    keeper = Keeper(store, pool, ledger, unix_time=lambda: now, seconds=3600.0)
    await keeper.begin()
    try:
        yield Gateway(pool, keeper, ledger)
    finally:
        await keeper.aclose()
        await store.aclose()
