"""Why the upstream's cache of prompts knew a prompt, or did not.

Google caches by itself, without a promise: a prompt that begins like one of a short while ago, for the same project and
model, may be cheaper. Source: Google's page on context caching, October 2026, and on long answers, November 2026. In
which order a prompt is laid out is written nowhere; here it is the system instruction, the tools, the turns.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile, zip_longest

from pydantic_core import to_json

from antigravity_addon.wire.base import Json
from antigravity_addon.wire.gemini_response import UsageMetadata, read_message
from antigravity_addon.wire.sse import SseDecoder

from .differences import (
    ABSENT,
    FREE_JSON,
    Absent,
    Place,
    differences,
    is_same,
    leaves,
    shared_beginning,
    shown_path,
)
from .trials import request_in, values_at

LONG_AGO = 300.0
"""Seconds. Nobody says how long a prompt is known; minutes is what Google's people speak of."""

_LEAST: tuple[tuple[re.Pattern[str], int], ...] = tuple(
    (re.compile(pattern), tokens)
    for pattern, tokens in (
        (r"gemini-(1|2\.0)", 0),
        (r"gemini-2", 2_048),
        (r"gemini-3-flash", 1_024),
        (r"gemini-(3|flash|pro)", 4_096),
        (r"gemini-4-hydrogen", 4_096),
        (r"gemini-", 6_144),
        (r"", 0),
    )
)


def least_tokens(model: str) -> int:
    """Of a prompt that is cached at all; 0 for a model that caches nothing by itself."""
    name = model.rpartition("/")[2].lower()
    return next(tokens for pattern, tokens in _LEAST if pattern.match(name))


@dataclass(frozen=True, slots=True)
class Attempt:
    body: bytes
    """Gemini's request, as it went upstream."""
    account: str
    """Whoever paid."""
    model: str
    started: float
    """Unix time in seconds."""


@dataclass(frozen=True, slots=True)
class TokensRead:
    prompt: int
    cached: int
    """Part of `prompt`."""


# --- the reasons ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class First:
    """Nothing is known that was asked before."""


@dataclass(frozen=True, slots=True)
class OtherAccount:
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class OtherModel:
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class TooShort:
    prompt: int
    least: int


@dataclass(frozen=True, slots=True)
class NeverCached:
    """By this model."""


@dataclass(frozen=True, slots=True)
class Differs:
    place: str
    """`the system instruction`, `tool 3 (shell)`, `content 12 of 40 (user)`."""
    path: str
    """Within it; empty for the whole of it."""
    before: Place
    now: Place
    same: float
    """The part of the earlier prompt that is the same up to there, by characters: 0 to 1."""


@dataclass(frozen=True, slots=True)
class LongAgo:
    seconds: float


@dataclass(frozen=True, slots=True)
class NoPromise:
    """There was every reason to know the prompt."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One of the two requests."""


type Reason = (
    First | OtherAccount | OtherModel | TooShort | NeverCached | Differs | LongAgo | NoPromise | Unreadable
)


@dataclass(frozen=True, slots=True)
class CacheReport:
    model: str
    tokens: TokensRead | None
    """`None`: the upstream did not say."""
    seconds: float | None
    """Since the earlier request; `None` without one."""
    reasons: tuple[Reason, ...]
    """Why the prompt, or the rest of it, was not known; the most certain first."""


def explain(this: Attempt, before: Attempt | None, tokens: TokensRead | None) -> CacheReport:
    seconds = None if before is None else max(0.0, this.started - before.started)
    return CacheReport(this.model, tokens, seconds, tuple(_reasons(this, before, tokens)))


def _reasons(this: Attempt, before: Attempt | None, tokens: TokensRead | None) -> Iterator[Reason]:
    is_miss, least = False, least_tokens(this.model)
    match tokens:
        case TokensRead(cached=0) if least == 0:
            yield NeverCached()
            return
        case TokensRead(prompt=prompt, cached=0) if prompt < least:
            yield TooShort(prompt, least)
        case TokensRead(cached=0):
            is_miss = True
        case _:
            pass
    if before is None:
        yield First()
        return
    if before.account != this.account:
        yield OtherAccount(before.account, this.account)
    if before.model != this.model:
        yield OtherModel(before.model, this.model)
    if (difference := _first_difference(before.body, this.body)) is not None:
        yield difference
        return
    if is_miss and this.started - before.started > LONG_AGO:
        yield LongAgo(this.started - before.started)
    elif is_miss and before.account == this.account and before.model == this.model:
        yield NoPromise()


