"""The Responses API: what an input consists of. Items of earlier answers come back as they went out, or without the
fields that a client saw no use in.

Source: OpenAI's OpenAPI description, November 2026, and what Codex and other clients put on the wire. Items made by
OpenAI's own tools stay out of the models: what came of them stands in the answers' text.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from antigravity_addon.wire.base import Json
from antigravity_addon.wire.inbound import ClientInbound, Integer
from antigravity_addon.wire.openai_content import ContentPart, MessageContent

from .generation import Reasoning, Text
from .tools import ToolDefinition


class Message(ClientInbound):
    """Many clients leave its `type` out."""

    role: Literal["user", "assistant", "system", "developer"]
    content: MessageContent
    id: str | None = None


# --- calls of the client's tools, and what came of them ---------------------------------------------------


class FunctionCall(ClientInbound):
    type: Literal["function_call"]
    call_id: str
    name: Annotated[str, Field(min_length=1)]
    namespace: str | None = None
    arguments: Json = None
    """A string of JSON; some clients send the object itself."""


class FunctionCallOutput(ClientInbound):
    type: Literal["function_call_output"]
    call_id: str
    output: MessageContent | None = None


class CustomToolCall(ClientInbound):
    type: Literal["custom_tool_call"]
    call_id: str
    name: Annotated[str, Field(min_length=1)]
    namespace: str | None = None
    input: str = ""


class CustomToolCallOutput(ClientInbound):
    type: Literal["custom_tool_call_output"]
    call_id: str
    output: MessageContent | None = None


type _Int64 = Annotated[Integer, Field(ge=-(2**63), lt=2**63)]
"""What goes on to Gemini, which reads no number beyond a double."""


class LocalShellAction(ClientInbound):
    command: tuple[str, ...]
    working_directory: str | None = None
    timeout_ms: _Int64 | None = None
    env: dict[str, str] | None = None
    user: str | None = None


class LocalShellCall(ClientInbound):
    type: Literal["local_shell_call"]
    id: str | None = None
    call_id: str | None = None
    action: LocalShellAction


class LocalShellCallOutput(ClientInbound):
    """Names its call in `id`, as OpenAI has it, or in `call_id`, as all other outputs do."""

    type: Literal["local_shell_call_output"]
    id: str | None = None
    call_id: str | None = None
    output: MessageContent | None = None


class ShellAction(ClientInbound):
    commands: tuple[str, ...]
    timeout_ms: _Int64 | None = None
    max_output_length: _Int64 | None = None


class ShellCall(ClientInbound):
    type: Literal["shell_call"]
    call_id: str
    action: ShellAction


class ShellCallOutput(ClientInbound):
    type: Literal["shell_call_output"]
    call_id: str
    output: Json = None
    """What each command wrote and how it ended; a text from some clients."""


class PatchOperation(ClientInbound):
    type: Literal["create_file", "update_file", "delete_file"]
    path: str
    diff: str | None = None


class ApplyPatchCall(ClientInbound):
    type: Literal["apply_patch_call"]
    call_id: str
    operation: PatchOperation


class ApplyPatchCallOutput(ClientInbound):
    type: Literal["apply_patch_call_output"]
    call_id: str
    status: Literal["completed", "failed"] | None = None
    output: str | None = None


# --- what is neither said nor called ----------------------------------------------------------------------


class ReasoningItem(ClientInbound):
    """Its text is for people."""

    type: Literal["reasoning"]
    encrypted_content: str | None = None


class ImageGenerationCall(ClientInbound):
    type: Literal["image_generation_call"]
    result: str | None = None
    """The image, base64."""


class Compaction(ClientInbound):
    """The summary of all that stood ahead of it."""

    type: Literal["compaction", "compaction_summary"]
    encrypted_content: str | None = None


class CompactionTrigger(ClientInbound):
    """At the end of the input: a summary is wanted, and no answer."""

    type: Literal["compaction_trigger"]


class AdditionalTools(ClientInbound):
    type: Literal["additional_tools"]
    tools: tuple[ToolDefinition, ...]


class ConfigurationUpdate(ClientInbound):
    """Fields of the request, as they are from here on."""

    type: Literal["configuration_update"]
    reasoning: Reasoning | None = None
    text: Text | None = None


class ItemReference(ClientInbound):
    """An item that we keep. Some clients leave its `type` out."""

    id: str


class UnknownItem(ClientInbound):
    type: str


_TAGS = {
    "message": "<message>",
    "function_call": "<function_call>",
    "function_call_output": "<function_call_output>",
    "custom_tool_call": "<custom_tool_call>",
    "custom_tool_call_output": "<custom_tool_call_output>",
    "local_shell_call": "<local_shell_call>",
    "local_shell_call_output": "<local_shell_call_output>",
    "shell_call": "<shell_call>",
    "shell_call_output": "<shell_call_output>",
    "apply_patch_call": "<apply_patch_call>",
    "apply_patch_call_output": "<apply_patch_call_output>",
    "reasoning": "<reasoning>",
    "image_generation_call": "<image_generation_call>",
    "compaction": "<compaction>",
    "compaction_summary": "<compaction>",
    "compaction_trigger": "<compaction_trigger>",
    "additional_tools": "<additional_tools>",
    "configuration_update": "<configuration_update>",
    "item_reference": "<item_reference>",
    "text": "<part>",
    "input_text": "<part>",
    "output_text": "<part>",
    "summary_text": "<part>",
    "refusal": "<part>",
    "image_url": "<part>",
    "input_image": "<part>",
    "input_audio": "<part>",
    "file": "<part>",
    "input_file": "<part>",
}


def _item_arm(value: Json) -> str:
    match value:
        case str():
            return "<part>"
        case {"type": str(kind)}:
            return _TAGS.get(kind, "<unknown>")
        case {"role": _}:
            return "<message>"
        case {"id": _}:
            return "<item_reference>"
        case _:
            return "<unknown>"


type InputItem = Annotated[
    Annotated[Message, Tag("<message>")]
    | Annotated[ContentPart, Tag("<part>")]
    | Annotated[FunctionCall, Tag("<function_call>")]
    | Annotated[FunctionCallOutput, Tag("<function_call_output>")]
    | Annotated[CustomToolCall, Tag("<custom_tool_call>")]
    | Annotated[CustomToolCallOutput, Tag("<custom_tool_call_output>")]
    | Annotated[LocalShellCall, Tag("<local_shell_call>")]
    | Annotated[LocalShellCallOutput, Tag("<local_shell_call_output>")]
    | Annotated[ShellCall, Tag("<shell_call>")]
    | Annotated[ShellCallOutput, Tag("<shell_call_output>")]
    | Annotated[ApplyPatchCall, Tag("<apply_patch_call>")]
    | Annotated[ApplyPatchCallOutput, Tag("<apply_patch_call_output>")]
    | Annotated[ReasoningItem, Tag("<reasoning>")]
    | Annotated[ImageGenerationCall, Tag("<image_generation_call>")]
    | Annotated[Compaction, Tag("<compaction>")]
    | Annotated[CompactionTrigger, Tag("<compaction_trigger>")]
    | Annotated[AdditionalTools, Tag("<additional_tools>")]
    | Annotated[ConfigurationUpdate, Tag("<configuration_update>")]
    | Annotated[ItemReference, Tag("<item_reference>")]
    | Annotated[UnknownItem, Tag("<unknown>")],
    Discriminator(_item_arm),
]
"""A bare part of content, or a bare text, is something that the user says."""
