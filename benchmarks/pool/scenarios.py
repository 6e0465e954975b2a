"""The days that the pool is put through."""

from antigravity_addon.accounts.policy import Strategy

from .simulation import Scenario
from .world import HOUR, MINUTE, Quota, Span, Troubles


def _projects(count: int) -> dict[str, str]:
    """An account in each of so many projects."""
    return {f"{name}@example.com": f"project-{name}" for name in "abcdefghijklmnopqrstuvwxyz"[:count]}


def _all(quota: Quota, count: int) -> dict[str, Quota]:
    return dict.fromkeys(_projects(count).values(), quota)


FREE = Quota(per_minute=10, per_day=250)
PAID = Quota(per_minute=1000, per_day=100_000)

_STRATEGIES = tuple(
    Scenario(
        f"six free projects, {strategy.value}",
        _projects(6),
        _all(FREE, 6),
        days=2.0,
        requests_per_hour=50.0,
        strategy=strategy,
    )
    for strategy in (Strategy.CACHE_FIRST, Strategy.BALANCE, Strategy.PERFORMANCE_FIRST)
)

SCENARIOS: tuple[Scenario, ...] = (
    *_STRATEGIES,
    Scenario(
        "more asked than six free projects have",
        _projects(6),
        _all(FREE, 6),
        days=2.0,
        requests_per_hour=90.0,
    ),
    Scenario(
        "bursts over quotas per minute",
        _projects(4),
        _all(Quota(per_minute=10), 4),
        days=1 / 4,
        requests_per_hour=1200.0,
        turns=12,
        longest_wait=70.0,
    ),
    Scenario(
        "bursts over quotas that nobody explains",
        _projects(6),
        _all(Quota(per_minute=8, is_explained=False), 6),
        days=1 / 4,
        requests_per_hour=1200.0,
        turns=12,
        longest_wait=70.0,
    ),
    Scenario(
        "two keys of each of three projects",
        {f"{half}{name}@example.com": f"project-{name}" for name in "abc" for half in (1, 2)},
        _all(Quota(per_minute=10, per_day=500), 3),
        days=1.0,
        requests_per_hour=60.0,
    ),
    Scenario(
        "weights 1, 2 and 5, four places each",
        _projects(3),
        _all(PAID, 3),
        weights={"a@example.com": 1.0, "b@example.com": 2.0, "c@example.com": 5.0},
        max_concurrent=4,
        days=1 / 2,
        requests_per_hour=600.0,
        strategy=Strategy.BALANCE,
    ),
    Scenario(
        "a bad day: overloads, 2 % broken, keys that die",
        _projects(5),
        _all(Quota(per_minute=30, per_day=2000), 5),
        days=1.0,
        requests_per_hour=150.0,
        troubles=Troubles(
            overloads=tuple(Span(hour * HOUR, hour * HOUR + 10.0) for hour in range(1, 24, 2)),
            deaths={"key-a@example.com": 5 * HOUR, "key-b@example.com": 14 * HOUR},
            broken_share=0.02,
        ),
        longest_wait=60.0,
    ),
    Scenario(
        "restarted every twenty minutes",
        _projects(6),
        _all(FREE, 6),
        days=2.0,
        requests_per_hour=50.0,
        restart_every=20 * MINUTE,
    ),
)
