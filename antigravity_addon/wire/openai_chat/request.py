"""`POST /v1/chat/completions`, as clients send it.

Source: OpenAI's OpenAPI description, November 2026, and what the common clients put on the wire. Fields that
nothing is done with stay out of the models, and pass as the extra fields that they are (see
`docs/chat-completions.md`). The models are read by `parse` and never written.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, TypeAdapter
from pydantic_core import PydanticCustomError, to_json

from antigravity_addon.errors import InvalidRequest, MissingParameter
from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.inbound import MISSING_CONTENT, ClientInbound, Integer, read_json_object
from antigravity_addon.wire.openai_common import MAX_CHOICES, JsonSchemaFormat, ModelName, Stop, StreamOptions
from antigravity_addon.wire.openai_content import MessageContent
from antigravity_addon.wire.openai_tools import (
    CustomDefinition,
    FlatCustomTool,
    FlatFunctionTool,
    FunctionDefinition,
    ToolChoice,
    ToolName,
    UnknownTool,
)

# --- messages ---------------------------------------------------------------------------------------------


class GoogleExtra(ClientInbound):
    """What we, like Google's own endpoint, hand out with an answer and get back with the history."""

    thought_signature: str | None = None
    id: str | None = None
    """Gemini's own id of the call."""


class ExtraContent(ClientInbound):
    google: GoogleExtra | None = None


class FunctionCall(ClientInbound):
    name: Annotated[str, Field(min_length=1)]
    arguments: Json = None
    """A string of JSON; some clients send the object itself."""


class FunctionToolCall(ClientInbound):
    function: FunctionCall
    type: Literal["function"] | None = None
    id: str | None = None
    extra_content: ExtraContent | None = None


class CustomCall(ClientInbound):
    name: Annotated[str, Field(min_length=1)]
    input: str = ""


class CustomToolCall(ClientInbound):
    custom: CustomCall
    type: Literal["custom"]
    id: str | None = None
    extra_content: ExtraContent | None = None


def _tool_call_arm(value: Json) -> str:
    match value:
        case {"type": "custom"}:
            return "<custom>"
        case _:
            return "<function>"


type ToolCall = Annotated[
    Annotated[FunctionToolCall, Tag("<function>")] | Annotated[CustomToolCall, Tag("<custom>")],
    Discriminator(_tool_call_arm),
]


class SystemMessage(ClientInbound):
    role: Literal["system", "developer"]
    content: MessageContent


class UserMessage(ClientInbound):
    role: Literal["user"]
    content: MessageContent


class AssistantMessage(ClientInbound):
    role: Literal["assistant"]
    content: MessageContent | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    function_call: FunctionCall | None = None
    """What `tool_calls` was before there was more than one."""
    extra_content: ExtraContent | None = None


class ToolMessage(ClientInbound):
    role: Literal["tool"]
    tool_call_id: str
    content: MessageContent | None = None


class FunctionMessage(ClientInbound):
    """What `tool` was before calls had ids."""

    role: Literal["function"]
    name: str
    content: MessageContent | None = None


class UnknownMessage(ClientInbound):
    role: str


def _message_arm(value: Json) -> str:
    match value:
        case {"role": "system" | "developer"}:
            return "<system>"
        case {"role": "user"}:
            return "<user>"
        case {"role": "assistant"}:
            return "<assistant>"
        case {"role": "tool"}:
            return "<tool>"
        case {"role": "function"}:
            return "<function>"
        case _:
            return "<unknown>"


type Message = Annotated[
    Annotated[SystemMessage, Tag("<system>")]
    | Annotated[UserMessage, Tag("<user>")]
    | Annotated[AssistantMessage, Tag("<assistant>")]
    | Annotated[ToolMessage, Tag("<tool>")]
    | Annotated[FunctionMessage, Tag("<function>")]
    | Annotated[UnknownMessage, Tag("<unknown>")],
    Discriminator(_message_arm),
]

# --- tools ------------------------------------------------------------------------------------------------


class FunctionTool(ClientInbound):
    function: FunctionDefinition
    type: Literal["function"] | None = None


class CustomTool(ClientInbound):
    type: Literal["custom"]
    custom: CustomDefinition


def _tool_arm(value: Json) -> str:
    match value:
        case {"type": "custom", "custom": _}:
            return "<custom>"
        case {"type": "custom"}:
            return "<flat custom>"
        case {"type": "function", "function": _}:
            return "<function>"
        case {"type": "function", "name": _}:
            return "<flat function>"
        case {"type": "function"}:
            return "<function>"
        case {"type": _}:
            return "<unknown>"
        case {"function": _}:
            return "<function>"
        case _:
            return "<unknown>"


type ToolDefinition = Annotated[
    Annotated[FunctionTool, Tag("<function>")]
    | Annotated[FlatFunctionTool, Tag("<flat function>")]
    | Annotated[CustomTool, Tag("<custom>")]
    | Annotated[FlatCustomTool, Tag("<flat custom>")]
    | Annotated[UnknownTool, Tag("<unknown>")],
    Discriminator(_tool_arm),
]


