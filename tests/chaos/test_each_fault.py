"""Every fault of the table alone: what a client gets of a request whose first attempt meets it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

from tests.running import run_gateway, write_accounts

from .clients import STREAMED, WHOLE, Seen, Way, ask
from .faults import FAULTS, PLAIN, Fate, Fault
from .texts import Question
from .upstream import HostileUpstream

AT_ONCE = 8
"""Requests."""
LARGE = " " * 3_000_000
"""Makes a request so large that its end is still on its way when it is answered early."""


@dataclass(frozen=True, slots=True)
class Got:
    answer: str
    """In one word; whatever is wrong with it, otherwise."""
    requests: int
    """That the upstream was sent."""


EXPECTED: Mapping[Fate, tuple[Got, Got]] = {
    # streamed, whole
    Fate.ANSWERED: (Got("whole", 1), Got("whole", 1)),
    Fate.LIMITED: (Got("limited", 1), Got("limited", 1)),
    Fate.AGAIN: (Got("whole", 2), Got("whole", 2)),
    Fate.CUT: (Got("cut", 1), Got("whole", 2)),
    Fate.REFUSED: (Got("error", 1), Got("error", 1)),
}


class World:
    """One gateway for many faults; each has a model of its own, so that no rest of one concerns another."""

    def __init__(self, upstream: HostileUpstream, client: openai.AsyncOpenAI, names: Sequence[str]) -> None:
        self.upstream = upstream
        self._client = client
        self._names = names
        self._places = asyncio.Semaphore(AT_ONCE)

    async def wrong(self, *, streams: bool) -> list[str]:
        """What became of each fault that should have become something else."""
        ways = tuple((STREAMED if streams else WHOLE).values())
        got = await asyncio.gather(
            *(self.got(number, ways[number % len(ways)]) for number in range(len(self._names)))
        )
        expected = (EXPECTED[FAULTS[name].fate][0 if streams else 1] for name in self._names)
        found = zip(self._names, got, expected, strict=True)
        return [
            f"{name}: {one.answer}, {one.requests} requests" for name, one, other in found if one != other
        ]

    async def got(self, number: int, way: Way) -> Got:
        question = Question(number, words=20)
        seen = Seen(hear=lambda: self.upstream.settled.add(number))
        prompt = question.prompt + (LARGE if FAULTS[self._names[number]].is_early else "")
        async with self._places:
            await ask(way, self._client, f"gemini-chaos-{number}", prompt, seen)
        return Got(_in_a_word(question, seen), len(self.upstream.met[number]))


def _in_a_word(question: Question, seen: Seen) -> str:
    if seen.others:
        return f"raised {seen.others}"
    if question.attempt_in(seen.text) is None:
        return f"another text: {seen.text[:200]!r}"
    if seen.is_error:
        return "cut" if seen.text else "error"
    if seen.finish == "stop":
        return "whole" if question.is_whole(seen.text) else "short"
    return "limited" if seen.finish in {"length", "content_filter"} else f"ended with {seen.finish}"


@asynccontextmanager
async def a_world(folder: Path, names: Sequence[str], *, patience: int = 120) -> AsyncGenerator[World]:
    upstream = HostileUpstream(lambda number, attempt: PLAIN if attempt else names[number])
    accounts = write_accounts(folder, *((f"a{i}@example.com", f"key-{i}") for i in range(60)))
    async with (
        upstream,
        run_gateway(
            f"http://127.0.0.1:{upstream.port}",
            folder,
            gateway_accounts=accounts,
            gateway_state="memory",
            gateway_first_token_timeout=patience,
            gateway_strategy="balance",
        ) as gateway,
        openai.AsyncOpenAI(api_key="x", base_url=f"{gateway.url}/v1", max_retries=0, timeout=60) as client,
    ):
        yield World(upstream, client, names)
    assert (upstream.late, upstream.strays) == ([], [])


def those(kind: Callable[[Fault], bool]) -> Sequence[str]:
    return tuple(name for name, fault in FAULTS.items() if kind(fault))


SILENT = those(lambda fault: fault.is_silent)
SPOILING = those(lambda fault: fault.spoils_connection)
HEAVY = those(lambda fault: fault.is_heavy)
FEW_HEAVY = (
    "gzip of zeros",
    "500, gzip of zeros",
    "a line of braces without an end",
    "comments without an end",
    "an event of candidates",
    "an error of quotes",
)
"""All take half a minute; `python -m tests.chaos --each` asks all."""
OTHERS = tuple(name for name in FAULTS if name not in {*SILENT, *SPOILING, *HEAVY})
both = pytest.mark.parametrize("streams", [True, False], ids=["streamed", "whole"])


@pytest.mark.time_lapse
@both
async def test_an_answer_with_a_fault_is_given_whole_or_not_at_all(tmp_path: Path, *, streams: bool) -> None:
    # what is not cut has one way through the code, whatever the client wants
    names = OTHERS if streams else [name for name in OTHERS if FAULTS[name].fate is not Fate.AGAIN]
    async with a_world(tmp_path, names) as world:
        assert await world.wrong(streams=streams) == []


@pytest.mark.time_lapse
@both
async def test_silence_ends_with_the_gateways_patience(tmp_path: Path, *, streams: bool) -> None:
    async with a_world(tmp_path, SILENT, patience=8) as world:
        assert await world.wrong(streams=streams) == []


@both
async def test_no_connection_carries_anything_over_to_the_next_request(
    tmp_path: Path, *, streams: bool
) -> None:
    names = [name for spoiling in SPOILING for name in (spoiling, PLAIN)]
    async with a_world(tmp_path, names) as world:
        way = (STREAMED if streams else WHOLE)["chat stream" if streams else "chat"]
        got: list[str] = []
        for number in range(len(names)):
            got.append((await world.got(number, way)).answer)
            # an answer that nobody asked for and that comes too late cannot be told from one that was asked for
            await world.upstream.quiet()
    assert got == ["whole"] * len(names)


async def test_an_answer_that_swells_is_cut_off(tmp_path: Path) -> None:
    async with a_world(tmp_path, FEW_HEAVY) as world:
        assert await world.wrong(streams=True) == []
