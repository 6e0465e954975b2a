"""A client's tools, and which of them may or must be called -> Gemini's declarations and their mode."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, assert_never

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire import gemini
from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.inbound import shown

from . import json_schema
from .tool_names import ToolNames
from .tool_payloads import CUSTOM_PARAMETERS


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the client offers, of whichever kind."""

    name: str
    """The client's."""
    description: str | None
    parameters: JsonObject | None
    is_strict: bool = False
    is_custom: bool = False
    """It takes text as it is, no JSON."""


@dataclass(frozen=True, slots=True)
class ToolChoice:
    mode: Literal["none", "auto", "required"] = "auto"
    allowed: tuple[str, ...] = ()
    """The client's names; empty for all."""
    param: str = "tool_choice"
    """Where the client made it."""

    @classmethod
    def among(cls, names: Iterable[str], mode: Literal["auto", "required"] = "required") -> "ToolChoice":
        """Only these. Allowed to call nothing is what Gemini calls NONE; no names at all would allow everything."""
        allowed = tuple(dict.fromkeys(names))
        return cls(mode, allowed) if allowed else cls("none")


def function_tool(name: str, description: str | None, schema: Json, *, is_strict: bool) -> Tool:
    return Tool(name, description, json_schema.for_parameters(schema), is_strict=is_strict)


def custom_tool(name: str, description: str | None, *, grammar: str | None, syntax: str | None) -> Tool:
    """Gemini has no grammars: the model is shown it and asked to keep to it."""
    text = description or ""
    if grammar:
        text = f"{text}\n\nThe input follows this {syntax or 'given'} grammar:\n{grammar}".strip()
    return Tool(name, text or None, CUSTOM_PARAMETERS, is_custom=True)


def distinct(tools: Iterable[Tool]) -> tuple[Tool, ...]:
    """Of two tools with one name the first counts."""
    first: dict[str, Tool] = {}
    for tool in tools:
        first.setdefault(tool.name, tool)
    return tuple(first.values())


def declarations(tools: tuple[Tool, ...], names: ToolNames) -> tuple[gemini.Tool, ...] | None:
    declared = tuple(
        gemini.FunctionDeclaration(
            name=names.to_gemini(tool.name),
            description=tool.description,
            parameters_json_schema=tool.parameters,
        )
        for tool in tools
    )
    return (gemini.Tool(function_declarations=declared),) if declared else None


def tool_config(choice: ToolChoice, tools: tuple[Tool, ...], names: ToolNames) -> gemini.ToolConfig | None:
    """Raises: InvalidRequest: the choice is one that these tools do not leave."""
    _refuse_what_is_not_there(choice, tools)
    if not tools:
        return None
    is_constrained = bool(choice.allowed) or any(tool.is_strict for tool in tools)
    match choice.mode:
        case "none":
            config = gemini.FunctionCallingConfig(mode="NONE")
        case "auto" if not is_constrained:
            return None
        case "auto" | "required":
            config = gemini.FunctionCallingConfig(
                mode="ANY" if choice.mode == "required" else "VALIDATED",
                allowed_function_names=tuple(map(names.to_gemini, choice.allowed)) or None,
            )
        case _:
            assert_never(choice.mode)
    return gemini.ToolConfig(function_calling_config=config)


def _refuse_what_is_not_there(choice: ToolChoice, tools: tuple[Tool, ...]) -> None:
    known = {tool.name for tool in tools}
    unknown = next((name for name in choice.allowed if name not in known), None)
    if unknown is not None:
        raise InvalidRequest(
            f"Invalid value for '{choice.param}': there is no tool {shown(unknown)} in 'tools'.",
            param=choice.param,
        )
    if choice.mode == "required" and not tools:
        raise InvalidRequest(
            f"'{choice.param}' requires a call, but there are no tools to call.", param=choice.param
        )
