"""Any sequence of calls has the same answers from the file as from plain memory."""

import asyncio
from collections.abc import Coroutine

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from antigravity_addon.state.pool_rules import Bounds
from antigravity_addon.state.pool_store import (
    Action,
    Changes,
    CooldownKey,
    KeptBinding,
    KeptCooldown,
    KeptDisabled,
    PoolStore,
    UsageKey,
    UsageSum,
)
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore
from antigravity_addon.state.volatile import VolatilePoolStore

from .test_memory import DAY, Clock

BOUNDS = Bounds(bindings=3)
ACCOUNTS = st.sampled_from(["ana", "bo", ""])
SCOPES = st.sampled_from(["one", "two", ""])
MODELS = st.sampled_from(["pro", ""])
FINGERPRINTS = st.sampled_from(["f", ""])
DAYS = st.sampled_from(["2025-10-15", "2026-11-18", "2026-11-19"])
SECONDS = st.floats(0, 1e6, allow_subnormal=False)
COUNTS = st.integers(0, 10**9)
MOMENTS = st.floats(-2 * DAY, 2 * DAY).map(lambda seconds: Clock().now + seconds)
USED = st.builds(UsageSum, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, SECONDS, SECONDS, COUNTS)
CHANGES = st.builds(
    Changes,
    cooldowns=st.dictionaries(
        st.builds(CooldownKey, SCOPES, MODELS),
        st.none() | st.builds(KeptCooldown, MOMENTS, COUNTS, st.text(max_size=3)),
        max_size=3,
    ),
    disabled=st.dictionaries(
        ACCOUNTS, st.none() | st.builds(KeptDisabled, st.text(max_size=3), MOMENTS, FINGERPRINTS), max_size=3
    ),
    bindings=st.dictionaries(
        st.text("abcdü\U0001f600", max_size=2),
        st.none() | st.builds(KeptBinding, ACCOUNTS, MOMENTS),
        max_size=5,
    ),
    usage=st.dictionaries(st.builds(UsageKey, DAYS, ACCOUNTS, MODELS, ACCOUNTS), USED, max_size=3),
)


class PoolStoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.file: PoolStore = SqlitePoolStore(SqliteFile(IN_MEMORY), unix_time=self.clock, bounds=BOUNDS)
        self.plain: PoolStore = VolatilePoolStore(unix_time=self.clock, bounds=BOUNDS)
        self.numbers = [0]

    def same[T](self, one: Coroutine[object, object, T], other: Coroutine[object, object, T]) -> T:
        found, expected = self.runner.run(one), self.runner.run(other)
        assert found == expected
        return found

    def teardown(self) -> None:
        self.same(self.file.load(), self.plain.load())
        self.runner.run(self.file.aclose())
        self.runner.close()

    @rule(changes=CHANGES, back=st.integers(0, 3))
    def sync(self, changes: Changes, back: int) -> None:
        after = self.numbers[max(-1 - back, -len(self.numbers))]
        self.same(self.file.sync(changes, orders_after=after), self.plain.sync(changes, orders_after=after))

    @rule(action=st.sampled_from(Action), account=ACCOUNTS, scope=SCOPES, now=MOMENTS)
    def give_order(self, action: Action, account: str, scope: str, now: float) -> None:
        one, other = (
            store.give_order(action, account=account, scope=scope, reason="why", now=now)
            for store in (self.file, self.plain)
        )
        number = self.same(one, other)
        assert number > self.numbers[-1]
        self.numbers.append(number)

    @rule()
    def load(self) -> None:
        assert self.same(self.file.load(), self.plain.load()).last_order == self.numbers[-1]

    @rule(first=DAYS, last=DAYS)
    def usage(self, first: str, last: str) -> None:
        self.same(
            self.file.usage(first_day=first, last_day=last), self.plain.usage(first_day=first, last_day=last)
        )

    @rule(seconds=st.sampled_from([1.0, 3_600.0, 0.7 * DAY, 16 * DAY]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds


TestPoolStore = PoolStoreMachine.TestCase
TestPoolStore.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
