"""The time that each proxy adds until a client has the first piece of an answer.

Answers come at a typing pace, so that a proxy is not busy with the rest of them, and clients begin one after the other.
"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .answers import Answer
from .contenders import DIRECT, GATEWAY, start
from .load import run
from .processes import Subject, upstream
from .section import Effort, Report, at_most, left_out, median, percentile, table

EVERY_MS = 50
MOST_ADDED_MS = 3.0
"""At one client, median."""


@dataclass(frozen=True, slots=True)
class Load:
    clients: int
    pieces: int


LOADS = (Load(1, 3), Load(64, 20))
type Times = Mapping[int, Mapping[str, Sequence[float]]]
"""Milliseconds to each first token, by the number of clients and the contender's name."""


def measure(effort: Effort) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream_url = stack.enter_context(upstream(effort.events))
        contenders = start(stack, upstream_url, folder, with_peers=effort.with_peers)
        times = {load.clients: _alternating(contenders.subjects, load, effort) for load in LOADS}
    return report(times, effort, contenders.left_out)


def _alternating(subjects: Sequence[Subject], load: Load, effort: Effort) -> dict[str, list[float]]:
    answer = Answer(pieces=load.pieces, every=EVERY_MS)
    times: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for number in range(effort.rounds + 1):
        for subject in subjects:
            running = run(
                subject,
                answer,
                is_streamed=True,
                clients=load.clients,
                seconds=effort.seconds,
                spread=EVERY_MS * load.pieces / 1000,
            )
            result = asyncio.run(running)
            if number:  # the first round warms up
                times[subject.name] += result.first_token_ms
    return times


def report(times: Times, effort: Effort, missing: Sequence[str] = ()) -> Report:
    rows = [
        [str(clients), name, str(len(taken)), *_figures(taken, of_load[DIRECT])]
        for clients, of_load in times.items()
        for name, taken in of_load.items()
    ]
    head = ["clients", "", "answers", "median, ms", "p99, ms", "median over direct", "p99 over direct"]
    added = median(times[1][GATEWAY]) - median(times[1][DIRECT])
    target = at_most(MOST_ADDED_MS, "first token at one client, median over direct", added, " ms")
    said = f"An event each {EVERY_MS} ms, {effort.rounds} rounds of {effort.seconds:g} s."
    return Report("First token", (said, "", *table(head, rows), *left_out(missing)), (target,))


def _figures(taken: Sequence[float], directly: Sequence[float]) -> list[str]:
    middle, late = median(taken), percentile(0.99, taken)
    return [
        f"{middle:.1f}",
        f"{late:.1f}",
        f"{middle - median(directly):+.1f}",
        f"{late - percentile(0.99, directly):+.1f}",
    ]
