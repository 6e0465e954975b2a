"""Many requests against an upstream that does whatever it likes, and what must hold of each.

What happens to each attempt at each request follows from the seed and their numbers alone. Accounts that were refused
are refused from then on, until somebody gives them new keys; which requests that hits depends on their order.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import openai

from tests.e2e.operating import OAUTH_CLIENTS, private_key

from . import tokens
from .clients import STREAMED, WHOLE, Seen, Way, ask
from .faults import FAULTS, PLAIN, Fate
from .inside import NOWHERE
from .texts import Question
from .upstream import TOKENS, HostileUpstream

ACCOUNTS = 8
MODELS = ("gpt-4o", "gemini-2.5-flash", "gemini-2.5-pro", "gemini-3.1-pro-preview", "claude-sonnet-4-5")
DEADLINE = 8.0


def options() -> Mapping[str, object]:
    """The gateway's: little patience, and nothing that is waited for long."""
    return {
        "gateway_first_token_timeout": 2,
        "gateway_request_timeout": int(DEADLINE),
        "gateway_longest_wait": 2,
        "gateway_keepalive_seconds": 1,
        "gateway_strategy": "balance",
        "gateway_enable_code_assist": True,
    }


_WAYS: Mapping[str, Way] = {**WHOLE, **STREAMED}
_SHARE_SOUND = 0.4
_SHARE_SOUND_TOKENS = 0.5
_SHARE_OF_ACCOUNTS = 0.03
_SHARE_HEAVY = 0.002
_ON_ANSWERS = frozenset({"upstream_error", "upstream_interrupted", "empty_response", "malformed_tool_call"})
"""Codes that say something of an answer that came."""
_KEYS = frozenset({"message", "type", "param", "code"})
_KEYS_OF_A_FAILED_RESPONSE = frozenset({"message", "code"})


def _named(*, of_account: bool, heavy: bool) -> tuple[str, ...]:
    return tuple(
        name
        for name, fault in FAULTS.items()
        if (fault.is_of_account, fault.is_heavy) == (of_account, heavy) and name not in _UNDECIDABLE
    )


_UNDECIDABLE = {"a second answer a moment later"}
"""It may come when the next request is on its way, and then HTTP/1.1 has no means to tell whose it is."""
_COMMON = _named(of_account=False, heavy=False)
_OF_ACCOUNTS = _named(of_account=True, heavy=False)
_HEAVY = _named(of_account=False, heavy=True)


@dataclass(frozen=True, slots=True)
class Script:
    """What happens, by its seed."""

    seed: int

    def fault(self, number: int, attempt: int) -> str:
        chance = self._chance(number, attempt)
        drawn = chance.random()
        if drawn < _SHARE_SOUND:
            return PLAIN
        if drawn > 1 - _SHARE_HEAVY:
            return chance.choice(_HEAVY)
        return chance.choice(_OF_ACCOUNTS if drawn > 1 - _SHARE_HEAVY - _SHARE_OF_ACCOUNTS else _COMMON)

    def token(self, number: int) -> str:
        chance = random.Random(f"{self.seed}/token/{number}")
        return tokens.SOUND if chance.random() < _SHARE_SOUND_TOKENS else chance.choice(tokens.FAULTS)

    def asked(self, number: int) -> "Asked":
        chance = self._chance(number)
        question = Question(number, words=chance.choice((1, 7, 40, 300)))
        padding = " " * 2_000_000 if chance.random() < 0.02 else ""
        return Asked(question, chance.choice(tuple(_WAYS)), chance.choice(MODELS), question.prompt + padding)

    def _chance(self, *place: int) -> random.Random:
        return random.Random("/".join(map(str, (self.seed, *place))))


@dataclass(frozen=True, slots=True)
class Asked:
    question: Question
    way: str
    model: str
    prompt: str