def _function_choice_arm(value: Json) -> str:
    return "<mode>" if isinstance(value, str) else "<named>"


type FunctionChoice = Annotated[
    Annotated[Literal["none", "auto"], Tag("<mode>")] | Annotated[ToolName, Tag("<named>")],
    Discriminator(_function_choice_arm),
]

# --- the rest ---------------------------------------------------------------------------------------------


class ResponseFormat(ClientInbound):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


class Reasoning(ClientInbound):
    """OpenRouter's way to ask for reasoning."""

    effort: str | None = None
    max_tokens: Integer | None = None
    enabled: bool | None = None
    exclude: bool | None = None
    """Think, but do not show it."""


class Thinking(ClientInbound):
    """Anthropic's way to ask for reasoning."""

    type: Literal["enabled", "adaptive", "disabled"]
    budget_tokens: Integer | None = None


class GoogleThinkingConfig(ClientInbound):
    thinking_budget: Integer | None = None
    thinking_level: str | None = None
    include_thoughts: bool | None = None


class GoogleSafetySetting(ClientInbound):
    category: str
    threshold: str


class GoogleOptions(ClientInbound):
    """The options of Google's own OpenAI-compatible endpoint."""

    thinking_config: GoogleThinkingConfig | None = None
    safety_settings: tuple[GoogleSafetySetting, ...] | None = None
    cached_content: str | None = None


class ExtraBody(ClientInbound):
    google: GoogleOptions | None = None


def _at_least_one(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    if not messages:
        raise PydanticCustomError(MISSING_CONTENT, "'messages' must hold at least one message.")
    return messages


class ChatCompletionRequest(ClientInbound):
    """Optional fields are `None` when absent or `null`."""

    model: ModelName
    messages: Annotated[tuple[Message, ...], AfterValidator(_at_least_one)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    tools: tuple[ToolDefinition, ...] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: tuple[FunctionDefinition, ...] | None = None
    function_call: FunctionChoice | None = None

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Integer | None = None
    """Not OpenAI's; 0 and -1 switch it off where it comes from."""
    max_completion_tokens: Annotated[Integer, Field(gt=0)] | None = None
    max_tokens: Annotated[Integer, Field(gt=0)] | None = None
    n: Annotated[Integer, Field(ge=1, le=MAX_CHOICES)] | None = None
    stop: Stop | None = None
    seed: Integer | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[Integer, Field(ge=0, le=20)] | None = None
    """Only with `logprobs`."""
    response_format: ResponseFormat | None = None
    modalities: tuple[str, ...] | None = None
    web_search_options: JsonObject | None = None
    prompt_cache_key: str | None = None
    user: str | None = None

    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    thinking: Thinking | None = None
    google: GoogleOptions | None = None
    extra_body: ExtraBody | None = None
    """Python's SDK merges it into the top level, other clients send it as it is."""


def _input_arm(value: Json) -> str:
    return "<items>" if isinstance(value, list) else "<text>"


class _WithInput(ClientInbound):
    """What clients send that mistake this endpoint for the Responses API; all else in it is as it should be."""

    input: (
        Annotated[
            Annotated[str, Tag("<text>")] | Annotated[tuple[Json, ...], Tag("<items>")],
            Discriminator(_input_arm),
        ]
        | None
    ) = None
    instructions: str | None = None

    def to_messages(self) -> list[Json]:
        items = (self.input,) if isinstance(self.input, str) else self.input or ()
        messages: list[Json] = [
            item if isinstance(item, dict) and "role" in item else {"role": "user", "content": _content(item)}
            for item in items
        ]
        first: list[Json] = [{"role": "system", "content": self.instructions}] if self.instructions else []
        return first + messages


def _content(item: Json) -> Json:
    return item if isinstance(item, str) else [item]


class RequestWithInput(ChatCompletionRequest):
    """A request whose messages were sent as `input`."""


_REQUEST = TypeAdapter(ChatCompletionRequest)
_REQUEST_WITH_INPUT = TypeAdapter(RequestWithInput)
_WITH_INPUT = TypeAdapter(_WithInput)


def parse(body: bytes) -> ChatCompletionRequest:
    """A body with `input` in place of `messages` is taken for what it means.

    Raises: InvalidRequest: and nothing else, whatever the bytes; names the first field at fault.
    """
    try:
        return read_json_object(body, _REQUEST)
    except MissingParameter as missing:
        if missing.param != "messages":
            raise
        meant = read_json_object(body, _WITH_INPUT)
        if not meant.input:
            raise missing from None
        with said_of_input():
            return read_json_object(
                to_json({**(meant.model_extra or {}), "messages": meant.to_messages()}), _REQUEST_WITH_INPUT
            )


@contextmanager
def said_of_input() -> Generator[None]:
    """Raises: InvalidRequest: of a message; it names `input`, which the client knows, and says which of the messages it is."""
    try:
        yield
    except InvalidRequest as refused:
        if not (refused.param or "").startswith("messages"):
            raise
        message = (
            f"'input' was taken for 'messages', which this endpoint takes; 'input' is for POST /v1/responses. "
            f"{refused.message}"
        )
        raise type(refused)(message, param="input", code=refused.code) from refused
