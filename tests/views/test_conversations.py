"""Requests as conversations: every dialect beside its golden, and what no golden says."""

import pytest

from antigravity_addon.views.conversation_text import conversation_text
from antigravity_addon.views.dialect import Dialect, dialect_of
from antigravity_addon.views.readers import NoDialectError
from tests.conftest import Golden
from tests.translate.openai_audio import forms
from tests.views.conversations import CASES, CHAT, PIXEL, SIGNATURE, body


def file_of(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name) + ".txt"


@pytest.mark.parametrize("name", CASES)
def test_a_conversation(name: str, golden: Golden) -> None:
    path, request = CASES[name]
    golden(f"conversation-{file_of(name)}", conversation_text(path, request) + "\n")


@pytest.mark.parametrize("name", CASES)
def test_base64_is_never_shown(name: str) -> None:
    shown = conversation_text(*CASES[name])
    assert PIXEL not in shown
    assert SIGNATURE not in shown


def test_a_form_with_a_recording(golden: Golden) -> None:
    request = forms.asked(language="en")
    golden(
        "conversation-audio.txt",
        conversation_text("/v1/audio/translations", request, forms.CONTENT_TYPE) + "\n",
    )


def test_a_form_that_is_none_is_shown_as_it_is() -> None:
    shown = conversation_text("/v1/audio/translations", b"hello", "text/plain")
    assert shown == "! Send the request as multipart/form-data, not as 'text/plain'.\n\nhello"


def test_nothing_of_a_long_text_is_left_out() -> None:
    text = "\n".join(f"line {number}" for number in range(50_000))
    shown = conversation_text(CHAT, body(messages=[{"role": "user", "content": text}]))
    assert text in shown


PATHS: dict[str, Dialect | None] = {
    "/v1/chat/completions": Dialect.CHAT,
    "/v1/v1/chat/completions/?api-version=1": Dialect.CHAT,
    "/openai/deployments/m/completions": Dialect.COMPLETIONS,
    "/v1/responses": Dialect.RESPONSES,
    "/v1/responses/compact": Dialect.RESPONSES,
    "/v1/responses/resp_1": Dialect.RESPONSES,
    "/v1/responses/resp_1/input_items": None,
    "/v1/responses/input_tokens": None,
    "/v1/images/generations": Dialect.IMAGES,
    "/v1/audio/translations": Dialect.AUDIO,
    "/v1beta/models/gemini-3.8-flash:generateContent": Dialect.GEMINI,
    "/v1/projects/p/locations/l/publishers/google/models/m:streamGenerateContent?alt=sse": Dialect.GEMINI,
    "/v1internal:streamGenerateContent": Dialect.GEMINI,
    "/v1internal:loadCodeAssist": None,
    "/v1/models": None,
    "": None,
}  # fmt: skip


@pytest.mark.parametrize(("path", "dialect"), PATHS.items())
def test_the_dialect_of_a_path(path: str, dialect: Dialect | None) -> None:
    assert dialect_of(path) is dialect


def test_no_other_path_has_a_conversation() -> None:
    with pytest.raises(NoDialectError):
        conversation_text("/v1/models", b"")
