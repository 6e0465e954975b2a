"""The Responses API: the response object, and what is made of it elsewhere.

Every field that any client or schema demands is always there, `null` or not.
Source: OpenAI's OpenAPI description, `openai` 3.54 and the Open Responses schema, November 2026.
"""

from typing import Literal

from msgspec import UNSET, Raw, UnsetType, field

from antigravity_addon.wire.base import Json, JsonObject, Outbound

from .output_items import OutputItem

type ResponseStatus = Literal["in_progress", "completed", "incomplete", "failed"]


class ConversationReference(Outbound):
    id: str


class Echo(Outbound):
    """What a response repeats of its request. Defaults are OpenAI's, and stand for what the client did not send;
    objects are the client's own.
    """

    instructions: Json = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: JsonObject = field(default_factory=dict[str, Json])
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    conversation: ConversationReference | UnsetType = UNSET
    prompt_cache_key: str | None = None
    reasoning: JsonObject = field(default_factory=lambda: {"effort": None, "summary": None})
    safety_identifier: str | None = None
    service_tier: Literal["default"] = "default"
    """Whatever was asked for."""
    store: bool = True
    temperature: float = 1.0
    text: JsonObject = field(default_factory=lambda: {"format": {"type": "text"}, "verbosity": "medium"})
    tool_choice: Json = "auto"
    tools: tuple[Json, ...] = ()
    top_logprobs: int = 0
    top_p: float = 0.95
    truncation: str = "disabled"
    user: str | None = None


class InputTokensDetails(Outbound):
    cached_tokens: int
    cache_write_tokens: Literal[0] = 0
    """Required since `openai` 3; Gemini does not count them."""


class OutputTokensDetails(Outbound):
    reasoning_tokens: int


class ResponseUsage(Outbound):
    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    """Includes reasoning."""
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class ResponseError(Outbound):
    code: str
    message: str


class IncompleteDetails(Outbound):
    reason: Literal["max_output_tokens"]


class Response(Outbound):
    id: str
    object: Literal["response"] = "response"
    created_at: int
    """Unix time in seconds."""
    status: ResponseStatus
    background: Literal[False] = False
    completed_at: int | None = None
    """`null` unless `completed`."""
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    model: str
    """As the client called it."""
    output: tuple[OutputItem, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    usage: ResponseUsage | None = None
    """`null` until the end."""

    def with_echo(self, echo: bytes) -> bytes:
        """`echo`: the JSON of an `Echo`, which may be long and belongs to several states of one response."""
        return _joined(self.to_json(), echo)


class ChoiceMessage(Outbound):
    role: Literal["assistant"] = "assistant"
    content: Raw | None
    """JSON of a text."""


class Choice(Outbound):
    index: Literal[0] = 0
    message: ChoiceMessage
    finish_reason: str


class Choices(Outbound):
    """No part of OpenAI's response: for those who read the answer of every API as that of Chat Completions."""

    choices: tuple[Choice, ...]

    def appended_to(self, response: bytes) -> bytes:
        return _joined(response, self.to_json())


class CompactedResponse(Outbound):
    """The answer to `POST /v1/responses/compact`."""

    id: str
    object: Literal["response.compaction"] = "response.compaction"
    created_at: int
    output: tuple[OutputItem, ...]
    usage: ResponseUsage


def _joined(first: bytes, second: bytes) -> bytes:
    """One JSON object of two that have fields."""
    return b"".join((memoryview(first)[:-1], b",", memoryview(second)[1:]))
