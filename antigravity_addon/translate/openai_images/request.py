"""A request for images -> Gemini's for one of them. The prompt goes as it is."""

import math
import re

from antigravity_addon.errors import InvalidRequest, UnsupportedInput
from antigravity_addon.translate.conversation import Conversation, Said
from antigravity_addon.translate.gemini_models import traits_of
from antigravity_addon.translate.gemini_request import Wishes, to_request
from antigravity_addon.translate.generation import GenerationWish
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.translate.tools import ToolChoice
from antigravity_addon.wire import gemini
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_images.request import ImageRequest

DEFAULT_MODEL = "dall-e-2"
"""OpenAI's, for requests that name none."""

_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
"""Those that Gemini knows."""
_PIXELS = re.compile(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})")
_FINE = frozenset({"high", "xhigh", "max", "hd"})


def model_of(request: ImageRequest) -> str:
    """As the client called it."""
    return request.model or DEFAULT_MODEL


def wants_url(request: ImageRequest) -> bool:
    """Where the client does not say: OpenAI's DALL·E answered with URLs, its later models with base64."""
    if request.response_format is None:
        return model_of(request).startswith("dall-e")
    return request.response_format == "url"


def to_gemini(request: ImageRequest, model: str) -> gemini.GenerateContentRequest:
    """The request for each of the images.

    Raises: InvalidRequest: and UnsupportedInput, naming the parameter.
    """
    _refuse_what_gemini_has_not(request)
    said = Said("user", (gemini.Part(text=request.prompt),))
    image = gemini.ImageConfig(
        aspect_ratio=_aspect_ratio(request.size), image_size="2K" if request.quality in _FINE else None
    )
    wishes = Wishes(
        conversation=Conversation((), (said,)),
        tools=(),
        choice=ToolChoice(),
        generation=GenerationWish(modalities=("IMAGE",), image=image),
    )
    return to_request(wishes, traits_of(model), ToolNames.of(()))


def _refuse_what_gemini_has_not(request: ImageRequest) -> None:
    if request.stream:
        raise UnsupportedInput(
            "Gemini gives an image in one piece: send 'stream' as false, or leave it out.", param="stream"
        )
    if request.partial_images:
        raise UnsupportedInput(
            "Gemini gives no image before it is complete: leave 'partial_images' out.", param="partial_images"
        )
    if request.output_format in {"gif", "svg"}:
        raise UnsupportedInput(
            f"Gemini makes no images of the format {request.output_format!r}: it gives PNG or JPEG.",
            param="output_format",
        )


def _aspect_ratio(size: str | None) -> str | None:
    """The nearest one that Gemini knows. A ratio and its inverse are equally far from the square."""
    if size in {None, "auto"}:
        return None
    pixels = _PIXELS.fullmatch(size or "")
    if pixels is None:
        raise InvalidRequest(
            f"Invalid value for 'size': {shown(size)}; send width and height in pixels, as '1536x1024', or 'auto'.",
            param="size",
        )
    wanted = math.log(int(pixels[1]) / int(pixels[2]))
    return min(_RATIOS, key=lambda ratio: abs(wanted - _log_of(ratio)))


def _log_of(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return math.log(int(width) / int(height))
