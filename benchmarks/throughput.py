"""Answers a second, streamed and whole: this gateway against mitmproxy that passes the same bytes on, and its peers.

Rounds alternate between all, so that what else the machine does falls on each; only ratios are claims.
"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from .answers import Answer
from .contenders import GATEWAY, PLAIN, start
from .load import Result, run
from .processes import Subject, client_side, gateway, upstream
from .section import Effort, Report, Target, at_least, left_out, median, table

STREAMS, WHOLE = "streams", "whole answers"
KINDS = (STREAMS, WHOLE)
CLIENTS_ALONE = "gateway, upstream requests not shown"
TARGETS = {PLAIN: 0.9, "LiteLLM": 4.0, "Portkey": 1.5}
"""How many times each one's answers the gateway must give."""

type Load = tuple[str, int]
"""One of the kinds, and how many clients."""
type Rounds = Mapping[Load, Mapping[str, list[Result]]]
"""By the contender's name."""


def measure(effort: Effort) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream_url = stack.enter_context(upstream(effort.events))
        contenders = start(stack, upstream_url, folder, with_peers=effort.with_peers)
        hidden = gateway(upstream_url, folder, name=CLIENTS_ALONE, options=["gateway_attempt_flows=false"])
        least = client_side(upstream_url, folder)
        subjects = (*contenders.subjects, stack.enter_context(hidden), stack.enter_context(least))
        rounds: dict[Load, dict[str, list[Result]]] = {}
        for kind in KINDS:
            for clients in effort.clients:
                rounds[kind, clients] = _alternating(subjects, kind, clients, effort)
    return report(rounds, effort, contenders.left_out)


def _alternating(
    subjects: Sequence[Subject], kind: str, clients: int, effort: Effort
) -> dict[str, list[Result]]:
    answer, is_streamed = Answer(pieces=effort.events), kind == STREAMS
    results: dict[str, list[Result]] = {subject.name: [] for subject in subjects}
    for number in range(effort.rounds + 1):
        for subject in subjects:
            load = run(subject, answer, is_streamed=is_streamed, clients=clients, seconds=effort.seconds)
            result = asyncio.run(load)
            if number:  # the first round warms up
                results[subject.name].append(result)
    return results


def report(rounds: Rounds, effort: Effort, missing: Sequence[str] = ()) -> Report:
    head = [
        "clients",
        "",
        "",
        "a second",
        "of plain mitmproxy",
        "gateway to it",
        "least to most",
        "processor ms",
    ]
    rows: list[list[str]] = []
    targets: list[Target] = []
    rates = {load: _rates(results) for load, results in rounds.items()}
    for (kind, clients), results in rounds.items():
        of_load = rates[kind, clients]
        rows += [_row(kind, clients, name, of_load, results[name]) for name in of_load]
        load = f"{kind}, {clients} client{'s'[: clients > 1]}"
        targets += _targets(load, of_load, effort)
        if kind == WHOLE and (streams := rates.get((STREAMS, clients))) is not None:
            # what plain mitmproxy passes on here comes in one piece, and what the gateway reads comes as a stream
            same = f"{load}, gateway to {PLAIN} that passes on the same bytes of the upstream"
            targets.append(at_least(TARGETS[PLAIN], same, of_load[GATEWAY] / streams[PLAIN]))
    said = f"{effort.events} events an answer, medians of {effort.rounds} rounds of {effort.seconds:g} s."
    return Report("Throughput", (said, "", *table(head, rows), *left_out(missing)), tuple(targets))


def _rates(results: Mapping[str, Sequence[Result]]) -> Mapping[str, float]:
    """Answers a second."""
    return {name: median(each.per_second for each in of_one) for name, of_one in results.items()}


def _row(
    kind: str, clients: int, name: str, rates: Mapping[str, float], results: Sequence[Result]
) -> list[str]:
    each_round = [result.per_second for result in results]
    return [
        str(clients),
        kind,
        name,
        f"{rates[name]:.1f}",
        f"{rates[name] / rates[PLAIN]:.2f}",
        f"{rates[GATEWAY] / rates[name]:.2f}",
        f"{min(each_round):.1f} to {max(each_round):.1f}",
        f"{median(result.processor_ms for result in results):.2f}",
    ]


def _targets(load: str, rates: Mapping[str, float], effort: Effort) -> list[Target]:
    return [
        at_least(bound, f"{load}, gateway to {name}", rates[GATEWAY] / rates[name] if name in rates else None)
        for name, bound in TARGETS.items()
        if effort.with_peers or name == PLAIN
    ]
