"""What outlives a gateway that is killed in the middle of its work."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from antigravity_addon.mitm.compose import STATE_FILE
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.state.pool_store import Action
from antigravity_addon.state.sqlite_file import SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore

from .operating import Entry, write_accounts_file
from .processes import Mitmdump, run_mitmdump

DAY, DEAD, OFF, ANA, BO = (f"{name}@example.com" for name in ("day", "dead", "off", "ana", "bo"))
ACCOUNTS: tuple[Entry, ...] = (
    {"email": DAY, "api_key": "fault-quota-day"},
    {"email": DEAD, "api_key": "fault-dead-key"},
    {"email": OFF, "api_key": "off", "weight": 0.01},
    {"email": ANA, "api_key": "a"},
    {"email": BO, "api_key": "b"},
)
TALKS = ("one", "two")


@dataclass
class Traffic:
    """Clients that ask without a pause, each about something of its own."""

    gateway: Mitmdump
    http: aiohttp.ClientSession
    begun: int = 0

    async def ask(self, conversation: str) -> str:
        """The account that served."""
        body = {
            "model": "gpt-4o",
            "stream": True,
            "messages": [{"role": "user", "content": "Tell me a story."}],
            "prompt_cache_key": conversation,
        }
        self.begun += 1
        async with self.http.post(f"{self.gateway.url}/v1/chat/completions", json=body) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            assert text.endswith("data: [DONE]\n\n"), "what was cut off must not look whole"
        return answer.headers["x-account-email"]

    async def until_killed(self, is_enough: Callable[[], bool]) -> None:
        """Keep four clients asking, and kill the gateway once that is enough, while it answers."""
        clients = [asyncio.get_running_loop().create_task(self._go_on()) for _ in range(4)]
        while not is_enough():
            await self.ask(TALKS[0])
        await self.gateway.kill()
        assert all(isinstance(end, aiohttp.ClientError) for end in await asyncio.gather(*clients))

    async def _go_on(self) -> aiohttp.ClientError:
        try:
            while True:
                await self.ask(f"other {self.begun}")
        except aiohttp.ClientError as error:
            return error


@asynccontextmanager
async def traffic(folder: Path, simulator: Simulator, accounts: str) -> AsyncGenerator[Traffic]:
    async with (
        run_mitmdump(folder, simulator.base_url, "--set", f"gateway_accounts={accounts}") as gateway,
        aiohttp.ClientSession() as http,
    ):
        yield Traffic(gateway, http)


def requests_in_file(folder: Path) -> int:
    """Beside a gateway that goes on."""
    with closing(sqlite3.connect(folder / "confdir" / STATE_FILE)) as connection:
        return int(connection.execute("SELECT total(requests) FROM pool_usage").fetchone()[0])


async def requests_kept(folder: Path) -> int:
    """As a gateway finds them that starts now."""
    path = folder / "confdir" / STATE_FILE
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = SqlitePoolStore(SqliteFile(path), unix_time=time.time)  # noqa: TID251  composition
    try:
        used = await store.usage(first_day="2000-01-01", last_day="9999-12-31")
    finally:
        await store.aclose()
    return sum(each.requests for each in used.values())


async def switch_off(folder: Path, email: str) -> None:
    """As the command line does it, beside the gateway."""
    store = SqlitePoolStore(SqliteFile(folder / "confdir" / STATE_FILE), unix_time=time.time)  # noqa: TID251  as above
    try:
        await store.give_order(Action.DISABLE, account=email, scope=email, reason="spare it", now=0.0)
    finally:
        await store.aclose()


async def test_a_gateway_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    accounts = write_accounts_file(tmp_path, *ACCOUNTS)
    await switch_off(tmp_path, OFF)
    kept = 0
    async with Simulator(seconds_between_events=0.002, remembered_requests=100_000) as simulator:
        # once killed when it has saved something, and then at once
        for round_, more in enumerate((20, 0, 0)):
            async with traffic(tmp_path, simulator, accounts) as clients:
                assert [await clients.ask(talk) for talk in TALKS] == [ANA, BO], f"round {round_}"
                certain = kept + more
                await clients.until_killed(lambda: requests_in_file(tmp_path) >= certain)  # noqa: B023  in this round
            before, kept = kept, await requests_kept(tmp_path)
            assert certain <= kept <= before + clients.begun
        asked = [request.api_key for request in simulator.requests]
        assert asked.count("fault-quota-day") == 1, "the day is not over"
        assert asked.count("fault-dead-key") == 1
        assert asked.count("off") == 0


async def test_the_first_request_waits_until_what_was_kept_is_known(tmp_path: Path) -> None:
    accounts = write_accounts_file(tmp_path, *ACCOUNTS[2:4])
    await switch_off(tmp_path, OFF)
    async with Simulator() as simulator:
        with closing(sqlite3.connect(tmp_path / "confdir" / STATE_FILE, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            async with traffic(tmp_path, simulator, accounts) as clients:
                first = asyncio.get_running_loop().create_task(clients.ask(TALKS[0]))
                async with clients.http.get(f"{clients.gateway.url}/healthz") as answer:
                    assert answer.status == 200
                another.execute("ROLLBACK")
                async with asyncio.timeout(60):
                    assert await first == ANA


async def test_a_gateway_that_is_stopped_loses_nothing(tmp_path: Path) -> None:
    accounts = write_accounts_file(tmp_path, *ACCOUNTS[-2:])
    async with Simulator() as simulator:
        async with traffic(tmp_path, simulator, accounts) as clients:
            assert [await clients.ask(talk) for talk in TALKS] == [ANA, BO]
        assert await requests_kept(tmp_path) == 2
