"""Chat Completions: the answer, whole and in chunks.

Clients tell absent from `null`. Serialised with `exclude_unset`, so constants are written out where a model is made,
and a field left out of the call is absent on the wire; fields that are never `null` are absent when they are `None`.
Source: OpenAI's OpenAPI description and `openai` 3.54, November 2026.
"""

from typing import Literal

from pydantic import Field, TypeAdapter

from antigravity_addon.wire.base import Outbound, is_none
from antigravity_addon.wire.openai_logprobs import TokenLogprob

type FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class GoogleExtra(Outbound):
    """What Gemini wants back with the next request; clients that keep `extra_content` return it."""

    thought_signature: str | None = Field(default=None, exclude_if=is_none)
    id: str | None = Field(default=None, exclude_if=is_none)
    """Gemini's own id of a call."""


class ExtraContent(Outbound):
    """The field that Google's own OpenAI endpoint uses."""

    google: GoogleExtra


class CalledFunction(Outbound):
    name: str
    arguments: str
    """JSON text of an object, `{}` at least: clients parse it unseen."""


class ToolCall(Outbound):
    id: str
    type: Literal["function"]
    function: CalledFunction
    extra_content: ExtraContent | None = Field(default=None, exclude_if=is_none)


class CalledCustom(Outbound):
    name: str
    input: str
    """Text as it is, no JSON."""


class CustomToolCall(Outbound):
    id: str
    type: Literal["custom"]
    custom: CalledCustom
    extra_content: ExtraContent | None = Field(default=None, exclude_if=is_none)


class PromptTokensDetails(Outbound):
    cached_tokens: int
    audio_tokens: int


class CompletionTokensDetails(Outbound):
    reasoning_tokens: int
    audio_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class CompletionUsage(Outbound):
    prompt_tokens: int
    completion_tokens: int
    """Includes reasoning."""
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


class UrlCitation(Outbound):
    start_index: int
    """In characters of the content."""
    end_index: int
    url: str
    title: str


class Annotation(Outbound):
    type: Literal["url_citation"]
    url_citation: UrlCitation


class ChoiceLogprobs(Outbound):
    content: tuple[TokenLogprob, ...]
    refusal: None


class Message(Outbound):
    role: Literal["assistant"]
    content: str | None
    """`null` only beside tool calls."""
    refusal: str | None
    annotations: tuple[Annotation, ...]
    reasoning_content: str | None = Field(default=None, exclude_if=is_none)
    """DeepSeek's field, which most clients that show thoughts read."""
    tool_calls: tuple[ToolCall | CustomToolCall, ...] | None = Field(default=None, exclude_if=is_none)
    function_call: CalledFunction | None = Field(default=None, exclude_if=is_none)
    """What `tool_calls` was before there was more than one."""
    extra_content: ExtraContent | None = Field(default=None, exclude_if=is_none)


class Choice(Outbound):
    index: int
    message: Message
    logprobs: ChoiceLogprobs | None
    finish_reason: FinishReason


class ChatCompletion(Outbound):
    id: str
    object: Literal["chat.completion"]
    created: int
    """Unix time in seconds."""
    model: str
    """As the client called it."""
    choices: tuple[Choice, ...]
    usage: CompletionUsage
    service_tier: Literal["default"]
    system_fingerprint: None

    def to_json(self) -> bytes:
        return _COMPLETION.dump_json(self, exclude_unset=True)


class Indexed(Outbound):
    """A whole call. Clients join the strings of deltas with one `index`, so each call goes out in one delta."""

    index: int


class ToolCallDelta(ToolCall, Indexed):
    pass


class CustomToolCallDelta(CustomToolCall, Indexed):
    """Missing in OpenAI's description of chunks, though custom tools are in that of requests: a call like any
    other, by its whole shape.
    """


class Delta(Outbound):
    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: tuple[ToolCallDelta | CustomToolCallDelta, ...] | None = None
    function_call: CalledFunction | None = None
    annotations: tuple[Annotation, ...] | None = None
    """Missing in OpenAI's description of chunks, though in that of messages; clients read it here."""
    extra_content: ExtraContent | None = Field(default=None, exclude_if=is_none)

    def to_json(self) -> bytes:
        return _DELTA.dump_json(self, exclude_unset=True)


class ChunkChoice(Outbound):
    index: int
    delta: Delta
    logprobs: ChoiceLogprobs | None
    finish_reason: FinishReason | None

    def to_json(self) -> bytes:
        return _CHUNK_CHOICE.dump_json(self, exclude_unset=True)


class ChatCompletionChunk(Outbound):
    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    service_tier: Literal["default"]
    system_fingerprint: None
    choices: tuple[ChunkChoice, ...]
    usage: CompletionUsage | None = None
    """Absent unless the client asked for usage; then `null` on all chunks but the last."""

    def to_json(self) -> bytes:
        return _CHUNK.dump_json(self, exclude_unset=True)


_COMPLETION = TypeAdapter(ChatCompletion)
_DELTA = TypeAdapter(Delta)
_CHUNK_CHOICE = TypeAdapter(ChunkChoice)
_CHUNK = TypeAdapter(ChatCompletionChunk)
