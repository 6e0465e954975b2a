"""What the next gateway knows of what this one did, and what an operator can tell both."""

import asyncio
import logging
from dataclasses import dataclass
from typing import override

import pytest
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.policy import Nobody, Wait, Wish
from antigravity_addon.accounts.pool import AccountPool, Lease
from antigravity_addon.errors import RateLimited
from antigravity_addon.gateway.keeper import Keeper
from antigravity_addon.gateway.usage import UsageLedger
from antigravity_addon.state.memory import StateError
from antigravity_addon.state.pool_store import Action, Changes, KeptPool, Order, UsageKey, UsageSum
from antigravity_addon.state.volatile import VolatilePoolStore
from benchmarks.pool.virtual_time import run

ANA, BO = "ana@x.y", "bo@x.y"
UNIX = 1_795_000_000.0
DAY = "2026-11-18"
WISH = Wish("m")


def unix_time() -> float:
    return UNIX + asyncio.get_running_loop().time()


class Store(VolatilePoolStore):
    """In memory; fails and takes its time on demand."""

    fails = False
    loads = True
    has_bug = False
    seconds = 0.0
    """From saving to saying so."""

    @override
    async def load(self) -> KeptPool:
        if not self.loads:
            raise StateError("The file is locked.")
        return await super().load()

    @override
    async def sync(self, changes: Changes, *, orders_after: int) -> tuple[Order, ...]:
        if self.fails:
            raise StateError("The disk is full.")
        if self.has_bug:
            raise ValueError("Nobody thought of that.")
        orders = await super().sync(changes, orders_after=orders_after)
        await asyncio.sleep(self.seconds)
        return orders


@dataclass
class Gateway:
    """As far as it is kept."""

    store: Store
    project: str = ""

    def __post_init__(self) -> None:
        accounts = [Account(email, ApiKey(SecretStr(email)), project=self.project) for email in (ANA, BO)]
        clock = asyncio.get_running_loop().time
        self.pool = AccountPool(accounts, clock=clock, unix_time=unix_time, chance=lambda: 0.5)
        self.ledger = UsageLedger(unix_time)
        self.keeper = Keeper(self.store, self.pool, self.ledger, unix_time=unix_time)

    async def limit(self, email: str, seconds: float) -> None:
        lease = await self.pool.lease(Wish("m", spent=frozenset({ANA, BO} - {email})), patience=0.0)
        assert isinstance(lease, Lease)
        with pytest.raises(RateLimited), lease:
            raise RateLimited("slow down", retry_after=seconds)

    def use(self, tokens: int) -> None:
        entry = self.ledger.begin("ide")
        self.ledger.record(entry, model="m", by_account={ANA: UsageSum(requests=1, input_tokens=tokens)})


USED = UsageKey(DAY, ANA, "m", "ide")


def test_a_crash_loses_a_second_at_most() -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        first = Gateway(store)
        await first.keeper.begin()
        await first.limit(ANA, 60.0)
        await first.limit(BO, 90.0)
        first.use(7)
        await asyncio.sleep(1.0)
        # nothing is closed: it is gone
        second = Gateway(store)
        await second.keeper.begin()
        assert await second.pool.lease(WISH, patience=0.0) == Wait(59.0)
        assert second.ledger.spent_today("ide").tokens == 7
        assert await second.keeper.usage(first_day=DAY, last_day=DAY) == {
            USED: UsageSum(requests=1, input_tokens=7)
        }
        await second.keeper.aclose()
        await first.keeper.aclose()

    run(main())


def test_an_orderly_end_loses_nothing() -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        first = Gateway(store)
        await first.keeper.begin()
        first.use(7)
        await first.keeper.aclose()
        assert await store.usage(first_day=DAY, last_day=DAY) == {USED: UsageSum(requests=1, input_tokens=7)}

    run(main())


def test_an_end_in_the_middle_of_a_save_counts_nothing_twice() -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        first = Gateway(store)
        await first.keeper.begin()
        store.seconds = 0.3
        first.use(7)
        await asyncio.sleep(0.6)
        await first.keeper.aclose()
        assert await store.usage(first_day=DAY, last_day=DAY) == {USED: UsageSum(requests=1, input_tokens=7)}

    run(main())


def test_who_goes_away_in_the_middle_of_a_save_makes_nothing_count_twice() -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        first = Gateway(store)
        await first.keeper.begin()
        store.seconds = 0.3
        first.use(7)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await first.keeper.usage(first_day=DAY, last_day=DAY)
        await first.keeper.aclose()
        assert await store.usage(first_day=DAY, last_day=DAY) == {USED: UsageSum(requests=1, input_tokens=7)}

    run(main())


