"""The families of models, by the names they really have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.translate.gemini_models import (
    BudgetThinking,
    Effort,
    LevelThinking,
    Thinking,
    ThinkingWish,
    thinking_config,
    traits_of,
)

THINKING: dict[str, Thinking] = {
    "gemini-1.5-pro": None,
    "gemini-2.0-flash": None,
    "gemini-2.5-flash-image": None,
    "gemini-3-pro-image": None,
    "gemma-4": None,
    "claude-sonnet-9": None,
    "gemini-2.5-pro": BudgetThinking(128, 32_768, can_be_off=False),
    "gemini-2.5-flash": BudgetThinking(1, 24_576, can_be_off=True),
    "gemini-2.5-flash-lite": BudgetThinking(512, 24_576, can_be_off=True, thinks_unasked=False),
    "gemini-3-pro-preview": LevelThinking(("LOW", "HIGH")),
    "gemini-3.1-pro-preview": LevelThinking(("LOW", "MEDIUM", "HIGH")),
    "gemini-3-flash-preview": LevelThinking(("MINIMAL", "LOW", "MEDIUM", "HIGH")),
    "gemini-3.1-flash-lite": LevelThinking(("MINIMAL", "LOW", "MEDIUM", "HIGH")),
    "gemini-3.5-flash": LevelThinking(("MINIMAL", "LOW", "MEDIUM", "HIGH")),
    "gemini-3.5-flash-lite": LevelThinking(("MINIMAL", "LOW", "MEDIUM", "HIGH")),
    "gemini-3.6-flash": LevelThinking(("LOW", "MEDIUM", "HIGH")),
    "gemini-3.8-flash": LevelThinking(("LOW", "MEDIUM", "HIGH")),
    "gemini-4-argon": LevelThinking(("LOW", "MEDIUM", "HIGH")),
    "gemini-4-carbon": LevelThinking(("LOW", "MEDIUM", "HIGH")),
    "gemini-4-hydrogen": LevelThinking(("LOW", "MEDIUM", "HIGH", "XHIGH")),
    "models/gemini-4-neon": LevelThinking(("LOW", "MEDIUM", "HIGH", "XHIGH")),
    "gemini-flash-latest": LevelThinking(("LOW", "MEDIUM", "HIGH")),
    "gemini-5-xenon": LevelThinking(("LOW", "MEDIUM", "HIGH")),
}


@pytest.mark.parametrize(("model", "thinking"), THINKING.items(), ids=THINKING)
def test_every_family_thinks_in_its_own_way(model: str, thinking: Thinking) -> None:
    assert traits_of(model).thinking == thinking


MODELS_2 = {"gemini-1.5-pro", "gemini-2.0-flash", "gemini-2.5-pro"}
MODELS_3 = {"gemini-3-pro-preview", "gemini-3.5-flash"}
NEWER_MODELS = {"gemini-3.5-flash-lite", "gemini-3.8-flash", "gemini-4-neon", "gemini-9"}
OTHER_MODELS = {"gemma-4"}

MODELS_BY_FACT: dict[str, tuple[str, set[str]]] = {
    "take penalties": ("takes_penalties", MODELS_2),
    "take a last turn of the model": ("takes_prefill", MODELS_2),
    "obey temperature, top_p and top_k": ("obeys_sampling", MODELS_2 | MODELS_3 | OTHER_MODELS),
    "need thought signatures": ("needs_thought_signatures", MODELS_3 | NEWER_MODELS),
    "take JSON mode beside tools": ("takes_json_mode_with_tools", MODELS_3 | NEWER_MODELS),
    "take a search beside functions": ("takes_search_with_functions", MODELS_3 | NEWER_MODELS),
    "are asked for logprobs": ("takes_logprobs", MODELS_2 | MODELS_3 | NEWER_MODELS),
    "take a resolution per part": ("takes_part_resolution", MODELS_3 | NEWER_MODELS),
    "see media in a function response": ("takes_media_in_function_response", MODELS_3 | NEWER_MODELS),
}


@pytest.mark.parametrize(("fact", "models"), MODELS_BY_FACT.values(), ids=MODELS_BY_FACT)
def test_which_models(fact: str, models: set[str]) -> None:
    every_model = MODELS_2 | MODELS_3 | NEWER_MODELS | OTHER_MODELS
    assert {model for model in every_model if getattr(traits_of(model), fact)} == models


WISHES = st.builds(
    ThinkingWish, effort=st.none() | st.sampled_from(Effort), shown=st.none() | st.booleans()
) | st.builds(ThinkingWish, budget=st.none() | st.integers(-5, 10**9), shown=st.none() | st.booleans())


@given(st.sampled_from(sorted(THINKING)), WISHES)
def test_a_wish_becomes_what_the_model_takes(model: str, wish: ThinkingWish) -> None:
    thinking = traits_of(model).thinking
    config = thinking_config(thinking, wish)
    match thinking:
        case None:
            assert config is None
        case BudgetThinking():
            if config is None or config.thinking_budget is None:
                return
            assert config.thinking_level is None
            budget = config.thinking_budget
            assert (
                budget == -1
                or thinking.minimum <= budget <= thinking.maximum
                or (budget == 0 and thinking.can_be_off)
            )
            assert budget != 0 or config.include_thoughts is None
        case LevelThinking():
            if config:
                assert config.thinking_budget is None
                assert config.thinking_level is None or config.thinking_level in thinking.levels
