"""Turn events -> the answer with the images, one for each turn of the model."""

from antigravity_addon.errors import EmptyAnswer, UpstreamRefused
from antigravity_addon.translate.events import (
    Finished,
    FinishReason,
    Image,
    TextDelta,
    TurnEvent,
    Usage,
    the_end,
)
from antigravity_addon.wire.base import absent
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_images import response as wire

_FORMATS: dict[str, wire.ImageFormat] = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}


class ImagesWhole:
    """An answer, collected."""

    def __init__(self, *, created: int, as_url: bool) -> None:
        self._created = created
        self._as_url = as_url
        self._turns: dict[int, ImageTurn] = {}

    def begin(self, index: int = 0) -> "ImageTurn":
        """An image from its start; again for another attempt at it."""
        turn = self._turns[index] = ImageTurn()
        return turn

    def finish(self) -> bytes:
        """Raises: StreamTruncated: a turn did not end."""
        turns = [self._turns[index] for index in sorted(self._turns)]
        usage = sum((the_end(turn.finished).usage for turn in turns), Usage())
        images = [turn.image for turn in turns if turn.image]
        answer = wire.ImagesResponse(
            created=self._created,
            data=tuple(self._written(image) for image in images),
            usage=_to_images_usage(usage),
            output_format=absent(_common_format(images)),
        )
        return answer.to_json()

    def _written(self, image: Image) -> wire.GeneratedImage:
        if self._as_url:
            return wire.GeneratedImage(url=f"data:{image.mime_type};base64,{image.data}")
        return wire.GeneratedImage(b64_json=image.data)


class ImageTurn:
    """One image. State: it, and the words that came instead, which say why there is none."""

    def __init__(self) -> None:
        self.image: Image | None = None
        self.finished: Finished | None = None
        self._words: list[str] = []

    def feed(self, event: TurnEvent) -> bytes:
        """Never gives any bytes: the client gets nothing before the end.

        Raises:
        UpstreamRefused: the image was withheld.
        EmptyAnswer: the turn ends without an image.
        """
        match event:
            case Image():
                # a client that asked for n images gets n
                self.image = self.image or event
            case TextDelta():
                self._words.append(event.text)
            case Finished(reason=FinishReason.CONTENT_FILTER):
                raise UpstreamRefused(
                    event.refusal or "The image was withheld.", param="prompt", code="moderation_blocked"
                )
            case Finished() if self.image is None:
                raise EmptyAnswer(f"The model answered without an image{self._said()}.")
            case Finished():
                self.finished = event
            case _:
                pass  # thoughts and sources are no image
        return b""

    def _said(self) -> str:
        words = "".join(self._words).strip()
        return f", and said {shown(words)}" if words else ""


def _to_images_usage(usage: Usage) -> wire.ImagesUsage:
    # what goes in is a prompt and nothing else
    details = wire.InputTokensDetails(text_tokens=usage.input_tokens, image_tokens=0)
    return wire.ImagesUsage(
        input_tokens=usage.input_tokens,
        input_tokens_details=details,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
    )


def _common_format(images: list[Image]) -> wire.ImageFormat | None:
    formats: set[wire.ImageFormat | None] = {_FORMATS.get(image.mime_type) for image in images}
    return formats.pop() if len(formats) == 1 else None
