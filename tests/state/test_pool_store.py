"""What every pool store must do. Another one is one more row of `STORES`."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from antigravity_addon.state.memory import StateError
from antigravity_addon.state.pool_rules import BOUNDS, Bounds
from antigravity_addon.state.pool_store import (
    Action,
    Changes,
    CooldownKey,
    KeptBinding,
    KeptCooldown,
    KeptDisabled,
    KeptPool,
    Order,
    PoolStore,
    UsageKey,
    UsageSum,
)
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore
from antigravity_addon.state.volatile import VolatilePoolStore

from .test_memory import DAY, Clock

ANA, BO = "ana@example.com", "bo@example.com"
GROUP, OTHER_GROUP = "gemini:one", "gemini:two"
PRO, FLASH = "gemini-2.5-pro", "gemini-2.5-flash"

START = Clock().now
"""2026-11-18 in UTC."""

COOLDOWN = KeptCooldown(START + 60, 2, "429: per day.")
REFUSED = KeptDisabled("The key was refused.", START - 5.5, "f1")
SWITCHED_OFF = KeptDisabled("Holidays.", START, "")
BINDING = KeptBinding(ANA, START)
USED = UsageSum(3, 1, 4, 1_000, 200, 300, 50, 7.5, 1.25, 2)
NOTHING = KeptPool({}, {}, {}, last_order=0)

type Make = Callable[[Path, Clock, Bounds], PoolStore]

STORES: dict[str, Make] = {
    "file": lambda path, clock, bounds: SqlitePoolStore(SqliteFile(path), unix_time=clock, bounds=bounds),
    "file in memory": lambda _, clock, bounds: SqlitePoolStore(
        SqliteFile(IN_MEMORY), unix_time=clock, bounds=bounds
    ),
    "volatile": lambda _, clock, bounds: VolatilePoolStore(unix_time=clock, bounds=bounds),
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bounds() -> Bounds:
    """Overridden where a test is about them."""
    return BOUNDS


@pytest.fixture(params=STORES.values(), ids=tuple(STORES))
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, bounds: Bounds
) -> AsyncGenerator[PoolStore]:
    make: Make = request.param
    made = make(tmp_path / "state.sqlite", clock, bounds)
    yield made
    await made.aclose()


def key(day: str = "2026-11-18", account: str = ANA, client: str = "laptop") -> UsageKey:
    return UsageKey(day, account, PRO, client)


async def save(store: PoolStore, changes: Changes, *, orders_after: int = 0) -> None:
    await store.sync(changes, orders_after=orders_after)


async def order(store: PoolStore, action: Action, account: str = ANA, scope: str = GROUP) -> int:
    return await store.give_order(action, account=account, scope=scope, reason="Holidays.", now=START)


async def all_usage(store: PoolStore) -> dict[UsageKey, UsageSum]:
    return dict(await store.usage(first_day="0000-00-00", last_day="9999-99-99"))


# --- saving -----------------------------------------------------------------------------------------------


async def test_a_new_store_is_empty(store: PoolStore) -> None:
    assert await store.load() == NOTHING
    assert await store.sync(Changes(), orders_after=0) == ()
    assert await all_usage(store) == {}


async def test_what_was_saved_is_loaded(store: PoolStore) -> None:
    cooldowns = {CooldownKey(GROUP, PRO): COOLDOWN, CooldownKey("gemini", ""): replace(COOLDOWN, failures=9)}
    disabled = {ANA: REFUSED, BO: SWITCHED_OFF}
    bindings = {"conversation-1": BINDING, "conversation-2": KeptBinding(BO, START + 1.5)}
    changes = Changes({**cooldowns}, {**disabled}, {**bindings}, {key(): USED})
    assert await store.sync(changes, orders_after=0) == ()
    assert await store.load() == KeptPool(cooldowns, disabled, bindings, last_order=0)
    assert await all_usage(store) == {key(): USED}


async def test_a_change_replaces_what_was_kept_and_none_ends_it(store: PoolStore) -> None:
    one, two = CooldownKey(GROUP, PRO), CooldownKey(GROUP, FLASH)
    later, elsewhere = replace(COOLDOWN, until=START + 600), KeptBinding(BO, START + 1)
    await save(
        store,
        Changes(
            cooldowns={one: COOLDOWN, two: COOLDOWN},
            disabled={ANA: REFUSED, BO: REFUSED},
            bindings={"1": BINDING, "2": BINDING},
        ),
    )
    await save(
        store,
        Changes(
            cooldowns={one: later, two: None, CooldownKey("unknown", ""): None},
            disabled={ANA: SWITCHED_OFF, BO: None, "unknown": None},
            bindings={"1": elsewhere, "2": None, "unknown": None},
        ),
    )
    assert await store.load() == KeptPool({one: later}, {ANA: SWITCHED_OFF}, {"1": elsewhere}, last_order=0)


async def test_text_comes_back_as_it_was(store: PoolStore) -> None:
    odd = "ü 'quoted'; -- \0 \U0001f600\n"
    await save(
        store,
        Changes(
            cooldowns={CooldownKey(odd, odd): replace(COOLDOWN, reason=odd)},
            disabled={odd: KeptDisabled(odd, START, odd)},
            bindings={odd: KeptBinding(odd, START)},
            usage={UsageKey("2026-11-18", odd, odd, odd): USED},
        ),
    )
    assert await store.load() == KeptPool(
        {CooldownKey(odd, odd): replace(COOLDOWN, reason=odd)},
        {odd: KeptDisabled(odd, START, odd)},
        {odd: KeptBinding(odd, START)},
        last_order=0,
    )
    assert list(await all_usage(store)) == [UsageKey("2026-11-18", odd, odd, odd)]


async def test_what_was_loaded_does_not_change_afterwards(store: PoolStore) -> None:
    await save(store, Changes(bindings={"1": BINDING}, usage={key(): USED}))
    before, used_before = await store.load(), await all_usage(store)
    await save(store, Changes(bindings={"2": BINDING}, usage={key(): USED}))
    assert before == KeptPool({}, {}, {"1": BINDING}, last_order=0)
    assert used_before == {key(): USED}


async def test_a_call_is_seen_by_one_made_before_it_returned(store: PoolStore) -> None:
    _, kept = await asyncio.gather(save(store, Changes(bindings={"1": BINDING})), store.load())
    assert kept.bindings == {"1": BINDING}


# --- usage ------------------------------------------------------------------------------------------------


async def test_usage_adds_up(store: PoolStore) -> None:
    for _ in range(3):
        await save(store, Changes(usage={key(): USED, key(client=""): UsageSum(requests=1, errors=1)}))
    assert await all_usage(store) == {
        key(): UsageSum(9, 3, 12, 3_000, 600, 900, 150, 22.5, 3.75, 6),
        key(client=""): UsageSum(requests=3, errors=3),
    }


async def test_usage_is_given_for_days_with_both_ends(store: PoolStore) -> None:
    days = [f"2026-11-{day:02}" for day in range(10, 16)]
    await save(store, Changes(usage={key(day): USED for day in days}))
    found = await store.usage(first_day="2026-11-11", last_day="2026-11-13")
    assert found == {key(day): USED for day in days[1:4]}
    assert await store.usage(first_day="2026-11-13", last_day="2026-11-11") == {}


# --- orders -----------------------------------------------------------------------------------------------


async def test_orders_come_oldest_first_and_only_those_after_a_number(store: PoolStore) -> None:
    first = await order(store, Action.DISABLE)
    second = await store.give_order(Action.RESET, account="", scope="", reason="", now=START)
    third = await order(store, Action.ENABLE, BO, OTHER_GROUP)
    orders = (
        Order(first, Action.DISABLE, ANA, GROUP, "Holidays."),
        Order(second, Action.RESET, "", "", ""),
        Order(third, Action.ENABLE, BO, OTHER_GROUP, "Holidays."),
    )
    assert first < second < third
    assert await store.sync(Changes(), orders_after=0) == orders
    assert await store.sync(Changes(), orders_after=first) == orders[1:]
    assert await store.sync(Changes(bindings={"1": BINDING}), orders_after=second) == orders[2:]
    assert await store.sync(Changes(), orders_after=third) == ()
    assert (await store.load()).last_order == third


@pytest.fixture
async def kept(store: PoolStore) -> PoolStore:
    """Two accounts with a cooldown each, one refused and one switched off; and a model that is overloaded."""
    await save(
        store,
        Changes(
            cooldowns={
                CooldownKey(GROUP, PRO): COOLDOWN,
                CooldownKey(GROUP, ""): COOLDOWN,
                CooldownKey(OTHER_GROUP, PRO): COOLDOWN,
                CooldownKey("gemini", PRO): COOLDOWN,
            },
            disabled={ANA: REFUSED, BO: SWITCHED_OFF},
        ),
    )
    return store


CASES: dict[str, tuple[Action, str, str, set[str], dict[str, KeptDisabled]]] = {
    "disable an account": (
        *(Action.DISABLE, ANA, GROUP),
        *({GROUP, OTHER_GROUP, "gemini"}, {ANA: SWITCHED_OFF, BO: SWITCHED_OFF}),
    ),
    "disable a new one": (
        *(Action.DISABLE, "new", "new"),
        *({GROUP, OTHER_GROUP, "gemini"}, {ANA: REFUSED, BO: SWITCHED_OFF, "new": SWITCHED_OFF}),
    ),
    "disable all": (
        *(Action.DISABLE, "", ""),
        *({GROUP, OTHER_GROUP, "gemini"}, {ANA: REFUSED, BO: SWITCHED_OFF, "": SWITCHED_OFF}),
    ),
    "enable one that was refused": (
        *(Action.ENABLE, ANA, GROUP),
        *({OTHER_GROUP, "gemini"}, {BO: SWITCHED_OFF}),
    ),
    "enable one that was switched off": (
        *(Action.ENABLE, BO, OTHER_GROUP),
        *({GROUP, "gemini"}, {ANA: REFUSED}),
    ),
    "enable one in all scopes": (Action.ENABLE, BO, "", set(), {ANA: REFUSED}),
    "enable all": (Action.ENABLE, "", "", set(), {}),
    "reset one that was refused": (
        *(Action.RESET, ANA, GROUP),
        *({OTHER_GROUP, "gemini"}, {BO: SWITCHED_OFF}),
    ),
    "reset one that was switched off": (
        *(Action.RESET, BO, OTHER_GROUP),
        *({GROUP, "gemini"}, {ANA: REFUSED, BO: SWITCHED_OFF}),
    ),
    "reset all": (Action.RESET, "", "", set(), {BO: SWITCHED_OFF}),
}


@pytest.mark.parametrize(
    ("action", "account", "scope", "scopes", "disabled"), CASES.values(), ids=CASES.keys()
)
async def test_what_is_kept_follows_an_order(
    kept: PoolStore,
    action: Action,
    account: str,
    scope: str,
    scopes: set[str],
    disabled: dict[str, KeptDisabled],
) -> None:
    number = await order(kept, action, account, scope)
    pool = await kept.load()
    assert {each.scope for each in pool.cooldowns} == scopes
    assert (pool.disabled, pool.last_order) == (disabled, number)


STALE: dict[str, tuple[Action, str, str, set[str], set[str]]] = {
    "of an account that was disabled": (Action.DISABLE, ANA, GROUP, {GROUP, OTHER_GROUP, "gemini"}, {BO}),
    "of one that was enabled": (Action.ENABLE, ANA, GROUP, {OTHER_GROUP, "gemini"}, {BO}),
    "of one that was reset": (Action.RESET, ANA, GROUP, {OTHER_GROUP, "gemini"}, {BO}),
    "of all": (Action.RESET, "", "", set(), set()),
    "of nobody in it": (Action.RESET, "new", "new", {GROUP, OTHER_GROUP, "gemini"}, {ANA, BO}),
}


@pytest.mark.parametrize(
    ("action", "account", "scope", "scopes", "accounts"), STALE.values(), ids=STALE.keys()
)
async def test_changes_that_are_older_than_an_order_are_not_saved(
    store: PoolStore, action: Action, account: str, scope: str, scopes: set[str], accounts: set[str]
) -> None:
    number = await order(store, action, account, scope)
    before = await store.load()
    changes = Changes(
        cooldowns={CooldownKey(each, PRO): COOLDOWN for each in (GROUP, OTHER_GROUP, "gemini")},
        disabled={ANA: REFUSED, BO: REFUSED},
        bindings={"1": BINDING},
        usage={key(): USED},
    )
    assert len(await store.sync(changes, orders_after=number - 1)) == 1
    saved = await store.load()
    assert {each.scope for each in saved.cooldowns} == scopes
    assert saved.disabled == {**before.disabled, **dict.fromkeys(accounts, REFUSED)}
    assert (saved.bindings, await all_usage(store)) == ({"1": BINDING}, {key(): USED})


async def test_a_change_cannot_undo_an_order_that_its_maker_did_not_know(store: PoolStore) -> None:
    number = await order(store, Action.DISABLE)
    await save(store, Changes(disabled={ANA: None}), orders_after=number - 1)
    assert (await store.load()).disabled == {ANA: SWITCHED_OFF}
    await save(store, Changes(disabled={ANA: None}), orders_after=number)
    assert (await store.load()).disabled == {}


# --- bounds -----------------------------------------------------------------------------------------------


async def test_a_cooldown_that_is_over_is_not_loaded(store: PoolStore, clock: Clock) -> None:
    longer = replace(COOLDOWN, until=START + 61)
    await save(store, Changes(cooldowns={CooldownKey(GROUP, PRO): COOLDOWN, CooldownKey(GROUP, ""): longer}))
    clock.now = START + 60
    assert (await store.load()).cooldowns == {CooldownKey(GROUP, ""): longer}


async def test_a_conversation_s_account_is_kept_for_a_day(store: PoolStore, clock: Clock) -> None:
    await save(store, Changes(bindings={"old": BINDING, "new": KeptBinding(ANA, START + 1)}))
    clock.now = START + DAY
    assert set((await store.load()).bindings) == {"old", "new"}
    clock.now += 0.5
    assert set((await store.load()).bindings) == {"new"}


@pytest.mark.parametrize("bounds", [Bounds(bindings=3)], ids=["three"])
async def test_of_too_many_conversations_those_used_longest_ago_go(store: PoolStore) -> None:
    used = {"d": 4, "a": 1, "c": 2, "b": 2, "e": 3}
    await save(store, Changes(bindings={name: KeptBinding(ANA, START + at) for name, at in used.items()}))
    assert set((await store.load()).bindings) == {"d", "e", "c"}
    await save(store, Changes(bindings={"f": KeptBinding(ANA, START + 5), "c": KeptBinding(BO, START + 6)}))
    assert set((await store.load()).bindings) == {"d", "f", "c"}


async def test_usage_is_kept_for_400_days(store: PoolStore, clock: Clock) -> None:
    await save(store, Changes(usage={key("2026-11-18"): USED, key("2026-11-19"): USED}))
    clock.now = START + 400 * DAY
    await store.load()
    assert set(await all_usage(store)) == {key("2026-11-18"), key("2026-11-19")}
    clock.now += DAY
    await store.load()
    assert set(await all_usage(store)) == {key("2026-11-19")}


async def test_orders_are_kept_for_30_days_and_their_numbers_never_come_again(
    store: PoolStore, clock: Clock
) -> None:
    old = await order(store, Action.DISABLE)
    clock.now += 30 * DAY
    await store.load()
    assert len(await store.sync(Changes(), orders_after=0)) == 1
    clock.now += 1
    assert (await store.load()).last_order == old
    assert await store.sync(Changes(), orders_after=0) == ()
    assert await order(store, Action.ENABLE) > old


async def test_the_numbers_of_a_store_that_begins_anew_are_higher(
    store: PoolStore, tmp_path: Path, clock: Clock
) -> None:
    before = await order(store, Action.DISABLE)
    for make in STORES.values():
        anew = make(tmp_path / "anew.sqlite", clock, BOUNDS)
        after = await anew.give_order(Action.DISABLE, account=ANA, scope="", reason="", now=START + 2)
        assert after > before
        await anew.aclose()


# --- the end ----------------------------------------------------------------------------------------------

CALLS: dict[str, Callable[[PoolStore], Awaitable[object]]] = {
    "load": lambda store: store.load(),
    "save": lambda store: store.sync(Changes(bindings={"1": BINDING}), orders_after=0),
    "ask for orders": lambda store: store.sync(Changes(), orders_after=0),
    "give an order": lambda store: order(store, Action.RESET),
    "usage": all_usage,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_after_the_end_everything_is_refused(
    store: PoolStore, call: Callable[[PoolStore], Awaitable[object]]
) -> None:
    await store.load()
    await store.aclose()
    await store.aclose()
    with pytest.raises(StateError, match="closed"):
        await call(store)
