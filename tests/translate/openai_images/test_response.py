"""The answer with the images, and the turns that give none."""

import json

import pytest
from openai.types import ImagesResponse

from antigravity_addon.errors import EmptyAnswer, StreamTruncated, UpstreamFailure, UpstreamRefused
from antigravity_addon.translate.events import (
    Finished,
    FinishReason,
    Image,
    ReasoningDelta,
    TextDelta,
    TurnEvent,
    Usage,
)
from antigravity_addon.translate.openai_images.response import ImagesWhole

CAT, DOG = Image("image/png", "Y2F0"), Image("image/jpeg", "ZG9n")
END = Finished(FinishReason.STOP, Usage(input_tokens=2, output_tokens=1290))


def answered(*turns: tuple[TurnEvent, ...], as_url: bool = False) -> dict[str, object]:
    whole = ImagesWhole(created=1, as_url=as_url)
    for index, events in reversed(list(enumerate(turns))):
        turn = whole.begin(index)
        assert [turn.feed(event) for event in events] == [b""] * len(events)
    body = whole.finish()
    ImagesResponse.model_validate_json(body, strict=True)
    return json.loads(body)


def usage(images: int) -> dict[str, object]:
    return {
        "input_tokens": 2 * images,
        "input_tokens_details": {"text_tokens": 2 * images, "image_tokens": 0},
        "output_tokens": 1290 * images,
        "total_tokens": 1292 * images,
    }


ANSWERED: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "C97 two images, in their order": (
        answered((CAT, END), (Image("image/png", "ZG9n"), END)),
        {
            "created": 1,
            "data": [{"b64_json": "Y2F0"}, {"b64_json": "ZG9n"}],
            "usage": usage(2),
            "output_format": "png",
        },
    ),
    "a URL holds the image": (
        answered((DOG, END), as_url=True),
        {
            "created": 1,
            "data": [{"url": "data:image/jpeg;base64,ZG9n"}],
            "usage": usage(1),
            "output_format": "jpeg",
        },
    ),
    "images of two formats": (
        answered((CAT, END), (DOG, END)),
        {"created": 1, "data": [{"b64_json": "Y2F0"}, {"b64_json": "ZG9n"}], "usage": usage(2)},
    ),
    "a format that OpenAI has no word for": (
        answered((Image("image/heic", "eA=="), END)),
        {"created": 1, "data": [{"b64_json": "eA=="}], "usage": usage(1)},
    ),
    "of several images in a turn the first": (
        answered((ReasoningDelta("hm"), TextDelta("Here:"), CAT, DOG, END)),
        {"created": 1, "data": [{"b64_json": "Y2F0"}], "usage": usage(1), "output_format": "png"},
    ),
    "an image from a turn that was cut short behind it": (
        answered((CAT, Finished(FinishReason.LENGTH, END.usage))),
        {"created": 1, "data": [{"b64_json": "Y2F0"}], "usage": usage(1), "output_format": "png"},
    ),
}


@pytest.mark.parametrize(("body", "expected"), ANSWERED.values(), ids=ANSWERED.keys())
def test_an_answer(body: dict[str, object], expected: dict[str, object]) -> None:
    assert body == expected


WITHOUT: dict[str, tuple[tuple[TurnEvent, ...], type[UpstreamFailure], int, str, str]] = {
    "nothing": ((END,), EmptyAnswer, 502, "empty_response", "The model answered without an image."),
    "words": (
        (TextDelta("I cannot "), TextDelta("draw."), END),
        EmptyAnswer,
        502,
        "empty_response",
        "The model answered without an image, and said 'I cannot draw.'.",
    ),
    "withheld": (
        (Finished(FinishReason.CONTENT_FILTER, Usage(), "The answer was withheld (IMAGE_SAFETY)."),),
        UpstreamRefused,
        400,
        "moderation_blocked",
        "The answer was withheld (IMAGE_SAFETY).",
    ),
    "withheld without a word": (
        (CAT, Finished(FinishReason.CONTENT_FILTER, Usage())),
        UpstreamRefused,
        400,
        "moderation_blocked",
        "The image was withheld.",
    ),
}


@pytest.mark.parametrize(
    ("events", "kind", "status", "code", "message"), WITHOUT.values(), ids=WITHOUT.keys()
)
def test_a_turn_without_an_image_is_a_failed_attempt(
    events: tuple[TurnEvent, ...], kind: type[UpstreamFailure], status: int, code: str, message: str
) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        answered(events)
    error = caught.value
    assert (type(error), error.status, error.code, error.message) == (kind, status, code, message)
    assert error.retryable is (kind is EmptyAnswer)


def test_another_attempt_begins_anew() -> None:
    whole = ImagesWhole(created=1, as_url=False)
    whole.begin(0).feed(DOG)
    turn = whole.begin(0)
    turn.feed(CAT)
    turn.feed(END)
    assert json.loads(whole.finish())["data"] == [{"b64_json": "Y2F0"}]


def test_a_turn_that_did_not_end_is_none() -> None:
    with pytest.raises(StreamTruncated):
        answered((CAT,))
