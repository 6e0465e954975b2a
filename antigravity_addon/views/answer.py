"""An answer, put together from its pieces: what the client saw when it was over."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from antigravity_addon.wire.base import Json, JsonObject

from .foreign import Foreign, Words, words_in
from .parts import Call, Citation, Other, Part, Reasoning, Refusal, Text


@dataclass(frozen=True, slots=True)
class Choice:
    index: int = 0
    parts: tuple[Part, ...] = ()
    finish: str = ""
    """Why it ended, in the dialect's own word; empty if that was not said."""


@dataclass(frozen=True, slots=True)
class Failure:
    message: str
    facts: tuple[str, ...] = ()
    """`429`, `rate_limit_exceeded`, …"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of `usage`, by the name it has there: `prompt_tokens_details.cached_tokens`."""

    name: str
    value: Json


@dataclass(frozen=True, slots=True)
class Answer:
    model: str = ""
    id: str = ""
    choices: tuple[Choice, ...] = ()
    usage: tuple[Figure, ...] = ()
    failures: tuple[Failure, ...] = ()
    streamed: bool = False
    cut_off: str = ""
    """A sentence: what is missing of a proper end."""
    rest: tuple[Other, ...] = ()
    problem: str = ""
    raw: str = ""


type Prose = type[Text | Reasoning | Refusal]


@dataclass(slots=True)
class _Saying:
    kind: Prose
    pieces: list[str]

    def to_part(self) -> Part:
        return self.kind("".join(self.pieces))


@dataclass(slots=True)
class _Calling:
    name: str
    id: str
    kind: str
    pieces: list[str]

    def to_part(self) -> Part:
        return Call(self.name, "".join(self.pieces), self.id, self.kind)


class GrowingChoice:
    """Pieces of one choice -> the choice.

    It needs state because pieces of text and of several calls come mixed; each call is found by the key under which it
    was begun.
    """

    def __init__(self) -> None:
        self._parts: list[_Saying | _Calling | Part] = []
        self._calls: dict[str, _Calling] = {}
        self.finish = ""

    def say(self, kind: Prose, piece: str) -> None:
        last = self._parts[-1] if self._parts else None
        if isinstance(last, _Saying) and last.kind is kind:
            last.pieces.append(piece)
        elif piece:
            self._parts.append(_Saying(kind, [piece]))

    def call(self, key: str, call: Call) -> None:
        """Two calls under one key are told apart by their ids."""
        known = self._calls.get(key)
        if known is None or (call.id and known.id and call.id != known.id):
            known = self._calls[key] = _Calling("", call.id, call.kind, [])
            self._parts.append(known)
        known.id, known.kind = known.id or call.id, known.kind or call.kind
        # a name that is repeated is no longer one
        known.name = known.name if known.name == call.name else known.name + call.name
        known.pieces.append(words_in(call.arguments))

    def add(self, parts: Iterable[Part]) -> None:
        self._parts.extend(parts)

    def to_choice(self, index: int) -> Choice:
        parts = [part.to_part() if isinstance(part, _Saying | _Calling) else part for part in self._parts]
        text = "".join(part.text for part in parts if isinstance(part, Text))
        quoted = (part.quoting(text) if isinstance(part, Citation) else part for part in parts)
        return Choice(index, tuple(quoted), self.finish)


def place_of(index: Json) -> int:
    """What is no index is the first: it is absent where there is but one."""
    return index if isinstance(index, int) else 0


@dataclass(slots=True)
class GrowingChoices:
    """The choices of one answer, by their index."""

    _by_index: dict[int, GrowingChoice] = field(default_factory=dict[int, GrowingChoice])

    def at(self, index: Json) -> GrowingChoice:
        return self._by_index.setdefault(place_of(index), GrowingChoice())

    @property
    def all_finished(self) -> bool:
        return bool(self._by_index) and all(choice.finish for choice in self._by_index.values())

    def to_choices(self) -> tuple[Choice, ...]:
        return tuple(choice.to_choice(index) for index, choice in sorted(self._by_index.items()))


def figures_in(usage: Json, before: str = "") -> Iterator[Figure]:
    """Those that are zero and stand inside of another one's details are left out."""
    if not isinstance(usage, dict):
        return
    for name, value in usage.items():
        match value:
            case dict():
                yield from figures_in(value, f"{before}{name}.")
            case None:
                pass
            case 0 if before:
                pass
            case [{"modality": _}, *_]:
                yield Figure(before + name, ", ".join(_modalities(value)))
            case _:
                yield Figure(before + name, value)


def _modalities(counts: list[Json]) -> Iterator[str]:
    """Gemini's details."""
    for each in counts:
        match each:
            case {"modality": str(modality), "tokenCount": int(count)}:
                yield f"{modality} {count}"
            case _:
                yield words_in(each)


class _ErrorObject(Foreign):
    message: Words = ""


def openai_failure(error: Json) -> Failure:
    """OpenAI's error object, or whatever stands in its place."""
    match error:
        case str():
            return Failure(error)
        case dict():
            known = _ErrorObject.of(error)
            facts = tuple(f"{name} {words_in(value)}" for name, value in known.rest.items())
            return Failure(known.message or "without a message", facts)
        case _:
            return Failure(words_in(error))


def rest_of(fields: JsonObject) -> tuple[Other, ...]:
    return tuple(Other(name, value) for name, value in fields.items())
