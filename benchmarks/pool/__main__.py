"""Prints what becomes of simulated days; docs/accounts.md has the table."""

import argparse
import statistics
from collections.abc import Iterable, Iterator

from .scenarios import SCENARIOS
from .simulation import Outcome, simulate

_HEAD = (
    "days",
    "requests",
    "failed",
    "failed though somebody could serve",
    "asked though known to be out",
    "upstream requests for each",
    "turns with their account",
    "prompt found in caches",
    "fairness",
    "wait, 99 of 100 / longest",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pool", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print("\n".join(table(arguments.seed)))


def table(seed: int) -> Iterator[str]:
    yield _row("", _HEAD)
    yield _row("---", ["---"] * len(_HEAD))
    for scenario in SCENARIOS:
        yield _row(scenario.name, _figures(scenario.days, simulate(scenario, seed=seed)))


def _figures(days: float, outcome: Outcome) -> Iterator[str]:
    yield f"{days:g}"
    yield f"{outcome.requests:,}"
    yield f"{outcome.failed:,}"
    yield f"{outcome.failed_though_somebody_could}"
    yield f"{outcome.asked_though_out}"
    yield f"{outcome.upstream_requests / outcome.requests:.3f}"
    yield f"{outcome.stickiness:.1%}"
    yield f"{outcome.cached_share:.0%}"
    yield f"{outcome.fairness:.3f}"
    p99 = statistics.quantiles(outcome.waited, n=100)[-1]
    yield f"{p99:.1f} s / {outcome.longest_wait:.1f} s"


def _row(name: str, cells: Iterable[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
