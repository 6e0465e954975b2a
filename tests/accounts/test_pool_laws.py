"""Whatever happens, in whatever order: nobody is asked who rests, is out of use or is full, and no place is lost."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.policy import Strategy, Wish
from antigravity_addon.accounts.pool import AccountPool, Lease
from antigravity_addon.errors import (
    AccountRefused,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    TokenUnavailable,
    UpstreamBroken,
    UpstreamFailure,
)
from antigravity_addon.state.pool_store import Action, KeptPool, Order
from benchmarks.pool.virtual_time import run

EMAILS = ("a@x.y", "b@x.y", "c@x.y")


def accounts(key: str) -> list[Account]:
    """Two of one project; the third has two places."""
    return [
        Account(
            email,
            ApiKey(SecretStr(key + email)),
            project="" if email.startswith("c") else "p",
            max_concurrent=2 if email.startswith("c") else None,
        )
        for email in EMAILS
    ]


@dataclass(frozen=True, slots=True)
class Ask:
    wish: Wish
    patience: float


@dataclass(frozen=True, slots=True)
class Finish:
    number: int
    failure: UpstreamFailure | None
    answers: bool


@dataclass(frozen=True, slots=True)
class Pass:
    seconds: float


@dataclass(frozen=True, slots=True)
class Edit:
    key: str


wishes = st.builds(
    Wish,
    st.sampled_from(["m", "n"]),
    st.sampled_from([Strategy.CACHE_FIRST, Strategy.BALANCE, Strategy.PERFORMANCE_FIRST]),
    conversation=st.sampled_from([(), ("talk",), ("another",)]),
    tried=st.frozensets(st.sampled_from(EMAILS)),
)
failures: st.SearchStrategy[UpstreamFailure | None] = st.one_of(
    st.none(),
    st.builds(RateLimited, st.just("slow down"), retry_after=st.none() | st.floats(0, 100)),
    st.builds(QuotaExhausted, st.just("used up"), retry_after=st.none() | st.floats(0, 1e5)),
    st.builds(Overloaded, st.just("busy"), retry_after=st.none() | st.floats(0, 100)),
    st.builds(AccountRefused, st.just("no"), rest=st.none() | st.floats(1, 1000)),
    st.builds(TokenUnavailable, st.just("later")),
    st.builds(UpstreamBroken, st.just("oops")),
)
orders = st.builds(
    Order, st.just(1), st.sampled_from(Action), st.sampled_from(EMAILS), st.sampled_from(EMAILS)
)
steps = st.one_of(
    st.builds(Ask, wishes, st.sampled_from([0.0, 0.0, 3.0, 30.0])),
    st.builds(Ask, wishes, st.just(0.0)),
    st.builds(Finish, st.integers(0, 9), failures, st.booleans()),
    st.builds(Pass, st.floats(0, 30)),
    orders,
    st.builds(Edit, st.sampled_from(["old", "new"])),
)
type Step = Ask | Finish | Pass | Order | Edit


@dataclass
class World:
    held: list[Lease] = field(default_factory=list[Lease])
    asking: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def __post_init__(self) -> None:
        clock = asyncio.get_running_loop().time
        self.pool = AccountPool(
            accounts("old"), clock=clock, unix_time=lambda: 1e9 + clock(), chance=lambda: 0.5
        )

    async def step(self, step: Step) -> None:
        match step:
            case Ask(wish=wish, patience=patience):
                task = asyncio.get_running_loop().create_task(self._ask(wish, patience))
                self.asking.add(task)
                task.add_done_callback(self.asking.discard)
            case Finish(number=number) if self.held:
                self._finish(self.held.pop(number % len(self.held)), step)
            case Finish():
                pass
            case Pass(seconds=seconds):
                await asyncio.sleep(seconds)
            case Order() as order:
                self.pool.obey(order)
            case Edit(key=key):
                self.pool.replace_accounts(accounts(key))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._check_places()

    async def _ask(self, wish: Wish, patience: float) -> None:
        found = await self.pool.lease(wish, patience=patience)
        if isinstance(found, Lease):
            # nothing has happened in between that was not this loop's own doing
            self.held.append(found)

    def _finish(self, lease: Lease, how: Finish) -> None:
        if how.answers:
            lease.answered(first_token_seconds=1.0)
        self.pool.take_back(lease, how.failure)

    def _check_places(self) -> None:
        for report in self.pool.reports():
            held = sum(lease.account.email == report.account.email for lease in self.held)
            assert report.leases == held
            assert held <= (report.account.max_concurrent or held)

    def check_who_is_free(self) -> None:
        """A lease at once is of somebody who neither rests nor is out of use."""
        for model in ("m", "n"):
            lease = self.pool.lease_at_once(Wish(model))
            if lease is None:
                continue
            report = next(each for each in self.pool.reports() if each.account.email == lease.account.email)
            assert report.disabled_because is None
            assert not [rest for rest in report.rests if rest.model in {model, ""}]
            self.pool.take_back(lease, None)


@settings(max_examples=150)
@given(st.lists(steps, max_size=40))
def test_the_pool_in_any_weather(happens: list[Step]) -> None:
    async def main() -> None:
        world = World()
        for step in happens:
            await world.step(step)
            world.check_who_is_free()
        for lease in world.held:
            world.pool.take_back(lease, None)
        world.held.clear()
        # whoever still waits is served, or has waited long enough
        for _ in range(20):
            await asyncio.sleep(10)
            for lease in world.held:
                world.pool.take_back(lease, None)
            world.held.clear()
        assert not world.asking
        assert [report.leases for report in world.pool.reports()] == [0, 0, 0]

    run(main())


@given(st.lists(steps, max_size=30))
def test_what_is_kept_is_what_there_is(happens: list[Step]) -> None:
    async def main() -> None:
        world = World()
        kept = KeptPool({}, {}, {}, last_order=0)
        for step in happens:
            await world.step(step)
            changes = world.pool.take_changes()
            kept = KeptPool(
                {k: v for k, v in (dict(kept.cooldowns) | dict(changes.cooldowns)).items() if v},
                {k: v for k, v in (dict(kept.disabled) | dict(changes.disabled)).items() if v},
                {k: v for k, v in (dict(kept.bindings) | dict(changes.bindings)).items() if v},
                last_order=0,
            )
        later = World()
        later.pool.replace_accounts(tuple(world.pool.accounts))
        later.pool.restore(kept, served={})
        for before, after in zip(world.pool.reports(), later.pool.reports(), strict=True):
            assert {rest.model: round(rest.seconds, 3) for rest in before.rests} == {
                rest.model: round(rest.seconds, 3) for rest in after.rests
            }
            assert before.conversations == after.conversations
        for task in world.asking:
            task.cancel()

    run(main())
