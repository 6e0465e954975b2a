"""Tools of the Responses API and the choice among them, wherever in a request they stand."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from antigravity_addon.errors import MissingParameter, UnsupportedInput
from antigravity_addon.translate.openai_tools import function_of
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.translate.tools import Tool, ToolChoice, custom_tool
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_responses.items import AdditionalTools
from antigravity_addon.wire.openai_responses.request import ResponsesRequest
from antigravity_addon.wire.openai_responses.tools import (
    AllowedTools,
    ChosenTool,
    ClientTool,
    CustomTool,
    FlatAllowedTools,
    NamespacedTool,
    NamespaceTool,
    NestedAllowedTools,
    NestedFunctionTool,
    ToolDefinition,
    ToolSearchTool,
    WebSearchTool,
)
from antigravity_addon.wire.openai_tools import FlatFunctionTool, UnknownTool, is_web_search

from .client_tools import client_tool
from .forms import CallForm, CallForms, Kind
from .placed import Placed

_DEFAULT_NAMESPACE = "functions"
"""Codex may leave it out of a call, and takes calls without it."""


def full_name(name: str, namespace: str | None) -> str:
    """Ours, for a tool that a client knows by two names."""
    return name if namespace in {None, _DEFAULT_NAMESPACE} else f"{namespace}.{name}"


@dataclass(frozen=True, slots=True)
class Offered:
    """A function to Gemini, and to the client a tool of some kind."""

    tool: Tool
    form: CallForm


@dataclass(frozen=True, slots=True)
class Offer:
    """All that the model may use."""

    functions: tuple[Offered, ...]
    searches_web: bool

    @property
    def tools(self) -> tuple[Tool, ...]:
        return tuple(offered.tool for offered in self.functions)

    def call_forms(self, names: ToolNames) -> CallForms:
        return CallForms({names.to_gemini(each.tool.name): each.form for each in self.functions})


def offer_of(request: ResponsesRequest, items: Iterable[Placed]) -> Offer:
    """Of two tools with one name the first counts.

    Raises: UnsupportedInput: a tool that OpenAI itself would run.
    """
    first: dict[str, Offered] = {}
    searches_web = False
    for tool, path in _definitions(request, items):
        match tool:
            case WebSearchTool():
                searches_web = searches_web or tool.external_web_access is not False
            case ToolSearchTool():
                pass
            case _:
                for offered in _offered(tool, path):
                    first.setdefault(offered.tool.name, offered)
    return Offer(tuple(first.values()), searches_web)


def _definitions(request: ResponsesRequest, items: Iterable[Placed]) -> Iterator[tuple[ToolDefinition, str]]:
    """Each with its path."""
    for index, tool in enumerate(request.tools or ()):
        yield tool, f"tools[{index}]"
    for placed in items:
        if isinstance(placed.item, AdditionalTools):
            for index, tool in enumerate(placed.item.tools):
                yield tool, f"{placed.path}.tools[{index}]"


type _FunctionLike = NamespacedTool | NamespaceTool | ClientTool


def _offered(tool: _FunctionLike, path: str) -> Iterator[Offered]:
    match tool:
        case NamespaceTool():
            for index, inner in enumerate(tool.tools):
                yield _within(tool, _function_like(inner, f"{path}.tools[{index}]"))
        case ClientTool():
            offered = client_tool(tool.type)
            yield Offered(offered, CallForm(Kind(tool.type), offered.name))
        case _:
            yield _function_like(tool, path)


def _function_like(tool: NamespacedTool, path: str) -> Offered:
    match tool:
        case FlatFunctionTool():
            return Offered(function_of(tool), CallForm(Kind.FUNCTION, tool.name))
        case NestedFunctionTool(function=function):
            return Offered(function_of(function), CallForm(Kind.FUNCTION, function.name))
        case CustomTool():
            return Offered(_custom(tool), CallForm(Kind.CUSTOM, tool.name))
        case UnknownTool():
            raise _not_here(tool.type, f"{path}.type")
        case _:
            assert_never(tool)


def _custom(tool: CustomTool) -> Tool:
    grammar = tool.format and (tool.format.grammar or tool.format)
    return custom_tool(
        tool.name,
        tool.description,
        grammar=grammar.definition if grammar else None,
        syntax=grammar.syntax if grammar else None,
    )


def _within(namespace: NamespaceTool, offered: Offered) -> Offered:
    """A namespace explains itself; Gemini knows none, so its words stand in for those that a tool lacks."""
    tool = replace(
        offered.tool,
        name=full_name(offered.tool.name, namespace.name),
        description=offered.tool.description or namespace.description,
    )
    return Offered(tool, replace(offered.form, namespace=namespace.name))


def _not_here(kind: str, param: str) -> UnsupportedInput:
    return UnsupportedInput(
        f"Tools of the type {shown(kind)} are not supported; use 'function', 'custom', 'namespace', 'web_search', "
        "'local_shell', 'shell' or 'apply_patch'.",
        param=param,
    )


# --- the choice -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    functions: ToolChoice
    may_search_web: bool = True


def choice_of(request: ResponsesRequest, offer: Offer) -> Choice:
    match request.tool_choice:
        case None:
            return Choice(ToolChoice())
        case "none":
            return Choice(ToolChoice("none"), may_search_web=False)
        case "auto":
            return Choice(ToolChoice())
        case "required":
            only_search = offer.searches_web and not offer.functions
            return Choice(ToolChoice("auto" if only_search else "required"))
        case ChosenTool() as tool:
            return _one(tool)
        case FlatAllowedTools() as allowed:
            return _allowed(allowed)
        case NestedAllowedTools(allowed_tools=allowed):
            return _allowed(allowed)
        case _:
            assert_never(request.tool_choice)


def _one(tool: ChosenTool) -> Choice:
    if is_web_search(tool.type or ""):
        # Gemini searches when it sees fit
        return Choice(ToolChoice())
    return Choice(ToolChoice.among((_name_of(tool),)), may_search_web=False)


def _allowed(allowed: AllowedTools) -> Choice:
    names = [_name_of(tool) for tool in allowed.tools if not is_web_search(tool.type or "")]
    return Choice(ToolChoice.among(names, allowed.mode), may_search_web=len(names) < len(allowed.tools))


def _name_of(tool: ChosenTool) -> str:
    match tool.type:
        case "local_shell" | "shell" | "apply_patch" as kind:
            return client_tool(kind).name
        case None | "function" | "custom":
            if tool.tool_name is None:
                raise MissingParameter("'tool_choice' must name a tool.", param="tool_choice")
            return full_name(tool.tool_name, tool.namespace)
        case _:
            raise _not_here(tool.type, "tool_choice")