# --- the two prompts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Prompt:
    """In the order in which it is held to be laid out."""

    system: tuple[Json, ...]
    tools: tuple[Json, ...]
    turns: tuple[Json, ...]

    @property
    def size(self) -> int:
        return sum(map(_size, (*self.system, *self.tools, *self.turns)))


def _size(value: Json) -> int:
    return len(to_json(value, inf_nan_mode="constants"))


def _read(body: bytes) -> _Prompt | None:
    request = request_in(body)
    if request is None:
        return None
    declared = values_at(request, ("tools", None, "functionDeclarations", None))
    built_in = (
        tool
        for tool in values_at(request, ("tools", None))
        if isinstance(tool, dict) and "functionDeclarations" not in tool
    )
    return _Prompt(
        system=tuple(values_at(request, ("systemInstruction", "parts", None))),
        tools=(*declared, *built_in),
        turns=tuple(values_at(request, ("contents", None))),
    )


def _first_difference(before: bytes, now: bytes) -> Differs | Unreadable | None:
    """`None`: this prompt begins with all of the earlier one."""
    earlier, later = _read(before), _read(now)
    if earlier is None or later is None:
        return Unreadable()
    same, total = 0, max(1, earlier.size)
    for name, then, this in (
        ("the system instruction", earlier.system, later.system),
        ("tool", earlier.tools, later.tools),
        ("content", earlier.turns, later.turns),
    ):
        is_last = name == "content"
        for index, (one, other) in enumerate(zip_longest(then, this, fillvalue=ABSENT)):
            if isinstance(one, Absent) and is_last:
                return None
            if not is_same(one, other):
                place = _place(
                    name, index, max(len(then), len(this)), one if isinstance(other, Absent) else other
                )
                difference, shared = _differs(place, one, other)
                return replace(difference, same=(same + shared) / total)
            same += 0 if isinstance(one, Absent) else _size(one)
    return None


def _differs(place: str, before: Place, now: Place) -> tuple[Differs, int]:
    """With the characters ahead of the first difference in it."""
    if isinstance(before, Absent) or isinstance(now, Absent):
        return Differs(place, "", before, now, 0), 0
    first = next(differences(before, now, whole=FREE_JSON))
    ahead = takewhile(lambda leaf: leaf[0] != first.path, leaves(now, whole=FREE_JSON).items())
    shared = sum(_size(value) for _, value in ahead)
    if isinstance(first.before, str) and isinstance(first.after, str):
        shared += shared_beginning(first.before, first.after)
    return Differs(place, shown_path(first.path), first.before, first.after, 0), shared


def _place(name: str, index: int, count: int, value: Place) -> str:
    match name, value:
        case "tool", {"name": str(tool)}:
            return f"tool {index + 1} ({tool})"
        case "content", {"role": str(role)}:
            return f"content {index + 1} of {count} ({role})"
        case "content", _:
            return f"content {index + 1} of {count}"
        case "tool", _:
            return f"tool {index + 1}"
        case _:
            return f"part {index + 1} of {name}" if count > 1 else name


# --- what the upstream said -------------------------------------------------------------------------------


def tokens_in(answer: bytes) -> TokensRead | None:
    """Of a stream of Gemini's, or Code Assist's; the last count of each that is in it."""
    prompt: int | None = None
    cached = 0
    decoder = SseDecoder()
    for item in (*decoder.feed(answer), *decoder.finish()):
        usage = _usage_in(item.data)
        if usage is None:
            continue
        prompt = usage.prompt_token_count if usage.prompt_token_count is not None else prompt
        cached = usage.cached_content_token_count or cached
    return None if prompt is None else TokensRead(prompt, min(cached, prompt))


def _usage_in(message: bytes) -> UsageMetadata | None:
    try:
        read = read_message(message)
    except ValueError:
        return None
    return (read.response or read).usage_metadata
