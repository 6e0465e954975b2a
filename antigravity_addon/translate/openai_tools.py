"""Tools and the choice among them, as far as OpenAI's dialects write them alike -> ours."""

from antigravity_addon.errors import MissingParameter
from antigravity_addon.wire.openai_tools import AllowedTools, CustomDefinition, FunctionDefinition, NamedTool

from .tools import Tool, ToolChoice, custom_tool, function_tool


def function_of(definition: FunctionDefinition) -> Tool:
    return function_tool(
        definition.name, definition.description, definition.parameters, is_strict=bool(definition.strict)
    )


def custom_of(definition: CustomDefinition) -> Tool:
    grammar = definition.format.grammar if definition.format else None
    return custom_tool(
        definition.name,
        definition.description,
        grammar=grammar.definition if grammar else None,
        syntax=grammar.syntax if grammar else None,
    )


def allowed_of(allowed: AllowedTools) -> ToolChoice:
    return ToolChoice.among(map(name_of, allowed.tools), allowed.mode)


def name_of(tool: NamedTool) -> str:
    """Raises: MissingParameter: it has none."""
    if tool.tool_name is None:
        raise MissingParameter("'tool_choice' must name a tool.", param="tool_choice")
    return tool.tool_name
