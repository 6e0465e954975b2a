"""Requests that each meet one fault, and what came of them, in a word."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import openai

from .clients import STREAMED, WHOLE, Seen, Way, ask
from .faults import FAULTS, Fate
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
    Fate.LATE: (Got("error", 1), Got("error", 1)),
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
