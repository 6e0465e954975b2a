"""Content of a message -> parts, in all of OpenAI's dialects."""

from collections.abc import Iterator
from typing import assert_never

from antigravity_addon.errors import MissingParameter, UnsupportedInput
from antigravity_addon.wire import gemini
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_content import (
    AudioPart,
    ContentPart,
    File,
    FilePart,
    FlatFilePart,
    ImagePart,
    ImageUrl,
    MessageContent,
    RefusalPart,
    TextPart,
    UnknownPart,
)

from . import media
from .gemini_models import ModelTraits


def parts_of(content: MessageContent | None, traits: ModelTraits, *, path: str) -> Iterator[gemini.Part]:
    """Text that is empty is no part. `path` is where the content stands."""
    match content:
        case None | "":
            return
        case str():
            yield gemini.Part(text=content)
        case _:
            for number, part in enumerate(content):
                yield from _part(part, traits, f"{path}[{number}]")


def instructions_of(content: MessageContent, *, path: str) -> Iterator[gemini.Part]:
    """Raises: UnsupportedInput: for what is no text."""
    for number, part in enumerate((content,) if isinstance(content, str) else content):
        text = _text_of(part)
        if text is None:
            raise UnsupportedInput("Gemini takes instructions as text only.", param=f"{path}[{number}].type")
        if text:
            yield gemini.Part(text=text)


def _text_of(part: ContentPart) -> str | None:
    match part:
        case str():
            return part
        case TextPart():
            return part.text
        case RefusalPart():
            return part.refusal
        case _:
            return None


def _part(part: ContentPart, traits: ModelTraits, path: str) -> Iterator[gemini.Part]:
    match part:
        case str() | TextPart() | RefusalPart():
            if text := _text_of(part):
                yield gemini.Part(text=text)
        case ImagePart():
            yield _image(part, traits, path)
        case AudioPart():
            audio = part.input_audio
            yield media.audio_part(audio.data, audio_format=audio.format, param=f"{path}.input_audio")
        case FilePart():
            yield _file(part.file, f"{path}.file")
        case FlatFilePart():
            yield _file(part, path)
        case UnknownPart():
            raise UnsupportedInput(
                f"Content of the type {shown(part.type)} is not supported.", param=f"{path}.type"
            )
        case _:
            assert_never(part)


def _image(part: ImagePart, traits: ModelTraits, path: str) -> gemini.Part:
    match part.image_url:
        case ImageUrl(url=url, detail=detail):
            param = f"{path}.image_url.url"
        case str(url):
            detail, param = part.detail, f"{path}.image_url"
        case _:
            assert_never(part.image_url)
    return media.image_part(url, detail=detail, takes_resolution=traits.takes_part_resolution, param=param)


def _file(file: File, path: str) -> gemini.Part:
    if file.file_data is not None:
        return media.file_part(file.file_data, filename=file.filename, param=f"{path}.file_data")
    if file.file_url is not None:
        return media.remote_file_part(file.file_url, param=f"{path}.file_url")
    if file.file_id is None:
        raise MissingParameter(f"Missing required parameter: '{path}.file_data'.", param=f"{path}.file_data")
    if "://" not in file.file_id:
        raise UnsupportedInput(
            "The gateway keeps no files: send the content itself in 'file_data'.", param=f"{path}.file_id"
        )
    return media.remote_file_part(file.file_id, param=f"{path}.file_id")
