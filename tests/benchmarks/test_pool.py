"""Simulated days: what must never happen did not, and the figures are what the page says of them."""

from dataclasses import replace

import pytest

from benchmarks.pool.scenarios import SCENARIOS
from benchmarks.pool.simulation import Outcome, Scenario, simulate

HOURS = 2 / 24
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=BY_NAME.keys())
def test_nobody_is_failed_who_could_be_served_and_nobody_asked_who_is_out(scenario: Scenario) -> None:
    outcome = simulate(replace(scenario, days=min(scenario.days, HOURS)), seed=7)
    assert outcome.requests > 30
    assert (outcome.failed_though_somebody_could, outcome.asked_though_out) == (0, 0)


def day(name: str) -> Outcome:
    return simulate(replace(BY_NAME[name], days=HOURS), seed=7)


def test_conversations_stay_and_find_their_cache() -> None:
    kept, spread = day("six free projects, cache_first"), day("six free projects, performance_first")
    assert kept.stickiness > 0.99
    assert spread.stickiness < 0.5
    assert kept.cached_share > 2 * spread.cached_share


def test_accounts_serve_by_their_weights() -> None:
    assert day("weights 1, 2 and 5, four places each").fairness > 0.99


def test_the_same_seed_is_the_same_day() -> None:
    name = "a bad day: overloads, 2 % broken, keys that die"
    assert day(name) == day(name)


def test_more_than_there_is_fails_and_costs_the_upstream_next_to_nothing() -> None:
    scenario = replace(BY_NAME["more asked than six free projects have"], days=1.0)
    outcome = simulate(scenario, seed=7)
    assert outcome.failed > 100
    assert outcome.upstream_requests <= outcome.requests - outcome.failed + 6 * 2
