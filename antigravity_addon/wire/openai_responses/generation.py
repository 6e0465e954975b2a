"""The Responses API: how an answer shall be made, as far as it is more than a number.

Source: OpenAI's OpenAPI description, November 2026.
"""

from typing import Literal

from antigravity_addon.wire.inbound import ClientInbound
from antigravity_addon.wire.openai_common import JsonSchemaFormat

type SummaryWish = Literal["auto", "concise", "detailed", "none"]


class Reasoning(ClientInbound):
    effort: str | None = None
    summary: SummaryWish | None = None
    generate_summary: SummaryWish | None = None
    """What `summary` was called before."""


class TextFormat(JsonSchemaFormat):
    """The fields of a schema stand in it, not under `json_schema` as in Chat Completions."""

    type: Literal["text", "json_object", "json_schema"]


class Text(ClientInbound):
    format: TextFormat | None = None
