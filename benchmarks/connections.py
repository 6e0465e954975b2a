"""What idle connections cost: memory of each, and the time that a request takes beside them."""

import json
import socket
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from .answers import Answer
from .load import question
from .processes import Subject, gateway, resident, upstream
from .section import Effort, Report, at_most, median, table

COUNTS = (0, 2000, 8000)
"""The last is as many as the gateway takes; fewer are opened where the system allows no more files."""
MOST_KILOBYTES = 100.0
MOST_TIMES_AS_LONG = 2.0
_REQUESTS = 100
_HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Measured:
    connections: int
    megabytes: float
    milliseconds: tuple[float, ...]
    """Of each whole chat answer, one after the other."""


def measure(effort: Effort) -> Report:
    measured: list[Measured] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream(effort.events) as upstream_url,
        gateway(upstream_url, Path(folder)) as subject,
        ExitStack() as stack,
    ):
        tuple(_times(subject))  # what is imported and looked up once
        opened = 0
        for count in COUNTS:
            opened += stack.enter_context(_idle(subject, max(0, _affordable(count) - opened)))
            measured.append(Measured(opened, resident(subject.pid), tuple(_times(subject))))
    return report(measured)


def _affordable(count: int) -> int:
    """One place is left in the gateway for the request that is measured, and some files for everything else."""
    try:
        import resource  # noqa: PLC0415  Windows has none
    except ImportError:
        return count
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return count if soft == resource.RLIM_INFINITY else max(0, min(count, soft // 2 - 200, COUNTS[-1] - 10))


@contextmanager
def _idle(subject: Subject, count: int) -> Generator[int]:
    """Clients that have been answered once, and keep their connections."""
    url = urlsplit(subject.whole_url)
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(
                socket.create_connection((url.hostname or "", url.port or 0), timeout=60)
            )
            client.sendall(_HEALTH)
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        yield count


def _times(subject: Subject) -> Iterator[float]:
    body = question(Answer(), is_streamed=False)
    for _ in range(_REQUESTS):
        began = time.perf_counter()
        with urlopen(
            Request(subject.whole_url, body, {"content-type": "application/json"}), timeout=60
        ) as answer:
            json.load(answer)
        yield (time.perf_counter() - began) * 1000


def report(measured: Sequence[Measured]) -> Report:
    alone, *others = measured
    rows = [
        [
            f"{each.connections:,}",
            f"{each.megabytes:.0f}",
            _shown(alone, each),
            f"{median(each.milliseconds):.1f}",
        ]
        for each in measured
    ]
    most = others[-1]
    targets = (
        at_most(MOST_KILOBYTES, "memory of an idle connection", _kilobytes(alone, most), " kB"),
        at_most(
            MOST_TIMES_AS_LONG,
            f"time of a request beside {most.connections:,} idle connections",
            median(most.milliseconds) / median(alone.milliseconds),
            " times what it is alone",
        ),
    )
    head = ["idle connections", "memory, MB", "kB each", "a request, ms"]
    return Report("Idle connections", tuple(table(head, rows)), targets)


def _kilobytes(alone: Measured, each: Measured) -> float | None:
    more = each.connections - alone.connections
    return (each.megabytes - alone.megabytes) * 1000 / more if more else None


def _shown(alone: Measured, each: Measured) -> str:
    kilobytes = _kilobytes(alone, each)
    return "" if kilobytes is None else f"{kilobytes:.0f}"
