"""From the start of the process to the first chat answer that a client has."""

import functools
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from .answers import Answer
from .load import question, text_of
from .peers import PEERS, NotSetUp
from .ports import free_port
from .processes import NotStarted, Subject, gateway, processor_seconds, upstream
from .section import Effort, Report, at_most, left_out, median, table

FIRST, AGAIN = "mitmdump, on a new machine", "mitmdump"
MOST_SECONDS = 2.0
_ANSWER = Answer()

type Start = Callable[[Path], AbstractContextManager[Subject]]
"""In front of the upstream, from a folder."""


@dataclass(frozen=True, slots=True)
class Took:
    seconds: float
    processor: float
    """Seconds of it; what else the machine does makes the others more."""


def measure(effort: Effort) -> Report:
    with tempfile.TemporaryDirectory() as kept, upstream(effort.events) as upstream_url:
        serve = functools.partial(gateway, upstream_url)
        web = ("web_open_browser=false", f"web_port={free_port()}")
        starts: dict[str, Start] = {
            FIRST: serve,
            AGAIN: lambda _: serve(Path(kept)),
            "mitmweb": lambda _: serve(Path(kept), program="mitmweb", options=web),
        }
        peers: dict[str, Start] = {
            peer.name: functools.partial(peer.start, upstream_url) for peer in PEERS if effort.with_peers
        }
        taken: dict[str, list[Took]] = {name: [] for name in (*starts, *peers)}
        missing: dict[str, str] = {}
        for number in range(effort.rounds + 1):
            for name, start in (starts | peers).items():
                try:
                    took = _took(start)
                except (NotSetUp, NotStarted) as error:
                    if name not in peers:
                        raise
                    missing[name] = f"{name} is left out: {error}"
                else:
                    # the first one compiles what is imported
                    taken[name] += [took] if number else []
    return report({name: each for name, each in taken.items() if each}, list(missing.values()))


def _took(start: Start) -> Took:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with start(Path(folder)) as subject:
            headers = {"content-type": "application/json", **subject.headers}
            request = Request(subject.whole_url, question(_ANSWER, is_streamed=False), headers)
            with urlopen(request, timeout=60) as response:
                said = text_of(response.read())
            took = Took(time.perf_counter() - began, processor_seconds(subject.pid))
    assert said == _ANSWER.text, (subject.name, said)
    return took


def report(taken: Mapping[str, Sequence[Took]], missing: Sequence[str] = ()) -> Report:
    rows = [[name, str(len(each)), *_figures(each)] for name, each in taken.items()]
    head = ["", "starts", "median, s", "least to most", "processor, s"]
    targets = [
        at_most(
            MOST_SECONDS, f"start to first answer, {name}", median(each.seconds for each in taken[name]), " s"
        )
        for name in (FIRST, AGAIN)
    ]
    return Report("Start to first answer", (*table(head, rows), *left_out(missing)), tuple(targets))


def _figures(taken: Sequence[Took]) -> list[str]:
    seconds = [each.seconds for each in taken]
    processor = median(each.processor for each in taken)
    return [f"{median(seconds):.2f}", f"{min(seconds):.2f} to {max(seconds):.2f}", f"{processor:.2f}"]
