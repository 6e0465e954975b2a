"""The Responses API: tools, and the choice among them.

Source: OpenAI's OpenAPI description, November 2026, and what Codex and other clients put on the wire.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from antigravity_addon.wire.base import Json
from antigravity_addon.wire.inbound import ClientInbound
from antigravity_addon.wire.openai_tools import (
    FlatFunctionTool,
    FunctionDefinition,
    Grammar,
    ToolName,
    UnknownTool,
    is_web_search,
    tool_choice_arm,
)

type ClientToolType = Literal["local_shell", "shell", "apply_patch"]


class NestedFunctionTool(ClientInbound):
    """As Chat Completions writes it; clients mix."""

    type: Literal["function"] | None = None
    function: FunctionDefinition


class CustomFormat(Grammar):
    type: str | None = None
    grammar: Grammar | None = None
    """Around the two fields, as Chat Completions writes it."""


class CustomTool(ClientInbound):
    type: Literal["custom"]
    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    format: CustomFormat | None = None


class ClientTool(ClientInbound):
    """A tool of OpenAI's that the client itself runs. Its arguments are known, so it brings no schema."""

    type: ClientToolType


class WebSearchTool(ClientInbound):
    type: str
    """Any of the names that OpenAI has had for it."""
    external_web_access: bool | None = None
    """`False`: only what OpenAI keeps of the web, which is nothing here."""


class ToolSearchTool(ClientInbound):
    """Finds tools that the client has not declared yet."""

    type: Literal["tool_search"]


def _tool_arm(value: Json) -> str:
    match value:
        case {"type": "function" | None, "function": _}:
            return "<nested function>"
        case {"type": "function" | "custom" | "namespace" | "tool_search" as kind}:
            return f"<{kind}>"
        case {"type": "local_shell" | "shell" | "apply_patch"}:
            return "<client>"
        case {"type": str(kind)} if is_web_search(kind):
            return "<web search>"
        case {"function": _} if "type" not in value:
            return "<nested function>"
        case _:
            return "<unknown>"


def _namespaced_tool_arm(value: Json) -> str:
    arm = _tool_arm(value)
    return arm if arm in {"<function>", "<nested function>", "<custom>"} else "<unknown>"


type NamespacedTool = Annotated[
    Annotated[FlatFunctionTool, Tag("<function>")]
    | Annotated[NestedFunctionTool, Tag("<nested function>")]
    | Annotated[CustomTool, Tag("<custom>")]
    | Annotated[UnknownTool, Tag("<unknown>")],
    Discriminator(_namespaced_tool_arm),
]


class NamespaceTool(ClientInbound):
    """Tools under one roof: a call names both."""

    type: Literal["namespace"]
    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    tools: tuple[NamespacedTool, ...]


type ToolDefinition = Annotated[
    Annotated[FlatFunctionTool, Tag("<function>")]
    | Annotated[NestedFunctionTool, Tag("<nested function>")]
    | Annotated[CustomTool, Tag("<custom>")]
    | Annotated[NamespaceTool, Tag("<namespace>")]
    | Annotated[ClientTool, Tag("<client>")]
    | Annotated[WebSearchTool, Tag("<web search>")]
    | Annotated[ToolSearchTool, Tag("<tool_search>")]
    | Annotated[UnknownTool, Tag("<unknown>")],
    Discriminator(_tool_arm),
]


class ChosenTool(ClientInbound):
    """One tool: by its type if OpenAI knows it, else by its name, which some clients nest as in Chat Completions."""

    type: str | None = None
    name: str | None = None
    namespace: str | None = None
    function: ToolName | None = None
    custom: ToolName | None = None

    @property
    def tool_name(self) -> str | None:
        nested = self.function or self.custom
        return nested.name if nested else self.name


class AllowedTools(ClientInbound):
    mode: Literal["auto", "required"] = "auto"
    tools: tuple[ChosenTool, ...]


class FlatAllowedTools(AllowedTools):
    type: Literal["allowed_tools"]


class NestedAllowedTools(ClientInbound):
    """As Chat Completions writes it."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


type ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("<mode>")]
    | Annotated[ChosenTool, Tag("<one>")]
    | Annotated[FlatAllowedTools, Tag("<flat allowed tools>")]
    | Annotated[NestedAllowedTools, Tag("<nested allowed tools>")],
    Discriminator(tool_choice_arm),
]
