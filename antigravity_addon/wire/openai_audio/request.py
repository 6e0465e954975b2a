"""Transcriptions and translations of recordings: the request, a form. Fields that are not here are ignored.

Source: OpenAI's OpenAPI description, November 2026. Lists are repeated fields with brackets behind their name. A
field of a form has no type but text, so numbers and booleans are read from that; an empty one counts as absent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic_core import to_json

from antigravity_addon.errors import InvalidRequest, MissingParameter
from antigravity_addon.wire.inbound import ClientInbound, read_json_object
from antigravity_addon.wire.openai_common import ModelName

from .multipart import FormPart, read_form

FILE = "file"
"""The field with the recording."""

type ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]


@dataclass(frozen=True, slots=True)
class Recording:
    content: bytes = field(repr=False)
    filename: str
    """Maybe empty."""
    mime_type: str
    """As the client states it, in lower case and without parameters."""


class SpeechRequest(ClientInbound):
    """What both have; a translation has no more than this."""

    model: ModelName
    prompt: str | None = None
    response_format: ResponseFormat | None = None
    temperature: Annotated[float, Field(strict=False, ge=0, le=1)] | None = None


class TranscriptionRequest(SpeechRequest):
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,20}([-_][A-Za-z0-9]{1,8})*$")] | None = None
    languages: tuple[str, ...] | None = None
    """Any of these may be spoken."""
    keywords: tuple[str, ...] | None = None
    stream: Annotated[bool, Field(strict=False)] | None = None


_TRANSCRIPTION = TypeAdapter(TranscriptionRequest)
_TRANSLATION = TypeAdapter(SpeechRequest)


def parse_transcription(body: bytes, content_type: str) -> tuple[TranscriptionRequest, Recording]:
    """Raises: InvalidRequest: names the first field at fault."""
    return _parse(body, content_type, _TRANSCRIPTION)


def parse_translation(body: bytes, content_type: str) -> tuple[SpeechRequest, Recording]:
    """Raises: InvalidRequest: names the first field at fault."""
    return _parse(body, content_type, _TRANSLATION)


def _parse[T](body: bytes, content_type: str, adapter: TypeAdapter[T]) -> tuple[T, Recording]:
    parts = read_form(body, content_type)
    request = read_json_object(to_json(_fields(parts)), adapter)
    recording = next((part for part in parts if part.name == FILE), None)
    if recording is None:
        raise MissingParameter(f"Missing required parameter: '{FILE}'.", param=FILE)
    return request, Recording(recording.content, recording.filename or "", recording.mime_type)


def _fields(parts: Iterable[FormPart]) -> dict[str, str | list[str]]:
    single: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for part in parts:
        if part.name == FILE or part.filename is not None or not part.content:
            continue
        if part.name.endswith("[]"):
            lists.setdefault(part.name.removesuffix("[]"), []).append(_text(part))
        else:
            single[part.name] = _text(part)
    return single | lists


def _text(part: FormPart) -> str:
    try:
        return part.content.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"Invalid value for '{part.name}': it is not UTF-8.", param=part.name) from error
