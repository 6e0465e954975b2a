"""Foreign JSON, read as far as it goes: a view must show what is wrong, so nothing here refuses anything.

The models of `wire` refuse: one field of a wrong type, and there is no request to show. The models here have fields that
take any value, and what stands in no field is kept as extra; readers match on the values and show what fits no pattern as
it is.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import from_json, to_json

from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder, StrayJson

# --- fields -----------------------------------------------------------------------------------------------


def words_in(value: Json) -> str:
    """Text as it is, nothing for `null`, and the JSON of everything else."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return to_json(value).decode()


def each_in(value: Json) -> tuple[Json, ...]:
    """Some clients leave the brackets out where there is only one."""
    match value:
        case None:
            return ()
        case list():
            return tuple(value)
        case _:
            return (value,)


type Words = Annotated[str, BeforeValidator(words_in)]
type Several = Annotated[tuple[Json, ...], BeforeValidator(each_in)]


class Foreign(BaseModel):
    """An object of which nothing is sure. Fields are `Words`, `Several` or `Json`, and have a default."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    @classmethod
    def of(cls, value: Json) -> Self:
        """What is no object is one without fields."""
        return cls.model_validate(value if isinstance(value, dict) else {})

    @property
    def rest(self) -> JsonObject:
        """What the sender put into fields that the model does not have."""
        return {name: value for name, value in (self.model_extra or {}).items() if value is not None}


# --- one document -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    value: Json = None
    problem: str = ""
    """A sentence; empty if the JSON was whole."""
    raw: str = ""
    """The text itself, if nothing could be read."""


_LONE_SURROGATE = re.compile(
    rb"(\\\\)|(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def read_json(text: bytes) -> Reading:
    """JSON that is whole, was cut off, or has characters that are none: clients cut texts in the middle of an emoji."""
    text = text.removeprefix(BOM_UTF8)
    if not text.strip():
        return Reading(problem="The body is empty.")
    try:
        return Reading(_parsed(text))
    except ValueError:
        mended = _LONE_SURROGATE.sub(_mended_escape, text.decode(errors="replace").encode())
    try:
        return Reading(_parsed(mended), "The JSON has characters that are not valid, shown as \ufffd.")
    except ValueError as error:
        reason = str(error)
    try:
        return Reading(_begun(mended), "The JSON ends in the middle; this is what there is of it.")
    except ValueError:
        raw = text.decode(errors="replace")
        return Reading(problem=f"This is not valid JSON ({reason}), so it is shown as it is.", raw=raw)


def read_object(body: bytes) -> Reading:
    """Of anything but an object there is no more to say than what it is."""
    reading = read_json(body)
    if reading.problem or isinstance(reading.value, dict):
        return reading
    raw = body.decode(errors="replace")
    return Reading(problem="This JSON is no object, so it is shown as it is.", raw=raw)


def _parsed(text: bytes) -> Json:
    return from_json(text)


def _begun(text: bytes) -> Json:
    """Raises: ValueError: the text does not merely end too early."""
    try:
        return from_json(text)
    except ValueError as error:
        if not str(error).startswith("EOF"):
            raise
    return from_json(text, allow_partial="trailing-strings")


def _mended_escape(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if match.lastindex is None else match[0]


# --- a body that may be a stream --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Messages:
    """What an answer's body consists of."""

    values: tuple[Json, ...]
    streamed: bool
    """They came one by one."""
    done: bool = False
    """OpenAI's `[DONE]` came."""
    problem: str = ""
    raw: str = ""
    """The pieces that could not be read."""


_DONE = b"[DONE]"


def read_messages(body: bytes) -> Messages:
    if body.removeprefix(BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        whole = read_json(body)
        if not whole.raw:
            streamed = isinstance(whole.value, list)
            return Messages(each_in(whole.value), streamed=streamed, problem=whole.problem)
    return _read_stream(body)


def _read_stream(body: bytes) -> Messages:
    values: list[Json] = []
    unread: list[str] = []
    problem, done = "", False
    for text in _data_in(body):
        if text.strip() == _DONE:
            done = True
            continue
        reading = read_json(text)
        problem = problem or reading.problem
        if reading.raw:
            unread.append(reading.raw)
        elif reading.value is not None:
            values.append(reading.value)
    if not values and not done:
        empty = not body.strip()
        reason = (
            "The body is empty."
            if empty
            else "This is neither JSON nor a stream of it; it is shown as it is."
        )
        return Messages((), streamed=False, problem=reason, raw=body.decode(errors="replace").strip())
    return Messages(tuple(values), streamed=True, done=done, problem=problem, raw="\n".join(unread))


def _data_in(body: bytes) -> Iterator[bytes]:
    decoder = SseDecoder()
    for items in (decoder.feed(body), decoder.finish()):
        for item in items:
            match item:
                case ServerSentEvent(data=data) | StrayJson(data=data):
                    yield data
