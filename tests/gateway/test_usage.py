"""Sums of usage: nothing is lost, nothing counts twice, whatever happens between a taking and a saving."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.gateway.usage import Spent, UsageLedger
from antigravity_addon.state.pool_store import UsageKey, UsageSum

MIDNIGHT = 1_795_046_400.0
YESTERDAY, TODAY, TOMORROW = "2026-11-18", "2026-11-19", "2026-11-20"
ONE = UsageSum(requests=1, input_tokens=10, output_tokens=5, seconds=1.0)


class Clock:
    def __init__(self) -> None:
        self.now = MIDNIGHT

    def __call__(self) -> float:
        return self.now


def ask(ledger: UsageLedger, client: str = "ana", account: str = "a@x.test") -> None:
    ledger.record(ledger.begin(client), model="m", by_account={account: ONE})


def test_a_request_is_summed_up_by_account_model_client_and_day() -> None:
    ledger = UsageLedger(Clock())
    ask(ledger)
    ask(ledger)
    ask(ledger, "bea")
    entry = ledger.begin("ana")
    ledger.record(entry, model="n", by_account={"a@x.test": UsageSum(attempts=1), "b@x.test": ONE})
    assert ledger.take() == {
        UsageKey(TODAY, "a@x.test", "m", "ana"): ONE + ONE,
        UsageKey(TODAY, "a@x.test", "m", "bea"): ONE,
        UsageKey(TODAY, "a@x.test", "n", "ana"): UsageSum(attempts=1),
        UsageKey(TODAY, "b@x.test", "n", "ana"): ONE,
    }
    assert ledger.take() == {}
    assert ledger.spent_today("ana") == Spent(3, 45)


def test_a_request_belongs_to_the_day_on_which_it_came() -> None:
    clock = Clock()
    ledger = UsageLedger(clock)
    entry = ledger.begin("ana")
    clock.now += 86_400
    assert ledger.spent_today("ana") == Spent()
    ask(ledger)
    ledger.record(entry, model="m", by_account={"a@x.test": ONE})
    assert ledger.spent_today("ana") == Spent(1, 15)
    assert ledger.take() == {
        UsageKey(TODAY, "a@x.test", "m", "ana"): ONE,
        UsageKey(TOMORROW, "a@x.test", "m", "ana"): ONE,
    }


def test_a_clock_that_is_set_back_over_midnight_changes_no_page() -> None:
    clock = Clock()
    ledger = UsageLedger(clock)
    clock.now -= 1
    before = ledger.begin("ana")
    clock.now += 2
    after = ledger.begin("ana")
    clock.now -= 3
    assert (ledger.today, ledger.seconds_left) == (TODAY, 86_402.0)
    ledger.restore({UsageKey(TODAY, "a@x.test", "m", "ana"): ONE})
    for entry in (after, before):
        ledger.record(entry, model="m", by_account={"a@x.test": ONE})
    ask(ledger)
    assert ledger.spent_today("ana") == Spent(3, 45)
    assert ledger.take() == {
        UsageKey(YESTERDAY, "a@x.test", "m", "ana"): ONE,
        UsageKey(TODAY, "a@x.test", "m", "ana"): ONE + ONE,
    }


def test_a_clock_that_was_years_ahead_is_believed_once_it_is_set_right() -> None:
    clock = Clock()
    ledger = UsageLedger(clock)
    today = ledger.begin("ana")
    clock.now += 1000 * 86_400
    ahead = ledger.begin("ana")
    clock.now -= 1000 * 86_400
    ledger.record(today, model="m", by_account={"a@x.test": ONE})
    assert ledger.spent_today("ana") == Spent(1, 15)
    ledger.record(ahead, model="m", by_account={"a@x.test": ONE})
    assert (ledger.spent_today("ana"), ledger.seconds_left) == (Spent(1, 15), 86_400.0)


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "look"]), st.integers(-3, 3)), max_size=40))
def test_no_clock_makes_it_fail(steps: list[tuple[str, int]]) -> None:
    """Half days forward and back."""
    clock = Clock()
    ledger = UsageLedger(clock)
    under_way = [ledger.begin("ana")]
    ended = 0
    for step, half_days in steps:
        clock.now += half_days * 43_200
        match step:
            case "begin":
                under_way.append(ledger.begin("ana"))
            case "end" if under_way:
                ledger.record(under_way.pop(), model="m", by_account={"a@x.test": ONE})
                ended += 1
            case _:
                assert ledger.spent_today("ana").requests >= 0
        assert ledger.seconds_left > 0
    assert sum(used.requests for used in ledger.take().values()) == ended


def test_what_could_not_be_saved_is_taken_again() -> None:
    ledger = UsageLedger(Clock())
    ask(ledger)
    taken = ledger.take()
    ask(ledger)
    ledger.give_back(taken)
    assert ledger.spent_today("ana") == Spent(2, 30)
    assert ledger.take() == {UsageKey(TODAY, "a@x.test", "m", "ana"): ONE + ONE}


def test_a_budget_survives_a_restart() -> None:
    kept = {
        UsageKey(TODAY, "a@x.test", "m", "ana"): ONE + ONE,
        UsageKey(TODAY, "b@x.test", "n", "ana"): ONE,
        UsageKey("2026-11-18", "a@x.test", "m", "ana"): ONE,
        UsageKey(TODAY, "a@x.test", "m", "bea"): ONE,
    }
    ledger = UsageLedger(Clock())
    ask(ledger)
    ledger.restore(kept)
    assert (ledger.spent_today("ana"), ledger.spent_today("bea")) == (Spent(4, 60), Spent(1, 15))
    assert ledger.take() == {UsageKey(TODAY, "a@x.test", "m", "ana"): ONE}


type Step = str
STEPS = st.lists(st.sampled_from(["begin", "end", "save", "fail", "restore", "other"]), max_size=60)


@given(STEPS)
def test_the_store_and_the_budget_agree_whatever_happens_in_between(steps: list[Step]) -> None:
    """`other` is a second process that saves to the same store; `restore` takes its sums in."""
    ledger = UsageLedger(Clock())
    key = UsageKey(TODAY, "a@x.test", "m", "ana")
    store: dict[UsageKey, UsageSum] = {}
    under_way = [ledger.begin("ana")]
    ended, others, seen_of_others = 0, 0, 0

    def save(sums: Mapping[UsageKey, UsageSum]) -> None:
        for each, increment in sums.items():
            store[each] = store.get(each, UsageSum()) + increment

    for step in steps:
        match step:
            case "begin":
                under_way.append(ledger.begin("ana"))
            case "end" if under_way:
                ledger.record(under_way.pop(), model="m", by_account={"a@x.test": ONE})
                ended += 1
            case "save":
                save(ledger.take())
            case "fail":
                ledger.give_back(ledger.take())
            case "restore":
                ledger.restore(store)
                seen_of_others = others
            case "other":
                save({key: ONE})
                others += 1
            case _:
                pass
        known = ended + seen_of_others
        assert ledger.spent_today("ana") == Spent(known + len(under_way), known * 15)
    save(ledger.take())
    assert store.get(key, UsageSum()).requests == ended + others
