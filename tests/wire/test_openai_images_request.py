"""Requests for images: what clients are told of those that are none."""

import json
from typing import Any

import pytest

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire.openai_images.request import parse

REFUSED: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "no prompt": (
        {"prompt": None},
        "prompt",
        "invalid_type",
        "Invalid type for 'prompt': expected a string, but got null instead.",
    ),
    "an empty prompt": (
        {"prompt": ""},
        "prompt",
        "invalid_value",
        "Invalid value for 'prompt': it must not be empty.",
    ),
    "C97 no images": (
        {"n": 0},
        "n",
        "invalid_value",
        "Invalid value for 'n': it must be at least 1, and is 0.",
    ),
    "C97 eleven images": (
        {"n": 11},
        "n",
        "invalid_value",
        "Invalid value for 'n': it must be at most 10, and is 11.",
    ),
    "a quality that nobody knows": (
        {"quality": "8k"},
        "quality",
        "invalid_value",
        (
            "Invalid value for 'quality': expected 'auto', 'low', 'medium', 'high', 'xhigh', 'max', 'standard' or "
            "'hd', but got '8k'."
        ),
    ),
    "a size that is a number": (
        {"size": 1024},
        "size",
        "invalid_type",
        "Invalid type for 'size': expected a string, but got an integer instead.",
    ),
    "more partial images than OpenAI gives": (
        {"partial_images": 4},
        "partial_images",
        "invalid_value",
        "Invalid value for 'partial_images': it must be at most 3, and is 4.",
    ),
}


@pytest.mark.parametrize(("fields", "param", "code", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_field_that_does_not_fit_is_named(
    fields: dict[str, Any], param: str, code: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(json.dumps({"prompt": "a cat"} | fields).encode())
    error = caught.value
    assert (error.status, error.param, error.code, error.message) == (400, param, code, message)


def test_null_is_absent() -> None:
    names = ("model", "n", "size", "quality", "response_format", "output_format", "stream", "partial_images")
    request = parse(json.dumps({"prompt": "a cat"} | dict.fromkeys(names)).encode())
    assert request.model_dump() == parse(b'{"prompt":"a cat"}').model_dump()
