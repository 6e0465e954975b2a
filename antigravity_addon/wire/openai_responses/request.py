"""`POST /v1/responses` and `POST /v1/responses/compact`, as clients send them.

Source: OpenAI's OpenAPI description, November 2026, and what Codex and other clients put on the wire. Fields that
nothing is done with stay out of the models, and pass as the extra fields that they are (see `docs/responses.md`).
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter

from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.inbound import ClientInbound, Integer, read_json_object
from antigravity_addon.wire.openai_common import ModelName

from .generation import Reasoning, Text
from .items import CompactionTrigger, InputItem
from .tools import ToolChoice, ToolDefinition

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED_REASONING = "reasoning.encrypted_content"
"""What `include` may ask for and we give."""


class ConversationReference(ClientInbound):
    id: str


def _input_arm(value: Json) -> str:
    return "<items>" if isinstance(value, list) else "<text>"


def _conversation_arm(value: Json) -> str:
    return "<id>" if isinstance(value, str) else "<object>"


type Input = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[tuple[InputItem, ...], Tag("<items>")],
    Discriminator(_input_arm),
]
type Conversation = Annotated[
    Annotated[str, Tag("<id>")] | Annotated[ConversationReference, Tag("<object>")],
    Discriminator(_conversation_arm),
]


class ResponsesRequest(ClientInbound):
    """Optional fields are `None` when absent or `null`."""

    model: ModelName
    input: Input | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: Conversation | None = None
    store: bool | None = None
    stream: bool | None = None
    background: bool | None = None
    include: tuple[str, ...] | None = None

    tools: tuple[ToolDefinition, ...] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: Integer | None = None
    """Of OpenAI's own tools; only repeated."""

    text: Text | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: Annotated[Integer, Field(gt=0)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_logprobs: Annotated[Integer, Field(ge=0, le=20)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    """Gemini's window is large and the upstream refuses what does not fit, so `auto` drops nothing either."""

    prompt: Json = None
    """A template that OpenAI keeps."""
    metadata: JsonObject | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    user: str | None = None

    @property
    def items(self) -> tuple[InputItem, ...]:
        """The input; a bare text is an item like any other."""
        return (self.input,) if isinstance(self.input, str) else self.input or ()

    @property
    def conversation_id(self) -> str | None:
        conversation = self.conversation
        return conversation.id if isinstance(conversation, ConversationReference) else conversation

    def includes(self, what: str) -> bool:
        """`what` is one of `LOGPROBS` and `ENCRYPTED_REASONING`."""
        return what in (self.include or ())


class Verbatim(ClientInbound):
    """Those fields of a `ResponsesRequest` that its answer repeats just as they were sent, whatever is in them."""

    model_config = ConfigDict(extra="ignore")

    input: Json = None
    """Not repeated, but kept."""
    tools: tuple[Json, ...] | None = None
    tool_choice: Json = None
    text: JsonObject | None = None
    reasoning: JsonObject | None = None


class _Items(ClientInbound):
    items: tuple[InputItem, ...]


_REQUEST = TypeAdapter(ResponsesRequest)
_VERBATIM = TypeAdapter(Verbatim)
_ITEMS = TypeAdapter(_Items)


def parse(body: bytes) -> ResponsesRequest:
    """Raises: InvalidRequest: and nothing else, whatever the bytes; names the first field at fault."""
    return read_json_object(body, _REQUEST)


def parse_compact(body: bytes) -> ResponsesRequest:
    """A request for nothing but a summary: one whose input ends with a trigger.

    Raises: InvalidRequest: and nothing else, whatever the bytes; names the first field at fault.
    """
    request = parse(body)
    trigger = CompactionTrigger(type="compaction_trigger")
    return request.model_copy(update={"input": (*request.items, trigger)})


def parse_verbatim(body: bytes) -> Verbatim:
    """Of a body that `parse` took. Raises: InvalidRequest."""
    return read_json_object(body, _VERBATIM)


def parse_items(items: bytes | Sequence[bytes]) -> tuple[InputItem, ...]:
    """Items that we keep, or are to keep: one JSON array, or the JSON of each.

    Raises: InvalidRequest: and nothing else; names the first field at fault as if they were called `items`.
    """
    array = items if isinstance(items, bytes) else b"[%b]" % b",".join(items)
    return read_json_object(b'{"items":%b}' % array, _ITEMS).items
