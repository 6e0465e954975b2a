"""Tools of Chat Completions and the choice among them, its legacy functions included."""

from typing import assert_never

from antigravity_addon.errors import UnsupportedInput
from antigravity_addon.translate.openai_tools import allowed_of, custom_of, function_of, name_of
from antigravity_addon.translate.tools import Tool, ToolChoice, distinct
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_chat.request import (
    ChatCompletionRequest,
    CustomTool,
    FunctionTool,
    ToolDefinition,
)
from antigravity_addon.wire.openai_tools import (
    AllowedToolsChoice,
    FlatAllowedToolsChoice,
    FlatCustomTool,
    FlatFunctionTool,
    NamedTool,
    ToolName,
    UnknownTool,
    is_web_search,
)


def tools_of(request: ChatCompletionRequest) -> tuple[Tool, ...]:
    tools = [
        _tool(tool, f"tools[{index}]")
        for index, tool in enumerate(request.tools or ())
        if not _is_web_search(tool)
    ]
    return distinct((*tools, *map(function_of, request.functions or ())))


def searches_web(request: ChatCompletionRequest) -> bool:
    """By `web_search_options`, or by a tool that other dialects have for it. A function of that name is a function."""
    if request.tool_choice == "none":
        return False  # Gemini would search all the same
    return request.web_search_options is not None or any(map(_is_web_search, request.tools or ()))


def _is_web_search(tool: ToolDefinition) -> bool:
    return isinstance(tool, UnknownTool) and is_web_search(tool.type)


def choice_of(request: ChatCompletionRequest) -> ToolChoice:
    match request.tool_choice:
        case None:
            return _function_choice(request)
        case "none" | "auto" | "required" as mode:
            return ToolChoice(mode)
        case NamedTool() as tool:
            return ToolChoice.among((name_of(tool),))
        case AllowedToolsChoice(allowed_tools=allowed):
            return allowed_of(allowed)
        case FlatAllowedToolsChoice() as allowed:
            return allowed_of(allowed)
        case _:
            assert_never(request.tool_choice)


def _tool(tool: ToolDefinition, path: str) -> Tool:
    match tool:
        case FunctionTool():
            return function_of(tool.function)
        case FlatFunctionTool():
            return function_of(tool)
        case CustomTool():
            return custom_of(tool.custom)
        case FlatCustomTool():
            return custom_of(tool)
        case UnknownTool():
            raise UnsupportedInput(
                f"Tools of the type {shown(tool.type)} are not supported; use 'function' or 'custom'.",
                param=f"{path}.type",
            )
        case _:
            assert_never(tool)


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
