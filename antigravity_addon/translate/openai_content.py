"""Content of a message -> parts, in all of OpenAI's dialects."""

from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class WebReference:
    """Something in a message that has to be fetched before the message can be translated."""

    url: str
    param: str
    """Where it stands."""
    is_image: bool


def web_references(content: MessageContent | None, *, path: str) -> Iterator[WebReference]:
    if content is None or isinstance(content, str):
        return
    for number, part in enumerate(content):
        if (reference := web_reference(part, path=f"{path}[{number}]")) is not None:
            yield reference


def web_reference(part: ContentPart, *, path: str) -> WebReference | None:
    reference = _reference(part, path)
    return reference if reference is not None and media.is_web_url(reference.url) else None


def _reference(part: ContentPart, path: str) -> WebReference | None:
    match part:
        case ImagePart(image_url=ImageUrl(url=url)):
            return WebReference(url, f"{path}.image_url.url", is_image=True)
        case ImagePart(image_url=str(url)):
            return WebReference(url, f"{path}.image_url", is_image=True)
        case FilePart(file=File(file_data=None, file_url=str(url))):
            return WebReference(url, f"{path}.file.file_url", is_image=False)
        case FlatFilePart(file_data=None, file_url=str(url)):
            return WebReference(url, f"{path}.file_url", is_image=False)
        case _:
            return None


def parts_of(
    content: MessageContent | None,
    traits: ModelTraits,
    *,
    path: str,
    fetched: media.Fetched = media.NOTHING_FETCHED,
) -> Iterator[gemini.Part]:
    """Text that is empty is no part. `path` is where the content stands, `fetched` what its web URLs led to."""
    match content:
        case None | "":
            return
        case str():
            yield gemini.Part(text=content)
        case _:
            for number, part in enumerate(content):
                yield from part_of(part, traits, path=f"{path}[{number}]", fetched=fetched)


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


def part_of(
    part: ContentPart,
    traits: ModelTraits,
    *,
    path: str,
    fetched: media.Fetched = media.NOTHING_FETCHED,
) -> Iterator[gemini.Part]:
    """None, of text that is empty.

    Raises: UnsupportedInput, InvalidRequest: Gemini has no part for it; `param` begins with `path`.
    """
    match part:
        case str() | TextPart() | RefusalPart():
            if text := _text_of(part):
                yield gemini.Part(text=text)
        case ImagePart():
            yield _image(part, traits, path, fetched)
        case AudioPart():
            audio = part.input_audio
            yield media.audio_part(audio.data, audio_format=audio.format, param=f"{path}.input_audio")
        case FilePart():
            yield _file(part.file, f"{path}.file", fetched)
        case FlatFilePart():
            yield _file(part, path, fetched)
        case UnknownPart():
            raise UnsupportedInput(
                f"Content of the type {shown(part.type)} is not supported.", param=f"{path}.type"
            )
        case _:
            assert_never(part)


def _image(part: ImagePart, traits: ModelTraits, path: str, fetched: media.Fetched) -> gemini.Part:
    match part.image_url:
        case ImageUrl(url=url, detail=detail):
            param = f"{path}.image_url.url"
        case str(url):
            detail, param = part.detail, f"{path}.image_url"
        case None:
            url, detail, param = (
                _kept_elsewhere(part.file_id, path, "image_url"),
                part.detail,
                f"{path}.file_id",
            )
        case _:
            assert_never(part.image_url)
    return media.image_part(
        url, detail=detail, takes_resolution=traits.takes_part_resolution, param=param, fetched=fetched
    )


def _file(file: File, path: str, fetched: media.Fetched) -> gemini.Part:
    if file.file_data is not None:
        return media.file_part(file.file_data, filename=file.filename, param=f"{path}.file_data")
    if file.file_url is not None:
        return media.remote_file_part(file.file_url, param=f"{path}.file_url", fetched=fetched)
    url = _kept_elsewhere(file.file_id, path, "file_data")
    return media.remote_file_part(url, param=f"{path}.file_id")


def _kept_elsewhere(file_id: str | None, path: str, content: str) -> str:
    """The id of a file, if it says where Gemini finds it. `content` is the field that should have held the file."""
    if file_id is None:
        raise MissingParameter(f"Missing required parameter: '{path}.{content}'.", param=f"{path}.{content}")
    if "://" not in file_id:
        raise UnsupportedInput(
            f"The gateway keeps no files: send the content itself in '{content}'.", param=f"{path}.file_id"
        )
    return file_id
