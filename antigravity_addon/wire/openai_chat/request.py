"""`POST /v1/chat/completions`, as clients send it.

Source: OpenAI's OpenAPI description, November 2026, and what the common clients put on the wire. Types are
strict, as OpenAI's are; `null` means absent wherever a field is optional; fields that nothing is done with
stay out of the models, and pass as the extra fields that they are (see `docs/chat-completions.md`).

The models are read by `parse` and never written. Arms of a union carry tags in angle brackets: pydantic puts a tag into an error's location, where no client
should see it, and no field is called so.
"""

from typing import Annotated, Literal, NoReturn

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import ErrorDetails

from antigravity_addon.errors import InvalidJson, InvalidRequest, MissingParameter
from antigravity_addon.wire.base import Inbound, Json, JsonObject


class ChatInbound(Inbound):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


def _integral(value: object) -> object:
    """JSON has one kind of number: 100.0 is the same one as 100."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


type Integer = Annotated[int, BeforeValidator(_integral)]

# --- content parts ----------------------------------------------------------------------------------------


class TextPart(ChatInbound):
    """Chat's `text`, and the names that the Responses API has for it, which clients mix in."""

    type: Literal["text", "input_text", "output_text", "summary_text"]
    text: str


class RefusalPart(ChatInbound):
    type: Literal["refusal"]
    refusal: str


class ImageUrl(ChatInbound):
    url: str
    detail: str | None = None


def _image_url_arm(value: Json) -> str:
    return "<url>" if isinstance(value, str) else "<object>"


class ImagePart(ChatInbound):
    """`image_url`, and the flat `input_image` of the Responses API."""

    type: Literal["image_url", "input_image"]
    image_url: Annotated[
        Annotated[str, Tag("<url>")] | Annotated[ImageUrl, Tag("<object>")], Discriminator(_image_url_arm)
    ]
    detail: str | None = None
    """Only of `input_image`."""


class InputAudio(ChatInbound):
    data: str
    """Base64; some clients send a data URL."""
    format: str


class AudioPart(ChatInbound):
    type: Literal["input_audio"]
    input_audio: InputAudio


class File(ChatInbound):
    file_data: str | None = None
    """A data URL or bare base64."""
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None


class FilePart(ChatInbound):
    type: Literal["file"]
    file: File


class FlatFilePart(File):
    """The Responses API's way to write it."""

    type: Literal["input_file"]


class UnknownPart(ChatInbound):
    type: str


def _part_arm(value: Json) -> str:
    match value:
        case str():
            return "<bare text>"
        case {"type": "text" | "input_text" | "output_text" | "summary_text"}:
            return "<text>"
        case {"type": "refusal"}:
            return "<refusal>"
        case {"type": "image_url" | "input_image"}:
            return "<image>"
        case {"type": "input_audio"}:
            return "<audio>"
        case {"type": "file"}:
            return "<file>"
        case {"type": "input_file"}:
            return "<flat file>"
        case _:
            return "<unknown>"


type ContentPart = Annotated[
    Annotated[str, Tag("<bare text>")]
    | Annotated[TextPart, Tag("<text>")]
    | Annotated[RefusalPart, Tag("<refusal>")]
    | Annotated[ImagePart, Tag("<image>")]
    | Annotated[AudioPart, Tag("<audio>")]
    | Annotated[FilePart, Tag("<file>")]
    | Annotated[FlatFilePart, Tag("<flat file>")]
    | Annotated[UnknownPart, Tag("<unknown>")],
    Discriminator(_part_arm),
]


def _content_arm(value: Json) -> str:
    return "<parts>" if isinstance(value, list) else "<text>"


type MessageContent = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[tuple[ContentPart, ...], Tag("<parts>")],
    Discriminator(_content_arm),
]

# --- messages ---------------------------------------------------------------------------------------------


class GoogleExtra(ChatInbound):
    """What we, like Google's own endpoint, hand out with an answer and get back with the history."""

    thought_signature: str | None = None
    id: str | None = None
    """Gemini's own id of the call."""


class ExtraContent(ChatInbound):
    google: GoogleExtra | None = None


class FunctionCall(ChatInbound):
    name: Annotated[str, Field(min_length=1)]
    arguments: Json = None
    """A string of JSON; some clients send the object itself."""


