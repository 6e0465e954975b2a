"""What a model of Gemini takes, by family: the one table to edit when Google ships another model.

Source: Google's model and thinking pages, November 2026. A Gemini model that no row knows is held for one
of the newest family; a model that is not called Gemini is asked for nothing special.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, assert_never

from antigravity_addon.wire.gemini import ThinkingConfig

type Level = Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"]


class Effort(StrEnum):
    """How much the client wants the model to think, in OpenAI's words."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class ThinkingWish:
    """At most one of `effort` and `budget`; with neither, the model's own default stands."""

    effort: Effort | None = None
    budget: int | None = None
    """Tokens; 0 for no thinking, below 0 for as many as the model likes."""
    shown: bool | None = None
    """Whether summaries of the thoughts are wanted."""


@dataclass(frozen=True, slots=True)
class BudgetThinking:
    """Thinking is measured in tokens."""

    minimum: int
    maximum: int
    can_be_off: bool
    thinks_unasked: bool = True


@dataclass(frozen=True, slots=True)
class LevelThinking:
    """Thinking goes by levels, lowest first. It is never off."""

    levels: tuple[Level, ...]


type Thinking = BudgetThinking | LevelThinking | None
"""`None`: the model does not think, or cannot be told how much."""


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What a request for this model may hold. The defaults are those of the newest family."""

    thinking: Thinking = LevelThinking(("LOW", "MEDIUM", "HIGH"))
    max_output_tokens: int = 1_048_576
    """More in `maxOutputTokens` is an error."""
    obeys_sampling: bool = False
    """`temperature`, `topP`, `topK`: newer models ignore them."""
    takes_penalties: bool = False
    takes_logprobs: bool = True
    """Which models do is written nowhere, so all are asked; a refusal is learnt from (`upstream/remedies.py`)."""
    takes_prefill: bool = False
    """The conversation may end with a turn of the model."""
    takes_json_mode_with_tools: bool = True
    """Searching the web is a tool, too."""
    takes_search_with_functions: bool = True
    takes_part_resolution: bool = True
    """`mediaResolution` on a single part."""
    takes_media_in_function_response: bool = True
    takes_image_size: bool = True
    needs_thought_signatures: bool = True
    """The first call of each step of the current turn must carry one."""


_ARGON = ModelTraits()
_HYDROGEN = ModelTraits(thinking=LevelThinking(("LOW", "MEDIUM", "HIGH", "XHIGH")))
_FLASH_3_6 = ModelTraits(max_output_tokens=65_536)
_FLASH_LITE_3_5 = replace(_FLASH_3_6, thinking=LevelThinking(("MINIMAL", "LOW", "MEDIUM", "HIGH")))
_FLASH_3 = replace(_FLASH_LITE_3_5, obeys_sampling=True)
_PRO_3_1 = replace(_FLASH_3, thinking=LevelThinking(("LOW", "MEDIUM", "HIGH")))
_PRO_3 = replace(_FLASH_3, thinking=LevelThinking(("LOW", "HIGH")))
_OTHER = ModelTraits(
    thinking=None,
    obeys_sampling=True,
    takes_logprobs=False,
    takes_json_mode_with_tools=False,
    takes_search_with_functions=False,
    takes_part_resolution=False,
    takes_media_in_function_response=False,
    takes_image_size=False,
    needs_thought_signatures=False,
)
_GEMINI_2 = replace(
    _OTHER, max_output_tokens=65_536, takes_penalties=True, takes_logprobs=True, takes_prefill=True
)
_GEMINI_2_0 = replace(_GEMINI_2, max_output_tokens=8_192)
_PRO_2_5 = replace(_GEMINI_2, thinking=BudgetThinking(128, 32_768, can_be_off=False))
_FLASH_2_5 = replace(_GEMINI_2, thinking=BudgetThinking(1, 24_576, can_be_off=True))
_FLASH_LITE_2_5 = replace(
    _GEMINI_2, thinking=BudgetThinking(512, 24_576, can_be_off=True, thinks_unasked=False)
)

_FAMILIES: tuple[tuple[re.Pattern[str], ModelTraits], ...] = tuple(
    (re.compile(pattern), traits)
    for pattern, traits in (
        (r"gemini-[12].*-image", replace(_GEMINI_2, takes_logprobs=False)),
        (r"gemini-3.*-image", replace(_PRO_3, thinking=None, takes_logprobs=False)),
        (r"gemini-(1|2\.0)", _GEMINI_2_0),
        (r"gemini-2\.5-pro", _PRO_2_5),
        (r"gemini-2\.5-flash-lite", _FLASH_LITE_2_5),
        (r"gemini-2\.5-flash", _FLASH_2_5),
        (r"gemini-2", _GEMINI_2),
        (r"gemini-3-pro", _PRO_3),
        (r"gemini-3\.[1-9]-pro", _PRO_3_1),
        (r"gemini-3-flash|gemini-3\.1-flash|gemini-3\.5-flash(?!-lite)", _FLASH_3),
        (r"gemini-3\.5-flash-lite", _FLASH_LITE_3_5),
        (r"gemini-3", _FLASH_3_6),
        # aliases move with time: what all of Gemini 3 and 4 take
        (r"gemini-(flash|flash-lite|pro)-latest", _FLASH_3_6),
        (r"gemini-4-(hydrogen|neon)", _HYDROGEN),
        (r"gemini-", _ARGON),
        (r"", _OTHER),
    )
)


def traits_of(model: str) -> ModelTraits:
    """`model` as in `models/{model}`; a path before the name does no harm."""
    name = model.rpartition("/")[2].lower()
    return next(traits for pattern, traits in _FAMILIES if pattern.match(name))


# Google's own mapping for its OpenAI-compatible endpoint; the two ends are the model's own.
_BUDGETS: dict[Effort, int] = {
    Effort.MINIMAL: 1_024,
    Effort.LOW: 1_024,
    Effort.MEDIUM: 8_192,
    Effort.HIGH: 24_576,
}
_LEVELS: dict[Effort, tuple[Level, ...]] = {
    Effort.NONE: ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"),
    Effort.MINIMAL: ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"),
    Effort.LOW: ("LOW", "MINIMAL", "MEDIUM", "HIGH", "XHIGH"),
    Effort.MEDIUM: ("MEDIUM", "HIGH", "LOW", "XHIGH", "MINIMAL"),
    Effort.HIGH: ("HIGH", "XHIGH", "MEDIUM", "LOW", "MINIMAL"),
    Effort.XHIGH: ("XHIGH", "HIGH", "MEDIUM", "LOW", "MINIMAL"),
    Effort.MAX: ("XHIGH", "HIGH", "MEDIUM", "LOW", "MINIMAL"),
}
"""Best first."""


def thinking_config(thinking: Thinking, wish: ThinkingWish) -> ThinkingConfig | None:
    """The nearest thing to the wish that the model takes: clamped, never refused."""
    match thinking:
        case None:
            return None
        case BudgetThinking():
            return _by_budget(thinking, wish)
        case LevelThinking():
            return _by_level(thinking, wish)
        case _:
            assert_never(thinking)


def _by_budget(thinking: BudgetThinking, wish: ThinkingWish) -> ThinkingConfig | None:
    budget = _budget_of(thinking, wish)
    if budget == 0:
        # includeThoughts beside a budget of 0 is an error
        return ThinkingConfig(thinking_budget=0)
    by_default = thinking.thinks_unasked if budget is None else wish.effort is not Effort.NONE
    shown = by_default if wish.shown is None else wish.shown
    if budget is None and not shown:
        return None
    return ThinkingConfig(thinking_budget=budget, include_thoughts=shown or None)


def _budget_of(thinking: BudgetThinking, wish: ThinkingWish) -> int | None:
    lowest = 0 if thinking.can_be_off else thinking.minimum
    if wish.effort is Effort.NONE or wish.budget == 0:
        return lowest
    if wish.effort is not None:
        return max(thinking.minimum, min(_BUDGETS.get(wish.effort, thinking.maximum), thinking.maximum))
    if wish.budget is None:
        return None
    return -1 if wish.budget < 0 else max(thinking.minimum, min(wish.budget, thinking.maximum))


def _by_level(thinking: LevelThinking, wish: ThinkingWish) -> ThinkingConfig | None:
    effort = _effort_of(wish)
    level = None if effort is None else _nearest_level(thinking, effort)
    shown = effort is not Effort.NONE if wish.shown is None else wish.shown
    if level is None and not shown:
        return None
    return ThinkingConfig(thinking_level=level, include_thoughts=shown or None)


def _nearest_level(thinking: LevelThinking, effort: Effort) -> Level:
    return min(thinking.levels, key=_LEVELS[effort].index)


def _effort_of(wish: ThinkingWish) -> Effort | None:
    """The effort that a budget stands for."""
    if wish.budget is None or wish.budget < 0:
        return wish.effort
    if wish.budget == 0:
        return Effort.NONE
    return next((effort for effort, budget in _BUDGETS.items() if wish.budget <= budget), Effort.XHIGH)
