"""Tools of Chat Completions and the choice among them, its legacy functions included."""

from typing import assert_never

from antigravity_addon.errors import MissingParameter, UnsupportedInput
from antigravity_addon.translate.tools import Tool, ToolChoice, custom_tool, distinct, function_tool
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_chat.request import (
    AllowedTools,
    AllowedToolsChoice,
    ChatCompletionRequest,
    CustomDefinition,
    CustomTool,
    FlatAllowedToolsChoice,
    FlatCustomTool,
    FlatFunctionTool,
    FunctionDefinition,
    FunctionTool,
    NamedTool,
    ToolDefinition,
    ToolName,
    UnknownTool,
)


def tools_of(request: ChatCompletionRequest) -> tuple[Tool, ...]:
    tools = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(request.tools or ())]
    return distinct((*tools, *map(_function, request.functions or ())))


def choice_of(request: ChatCompletionRequest) -> ToolChoice:
    match request.tool_choice:
        case None:
            return _function_choice(request)
        case "none" | "auto" | "required" as mode:
            return ToolChoice(mode)
        case NamedTool() as tool:
            return ToolChoice.among((_name_of(tool),))
        case AllowedToolsChoice(allowed_tools=allowed):
            return _allowed(allowed)
        case FlatAllowedToolsChoice() as allowed:
            return _allowed(allowed)
        case _:
            assert_never(request.tool_choice)


def _tool(tool: ToolDefinition, path: str) -> Tool:
    match tool:
        case FunctionTool():
            return _function(tool.function)
        case FlatFunctionTool():
            return _function(tool)
        case CustomTool():
            return _custom(tool.custom)
        case FlatCustomTool():
            return _custom(tool)
        case UnknownTool():
            raise UnsupportedInput(
                f"Tools of the type {shown(tool.type)} are not supported; use 'function' or 'custom'.",
                param=f"{path}.type",
            )
        case _:
            assert_never(tool)


def _function(definition: FunctionDefinition) -> Tool:
    return function_tool(
        definition.name, definition.description, definition.parameters, is_strict=bool(definition.strict)
    )


def _custom(definition: CustomDefinition) -> Tool:
    grammar = definition.format.grammar if definition.format else None
    return custom_tool(
        definition.name,
        definition.description,
        grammar=grammar.definition if grammar else None,
        syntax=grammar.syntax if grammar else None,
    )


def _allowed(allowed: AllowedTools) -> ToolChoice:
    return ToolChoice.among(map(_name_of, allowed.tools), allowed.mode)


def _function_choice(request: ChatCompletionRequest) -> ToolChoice:
    match request.function_call:
        case None:
            return ToolChoice()
        case "none" | "auto" as mode:
            return ToolChoice(mode, param="function_call")
        case ToolName(name=name):
            return ToolChoice("required", (name,), param="function_call")
        case _:
            assert_never(request.function_call)


def _name_of(tool: NamedTool) -> str:
    if tool.tool_name is None:
        raise MissingParameter("'tool_choice' must name a tool.", param="tool_choice")
    return tool.tool_name
