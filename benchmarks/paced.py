"""Many streams at once, each at a typing pace: whether all arrive whole and in order, how smoothly, and what one takes.

Two cores may carry fewer than the most: then the streams fall behind, and the events a second say how far.
The row of no proxy says what load and upstream carry by themselves. Memory is that of a proxy started for the row.
"""

import asyncio
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from .answers import Answer, numbers
from .contenders import GATEWAY
from .load import question, run, session
from .processes import Subject, direct, gateway, plain_proxy, processor_seconds, resident, upstream
from .section import Effort, Report, at_most, percentile, table

STREAMS = (100, 300, 1000)
EVERY_MS = 50
LENGTH = 5
"""Of a stream, in rounds of the other sections."""
_SAMPLE_SECONDS = 0.1


@dataclass(slots=True)
class Arrivals:
    """What came of one stream."""

    numbers: list[int] = field(default_factory=list[int])
    """Of its pieces."""
    at: list[float] = field(default_factory=list[float])
    """Seconds."""
    failure: str = ""
    """Why it broke, or was refused."""

    @property
    def gaps_ms(self) -> list[float]:
        return [(later - earlier) * 1000 for earlier, later in itertools.pairwise(self.at)]


@dataclass(frozen=True, slots=True)
class Faults:
    lost: int = 0
    repeated: int = 0
    out_of_order: int = 0

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(
            self.lost + other.lost,
            self.repeated + other.repeated,
            self.out_of_order + other.out_of_order,
        )

    @property
    def count(self) -> int:
        return self.lost + self.repeated + self.out_of_order


def faults_of(numbers: Sequence[int], pieces: int) -> Faults:
    """Of a stream that ought to have had all pieces from 0 on."""
    kinds = set(numbers)
    falls = sum(later < earlier for earlier, later in itertools.pairwise(numbers))
    return Faults(pieces - len(kinds), len(numbers) - len(kinds), falls)


@dataclass(frozen=True, slots=True)
class Measured:
    subject: str
    streams: int
    seconds: float
    """From the first request to the last event."""
    arrivals: Sequence[Arrivals]
    processor: float
    """Share of one core."""
    before_mb: float
    peak_mb: float


def measure(effort: Effort) -> Report:
    pieces = max(2, round(effort.seconds * LENGTH * 1000 / EVERY_MS))
    with tempfile.TemporaryDirectory() as folder, upstream(effort.events) as upstream_url:
        starts: list[Callable[[], AbstractContextManager[Subject]]] = [
            lambda: nullcontext(direct(upstream_url)),
            lambda: plain_proxy(upstream_url, Path(folder)),
            lambda: gateway(upstream_url, Path(folder)),
        ]
        measured: list[Measured] = []
        for streams in STREAMS:
            for start in starts:
                with start() as subject:
                    measured.append(asyncio.run(_paced(subject, streams, pieces)))
    return report(measured, pieces)


async def _paced(subject: Subject, streams: int, pieces: int) -> Measured:
    await run(subject, Answer(pieces=5), is_streamed=True, clients=8, seconds=1)  # warms up
    answer = Answer(pieces=pieces, every=EVERY_MS)
    body = question(answer, is_streamed=True)
    arrivals = [Arrivals() for _ in range(streams)]
    before_mb, used = resident(subject.pid), processor_seconds(subject.pid)
    began = time.perf_counter()
    async with session(subject.headers) as connections:
        reading = asyncio.gather(*(_read(connections, subject, body, each) for each in arrivals))
        peak_mb = before_mb
        while not reading.done():
            await asyncio.wait([reading], timeout=_SAMPLE_SECONDS)
            peak_mb = max(peak_mb, resident(subject.pid))
    seconds = time.perf_counter() - began
    processor = (processor_seconds(subject.pid) - used) / seconds
    return Measured(subject.name, streams, seconds, arrivals, processor, before_mb, peak_mb)


async def _read(
    connections: aiohttp.ClientSession, subject: Subject, body: bytes, arrivals: Arrivals
) -> None:
    unread = b""
    try:
        async with connections.post(subject.stream_url, data=body) as response:
            if response.status != 200:
                arrivals.failure = f"{response.status}: {(await response.text())[:200]}"
                return
            async for chunk in response.content.iter_any():
                now = time.perf_counter()
                unread += chunk
                found, end = numbers(unread)
                unread = unread[end:]
                arrivals.numbers += found
                arrivals.at += [now] * len(found)
        if b'"error"' in unread:
            arrivals.failure = unread[unread.find(b'"error"') :][:300].decode(errors="replace").strip()
    except (aiohttp.ClientError, TimeoutError) as error:
        # what did not come is lost, and is counted
        arrivals.failure = repr(error)


def report(measured: Sequence[Measured], pieces: int) -> Report:
    head = ["streams", "", "events/s", "lost", "repeated", "out of order", "first event, latest, ms"]
    head += ["gap p50, ms", "gap p99, ms", "gap, worst, ms", "processor", "memory, MB", "kB a stream"]
    faults = {(each.subject, each.streams): _faults(each, pieces) for each in measured}
    rows = [_row(each, faults[each.subject, each.streams]) for each in measured]
    targets = [
        at_most(
            0,
            f"{each.streams:,} streams, events lost, repeated or out of order",
            faults[GATEWAY, each.streams].count,
        )
        for each in measured
        if each.subject == GATEWAY
    ]
    said = f"{pieces} events a stream, one each {EVERY_MS} ms: {1000 / EVERY_MS:g} events/s each."
    return Report(
        "Streams at a typing pace", (said, "", *table(head, rows), *_failures(measured)), tuple(targets)
    )


def _failures(measured: Sequence[Measured]) -> list[str]:
    why = Counter(
        (each.subject, each.streams, stream.failure)
        for each in measured
        for stream in each.arrivals
        if stream.failure
    )
    told = [
        f"- {name}: {count} of {streams:,} failed, {reason}"
        for (name, streams, reason), count in why.most_common(8)
    ]
    return ["", *told] if told else []


def _faults(measured: Measured, pieces: int) -> Faults:
    return sum((faults_of(each.numbers, pieces) for each in measured.arrivals), Faults())


def _row(measured: Measured, faults: Faults) -> list[str]:
    gaps = [gap for each in measured.arrivals for gap in each.gaps_ms] or [0.0]
    began = min((each.at[0] for each in measured.arrivals if each.at), default=0.0)
    latest = max((each.at[0] - began for each in measured.arrivals if each.at), default=0.0)
    events = sum(len(each.numbers) for each in measured.arrivals)
    memory = measured.peak_mb - measured.before_mb
    return [
        f"{measured.streams:,}",
        measured.subject,
        f"{events / measured.seconds:.0f}",
        str(faults.lost),
        str(faults.repeated),
        str(faults.out_of_order),
        f"{latest * 1000:.0f}",
        f"{percentile(0.5, gaps):.0f}",
        f"{percentile(0.99, gaps):.0f}",
        f"{max(gaps):.0f}",
        f"{measured.processor:.0%}",
        f"{measured.before_mb:.0f} to {measured.peak_mb:.0f}",
        f"{memory * 1000 / measured.streams:.0f}",
    ]
