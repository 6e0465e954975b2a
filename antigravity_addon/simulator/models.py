"""The models this simulator plays, and what each can do.

After Google's model pages as of November 2026. Prices and dates are no concern of a simulator.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from antigravity_addon.wire.base import JsonObject


class Level(StrEnum):
    """`thinkingConfig.thinkingLevel`, lowest first."""

    THINKING_LEVEL_UNSPECIFIED = "THINKING_LEVEL_UNSPECIFIED"
    MINIMAL = "MINIMAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    XHIGH = "XHIGH"


@dataclass(frozen=True, slots=True)
class Budget:
    """Thinking steered by `thinkingBudget`, in tokens. -1 means that the model decides."""

    lowest: int
    highest: int
    can_be_off: bool
    """Takes a budget of 0."""
    off_by_default: bool = False


@dataclass(frozen=True, slots=True)
class Levels:
    """Thinking steered by `thinkingLevel`."""

    allowed: tuple[Level, ...]
    default: Level


type Thinking = Budget | Levels

_TO_HIGH = (Level.LOW, Level.MEDIUM, Level.HIGH)
_FROM_MINIMAL = (Level.MINIMAL, *_TO_HIGH)
_TO_XHIGH = (*_TO_HIGH, Level.XHIGH)


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    version: tuple[int, int]
    """Generation: (3, 5) for gemini-3.5-…"""
    thinking: Thinking | None
    makes_images: bool = False
    newest_rules: bool = False
    """Refuses penalties; ignores temperature, topP and topK."""
    input_tokens: int = 1_048_576
    output_tokens: int = 65_536
    unary_output_tokens: int | None = None
    """Limit of an answer that is not streamed, where it is lower."""

    @property
    def signs_calls(self) -> bool:
        """Gives thought signatures with function calls, and wants them back."""
        return self.version >= (3, 0)

    @property
    def numbers_calls(self) -> bool:
        """Gives function calls an `id`."""
        return self.version >= (3, 5)

    @property
    def gives_logprobs(self) -> bool:
        return not (self.newest_rules or self.makes_images)

    @property
    def refuses_prefill(self) -> bool:
        """The last turn must not be the model's."""
        return self.version >= (3, 0)

    @property
    def longest_function_name(self) -> int:
        return 128 if self.version >= (3, 0) else 64

    def to_json(self) -> JsonObject:
        """As `GET /v1beta/models/{model}` shows it."""
        return {
            "name": f"models/{self.name}",
            "version": "001",
            "displayName": self.name.replace("-", " ").title(),
            "description": "Simulated.",
            "inputTokenLimit": self.input_tokens,
            "outputTokenLimit": self.output_tokens,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "maxTemperature": 2,
            "thinking": self.thinking is not None,
        }


def _gemini_4(name: str, thinking: Levels, *, unary: int | None = None) -> Model:
    return Model(name, (4, 0), thinking, newest_rules=True, unary_output_tokens=unary)


MODELS: tuple[Model, ...] = (
    Model("gemini-2.5-pro", (2, 5), Budget(128, 32_768, can_be_off=False)),
    Model("gemini-2.5-flash", (2, 5), Budget(0, 24_576, can_be_off=True)),
    Model("gemini-2.5-flash-lite", (2, 5), Budget(512, 24_576, can_be_off=True, off_by_default=True)),
    Model(
        "gemini-2.5-flash-image", (2, 5), None, makes_images=True, input_tokens=32_768, output_tokens=32_768
    ),
    Model("gemini-3-flash-preview", (3, 0), Levels(_FROM_MINIMAL, Level.HIGH)),
    Model(
        "gemini-3-pro-image",
        (3, 0),
        Levels((Level.LOW, Level.HIGH), Level.HIGH),
        makes_images=True,
        input_tokens=65_536,
        output_tokens=32_768,
    ),
    Model("gemini-3.1-pro-preview", (3, 1), Levels(_TO_HIGH, Level.HIGH)),
    Model("gemini-3.1-flash-lite", (3, 1), Levels(_FROM_MINIMAL, Level.MINIMAL)),
    Model(
        "gemini-3.1-flash-image",
        (3, 1),
        Levels(_FROM_MINIMAL, Level.MINIMAL),
        makes_images=True,
        input_tokens=65_536,
    ),
    Model("gemini-3.5-flash", (3, 5), Levels(_FROM_MINIMAL, Level.MEDIUM)),
    Model("gemini-3.5-flash-lite", (3, 5), Levels(_FROM_MINIMAL, Level.MINIMAL), newest_rules=True),
    Model("gemini-3.6-flash", (3, 6), Levels(_TO_HIGH, Level.MEDIUM), newest_rules=True),
    Model("gemini-3.7-flash", (3, 7), Levels(_TO_HIGH, Level.MEDIUM), newest_rules=True),
    Model("gemini-3.8-flash", (3, 8), Levels(_TO_HIGH, Level.MEDIUM), newest_rules=True),
    _gemini_4("gemini-4-argon", Levels(_TO_HIGH, Level.MEDIUM), unary=32_768),
    _gemini_4("gemini-4-carbon", Levels(_TO_HIGH, Level.HIGH), unary=32_768),
    _gemini_4("gemini-4-hydrogen", Levels(_TO_XHIGH, Level.HIGH)),
    _gemini_4("gemini-4-neon", Levels(_TO_XHIGH, Level.HIGH)),
)

ALIASES = {
    "gemini-flash-latest": "gemini-3.8-flash",
    "gemini-flash-lite-latest": "gemini-3.5-flash-lite",
    "gemini-pro-latest": "gemini-3.1-pro-preview",
}

_BY_NAME = {model.name: model for model in MODELS}

FAULTY = _BY_NAME["gemini-2.5-flash"]
"""What a `gemini-fault-…` model is when it is not failing."""


def find_model(name: str) -> Model | None:
    """The model of that name or alias; `None` is Google's 404."""
    return _BY_NAME.get(ALIASES.get(name, name))


def listed() -> tuple[Model, ...]:
    """What `GET /v1beta/models` lists: every model, then the aliases under their own names."""
    return (*MODELS, *(replace(_BY_NAME[target], name=alias) for alias, target in ALIASES.items()))
