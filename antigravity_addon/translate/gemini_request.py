"""Everything a client wishes for -> one request to Gemini. All dialects meet here."""

from dataclasses import dataclass, replace

from antigravity_addon.wire import gemini

from .contents import arranged
from .conversation import Conversation
from .gemini_models import ModelTraits
from .generation import GenerationWish, generation_config
from .tool_names import ToolNames
from .tools import Tool, ToolChoice, declarations, tool_config


@dataclass(frozen=True, slots=True)
class Wishes:
    """A client's request, in no dialect's words."""

    conversation: Conversation
    tools: tuple[Tool, ...]
    choice: ToolChoice
    generation: GenerationWish
    safety_settings: tuple[gemini.SafetySetting, ...] = ()
    searches_web: bool = False
    """The model may search. Where it cannot beside functions, the functions are what counts."""


def tool_names_of(wishes: Wishes) -> ToolNames:
    """The names of all tools of the request: those offered, and those that were called before."""
    return ToolNames.of((*(tool.name for tool in wishes.tools), *wishes.conversation.names_called))


def to_request(wishes: Wishes, traits: ModelTraits, names: ToolNames) -> gemini.GenerateContentRequest:
    """Raises: InvalidRequest: what is wished for contradicts itself, or is more than Gemini has."""
    conversation = arranged(wishes.conversation, traits, names)
    instructions, generation = conversation.instructions, wishes.generation
    searches_web = wishes.searches_web and (traits.takes_search_with_functions or not wishes.tools)
    has_tools = searches_web or bool(wishes.tools)
    if generation.json_mode and has_tools and not traits.takes_json_mode_with_tools:
        instructions = (*instructions, gemini.Part(text=generation.json_mode.as_instruction))
        generation = replace(generation, json_mode=None)
    return gemini.GenerateContentRequest(
        contents=conversation.contents,
        system_instruction=gemini.Content(parts=instructions) if instructions else None,
        tools=_tools(wishes.tools, names, searches_web=searches_web),
        tool_config=_tool_config(wishes, names, searches_web=searches_web),
        safety_settings=wishes.safety_settings or None,
        generation_config=generation_config(generation, traits),
    )


def _tools(
    functions: tuple[Tool, ...], names: ToolNames, *, searches_web: bool
) -> tuple[gemini.Tool, ...] | None:
    search = (gemini.Tool(google_search={}),) if searches_web else ()
    return (*(declarations(functions, names) or ()), *search) or None


def _tool_config(wishes: Wishes, names: ToolNames, *, searches_web: bool) -> gemini.ToolConfig | None:
    config = tool_config(wishes.choice, wishes.tools, names)
    if not (searches_web and wishes.tools):
        return config
    return gemini.ToolConfig(
        function_calling_config=config.function_calling_config if config else None,
        include_server_side_tool_invocations=True,
    )
