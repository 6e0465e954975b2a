"""Image generation: the answer, which always comes whole.

Source: OpenAI's OpenAPI description, November 2026.
"""

from typing import Literal

from msgspec import UNSET, UnsetType

from antigravity_addon.wire.base import Outbound

type ImageFormat = Literal["png", "jpeg", "webp"]


class GeneratedImage(Outbound):
    """One of the two."""

    b64_json: str | UnsetType = UNSET
    """Standard base64."""
    url: str | UnsetType = UNSET


class InputTokensDetails(Outbound):
    text_tokens: int
    image_tokens: int


class ImagesUsage(Outbound):
    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    total_tokens: int


class ImagesResponse(Outbound):
    created: int
    """Unix time in seconds."""
    data: tuple[GeneratedImage, ...]
    usage: ImagesUsage
    output_format: ImageFormat | UnsetType = UNSET
    """Absent where the images differ, or are of a format that OpenAI has no word for."""
