"""What one API has and another has not: fields that the messages share, but not all of the three know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .families import Family
from .proto_json import camel
from .request import GenerateContentRequest
from .status import Violation, malformed


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    is_set: Callable[[GenerateContentRequest], object]
    place: str = ""
    """The message that it would stand in."""


_CONSENT = _Field(
    "include_server_side_tool_invocations",
    lambda request: request.tool_config and request.tool_config.include_server_side_tool_invocations,
    "tool_config",
)
_ONLY_GEMINI = (
    _CONSENT,
    _Field("service_tier", lambda request: request.service_tier),
    _Field("store", lambda request: request.store is not None),
    _Field(
        "enable_enhanced_civic_answers",
        lambda request: request.generation.enable_enhanced_civic_answers,
        "generation_config",
    ),
)
_FOREIGN: Mapping[Family, tuple[_Field, ...]] = {
    Family.GEMINI: (),
    Family.VERTEX: _ONLY_GEMINI,
    Family.CODE_ASSIST: (
        *_ONLY_GEMINI,
        _Field("continuation_token", lambda request: request.continuation_token),
        _Field("image_config", lambda request: request.generation.image_config, "generation_config"),
        _Field(
            "audio_transcription_config",
            lambda request: request.generation.audio_transcription_config,
            "generation_config",
        ),
        _Field(
            "translation_config", lambda request: request.generation.translation_config, "generation_config"
        ),
        _Field("response_format", lambda request: request.generation.response_format, "generation_config"),
    ),
}


def check_family(request: GenerateContentRequest, family: Family) -> None:
    """
    Raises:
        Refused: with each field that this API does not know.
    """
    envelope = "request" if family is Family.CODE_ASSIST else ""
    violations = [
        _unknown(camel(field.name), ".".join(filter(None, (envelope, field.place))))
        for field in _FOREIGN[family]
        if field.is_set(request)
    ]
    if violations:
        raise malformed(*violations)


def _unknown(name: str, place: str) -> Violation:
    at = f" at '{place}'" if place else ""
    return Violation(place, f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.')
