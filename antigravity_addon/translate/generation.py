"""How the client wants the answer made -> Gemini's generation config, as far as the model takes it."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic_core import to_json

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire import gemini
from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.inbound import shown

from . import json_schema
from .gemini_models import Effort, ModelTraits, ThinkingWish, thinking_config

type Modality = Literal["TEXT", "IMAGE"]

_MAX_STOPS = 5
_MAX_LOGPROBS = 20
_INT32 = range(-(2**31), 2**31)


@dataclass(frozen=True, slots=True)
class JsonMode:
    """The answer shall be JSON."""

    schema: JsonObject | None
    """`None` for any JSON."""

    @classmethod
    def of(cls, schema: Json) -> "JsonMode":
        return cls(json_schema.for_response(schema))

    @property
    def as_instruction(self) -> str:
        """For a model that has no JSON mode beside tools."""
        asked = (
            "Unless you call a tool, answer with one JSON value and nothing else: no Markdown, no comment."
        )
        if self.schema is None:
            return asked
        return f"{asked} It must be valid under this JSON Schema:\n{to_json(self.schema).decode()}"


@dataclass(frozen=True, slots=True)
class GenerationWish:
    """What the client asked for; what it said nothing about is `None` or empty."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    """0 and below for none."""
    max_tokens: int | None = None
    """Includes thinking."""
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: int | None = None
    """How many likely tokens to name for each place of the text; 0 for the chosen one alone."""
    json_mode: JsonMode | None = None
    modalities: tuple[Modality, ...] = ()
    image: gemini.ImageConfig | None = None
    """What images shall be like."""
    thinking: ThinkingWish = field(default_factory=ThinkingWish)


def generation_config(wish: GenerationWish, traits: ModelTraits) -> gemini.GenerationConfig | None:
    """Raises: InvalidRequest: more stop sequences than Gemini takes."""
    top_k = min(wish.top_k, _INT32[-1]) if wish.top_k and wish.top_k > 0 else None
    logprobs = wish.logprobs if traits.takes_logprobs else None
    config = gemini.GenerationConfig(
        temperature=wish.temperature if traits.obeys_sampling else None,
        top_p=wish.top_p if traits.obeys_sampling else None,
        top_k=top_k if traits.obeys_sampling else None,
        max_output_tokens=min(wish.max_tokens, traits.max_output_tokens) if wish.max_tokens else None,
        stop_sequences=_stop_sequences(wish.stop),
        seed=_seed(wish.seed),
        presence_penalty=(wish.presence_penalty or None) if traits.takes_penalties else None,
        frequency_penalty=(wish.frequency_penalty or None) if traits.takes_penalties else None,
        response_logprobs=None if logprobs is None else True,
        logprobs=min(logprobs, _MAX_LOGPROBS) if logprobs else None,
        response_mime_type="application/json" if wish.json_mode else None,
        response_json_schema=wish.json_mode.schema if wish.json_mode else None,
        response_modalities=wish.modalities or None,
        thinking_config=thinking_config(traits.thinking, wish.thinking),
        image_config=_image_config(wish.image, traits),
    )
    return config if config != _NOTHING else None


_NOTHING = gemini.GenerationConfig()


def _image_config(image: gemini.ImageConfig | None, traits: ModelTraits) -> gemini.ImageConfig | None:
    if image is None:
        return None
    if not traits.takes_image_size:
        image = gemini.ImageConfig(aspect_ratio=image.aspect_ratio)
    return image if image != gemini.ImageConfig() else None


def to_effort(effort: str | None, *, param: str) -> Effort | None:
    """Raises: InvalidRequest: no word that OpenAI has for it."""
    if effort is None:
        return None
    try:
        return Effort(effort)
    except ValueError as error:
        known = ", ".join(repr(known.value) for known in Effort)
        raise InvalidRequest(
            f"Invalid value for '{param}': {shown(effort)}; use one of {known}.", param=param
        ) from error


def _stop_sequences(stop: tuple[str, ...]) -> tuple[str, ...] | None:
    sequences = tuple(dict.fromkeys(sequence for sequence in stop if sequence))
    if len(sequences) > _MAX_STOPS:
        raise InvalidRequest(
            f"Invalid value for 'stop': Gemini takes {_MAX_STOPS} sequences at most, not {len(sequences)}.",
            param="stop",
        )
    return sequences or None


def _seed(seed: int | None) -> int | None:
    """Gemini's is an int32; a larger one keeps its lower bits."""
    return seed if seed is None or seed in _INT32 else seed & 0x7FFF_FFFF
