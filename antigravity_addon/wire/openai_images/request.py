"""Image generation: the request. Fields that are not here are ignored, as unknown ones are.

Source: OpenAI's OpenAPI description and `openai` 3.50, November 2026.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from antigravity_addon.wire.inbound import ClientInbound, Integer, read_json_object
from antigravity_addon.wire.openai_common import ModelName

MAX_IMAGES = 10
"""OpenAI's bound for `n`."""

type Quality = Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"]
type OutputFormat = Literal["png", "jpeg", "webp", "gif", "svg"]


class ImageRequest(ClientInbound):
    prompt: Annotated[str, Field(min_length=1)]
    model: ModelName | None = None
    n: Annotated[Integer, Field(ge=1, le=MAX_IMAGES)] | None = None
    size: str | None = None
    """`auto`, or pixels as `1536x1024`."""
    quality: Quality | None = None
    response_format: Literal["b64_json", "url"] | None = None
    output_format: OutputFormat | None = None
    stream: bool | None = None
    partial_images: Annotated[Integer, Field(ge=0, le=3)] | None = None


_REQUEST = TypeAdapter(ImageRequest)


def parse(body: bytes) -> ImageRequest:
    """Raises: InvalidRequest: names the first field at fault."""
    return read_json_object(body, _REQUEST)
