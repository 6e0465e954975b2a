"""Tools and the choice among them, as far as OpenAI's dialects write them alike.

Source: OpenAI's OpenAPI description, November 2026.
"""

import re
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from .base import Json
from .inbound import ClientInbound


class FunctionDefinition(ClientInbound):
    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    parameters: Json = None
    strict: bool | None = None


class FlatFunctionTool(FunctionDefinition):
    """The Responses API's way to write it."""

    type: Literal["function"]


class Grammar(ClientInbound):
    syntax: str | None = None
    definition: str | None = None


class CustomFormat(ClientInbound):
    type: str | None = None
    grammar: Grammar | None = None


class CustomDefinition(ClientInbound):
    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    format: CustomFormat | None = None


class FlatCustomTool(CustomDefinition):
    type: Literal["custom"]


_WEB_SEARCH = re.compile(r"(builtin_)?web_search(_preview)?(_[0-9]{4}_?[0-9]{2}_?[0-9]{2})?")


def is_web_search(kind: str) -> bool:
    """`kind` is the type of a tool: any of the names that OpenAI has had for its search."""
    return _WEB_SEARCH.fullmatch(kind) is not None


class UnknownTool(ClientInbound):
    type: str


class ToolName(ClientInbound):
    name: str


class NamedTool(ClientInbound):
    """One tool by name, in the nested form (`function`, `custom`) or in the flat one (`name`)."""

    type: Literal["function", "custom"] | None = None
    function: ToolName | None = None
    custom: ToolName | None = None
    name: str | None = None

    @property
    def tool_name(self) -> str | None:
        nested = self.function or self.custom
        return nested.name if nested else self.name


class AllowedTools(ClientInbound):
    mode: Literal["auto", "required"] = "auto"
    tools: tuple[NamedTool, ...]


class AllowedToolsChoice(ClientInbound):
    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


class FlatAllowedToolsChoice(AllowedTools):
    type: Literal["allowed_tools"]


def tool_choice_arm(value: Json) -> str:
    """In either API, since clients mix them."""
    match value:
        case str():
            return "<mode>"
        case {"type": "allowed_tools", "allowed_tools": _}:
            return "<nested allowed tools>"
        case {"type": "allowed_tools"}:
            return "<flat allowed tools>"
        case _:
            return "<one>"


type ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("<mode>")]
    | Annotated[NamedTool, Tag("<one>")]
    | Annotated[AllowedToolsChoice, Tag("<nested allowed tools>")]
    | Annotated[FlatAllowedToolsChoice, Tag("<flat allowed tools>")],
    Discriminator(tool_choice_arm),
]
