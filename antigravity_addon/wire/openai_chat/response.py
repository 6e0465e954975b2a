"""Chat Completions: the answer, whole and in chunks.

Source: OpenAI's OpenAPI description and `openai` 3.54, November 2026.
"""

from typing import Literal

from msgspec import UNSET, UnsetType

from antigravity_addon.wire.base import Outbound
from antigravity_addon.wire.openai_logprobs import TokenLogprob

type FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class GoogleExtra(Outbound):
    """What Gemini wants back with the next request; clients that keep `extra_content` return it."""

    thought_signature: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    """Gemini's own id of a call."""


class ExtraContent(Outbound):
    """The field that Google's own OpenAI endpoint uses."""

    google: GoogleExtra


class CalledFunction(Outbound):
    name: str
    arguments: str
    """JSON text of an object, `{}` at least: clients parse it unseen."""


class Call(Outbound):
    """In a chunk, too, it is a whole one: clients join the strings of deltas with one `index`, so each call goes out in one delta."""

    index: int | UnsetType = UNSET
    """In chunks alone."""
    id: str


class ToolCall(Call):
    type: Literal["function"] = "function"
    function: CalledFunction
    extra_content: ExtraContent | UnsetType = UNSET


class CalledCustom(Outbound):
    name: str
    input: str
    """Text as it is, no JSON."""


class CustomToolCall(Call):
    """OpenAI's description of chunks has none, though that of requests has custom tools."""

    type: Literal["custom"] = "custom"
    custom: CalledCustom
    extra_content: ExtraContent | UnsetType = UNSET


class PromptTokensDetails(Outbound):
    cached_tokens: int
    audio_tokens: Literal[0] = 0


class CompletionTokensDetails(Outbound):
    reasoning_tokens: int
    audio_tokens: Literal[0] = 0
    accepted_prediction_tokens: Literal[0] = 0
    rejected_prediction_tokens: Literal[0] = 0


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
    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class ChoiceLogprobs(Outbound):
    content: tuple[TokenLogprob, ...]
    refusal: None = None


class Message(Outbound):
    role: Literal["assistant"] = "assistant"
    content: str | None
    """`null` only beside tool calls."""
    refusal: str | None
    annotations: tuple[Annotation, ...]
    reasoning_content: str | UnsetType = UNSET
    """DeepSeek's field, which most clients that show thoughts read."""
    tool_calls: tuple[ToolCall | CustomToolCall, ...] | UnsetType = UNSET
    function_call: CalledFunction | UnsetType = UNSET
    """What `tool_calls` was before there was more than one."""
    extra_content: ExtraContent | UnsetType = UNSET


class Choice(Outbound):
    index: int
    message: Message
    logprobs: ChoiceLogprobs | None
    finish_reason: FinishReason


class ChatCompletion(Outbound):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    """Unix time in seconds."""
    model: str
    """As the client called it."""
    choices: tuple[Choice, ...]
    usage: CompletionUsage
    service_tier: Literal["default"] = "default"
    system_fingerprint: None = None


class Delta(Outbound):
    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: tuple[ToolCall | CustomToolCall, ...] | UnsetType = UNSET
    function_call: CalledFunction | UnsetType = UNSET
    annotations: tuple[Annotation, ...] | UnsetType = UNSET
    """Missing in OpenAI's description of chunks, though in that of messages; clients read it here."""
    extra_content: ExtraContent | UnsetType = UNSET


class ChunkChoice(Outbound):
    index: int
    delta: Delta
    logprobs: ChoiceLogprobs | None = None
    finish_reason: FinishReason | None = None


class ChatCompletionChunk(Outbound):
    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    service_tier: Literal["default"] = "default"
    system_fingerprint: None = None
    choices: tuple[ChunkChoice, ...] = ()
    usage: CompletionUsage | UnsetType | None = UNSET
    """Absent unless the client asked for usage; then `null` on all chunks but the last."""