def test_a_bug_does_not_end_the_keeping(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        first = Gateway(store)
        await first.keeper.begin()
        store.has_bug = True
        first.use(7)
        await asyncio.sleep(2.0)
        store.has_bug = False
        await asyncio.sleep(1.0)
        assert (await store.usage(first_day=DAY, last_day=DAY))[USED].input_tokens == 7
        await first.keeper.aclose()

    with caplog.at_level(logging.WARNING):
        run(main())
    assert [(record.getMessage(), bool(record.exc_info)) for record in caplog.records] == [
        ("Cooldowns and usage cannot be kept at the moment: Nobody thought of that.", True)
    ]


def test_what_cannot_be_read_at_the_start_is_read_later(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        first = Gateway(store)
        await first.keeper.begin()
        await first.keeper.order(Action.RESET)
        await first.limit(ANA, 60.0)
        await first.limit(BO, 90.0)
        first.use(7)
        await first.keeper.aclose()
        store.loads = False
        second = Gateway(store)
        await second.keeper.begin()
        second.use(5)
        await asyncio.sleep(5.0)
        assert (await store.usage(first_day=DAY, last_day=DAY))[USED].input_tokens == 7
        store.loads = True
        await asyncio.sleep(1.0)
        # the order is older than the rests, and was followed
        assert await second.pool.lease(WISH, patience=0.0) == Wait(54.0)
        assert second.ledger.spent_today("ide").tokens == 12
        await second.keeper.aclose()
        assert (await store.usage(first_day=DAY, last_day=DAY))[USED].input_tokens == 12

    with caplog.at_level(logging.WARNING, "antigravity_addon.gateway.keeper"):
        run(main())
    assert [record.getMessage() for record in caplog.records if "keeper" in record.name] == [
        "Cooldowns and usage of before are not known yet: The file is locked."
    ]


def test_an_order_is_followed_though_nothing_could_be_read_before() -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        store.loads = False
        gateway = Gateway(store)
        await gateway.keeper.begin()
        await gateway.limit(ANA, 60.0)
        await gateway.limit(BO, 60.0)
        store.loads = True
        await gateway.keeper.order(Action.RESET, ANA)
        lease = await gateway.pool.lease(WISH, patience=0.0)
        assert isinstance(lease, Lease)
        assert lease.account.email == ANA
        await gateway.keeper.aclose()

    run(main())


def test_what_could_not_be_kept_is_kept_later_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        first = Gateway(store)
        await first.keeper.begin()
        store.fails = True
        await first.limit(ANA, 60.0)
        first.use(7)
        await asyncio.sleep(5.0)
        store.fails = False
        await asyncio.sleep(1.0)
        assert (await store.usage(first_day=DAY, last_day=DAY))[USED].input_tokens == 7
        assert len((await store.load()).cooldowns) == 1
        await first.keeper.aclose()

    with caplog.at_level(logging.WARNING):
        run(main())
    assert [record.getMessage() for record in caplog.records] == [
        "Cooldowns and usage cannot be kept at the moment: The disk is full."
    ]


def test_budgets_are_for_all_gateways_together() -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        here, there = Gateway(store), Gateway(store)
        await here.keeper.begin()
        await there.keeper.begin()
        here.use(7)
        there.use(5)
        await asyncio.sleep(31.0)
        assert [each.ledger.spent_today("ide").tokens for each in (here, there)] == [12, 12]
        here.use(1)
        await asyncio.sleep(31.0)
        assert [each.ledger.spent_today("ide").tokens for each in (here, there)] == [13, 13]
        await here.keeper.aclose()
        await there.keeper.aclose()

    run(main())


@pytest.mark.parametrize("project", ["", "p"], ids=["alone", "of a project"])
def test_an_order_reaches_every_gateway(project: str) -> None:
    async def main() -> None:
        store = Store(unix_time=unix_time)
        here, there = Gateway(store, project), Gateway(store, project)
        await here.keeper.begin()
        await there.keeper.begin()
        for email in (ANA, BO):
            await here.keeper.order(Action.DISABLE, email, reason="holidays")
        await asyncio.sleep(1.0)
        assert await here.pool.lease(WISH, patience=0.0) == Nobody()
        assert await there.pool.lease(WISH, patience=0.0) == Nobody()
        await there.keeper.order(Action.ENABLE, ANA)
        await asyncio.sleep(1.0)
        await here.limit(ANA, 60.0)
        await asyncio.sleep(1.0)
        await there.keeper.order(Action.RESET, ANA)
        await asyncio.sleep(1.0)
        assert isinstance(await here.pool.lease(WISH, patience=0.0), Lease)
        assert (await store.load()).cooldowns == {}
        with pytest.raises(KeyError):
            await here.keeper.order(Action.RESET, "nobody@x.y")
        await here.keeper.aclose()
        await there.keeper.aclose()

    run(main())
