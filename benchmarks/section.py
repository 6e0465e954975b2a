"""What every section of the benchmarks gives: tables, and targets that were met or missed."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    """For each proxy and load, one to warm up not counted. Figures are medians of rounds."""
    seconds: float
    """Of each round."""
    events: int
    """Of each streamed answer."""
    clients: tuple[int, ...]
    """Whose throughput is measured, one number after the other."""
    with_peers: bool


@dataclass(frozen=True, slots=True)
class Target:
    what: str
    figure: str
    bound: str
    is_met: bool | None
    """`None`: it was not measured."""

    def __str__(self) -> str:
        verdict = {True: "met", False: "missed", None: "not measured"}[self.is_met]
        return f"- {verdict}: {self.what}: {self.figure} ({self.bound})"


def at_least(bound: float, what: str, figure: float | None, unit: str = "") -> Target:
    is_met = None if figure is None else figure >= bound
    return Target(what, _shown(figure, unit), f"at least {bound:g}{unit}", is_met)


def at_most(bound: float, what: str, figure: float | None, unit: str = "") -> Target:
    is_met = None if figure is None else figure <= bound
    return Target(what, _shown(figure, unit), f"at most {bound:g}{unit}", is_met)


def _shown(figure: float | None, unit: str) -> str:
    if figure is None:
        return "-"
    return f"{figure}{unit}" if isinstance(figure, int) else f"{figure:.2f}{unit}"


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    lines: tuple[str, ...]
    targets: tuple[Target, ...]

    def __str__(self) -> str:
        return "\n".join([f"## {self.title}", "", *self.lines, "", *map(str, self.targets)])

    @property
    def is_missed(self) -> bool:
        return any(target.is_met is False for target in self.targets)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """In Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def percentile(share: float, values: Iterable[float]) -> float:
    """The least value that so great a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def left_out(sentences: Sequence[str]) -> list[str]:
    """Below a table: who is not in it."""
    return ["", *(f"{each}." for each in sentences)] if sentences else []
