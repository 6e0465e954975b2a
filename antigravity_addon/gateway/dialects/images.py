"""`POST /v1/images/generations`."""

from typing import NoReturn

from antigravity_addon.translate.openai_images.request import model_of, to_gemini, wants_url
from antigravity_addon.translate.openai_images.response import ImagesWhole
from antigravity_addon.wire.openai_images.request import ImageRequest, parse

from .dialect import Call, Identity, Surroundings


class _ImagesPrepared:
    def __init__(self, request: ImageRequest, model: str, size: int) -> None:
        self.bodies = (to_gemini(request, model),) * (request.n or 1)
        self.size = size
        self._as_url = wants_url(request)

    def streamed(self, identity: Identity) -> NoReturn:  # translation has refused every request for a stream
        raise NotImplementedError

    def whole(self, identity: Identity) -> ImagesWhole:
        return ImagesWhole(created=identity.created, as_url=self._as_url)

    async def keep(self) -> None:
        """There is nothing that a later request could refer to."""


def read_image(body: bytes, _content_type: str = "") -> Call:
    request = parse(body)

    async def prepare(model: str, _surroundings: Surroundings) -> _ImagesPrepared:
        return _ImagesPrepared(request, model, len(body))

    return Call(model_of(request), bool(request.stream), prepare)
