"""The narrow waist of every answer: a turn of the model as a few kinds of event.

An upstream decoder makes them, a dialect's encoder spends them, and a non-streamed answer is the same
events folded. A turn ends with exactly one `Finished`; a turn without it did not end.

Structs of msgspec, and no data classes: there is one for each token, and a frozen data class takes a microsecond to make
where they take a twentieth of it.
"""

from enum import StrEnum

from msgspec import Struct

from antigravity_addon.errors import StreamTruncated
from antigravity_addon.wire.base import JsonObject


class FinishReason(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    """It stopped to have tools called. Gemini says STOP; the calls in the turn say this."""
    CONTENT_FILTER = "content_filter"


class Usage(Struct, frozen=True):
    """Tokens of one turn, counted as OpenAI counts: thinking is output, the cached part is input."""

    input_tokens: int = 0
    cached_tokens: int = 0
    """Part of `input_tokens`."""
    output_tokens: int = 0
    """Includes `reasoning_tokens`."""
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


class TextDelta(Struct, frozen=True):
    """A piece of the answer's text; empty only if it carries a signature."""

    text: str
    signature: str | None = None
    """Gemini's thought signature of this part, base64."""


class ReasoningDelta(Struct, frozen=True):
    """A piece of the summary of the model's thoughts."""

    text: str


class ToolCall(Struct, frozen=True):
    """One whole call: Gemini does not stream arguments unless asked to, and we do not ask."""

    name: str
    """As Gemini knows it; the dialect maps it back to the client's name."""
    arguments: JsonObject
    upstream_id: str | None = None
    """Gemini's own id, absent on older models."""
    signature: str | None = None


class Image(Struct, frozen=True):
    mime_type: str
    data: str
    """Standard base64."""


class TokenLogprob(Struct, frozen=True):
    token: str
    logprob: float
    """Natural logarithm of the token's probability."""
    top: "tuple[TokenLogprob, ...]" = ()
    """What else could have stood in its place, likeliest first; these have no `top` of their own."""


class Logprobs(Struct, frozen=True):
    """How likely the tokens of text were that came just before."""

    tokens: tuple[TokenLogprob, ...]


class Searched(Struct, frozen=True):
    """The model searched the web. Comes once, when the queries are known: before the text, or after it."""

    queries: tuple[str, ...]


class Citation(Struct, frozen=True):
    """A page that a piece of the answer rests on."""

    start: int
    """Index of the piece's first character in all text of the turn, joined."""
    end: int
    """Index behind its last character."""
    url: str
    title: str


class Cited(Struct, frozen=True):
    """All citations of the turn, in order. Comes once, behind the text."""

    citations: tuple[Citation, ...]


class Finished(Struct, frozen=True):
    """The last event of a turn."""

    reason: FinishReason
    usage: Usage
    refusal: str | None = None
    """Why content was withheld, in the upstream's words."""


type TurnEvent = TextDelta | ReasoningDelta | ToolCall | Image | Logprobs | Searched | Cited | Finished


def the_end(finished: Finished | None) -> Finished:
    """The end of a turn, for an encoder that was told to finish. Raises: StreamTruncated: none has come."""
    if finished is None:
        raise StreamTruncated("The answer ended before the model's turn did.")
    return finished
