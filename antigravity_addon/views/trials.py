"""What a field of a client's request does, found by leaving it out: translate with and without, and compare.

True of today's translation whatever that is, so no second table says what becomes of a field.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from antigravity_addon.errors import GatewayError
from antigravity_addon.wire.base import Json, JsonObject

from .differences import FREE_JSON, Difference, differences
from .translations import Translation

_OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)

MOST_TRIALS = 160
MOST_BYTES = 24_000_000
"""Translated for one view, all trials together: whoever looks at a flow holds up everybody's streams meanwhile."""

type Pattern = tuple[str | int | None, ...]
"""A place in a body; `None` for every item of a list at once."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The gateway answers such a request with an error."""

    message: str
    param: str


def read_object(body: bytes) -> JsonObject | None:
    """`None`: it is no JSON object."""
    try:
        return _OBJECT.validate_json(body)
    except ValidationError:
        return None


def request_in(body: bytes) -> JsonObject | None:
    """Gemini's request, without the envelope that Code Assist has around it. `None`: there is none."""
    match read_object(body):
        case {"project": _, "request": dict() as request}:
            return request
        case request:
            return request


@dataclass(slots=True)
class Allowance:
    """What may still be tried for one view."""

    left: int = MOST_TRIALS
    octets: int = MOST_BYTES
    largest: int = 0
    """Bytes of the largest request that was translated."""

    @property
    def is_spent(self) -> bool:
        return self.left <= 0 or self.octets <= 0

    def take(self, octets: int) -> None:
        self.left -= 1
        self.octets -= octets
        self.largest = max(self.largest, octets)


@dataclass(frozen=True, slots=True)
class Trials:
    translation: Translation
    model: str
    choice: int = 0
    allowance: Allowance = field(default_factory=Allowance)

    def ask(self, body: JsonObject) -> JsonObject | Refusal:
        """Gemini's request for one choice of the answer."""
        asked = to_json(body, inf_nan_mode="constants")
        self.allowance.take(len(asked))
        try:
            requests = self.translation.translate(asked, self.model)
        except GatewayError as error:
            return Refusal(error.message, error.param or "")
        request = requests[min(self.choice, len(requests) - 1)]
        return _OBJECT.validate_json(request.to_json())

    def of_model(self, model: str) -> "Trials":
        return replace(self, model=model)

    def effect(
        self, body: JsonObject, pattern: Pattern, complete: JsonObject | None = None
    ) -> tuple[Difference, ...] | Refusal:
        """What the place does to Gemini's request, which is `complete` if that is known.

        A refusal: of the request without it, or else with it.
        """
        without = self.ask(left_out(body, pattern))
        if isinstance(without, Refusal):
            return without
        with_it = complete if complete is not None else self.ask(body)
        if isinstance(with_it, Refusal):
            return with_it
        return tuple(differences(without, with_it, whole=FREE_JSON))


# --- places in a body -------------------------------------------------------------------------------------


def left_out(body: JsonObject, pattern: Pattern) -> JsonObject:
    """The body without what stands there; only what leads there is copied."""
    step, rest = pattern[0], pattern[1:]
    return {
        key: _left_out(value, rest) if key == step else value
        for key, value in body.items()
        if rest or key != step
    }


def _left_out(node: Json, pattern: Pattern) -> Json:
    step, rest = pattern[0], pattern[1:]
    match node, step:
        case (dict(), str()):
            return left_out(node, pattern)
        case (list(), None) if rest:
            return [_left_out(item, rest) for item in node]
        case (list(), int()) if rest:
            return [_left_out(item, rest) if index == step else item for index, item in enumerate(node)]
        case (list(), int()):
            return [item for index, item in enumerate(node) if index != step]
        case _:
            return node


def values_at(node: Json, pattern: Pattern) -> Iterator[Json]:
    if not pattern:
        yield node
        return
    step, rest = pattern[0], pattern[1:]
    match node, step:
        case (dict(), str()) if step in node:
            yield from values_at(node[step], rest)
        case (list(), None):
            for item in node:
                yield from values_at(item, rest)
        case (list(), int()) if step < len(node):
            yield from values_at(node[step], rest)
        case _:
            pass


def shown_pattern(pattern: Pattern) -> str:
    """`messages[].name`."""
    text = ""
    for step in pattern:
        match step:
            case None:
                text += "[]"
            case int():
                text += f"[{step}]"
            case str():
                text += f".{step}" if text else step
    return text
