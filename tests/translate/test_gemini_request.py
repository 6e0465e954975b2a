"""What all dialects share of a request: where a wish stands in the way of another one."""

from dataclasses import replace

import pytest

from antigravity_addon.translate.conversation import Conversation, Said
from antigravity_addon.translate.gemini_models import ThinkingWish, traits_of
from antigravity_addon.translate.gemini_request import Wishes, to_request, tool_names_of
from antigravity_addon.translate.generation import GenerationWish, JsonMode
from antigravity_addon.translate.tools import Tool, ToolChoice
from antigravity_addon.wire.gemini import (
    Content,
    FunctionCallingConfig,
    FunctionDeclaration,
    GenerateContentRequest,
    GenerationConfig,
    Part,
    ToolConfig,
)
from antigravity_addon.wire.gemini import Tool as GeminiTool

OLD, NEW = "gemini-2.5-flash", "gemini-3.8-flash"
ASKED = Part(text="What is new?")
F = Tool("f", None, None)
FUNCTIONS = GeminiTool(function_declarations=(FunctionDeclaration(name="f"),))
SEARCH = GeminiTool(google_search={})
TOGETHER = ToolConfig(include_server_side_tool_invocations=True)
FORCED = FunctionCallingConfig(mode="ANY")
PLAIN = GenerationWish(thinking=ThinkingWish(shown=False))
JSON = replace(PLAIN, json_mode=JsonMode(None))


def wishes(*tools: Tool, choice: ToolChoice | None = None, generation: GenerationWish = PLAIN) -> Wishes:
    return Wishes(
        Conversation((), (Said("user", (ASKED,)),)),
        tools=tools,
        choice=choice or ToolChoice(),
        generation=generation,
        searches_web=True,
    )


def request(
    *tools: GeminiTool,
    config: ToolConfig | None = None,
    generation: GenerationConfig | None = None,
    instruction: str | None = None,
) -> GenerateContentRequest:
    return GenerateContentRequest(
        contents=(Content(role="user", parts=(ASKED,)),),
        tools=tools,
        tool_config=config,
        generation_config=generation,
        system_instruction=Content(parts=(Part(text=instruction),)) if instruction else None,
    )


SEARCHES: dict[str, tuple[str, Wishes, GenerateContentRequest]] = {
    "C40 alone": (OLD, wishes(), request(SEARCH)),
    "beside functions": (NEW, wishes(F), request(FUNCTIONS, SEARCH, config=TOGETHER)),
    "beside functions of which one must be called": (
        NEW,
        wishes(F, choice=ToolChoice("required")),
        request(
            FUNCTIONS,
            SEARCH,
            config=ToolConfig(function_calling_config=FORCED, include_server_side_tool_invocations=True),
        ),
    ),
    "beside functions on an older model": (OLD, wishes(F), request(FUNCTIONS)),
    "beside forced functions on an older model": (
        OLD,
        wishes(F, choice=ToolChoice("required")),
        request(FUNCTIONS, config=ToolConfig(function_calling_config=FORCED)),
    ),
    "for an answer in JSON": (
        NEW,
        wishes(generation=JSON),
        request(SEARCH, generation=GenerationConfig(response_mime_type="application/json")),
    ),
    "for an answer in JSON on an older model": (
        OLD,
        wishes(generation=JSON),
        request(SEARCH, instruction=JsonMode(None).as_instruction),
    ),
}


@pytest.mark.parametrize(("model", "wished", "body"), SEARCHES.values(), ids=SEARCHES)
def test_searching_the_web(model: str, wished: Wishes, body: GenerateContentRequest) -> None:
    assert to_request(wished, traits_of(model), tool_names_of(wished)) == body
