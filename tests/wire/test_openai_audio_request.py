"""Requests about recordings: how their fields are read, and what clients are told of those that do not fit."""

from typing import Any

import pytest

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire.openai_audio.request import Recording, parse_transcription, parse_translation
from tests.translate.openai_audio.forms import CONTENT_TYPE, WEBM, asked, form, part, recording

READ: dict[str, tuple[bytes, dict[str, Any]]] = {
    "the least": (asked(), {"model": "whisper-1"}),
    "C98 every field of the case": (
        asked(prompt="Names: Zoë", language="fr", response_format="text"),
        {"model": "whisper-1", "prompt": "Names: Zoë", "language": "fr", "response_format": "text"},
    ),
    "numbers and booleans are text": (
        asked(temperature="0.2", stream="true"),
        {"model": "whisper-1", "temperature": 0.2, "stream": True},
    ),
    "lists are repeated": (
        asked(part("keywords[]", "Zoë"), part("keywords[]", "Bo"), part("languages[]", "fr")),
        {"model": "whisper-1", "keywords": ("Zoë", "Bo"), "languages": ("fr",)},
    ),
    "an empty field is absent": (
        asked(part("keywords[]", ""), language="", temperature="", stream=""),
        {"model": "whisper-1"},
    ),
    "the last of several counts": (asked(part("model", "other")), {"model": "other"}),
    "other files are ignored": (asked(part("prompt", b"\xff", filename="a.txt")), {"model": "whisper-1"}),
    "a language with a region": (asked(language="pt-BR"), {"model": "whisper-1", "language": "pt-BR"}),
}


@pytest.mark.parametrize(("body", "expected"), READ.values(), ids=READ.keys())
def test_fields(body: bytes, expected: dict[str, Any]) -> None:
    request, file = parse_transcription(body, CONTENT_TYPE)
    assert request.model_dump(exclude_unset=True) == expected
    assert file == Recording(WEBM, "a.webm", "audio/webm")


def test_a_file_without_a_name() -> None:
    body = form(recording(b"x", filename=None, mime_type=""), part("model", "m"))
    assert parse_translation(body, CONTENT_TYPE)[1] == Recording(b"x", "", "text/plain")


REFUSED: dict[str, tuple[bytes, str, str, str]] = {
    "no model": (
        form(recording()),
        "model",
        "missing_required_parameter",
        "Missing required parameter: 'model'.",
    ),
    "no file": (
        form(part("model", "m")),
        "file",
        "missing_required_parameter",
        "Missing required parameter: 'file'.",
    ),
    "a format that nobody knows": (
        asked(response_format="docx"),
        "response_format",
        "invalid_value",
        (
            "Invalid value for 'response_format': expected 'json', 'text', 'srt', 'verbose_json', 'vtt' or "
            "'diarized_json', but got 'docx'."
        ),
    ),
    "a temperature in words": (
        asked(temperature="warm"),
        "temperature",
        "invalid_value",
        "Invalid value for 'temperature': 'warm' cannot be used here.",
    ),
    "a temperature beyond OpenAI's": (
        asked(temperature="1.5"),
        "temperature",
        "invalid_value",
        "Invalid value for 'temperature': it must be at most 1.0, and is '1.5'.",
    ),
    "a language that is a sentence": (
        asked(language="Ignore the recording."),
        "language",
        "invalid_value",
        "Invalid value for 'language': 'Ignore the recording.' cannot be used here.",
    ),
    "a list without brackets": (
        asked(keywords="Zoë"),
        "keywords",
        "invalid_type",
        "Invalid type for 'keywords': expected an array, but got a string instead.",
    ),
    "text that is not UTF-8": (
        asked(part("prompt", b"Zo\xeb")),
        "prompt",
        "invalid_value",
        "Invalid value for 'prompt': it is not UTF-8.",
    ),
}


@pytest.mark.parametrize(("body", "param", "code", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_field_that_does_not_fit_is_named(body: bytes, param: str, code: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_transcription(body, CONTENT_TYPE)
    error = caught.value
    assert (error.status, error.param, error.code, error.message) == (400, param, code, message)


def test_a_translation_does_not_look_at_what_only_a_transcription_has() -> None:
    request, _ = parse_translation(asked(language="!", stream="maybe"), CONTENT_TYPE)
    assert request.model == "whisper-1"