@dataclass(slots=True)
class Report:
    seed: int
    outcomes: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    codes: Counter[str] = field(default_factory=Counter[str])
    slowest: tuple[float, int] = (0.0, 0)
    """Seconds that a request took, and its number."""
    violations: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {self.outcomes.total()} requests, {self.faults.total()} attempts",
            f"faults met: {len(self.faults)} of {len(FAULTS)}",
            f"outcomes: {_counted(self.outcomes)}",
            f"error codes: {_counted(self.codes)}",
            f"slowest request: number {self.slowest[1]}, {self.slowest[0]:.1f} s",
            f"violations: {len(self.violations)}",
        ]
        return "\n".join((*lines, *self.violations))


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())


class Operator:
    """Gives dead accounts new keys now and then.

    State: how many keys each account has had.
    """

    def __init__(
        self,
        file: Path,
        upstream: HostileUpstream,
        reset: Callable[[], object],
        *,
        with_google_auth: bool = False,
    ) -> None:
        """`reset` has the gateway forget what it holds against accounts. google-auth waits on threads, in the world's time."""
        self.file = file
        self._upstream = upstream
        self._reset = reset
        self._with_google_auth = with_google_auth
        self._keys = [0] * ACCOUNTS
        self.write()

    def write(self) -> None:
        accounts = [self._entry(index) for index in range(ACCOUNTS)]
        accounts.append(
            {"email": "lost@example.com", "api_key": "key-lost", "base_url": f"https://{NOWHERE}"}
        )
        # as YAML, which JSON is
        self._put(self.file, {"oauth_clients": OAUTH_CLIENTS, "accounts": accounts})

    def _entry(self, index: int) -> Mapping[str, object]:
        key, email = self._key(index), f"a{index}@example.com"
        token_uri = f"http://127.0.0.1:{self._upstream.port}{TOKENS}{key}"
        match index:
            case 5:
                return {"email": email, "api_key": key, "kind": "vertex"}
            case 6:
                grant = {"refresh_token": key, "oauth_client": "desk", "token_uri": token_uri}
                return {"email": email, "kind": "code_assist", **grant}
            case 7 if self._with_google_auth:
                self._put(self.file.with_name("service.json"), _service_account(token_uri))
                return {"email": email, "kind": "vertex", "credentials": "service.json"}
            case _:
                return {"email": email, "api_key": key}

    @staticmethod
    def _put(file: Path, content: object) -> None:
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.chmod(0o600)
        fresh.replace(file)

    def _key(self, index: int) -> str:
        return f"key-{index}-{self._keys[index]}"

    def mend(self) -> None:
        # a token begins with what it was made of
        dead = {key.partition(".")[0] for key in self._upstream.dead}
        for index in range(ACCOUNTS):
            if self._key(index) in dead:
                self._keys[index] += 1
        self.write()
        self._reset()

    async def mend_again_and_again(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            self.mend()


def _service_account(token_uri: str) -> Mapping[str, object]:
    return {
        "type": "service_account",
        "project_id": "p-chaos",
        "private_key_id": "1",
        "private_key": private_key(),
        "client_email": "worker@p-chaos.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }


class Storm:
    """Asks, and looks whether what comes of it may be."""

    def __init__(
        self,
        script: Script,
        upstream: HostileUpstream,
        url: str,
        *,
        longest: float,
        hedged: bool = False,
    ) -> None:
        """`longest`: seconds after which a request is too late, its deadline and something for a busy machine."""
        self._script = script
        self._upstream = upstream
        self._url = url
        self._longest = longest
        self._hedged = hedged
        self.report = Report(script.seed)

    async def ask(self, numbers: range, *, at_once: int) -> None:
        places = asyncio.Semaphore(at_once)

        async def in_its_place(number: int) -> None:
            async with places:
                await self._ask(client, number)

        async with (
            openai.AsyncOpenAI(
                api_key="sk-anything",
                base_url=f"{self._url}/v1",
                max_retries=0,
                timeout=4 * self._longest,
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            for number in numbers:
                group.create_task(in_its_place(number))

    async def _ask(self, client: openai.AsyncOpenAI, number: int) -> None:
        asked = self._script.asked(number)
        clock = asyncio.get_running_loop().time
        began = clock()
        seen = Seen(hear=lambda: self._upstream.settled.add(number))
        await ask(_WAYS[asked.way], client, asked.model, asked.prompt, seen)
        seconds = clock() - began
        met = self._upstream.met[number]
        self._note(number, seen, met, seconds)
        wrong = [*self._wrong_with(asked.question, seen, met)]
        if seconds > self._longest:
            wrong.append(f"took {seconds:.1f} s")
        self.report.violations += [
            f"seed {self._script.seed}, request {number} ({asked.way}, {asked.model}), which met {met}: {each}"
            for each in wrong
        ]

    def _note(self, number: int, seen: Seen, met: list[str], seconds: float) -> None:
        report = self.report
        report.slowest = max(report.slowest, (seconds, number))
        report.faults.update(met)
        if seen.is_error:
            report.outcomes["cut off" if seen.text else "refused"] += 1
            report.codes[str(_fields(seen.body).get("code"))] += 1
        else:
            report.outcomes["answered" if seen.finish == "stop" else f"ended with {seen.finish}"] += 1

    def _wrong_with(self, question: Question, seen: Seen, met: list[str]) -> Iterator[str]:
        yield from (f"raised {each}" for each in seen.others)
        if seen.others:
            return
        attempt = question.attempt_in(seen.text)
        if attempt is None:
            yield f"has a text that is nobody's: {seen.text[:200]!r}"
            return
        if seen.is_error:
            yield from self._wrong_with_error(seen, met)
        elif seen.finish is None:
            yield f"ended without a word after {seen.text[-80:]!r}"
        elif seen.finish == "stop" and not question.is_whole(seen.text):
            yield f"is short, and ends as if it were whole: {seen.text[-80:]!r}"
        elif FAULTS[met[attempt if seen.text else -1]].fate is not (
            Fate.ANSWERED if seen.finish == "stop" else Fate.LIMITED
        ):
            yield f"ended with {seen.finish}, for an answer that did not"

    def _wrong_with_error(self, seen: Seen, met: list[str]) -> Iterator[str]:
        fields = _fields(seen.body)
        if not (_KEYS_OF_A_FAILED_RESPONSE if seen.failed else _KEYS) <= fields.keys():
            yield f"has an error that is none: {seen.body!r}"
        if "key-" in str(seen.body):
            yield f"shows a key: {seen.body!r}"
        # other codes may tell of an attempt that never got here, behind one that was too slow on a busy machine
        is_verdict = fields.get("code") in _ON_ANSWERS
        if is_verdict and met and not self._hedged and FAULTS[met[-1]].fate in {Fate.ANSWERED, Fate.LIMITED}:
            yield f"has an error after a sound answer: {seen.body!r}"

    def judge_upstream(self) -> None:
        """What it has noted of all requests."""
        # one that was to be asked beside a silent one may be on its way when that one speaks
        late = self._upstream.late + ([] if self._hedged else self._upstream.beside)
        if late:
            self.report.violations.append(f"asked again after the first word: {late}")
        if self._upstream.strays:
            self.report.violations.append(f"asked for what nobody wanted: {self._upstream.strays}")


def _fields(body: object) -> Mapping[str, object]:
    return body if isinstance(body, dict) else {}  # pyright: ignore[reportUnknownVariableType]  it is JSON


async def settled(is_settled: Callable[[], Awaitable[str]], *, seconds: float = 15.0) -> list[str]:
    """What is still left when nothing is asked any more: waited for, and then told."""
    left = ""
    for _ in range(int(seconds / 0.1)):
        if not (left := await is_settled()):
            return []
        await asyncio.sleep(0.1)
    return [left]
