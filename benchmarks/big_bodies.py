"""Big things: whether time grows as size does, and how long each holds the event loop, and where.

One client at a time, so that a hold is one request's. The same bytes go through mitmproxy that passes them on.
"""

import asyncio
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import bodies
from .answers import Answer, Kind
from .contenders import GATEWAY
from .load import session
from .processes import ROOT, Subject, gateway, plain_proxy, processor_seconds, upstream
from .section import Effort, Report, Target, at_most, median, table

LONGEST_HOLD_MS = 50.0
HIGHEST_POWER = 1.2
"""Of the size, with which time grows from the last but one to the largest: 1 is linear, 2 is quadratic. What a request
costs whatever its size makes it less."""
_WATCHDOG = ROOT / "benchmarks" / "watchdog.py"
_SETTLE = 0.1
"""Seconds until a hold that an answer ended with is told."""
_MB = 1_000_000
_SHORT = Answer(pieces=1)


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    unit: str
    sizes: tuple[float, ...]
    body: Callable[[float], bytes]
    is_streamed: bool = False


CURVES = (
    Curve(
        "image in a request", "MB", (1, 5, 10, 20), lambda size: bodies.with_image(int(size * _MB), _SHORT)
    ),
    Curve(
        "image in an answer",
        "MB",
        (1, 2, 5),
        lambda size: bodies.asking_for(Answer(Kind.IMAGE, size=int(size * _MB))),
        is_streamed=True,
    ),
    Curve(
        "tool argument in the history",
        "MB",
        (0.1, 0.3, 1),
        lambda size: bodies.with_argument(int(size * _MB), _SHORT),
    ),
    Curve(
        "tool argument in an answer",
        "MB",
        (0.1, 0.3, 1),
        lambda size: bodies.asking_for(Answer(Kind.ARGUMENT, size=int(size * _MB))),
        is_streamed=True,
    ),
    Curve("history", "turns", (50, 150, 500), lambda size: bodies.with_history(int(size), _SHORT)),
    Curve("tools", "tools", (30, 60, 120), lambda size: bodies.with_tools(int(size), _SHORT)),
)


@dataclass(frozen=True, slots=True)
class Hold:
    """One time for which the loop did nothing else. In milliseconds."""

    held: float
    processor: float
    """That the main thread had meanwhile: in the rest, another process was at work, or a disk."""
    collecting: float
    """Of it, in the garbage collector."""
    places: Mapping[str, float]
    """Where most of it was spent."""

    @property
    def place(self) -> str:
        return "; ".join(f"{spent:.0f} ms in `{name}`" for name, spent in self.places.items())


@dataclass(frozen=True, slots=True)
class Measured:
    """One size through one proxy."""

    curve: str
    unit: str
    size: float
    subject: str
    milliseconds: float
    processor_ms: float
    """Of all its threads, the watchdog's among them."""
    hold: Hold | None
    """The longest."""


def measure(effort: Effort) -> Report:
    measured: list[Measured] = []
    with ExitStack() as stack:
        upstream_url = stack.enter_context(upstream(events=1))
        for start in (plain_proxy, gateway):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            holds = folder / "holds.jsonl"
            holds.touch()
            watched = start(upstream_url, folder, scripts=[_WATCHDOG], options=[f"watchdog_file={holds}"])
            subject = stack.enter_context(watched)
            for curve in CURVES:
                measured += [_measured(subject, curve, size, effort.rounds, holds) for size in curve.sizes]
    return report(measured, effort)


def _measured(subject: Subject, curve: Curve, size: float, rounds: int, holds: Path) -> Measured:
    body = curve.body(size)
    url = subject.stream_url if curve.is_streamed else subject.whole_url
    asyncio.run(_times(subject, url, body, 1))  # warms up
    time.sleep(_SETTLE)
    already, used = len(holds.read_bytes()), processor_seconds(subject.pid)
    taken = asyncio.run(_times(subject, url, body, rounds))
    used = (processor_seconds(subject.pid) - used) * 1000 / rounds
    time.sleep(_SETTLE)
    hold = longest(holds.read_bytes()[already:].splitlines())
    return Measured(curve.name, curve.unit, size, subject.name, median(taken), used, hold)


async def _times(subject: Subject, url: str, body: bytes, rounds: int) -> list[float]:
    """Milliseconds of each request."""
    taken: list[float] = []
    async with session(subject.headers) as connections:
        for _ in range(rounds):
            began = time.perf_counter()
            async with connections.post(url, data=body) as response:
                content = await response.read()
                assert response.status == 200, (subject.name, content[:1000])
            taken.append((time.perf_counter() - began) * 1000)
    return taken


def longest(lines: Iterable[bytes]) -> Hold | None:
    """Of the watchdog's."""
    holds = [_hold(json.loads(line)) for line in lines]
    return max(holds, key=lambda hold: hold.held, default=None)


def _hold(line: Mapping[str, float | Mapping[str, float]]) -> Hold:
    held, processor, collecting, places = (
        line[name] for name in ("held", "processor", "collecting", "places")
    )
    assert isinstance(held, float)
    assert isinstance(processor, float)
    assert isinstance(collecting, float)
    assert isinstance(places, dict)
    spent = {name: seconds * 1000 for name, seconds in places.items()}
    return Hold(held * 1000, processor * 1000, collecting * 1000, spent)


def report(measured: Sequence[Measured], effort: Effort) -> Report:
    head = [
        "",
        "size",
        "",
        "ms",
        "ms for each unit",
        "processor, ms",
        "loop held, ms",
        "its processor, ms",
        "of it collecting",
    ]
    rows = [
        [
            each.curve,
            f"{each.size:g} {each.unit}",
            each.subject,
            f"{each.milliseconds:.1f}",
            f"{each.milliseconds / each.size:.2f}",
            f"{each.processor_ms:.0f}",
            *(
                [f"{each.hold.held:.0f}", f"{each.hold.processor:.0f}", f"{each.hold.collecting:.0f}"]
                if each.hold
                else ["-"] * 3
            ),
        ]
        for each in measured
    ]
    ours = [each for each in measured if each.subject == GATEWAY]
    targets: list[Target] = []
    for name in dict.fromkeys(each.curve for each in ours):
        of_one = [each for each in ours if each.curve == name]
        targets.append(at_most(HIGHEST_POWER, f"{name}, time grows with size to the power of", power(of_one)))
        held = max((each.hold.held for each in of_one if each.hold), default=0.0)
        targets.append(at_most(LONGEST_HOLD_MS, f"{name}, longest hold of the event loop", held, " ms"))
    said = f"One client, medians of {effort.rounds} requests; of the holds, the longest. A hold under 10 ms is not told."
    return Report("Big things", (said, "", *table(head, rows), "", *_where(ours)), tuple(targets))


def power(of_one_curve: Sequence[Measured]) -> float:
    less, most = of_one_curve[-2:]
    return math.log(most.milliseconds / less.milliseconds) / math.log(most.size / less.size)


def _where(measured: Sequence[Measured]) -> list[str]:
    worst = sorted(
        (each for each in measured if each.hold),
        key=lambda each: each.hold.held if each.hold else 0,
        reverse=True,
    )
    return ["Where the loop was held longest:", ""] + [
        f"- {each.curve}, {each.size:g} {each.unit}: {each.hold.held:.0f} ms, {each.hold.place}"
        for each in worst[:8]
        if each.hold
    ]
