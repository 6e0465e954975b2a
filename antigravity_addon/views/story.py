"""The document that a flow keeps of its exchange -> typed facts.

It was written by some version of the gateway, perhaps years ago, perhaps a newer one: what it lacks has a default, what is
not known is ignored, and a part that cannot be read is left out and named.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, FiniteFloat, TypeAdapter, ValidationError

from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.sse import SseDecoder


@dataclass(frozen=True, slots=True)
class Passed:
    """An account that was passed by."""

    account: str = ""
    reason: str = ""
    seconds: FiniteFloat | None = None
    """Until it could have served; `None` if that is no matter of time."""


@dataclass(frozen=True, slots=True)
class Choice:
    at: FiniteFloat = 0.0
    """Seconds since the request's arrival, as all that are called so."""
    waited: FiniteFloat = 0.0
    account: str = ""
    """Empty if nobody was found."""
    reason: str = ""
    skipped: tuple[Passed, ...] = ()
    unnamed: int = 0
    """How many more were passed by."""


@dataclass(frozen=True, slots=True)
class Waiting:
    at: FiniteFloat = 0.0
    longest: FiniteFloat = 0.0
    reason: str = ""
    skipped: tuple[Passed, ...] = ()
    unnamed: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    number: int = 1
    choice: int = 0
    account: str = ""
    upstream: str = ""
    at: FiniteFloat = 0.0
    seconds: FiniteFloat = 0.0
    token_seconds: FiniteFloat = 0.0
    first_token_seconds: FiniteFloat | None = None
    failure: str = ""
    """Empty if it served."""
    message: str = ""
    requests: int = 1
    flows: tuple[str, ...] = ()

    @property
    def ended(self) -> float:
        return self.at + self.seconds


@dataclass(frozen=True, slots=True)
class Story:
    """See `gateway.trace_document`."""

    exchange: str = ""
    endpoint: str = ""
    model_asked: str = ""
    model: str = ""
    rule: str = ""
    account: str = ""
    choices: tuple[Choice, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    under_way: tuple[Attempt, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    remedies: tuple[str, ...] = ()
    status: int = 0
    error: str = ""
    seconds: FiniteFloat = 0.0
    prepared_seconds: FiniteFloat | None = None
    first_token_seconds: FiniteFloat | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    dollars: FiniteFloat | None = None
    is_over: bool = True
    unread: tuple[str, ...] = field(default=(), kw_only=True)
    """Parts of the document that are not as this version writes them."""


def _object(value: Json) -> JsonObject:
    """Whatever else is there holds no facts."""
    return value if isinstance(value, dict) else {}


_DOCUMENT = TypeAdapter[JsonObject](Annotated[JsonObject, BeforeValidator(_object)])
_STORY = TypeAdapter[Story](Story)


def story_of(document: object) -> Story:
    """Total."""
    try:
        facts = _DOCUMENT.validate_python(document)
    except ValidationError:
        return Story(unread=("all",))
    try:
        return _STORY.validate_python(facts)
    except ValidationError as error:
        unread = {str(each["loc"][0]) for each in error.errors()}
    read = _STORY.validate_python({name: value for name, value in facts.items() if name not in unread})
    return replace(read, unread=tuple(sorted(unread)))


# --- what the client was told -----------------------------------------------------------------------------


class _Error(BaseModel):
    message: str = ""


class _Failed(BaseModel):
    error: _Error | None = None


class _Told(BaseModel):
    """An error as any dialect has it: whole, in a stream, or inside a response that failed."""

    error: _Error | None = None
    response: _Failed | None = None
    type: str = ""
    message: str = ""

    @property
    def words(self) -> str:
        inner = self.error or (self.response.error if self.response else None)
        if inner is not None:
            return inner.message
        return self.message if self.type == "error" else ""


_TAIL = 65_536
"""Bytes; an error is the last that a stream has."""


def error_told(body: bytes) -> str:
    """The message of the error that ends an answer; empty if there is none."""
    if not body:
        return ""
    if body.lstrip().startswith(b"{"):
        return _words(body)
    decoder = SseDecoder()
    items = [*decoder.feed(body[-_TAIL:]), *decoder.finish()]
    told = (_words(item.data) for item in reversed(items))
    return next((words for words in told if words), "")


def _words(data: bytes) -> str:
    try:
        return _Told.model_validate_json(data).words
    except ValidationError:
        return ""