class FunctionToolCall(ChatInbound):
    function: FunctionCall
    type: Literal["function"] | None = None
    id: str | None = None
    extra_content: ExtraContent | None = None


class CustomCall(ChatInbound):
    name: Annotated[str, Field(min_length=1)]
    input: str = ""


class CustomToolCall(ChatInbound):
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


class SystemMessage(ChatInbound):
    role: Literal["system", "developer"]
    content: MessageContent


class UserMessage(ChatInbound):
    role: Literal["user"]
    content: MessageContent


class AssistantMessage(ChatInbound):
    role: Literal["assistant"]
    content: MessageContent | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    function_call: FunctionCall | None = None
    """What `tool_calls` was before there was more than one."""
    extra_content: ExtraContent | None = None


class ToolMessage(ChatInbound):
    role: Literal["tool"]
    tool_call_id: str
    content: MessageContent | None = None


class FunctionMessage(ChatInbound):
    """What `tool` was before calls had ids."""

    role: Literal["function"]
    name: str
    content: MessageContent | None = None


class UnknownMessage(ChatInbound):
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


class FunctionDefinition(ChatInbound):
    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    parameters: Json = None
    strict: bool | None = None


class FunctionTool(ChatInbound):
    function: FunctionDefinition
    type: Literal["function"] | None = None


class FlatFunctionTool(FunctionDefinition):
    """The Responses API's way to write it."""

    type: Literal["function"]


class Grammar(ChatInbound):
    syntax: str | None = None
    definition: str | None = None


class CustomFormat(ChatInbound):
    type: str | None = None
    grammar: Grammar | None = None


class CustomDefinition(ChatInbound):
    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    format: CustomFormat | None = None


class CustomTool(ChatInbound):
    type: Literal["custom"]
    custom: CustomDefinition


class FlatCustomTool(CustomDefinition):
    type: Literal["custom"]


class UnknownTool(ChatInbound):
    type: str


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


class ToolName(ChatInbound):
    name: str


class NamedTool(ChatInbound):
    """One tool by name, in the nested form (`function`, `custom`) or in the flat one (`name`)."""

    type: Literal["function", "custom"] | None = None
    function: ToolName | None = None
    custom: ToolName | None = None
    name: str | None = None

    @property
    def tool_name(self) -> str | None:
        nested = self.function or self.custom
        return nested.name if nested else self.name


class AllowedTools(ChatInbound):
    mode: Literal["auto", "required"] = "auto"
    tools: tuple[NamedTool, ...]


class AllowedToolsChoice(ChatInbound):
    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


class FlatAllowedToolsChoice(AllowedTools):
    type: Literal["allowed_tools"]


def _tool_choice_arm(value: Json) -> str:
    match value:
        case str():
            return "<mode>"
        case {"type": "allowed_tools", "allowed_tools": _}:
            return "<allowed tools>"
        case {"type": "allowed_tools"}:
            return "<flat allowed tools>"
        case _:
            return "<named>"


type ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("<mode>")]
    | Annotated[NamedTool, Tag("<named>")]
    | Annotated[AllowedToolsChoice, Tag("<allowed tools>")]
    | Annotated[FlatAllowedToolsChoice, Tag("<flat allowed tools>")],
    Discriminator(_tool_choice_arm),
]


def _function_choice_arm(value: Json) -> str:
    return "<mode>" if isinstance(value, str) else "<named>"


type FunctionChoice = Annotated[
    Annotated[Literal["none", "auto"], Tag("<mode>")] | Annotated[ToolName, Tag("<named>")],
    Discriminator(_function_choice_arm),
]

# --- the rest ---------------------------------------------------------------------------------------------


class JsonSchemaFormat(ChatInbound):
    name: str | None = None
    description: str | None = None
    schema_: Annotated[Json, Field(alias="schema")] = None


class ResponseFormat(ChatInbound):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


class Reasoning(ChatInbound):
    """OpenRouter's way to ask for reasoning."""

    effort: str | None = None
    max_tokens: Integer | None = None
    enabled: bool | None = None
    exclude: bool | None = None
    """Think, but do not show it."""


