"""The Responses API: what an answer consists of.

Texts that may be long, and are said by several events, can be JSON already (`Raw`).
Source: OpenAI's OpenAPI description and `openai` 3.54, November 2026.
"""

from typing import Literal

from msgspec import UNSET, Raw, UnsetType

from antigravity_addon.wire.base import JsonObject, Outbound
from antigravity_addon.wire.openai_logprobs import TokenLogprob

type Text = str | Raw
type ItemStatus = Literal["in_progress", "completed", "incomplete"]


class UrlCitation(Outbound):
    type: Literal["url_citation"] = "url_citation"
    start_index: int
    """In characters of the part's text."""
    end_index: int
    url: str
    title: str


class OutputText(Outbound):
    type: Literal["output_text"] = "output_text"
    annotations: tuple[UrlCitation, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    text: Text


class Refusal(Outbound):
    type: Literal["refusal"] = "refusal"
    refusal: str


type ContentPart = OutputText | Refusal


class Message(Outbound):
    id: str
    type: Literal["message"] = "message"
    status: ItemStatus
    role: Literal["assistant"] = "assistant"
    content: tuple[ContentPart, ...]


class SummaryText(Outbound):
    type: Literal["summary_text"] = "summary_text"
    text: Text


class Reasoning(Outbound):
    id: str
    type: Literal["reasoning"] = "reasoning"
    summary: tuple[SummaryText, ...]
    encrypted_content: str | None
    status: Literal["incomplete"] | UnsetType = UNSET
    """OpenAI's own carry none when all is well."""


class FunctionCall(Outbound):
    id: str
    type: Literal["function_call"] = "function_call"
    status: ItemStatus
    arguments: Text
    """JSON text of an object; empty while the item is in progress."""
    call_id: str
    """What a result refers to; `id` is the item's alone."""
    name: str
    namespace: str | UnsetType = UNSET


class CustomToolCall(Outbound):
    id: str
    type: Literal["custom_tool_call"] = "custom_tool_call"
    status: ItemStatus
    """Missing in OpenAI's description, and yet the AI SDK demands it."""
    call_id: str
    name: str
    namespace: str | UnsetType = UNSET
    input: Text
    """Text as it is, no JSON."""


class LocalShellCall(Outbound):
    id: str
    type: Literal["local_shell_call"] = "local_shell_call"
    status: ItemStatus
    call_id: str
    action: JsonObject


class ShellCall(Outbound):
    id: str
    type: Literal["shell_call"] = "shell_call"
    status: ItemStatus
    call_id: str
    action: JsonObject
    environment: None = None


class ApplyPatchCall(Outbound):
    id: str
    type: Literal["apply_patch_call"] = "apply_patch_call"
    status: Literal["in_progress", "completed"]
    call_id: str
    operation: JsonObject


class UrlSource(Outbound):
    type: Literal["url"] = "url"
    url: str


class SearchAction(Outbound):
    type: Literal["search"] = "search"
    query: str
    queries: tuple[str, ...]
    sources: tuple[UrlSource, ...] | UnsetType = UNSET


class WebSearchCall(Outbound):
    id: str
    type: Literal["web_search_call"] = "web_search_call"
    status: Literal["in_progress", "completed"]
    action: SearchAction


class ImageGenerationCall(Outbound):
    id: str
    type: Literal["image_generation_call"] = "image_generation_call"
    status: Literal["in_progress", "completed"]
    result: Text | None
    """Standard base64."""


class Compaction(Outbound):
    id: str
    type: Literal["compaction"] = "compaction"
    encrypted_content: str


type CallItem = FunctionCall | CustomToolCall | LocalShellCall | ShellCall | ApplyPatchCall
type WholeItem = CallItem | WebSearchCall | ImageGenerationCall | Compaction
"""Items that are known whole at once."""
type OutputItem = Message | Reasoning | WholeItem
