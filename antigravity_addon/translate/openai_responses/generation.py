"""Sampling, JSON mode and thinking, as the Responses API asks for them."""

from collections.abc import Iterable

from antigravity_addon.translate.gemini_models import Effort, ThinkingWish
from antigravity_addon.translate.generation import GenerationWish, JsonMode, to_effort
from antigravity_addon.wire.openai_responses.generation import Reasoning, Text
from antigravity_addon.wire.openai_responses.items import ConfigurationUpdate
from antigravity_addon.wire.openai_responses.request import LOGPROBS, ResponsesRequest

from .placed import Placed


def generation_of(request: ResponsesRequest, items: Iterable[Placed]) -> GenerationWish:
    """Of what the request says and what the items say after it, the last counts."""
    text, reasoning, path = request.text, request.reasoning, "reasoning"
    for placed in items:
        match placed.item:
            case ConfigurationUpdate() as update:
                text = update.text or text
                if update.reasoning is not None:
                    reasoning, path = update.reasoning, f"{placed.path}.reasoning"
            case _:
                pass
    return GenerationWish(
        temperature=request.temperature,
        top_p=request.top_p,
        max_tokens=request.max_output_tokens,
        logprobs=(request.top_logprobs or 0) if request.includes(LOGPROBS) else None,
        json_mode=_json_mode(text),
        thinking=_thinking(reasoning, path),
    )


def _json_mode(text: Text | None) -> JsonMode | None:
    wanted = text.format if text else None
    if wanted is None or wanted.type == "text":
        return None
    return JsonMode.of(wanted.schema_ if wanted.type == "json_schema" else None)


def _thinking(reasoning: Reasoning | None, path: str) -> ThinkingWish:
    """Unlike in Chat Completions, thoughts are shown to those only who ask for it."""
    if reasoning is None:
        return ThinkingWish(shown=False)
    effort = to_effort(reasoning.effort, param=f"{path}.effort")
    summary = reasoning.summary or reasoning.generate_summary or "none"
    return ThinkingWish(effort=effort, shown=summary != "none" and effort is not Effort.NONE)
