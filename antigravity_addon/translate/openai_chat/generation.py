"""Sampling, JSON mode, modalities and thinking, as Chat Completions asks for them."""

from antigravity_addon.errors import InvalidRequest, UnsupportedInput
from antigravity_addon.translate.gemini_models import Effort, ThinkingWish
from antigravity_addon.translate.generation import GenerationWish, JsonMode, Modality, to_effort
from antigravity_addon.wire import gemini
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_chat.request import (
    ChatCompletionRequest,
    GoogleOptions,
    GoogleThinkingConfig,
    Reasoning,
    Thinking,
)


def generation_of(request: ChatCompletionRequest) -> GenerationWish:
    return GenerationWish(
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        max_tokens=request.max_completion_tokens or request.max_tokens,
        stop=(request.stop,) if isinstance(request.stop, str) else request.stop or (),
        seed=request.seed,
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
        logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        json_mode=_json_mode(request),
        modalities=_modalities(request),
        thinking=_thinking(request),
    )


def safety_settings_of(request: ChatCompletionRequest) -> tuple[gemini.SafetySetting, ...]:
    google, _ = google_options(request)
    settings = (google.safety_settings if google else None) or ()
    return tuple(gemini.SafetySetting(category=each.category, threshold=each.threshold) for each in settings)


def google_options(request: ChatCompletionRequest) -> tuple[GoogleOptions | None, str]:
    """Google's own options, and where they stood."""
    if request.google is None and request.extra_body is not None:
        return request.extra_body.google, "extra_body.google"
    return request.google, "google"


def _json_mode(request: ChatCompletionRequest) -> JsonMode | None:
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    return JsonMode.of(
        wanted.json_schema.schema_ if wanted.json_schema and wanted.type == "json_schema" else None
    )


def _modalities(request: ChatCompletionRequest) -> tuple[Modality, ...]:
    wanted = tuple(dict.fromkeys(request.modalities or ()))
    for modality in wanted:
        if modality == "audio":
            raise UnsupportedInput("Audio answers are not supported; ask for 'text'.", param="modalities")
        if modality not in {"text", "image"}:
            raise InvalidRequest(
                f"Invalid value for 'modalities': {shown(modality)}; use 'text' or 'image'.",
                param="modalities",
            )
    # no model gives images alone
    return ("TEXT", "IMAGE") if "image" in wanted else ()


def _thinking(request: ChatCompletionRequest) -> ThinkingWish:
    """Of the ways to ask for it, the most particular one counts."""
    google, path = google_options(request)
    if google and google.thinking_config:
        return _google_s(google.thinking_config, f"{path}.thinking_config")
    if request.reasoning_effort is not None:
        return ThinkingWish(effort=to_effort(request.reasoning_effort, param="reasoning_effort"))
    if request.reasoning:
        return _openrouter_s(request.reasoning)
    if request.thinking:
        return _anthropic_s(request.thinking)
    return ThinkingWish()


def _google_s(config: GoogleThinkingConfig, path: str) -> ThinkingWish:
    budget = config.thinking_budget
    level = config.thinking_level if budget is None else None
    return ThinkingWish(
        effort=to_effort(level and level.lower(), param=f"{path}.thinking_level"),
        budget=budget,
        shown=config.include_thoughts,
    )


def _openrouter_s(reasoning: Reasoning) -> ThinkingWish:
    effort = to_effort(reasoning.effort, param="reasoning.effort")
    return ThinkingWish(
        effort=Effort.NONE if reasoning.enabled is False else effort,
        budget=None if effort or reasoning.enabled is False else reasoning.max_tokens,
        shown=False if reasoning.exclude else None,
    )


def _anthropic_s(thinking: Thinking) -> ThinkingWish:
    if thinking.type == "disabled":
        return ThinkingWish(effort=Effort.NONE)
    return ThinkingWish(budget=thinking.budget_tokens)
