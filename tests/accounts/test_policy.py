"""Who pays next, and how long one that failed is left alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.accounts.policy import (
    LONGEST_STATED,
    Candidate,
    Decision,
    Nobody,
    Strategy,
    Use,
    Wait,
    Wish,
    choose,
    rest_after_exhaustion,
    rest_after_limit,
    rest_of_model,
)

ANA, BO = Candidate("ana@x.y", "ana@x.y", share=1.0), Candidate("bo@x.y", "bo@x.y", share=2.0)
RESTING = replace(ANA, free_at=130.0)
WISH = Wish("m")
CACHE, BALANCE = replace(WISH, strategy=Strategy.CACHE_FIRST), WISH
FASTEST = replace(WISH, strategy=Strategy.PERFORMANCE_FIRST)


def tried(*names: str) -> Wish:
    return replace(WISH, tried=frozenset(names))


DECISIONS: dict[str, tuple[tuple[Candidate, ...], Wish, Decision]] = {
    "least served first": ((BO, ANA), WISH, Use("ana@x.y")),
    "least served though busiest": ((replace(ANA, leases=3), BO), WISH, Use("ana@x.y")),
    "untried first": ((ANA, BO), tried("ana@x.y"), Use("bo@x.y")),
    "another project first": (
        (ANA, replace(BO, group="ana@x.y"), Candidate("cy@x.y", "cy@x.y", share=9.0)),
        tried("ana@x.y"),
        Use("cy@x.y"),
    ),
    "tried if there is no other": ((ANA,), tried("ana@x.y"), Use("ana@x.y")),
    "spent never": ((ANA,), replace(WISH, spent=frozenset({"ana@x.y"})), Nobody()),
    "free before resting": ((RESTING, BO), WISH, Use("bo@x.y")),
    "tried and free before untried and resting": ((RESTING, BO), tried("bo@x.y"), Use("bo@x.y")),
    "the first to be free again": ((RESTING, replace(BO, free_at=110.0)), WISH, Wait(10.0)),
    "an overloaded model": ((replace(RESTING, is_model_at_fault=True),), WISH, Wait(30.0, is_model_at_fault=True)),
    "a rest that is over": ((replace(ANA, free_at=100.0),), WISH, Use("ana@x.y")),
    "full": ((replace(ANA, leases=2, places=2),), WISH, Wait(0.0)),
    "full before resting": ((replace(ANA, leases=1, places=1), replace(BO, free_at=110.0)), WISH, Wait(0.0)),
    "nobody": ((), WISH, Nobody()),
    "fixed": ((ANA, BO), Wish("m", Strategy.FIXED, fixed="bo@x.y"), Use("bo@x.y")),
    "fixed and resting": ((RESTING, BO), Wish("m", Strategy.FIXED, fixed="ana@x.y"), Wait(30.0)),
    "fixed and gone": ((ANA,), Wish("m", Strategy.FIXED, fixed="bo@x.y"), Nobody()),
    "the fastest": (
        (replace(ANA, first_token_seconds=2.0), replace(BO, first_token_seconds=0.5)),
        FASTEST,
        Use("bo@x.y"),
    ),
    "the fastest, as busy as it is": (
        (replace(ANA, first_token_seconds=2.0), replace(BO, first_token_seconds=0.8, leases=2)),
        FASTEST,
        Use("ana@x.y"),
    ),
    "but not by everybody at once": (
        (replace(ANA, first_token_seconds=0.7), replace(BO, leases=1)),
        FASTEST,
        Use("ana@x.y"),
    ),
    "one that can do more at once is less busy": (
        (replace(ANA, leases=1), replace(BO, leases=2, weight=4.0)),
        FASTEST,
        Use("bo@x.y"),
    ),
    "one that nobody knows is as good as the best": (
        (replace(ANA, first_token_seconds=0.1, share=3.0), BO),
        FASTEST,
        Use("bo@x.y"),
    ),
    "another place first": (
        (ANA, replace(BO, share=9.0, place="vertex")),
        replace(WISH, tried=frozenset({""})),
        Use("bo@x.y"),
    ),
    "a quota that is used up": ((replace(RESTING, is_exhausted=True),), WISH, Wait(30.0, is_exhausted=True)),
}  # fmt: skip


@pytest.mark.parametrize(("candidates", "wish", "decision"), DECISIONS.values(), ids=DECISIONS.keys())
def test_decisions(candidates: tuple[Candidate, ...], wish: Wish, decision: Decision) -> None:
    assert choose(candidates, wish, now=100.0) == decision


SOON = replace(BO, free_at=103.0)
BOUND: dict[str, tuple[tuple[Candidate, ...], Wish, float, Decision]] = {
    "it stays": ((ANA, BO), CACHE, 5.0, Use("bo@x.y")),
    "it stays, under balance too": ((ANA, BO), BALANCE, 0.0, Use("bo@x.y")),
    "it waits for a short rest": ((ANA, SOON), CACHE, 5.0, Wait(3.0)),
    "not under balance": ((ANA, SOON), BALANCE, 5.0, Use("ana@x.y")),
    "not for a longer rest": ((ANA, SOON), CACHE, 2.0, Use("ana@x.y")),
    "it waits for a place": ((ANA, replace(BO, leases=1, places=1)), CACHE, 5.0, Wait(5.0)),
    "and has waited": ((ANA, replace(BO, leases=1, places=1)), CACHE, 0.0, Use("ana@x.y")),
    "not if it failed this request": (
        (ANA, BO),
        replace(CACHE, tried=frozenset({"bo@x.y"})),
        5.0,
        Use("ana@x.y"),
    ),
    "it is gone": ((ANA,), CACHE, 5.0, Use("ana@x.y")),
    "performance_first knows no conversations": ((ANA, BO), FASTEST, 5.0, Use("ana@x.y")),
}


@pytest.mark.parametrize(("candidates", "wish", "stay", "decision"), BOUND.values(), ids=BOUND.keys())
def test_a_conversation_stays_with_its_account(
    candidates: tuple[Candidate, ...], wish: Wish, stay: float, decision: Decision
) -> None:
    assert choose(candidates, wish, now=100.0, bound="bo@x.y", stay=stay) == decision


candidates = st.builds(
    Candidate,
    email=st.sampled_from(["a", "b", "c", "d"]),
    group=st.sampled_from(["a", "b", "g"]),
    free_at=st.floats(0, 300),
    leases=st.integers(0, 3),
    places=st.none() | st.integers(1, 3),
    weight=st.floats(0.1, 10),
    share=st.floats(0, 100),
    first_token_seconds=st.floats(0, 10),
)
wishes = st.builds(
    Wish,
    model=st.just("m"),
    strategy=st.sampled_from(Strategy),
    fixed=st.sampled_from(["a", "b"]),
    tried=st.frozensets(st.sampled_from(["a", "b", "c"])),
    spent=st.frozensets(st.sampled_from(["a", "b", "c"])),
)


@given(
    st.lists(candidates, unique_by=lambda each: each.email),
    wishes,
    st.sampled_from([None, "a", "d"]),
    st.floats(0, 5),
)
def test_what_is_chosen_can_serve(pool: list[Candidate], wish: Wish, bound: str | None, stay: float) -> None:
    usable = [
        each
        for each in pool
        if each.email not in wish.spent and (wish.strategy is not Strategy.FIXED or each.email == wish.fixed)
    ]
    free = [each for each in usable if each.free_at <= 100.0 and each.has_place]
    match choose(pool, wish, now=100.0, bound=bound, stay=stay):
        case Use(email=email):
            assert email in {each.email for each in free}
        case Wait(seconds=seconds):
            assert usable
            assert seconds >= 0
            # whoever waits though somebody is free waits for its own account, and not for long
            assert not free or (wish.strategy is Strategy.CACHE_FIRST and 0 < seconds <= stay)
        case Nobody():
            assert not usable


RESTS: dict[str, tuple[float | None, int, float, float]] = {
    # stated, failures in a row, chance, seconds
    "what is stated": (34.5, 1, 0.9, 34.5),
    "what is stated, though it was not enough": (34.5, 2, 0.5, 34.5),
    "more, since what was stated was not enough": (0.5, 2, 0.5, 5.0),
    "and twice that": (0.5, 3, 0.5, 10.0),
    "no seconds at all": (0.0, 1, 0.5, 1.0),
    "longer than anybody waits": (1e9, 1, 0.5, LONGEST_STATED),
    "the first": (None, 1, 0.5, 5.0),
    "twice the last": (None, 3, 0.5, 20.0),
    "never for hours": (None, 40, 0.5, 300.0),
    "a fifth less": (None, 1, 0.0, 4.0),
}


@pytest.mark.parametrize(("stated", "failures", "chance", "seconds"), RESTS.values(), ids=RESTS.keys())
def test_rests_after_a_limit(stated: float | None, failures: int, chance: float, seconds: float) -> None:
    assert rest_after_limit(stated, failures=failures, chance=chance) == pytest.approx(seconds)


def test_a_quota_that_is_used_up_is_looked_at_again_in_an_hour_if_nobody_says_when() -> None:
    assert [rest_after_exhaustion(stated) for stated in (None, 7.0, 1e9)] == [3600.0, 7.0, LONGEST_STATED]


def test_a_model_rests_after_the_third_overload_in_a_row() -> None:
    rests = [rest_of_model(None, failures=failures, chance=0.5) for failures in range(1, 8)]
    assert rests == [None, None, 10.0, 20.0, 30.0, 30.0, 30.0]
    assert rest_of_model(9.0, failures=3, chance=0.5) == 9.0
    assert rest_of_model(600.0, failures=3, chance=0.5) == 30.0