class Thinking(ChatInbound):
    """Anthropic's way to ask for reasoning."""

    type: Literal["enabled", "adaptive", "disabled"]
    budget_tokens: Integer | None = None


class GoogleThinkingConfig(ChatInbound):
    thinking_budget: Integer | None = None
    thinking_level: str | None = None
    include_thoughts: bool | None = None


class GoogleSafetySetting(ChatInbound):
    category: str
    threshold: str


class GoogleOptions(ChatInbound):
    """The options of Google's own OpenAI-compatible endpoint."""

    thinking_config: GoogleThinkingConfig | None = None
    safety_settings: tuple[GoogleSafetySetting, ...] | None = None
    cached_content: str | None = None


class ExtraBody(ChatInbound):
    google: GoogleOptions | None = None


def _stop_arm(value: Json) -> str:
    return "<strings>" if isinstance(value, list) else "<string>"


type Stop = Annotated[
    Annotated[str, Tag("<string>")] | Annotated[tuple[str, ...], Tag("<strings>")], Discriminator(_stop_arm)
]


class StreamOptions(ChatInbound):
    include_usage: bool | None = None


class ChatCompletionRequest(ChatInbound):
    """Optional fields are `None` when absent or `null`."""

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
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
    n: Annotated[Integer, Field(ge=1)] | None = None
    stop: Stop | None = None
    seed: Integer | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    response_format: ResponseFormat | None = None
    modalities: tuple[str, ...] | None = None
    web_search_options: JsonObject | None = None

    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    thinking: Thinking | None = None
    google: GoogleOptions | None = None
    extra_body: ExtraBody | None = None
    """Python's SDK merges it into the top level, other clients send it as it is."""


def parse(body: bytes) -> ChatCompletionRequest:
    """Raises: InvalidRequest: and nothing else, whatever the bytes; names the first field at fault."""
    try:
        return ChatCompletionRequest.model_validate_json(body)
    except ValidationError as error:
        _refuse(error.errors(include_url=False)[0], error)


# --- pydantic's errors in the client's words --------------------------------------------------------------

_EXPECTED: dict[str, str] = {
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "a boolean",
    "tuple_type": "an array",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_BOUNDS: dict[str, tuple[str, str]] = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _refuse(details: ErrorDetails, cause: ValidationError) -> NoReturn:
    kind, param, context = details["type"], _json_path(details["loc"]), details.get("ctx", {})
    if kind == "json_invalid":
        raise InvalidJson(f"The body of the request is not valid JSON: {context['error']}.") from cause
    if not param:
        raise InvalidJson(
            f"The body of the request must be a JSON object, not {_kind_of(details['input'])}."
        ) from cause
    if kind == "missing":
        raise MissingParameter(f"Missing required parameter: '{param}'.", param=param) from cause
    if expected := _EXPECTED.get(kind):
        message = (
            f"Invalid type for '{param}': expected {expected}, but got {_kind_of(details['input'])} instead."
        )
        raise InvalidRequest(message, param=param, code="invalid_type") from cause
    if param == "messages" and kind == "too_short":
        raise MissingParameter("'messages' must hold at least one message.", param=param) from cause
    if bound := _BOUNDS.get(kind):
        wording, key = bound
        reason = f"it must be {wording} {context[key]}, and is {_shown(details['input'])}"
    elif kind == "literal_error":
        reason = f"expected {context['expected']}, but got {_shown(details['input'])}"
    elif kind in {"string_too_short", "too_short"}:
        reason = "it must not be empty"
    else:
        reason = f"{_shown(details['input'])} cannot be used here"
    raise InvalidRequest(f"Invalid value for '{param}': {reason}.", param=param) from cause


def _json_path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not step.startswith("<"):
            path += f".{step}" if path else step
    return path


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


_SHOWN_LENGTH = 60


def _shown(value: object) -> str:
    """Enough of a value to recognise it by."""
    match value:
        case str() if len(value) > _SHOWN_LENGTH:
            return repr(value[:_SHOWN_LENGTH] + "…")
        case str() | bool() | float() | None:
            return repr(value)
        case int() if abs(value) < 10**_SHOWN_LENGTH:
            return str(value)
        case _:
            return _kind_of(value)
