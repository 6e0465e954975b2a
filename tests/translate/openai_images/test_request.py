"""Requests for images: what Gemini is asked, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import InvalidRequest, UnsupportedInput
from antigravity_addon.translate.openai_images.request import model_of, to_gemini, wants_url
from antigravity_addon.wire.openai_images.request import ImageRequest, parse

PRO, FLASH, OLD = "gemini-3-pro-image", "gemini-3.1-flash-image", "gemini-2.5-flash-image"


def read(**fields: Any) -> ImageRequest:
    return parse(json.dumps({"prompt": "a cat"} | fields).encode())


def translated(model: str = OLD, /, **fields: Any) -> dict[str, Any]:
    return json.loads(to_gemini(read(**fields), model).to_json())


def expected(**image_config: str) -> dict[str, Any]:
    config = {"responseModalities": ["IMAGE"]} | ({"imageConfig": image_config} if image_config else {})
    return {
        "contents": [{"parts": [{"text": "a cat"}], "role": "user"}],
        "generationConfig": config,
    }


TRANSLATED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "C97 the prompt to the letter, and the ratio of the size": (
        OLD,
        {"model": "gpt-image-1", "n": 2, "size": "1536x1024"},
        expected(aspectRatio="3:2"),
    ),
    "a prompt and nothing else": (OLD, {}, expected()),
    "the model chooses the size": (OLD, {"size": "auto"}, expected()),
    "what Gemini has no word for": (
        PRO,
        {
            "style": "vivid",
            "background": "opaque",
            "moderation": "low",
            "output_compression": 50,
            "user": "u",
            "quality": "low",
            "output_format": "webp",
            "partial_images": 0,
            "stream": False,
        },
        expected(),
    ),
    "high quality is 2K": (PRO, {"quality": "high"}, expected(imageSize="2K")),
    "hd is 2K": (FLASH, {"quality": "hd"}, expected(imageSize="2K")),
    "of a model behind a path": (f"models/{PRO}", {"quality": "max"}, expected(imageSize="2K")),
    "Gemini 2.5 has one quality": (OLD, {"quality": "hd"}, expected()),
    "size and quality": (
        PRO,
        {"size": "1024x1024", "quality": "xhigh"},
        expected(aspectRatio="1:1", imageSize="2K"),
    ),
}


@pytest.mark.parametrize(("model", "fields", "body"), TRANSLATED.values(), ids=TRANSLATED.keys())
def test_translation(model: str, fields: dict[str, Any], body: dict[str, Any]) -> None:
    assert translated(model, **fields) == body


RATIOS: dict[str, str] = {
    "256x256": "1:1",
    "512x512": "1:1",
    "1024x1536": "2:3",
    "1536x1024": "3:2",
    "1792x1024": "16:9",
    "1024x1792": "9:16",
    "1024x768": "4:3",
    "768x1024": "3:4",
    "1280x1024": "5:4",
    "1024x1280": "4:5",
    "3840x2160": "16:9",
    "3000x1000": "21:9",
    "1000x3000": "9:16",
}


@pytest.mark.parametrize(("size", "ratio"), RATIOS.items())
def test_the_nearest_ratio(size: str, ratio: str) -> None:
    assert translated(size=size) == expected(aspectRatio=ratio)


REFUSED: dict[str, tuple[dict[str, Any], type[InvalidRequest], str]] = {
    "a stream": ({"stream": True}, UnsupportedInput, "stream"),
    "images before they are complete": ({"partial_images": 2}, UnsupportedInput, "partial_images"),
    "an animation": ({"output_format": "gif"}, UnsupportedInput, "output_format"),
    "a drawing": ({"output_format": "svg"}, UnsupportedInput, "output_format"),
    "a size in words": ({"size": "large"}, InvalidRequest, "size"),
    "no width": ({"size": "0x1024"}, InvalidRequest, "size"),
    "an empty size": ({"size": ""}, InvalidRequest, "size"),
    "a ratio": ({"size": "16:9"}, InvalidRequest, "size"),
    "digits of another script": ({"size": "١٠x١٠"}, InvalidRequest, "size"),
}


@pytest.mark.parametrize(("fields", "kind", "param"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_named(fields: dict[str, Any], kind: type[InvalidRequest], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translated(**fields)
    assert (type(caught.value), caught.value.status, caught.value.param) == (kind, 400, param)


FORMS: dict[str, tuple[dict[str, Any], bool]] = {
    "C97 a GPT image model": ({"model": "gpt-image-1"}, False),
    "DALL·E": ({"model": "dall-e-3"}, True),
    "no model is DALL·E": ({}, True),
    "DALL·E, told otherwise": ({"model": "dall-e-3", "response_format": "b64_json"}, False),
    "a Gemini model, told otherwise": ({"model": PRO, "response_format": "url"}, True),
}


@pytest.mark.parametrize(("fields", "as_url"), FORMS.values(), ids=FORMS.keys())
def test_how_images_are_given(fields: dict[str, Any], as_url: bool) -> None:  # noqa: FBT001
    assert wants_url(read(**fields)) is as_url


def test_a_request_without_a_model_names_openai_s() -> None:
    assert (model_of(read()), model_of(read(model="m"))) == ("dall-e-2", "m")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
likely = st.sampled_from(["auto", "1x1", "1024x1024", "999999x1", "hd", "png", "svg", "url"])
names = st.sampled_from([*ImageRequest.model_fields, "style", "user"])


@given(
    st.dictionaries(names, likely | json_values, max_size=4), st.sampled_from([PRO, OLD, "gemini-4-argon"])
)
def test_any_request_is_translated_or_refused(fields: dict[str, Any], model: str) -> None:
    try:
        body = translated(model, **fields)
    except InvalidRequest as error:
        assert error.message
    else:
        assert body["contents"] == [{"parts": [{"text": fields.get("prompt", "a cat")}], "role": "user"}]
