"""What messages hold, in all of OpenAI's dialects: clients mix the names that these have for the same thing.

Source: OpenAI's OpenAPI description, November 2026, and what the common clients put on the wire.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from .base import Json
from .inbound import ClientInbound


class TextPart(ClientInbound):
    """Chat's `text`, and the names that the Responses API has for it, which clients mix in."""

    type: Literal["text", "input_text", "output_text", "summary_text"]
    text: str


class RefusalPart(ClientInbound):
    type: Literal["refusal"]
    refusal: str


class ImageUrl(ClientInbound):
    url: str
    detail: str | None = None


def _image_url_arm(value: Json) -> str:
    return "<url>" if isinstance(value, str) else "<object>"


class ImagePart(ClientInbound):
    """`image_url`, and the flat `input_image` of the Responses API."""

    type: Literal["image_url", "input_image"]
    image_url: (
        Annotated[
            Annotated[str, Tag("<url>")] | Annotated[ImageUrl, Tag("<object>")],
            Discriminator(_image_url_arm),
        ]
        | None
    ) = None
    file_id: str | None = None
    detail: str | None = None
    """These two only of `input_image`."""


class InputAudio(ClientInbound):
    data: str
    """Base64; some clients send a data URL."""
    format: str


class AudioPart(ClientInbound):
    type: Literal["input_audio"]
    input_audio: InputAudio


class File(ClientInbound):
    file_data: str | None = None
    """A data URL or bare base64."""
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None


class FilePart(ClientInbound):
    type: Literal["file"]
    file: File


class FlatFilePart(File):
    """The Responses API's way to write it."""

    type: Literal["input_file"]


class UnknownPart(ClientInbound):
    type: str


def _part_arm(value: Json) -> str:
    match value:
        case str():
            return "<bare text>"
        case {"type": "text" | "input_text" | "output_text" | "summary_text"}:
            return "<text>"
        case {"type": "refusal"}:
            return "<refusal>"
        case {"type": "image_url" | "input_image"}:
            return "<image>"
        case {"type": "input_audio"}:
            return "<audio>"
        case {"type": "file"}:
            return "<file>"
        case {"type": "input_file"}:
            return "<flat file>"
        case _:
            return "<unknown>"


type ContentPart = Annotated[
    Annotated[str, Tag("<bare text>")]
    | Annotated[TextPart, Tag("<text>")]
    | Annotated[RefusalPart, Tag("<refusal>")]
    | Annotated[ImagePart, Tag("<image>")]
    | Annotated[AudioPart, Tag("<audio>")]
    | Annotated[FilePart, Tag("<file>")]
    | Annotated[FlatFilePart, Tag("<flat file>")]
    | Annotated[UnknownPart, Tag("<unknown>")],
    Discriminator(_part_arm),
]


def _content_arm(value: Json) -> str:
    return "<parts>" if isinstance(value, list) else "<text>"


type MessageContent = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[tuple[ContentPart, ...], Tag("<parts>")],
    Discriminator(_content_arm),
]
