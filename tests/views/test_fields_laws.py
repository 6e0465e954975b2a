"""Laws of the view of fields that hold for every request."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antigravity_addon.errors import GatewayError
from antigravity_addon.views import translations
from antigravity_addon.views.field_rows import Fate, FieldRow, Fields, Unreadable
from antigravity_addon.views.fields import fields_of
from antigravity_addon.views.fields_text import to_text
from antigravity_addon.views.translations import Translation
from tests.translate.openai_chat import test_request_laws as chat_laws
from tests.translate.openai_responses import test_request_laws as response_laws

MODELS = ("gemini-2.0-flash", "gemini-2.5-flash", "gemini-3.8-flash", "gemini-4-neon")
ANYTHING: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(("service_tier", "x", "user", "top_k", "n", "stream", "logprobs", "reasoning", "text")),
    st.none() | st.booleans() | st.integers(-1, 9) | st.just({"effort": "low"}) | st.text(max_size=3),
    max_size=4,
)
REQUESTS = st.one_of(
    st.tuples(st.just(translations.CHAT), st.builds(dict[str, Any].__or__, ANYTHING, chat_laws.REQUESTS)),
    st.tuples(
        st.just(translations.RESPONSES), st.builds(dict[str, Any].__or__, ANYTHING, response_laws.REQUESTS)
    ),
)
SLOW = settings(suppress_health_check=[HealthCheck.too_slow])


def gemini(translation: Translation, body: dict[str, Any], model: str) -> list[Any] | None:
    """`None`: it is refused."""
    try:
        requests = translation.translate(json.dumps(body).encode(), model)
    except GatewayError:
        return None
    return [json.loads(request.to_json()) for request in requests]


@given(REQUESTS, st.sampled_from(MODELS))
@SLOW
def test_every_field_stands_there_once(asked: tuple[Translation, dict[str, Any]], model: str) -> None:
    translation, body = asked
    fields = fields_of(translation, json.dumps(body).encode(), model)
    match fields:
        case Unreadable():
            assert "NaN" in json.dumps(body) or "Infinity" in json.dumps(body)
        case Fields():
            assert [row.name for row in fields.rows] == list(body)
    assert to_text(fields)


@given(REQUESTS, st.sampled_from(MODELS))
@SLOW
def test_what_is_not_sent_can_be_left_out(asked: tuple[Translation, dict[str, Any]], model: str) -> None:
    translation, body = asked
    fields = fields_of(translation, json.dumps(body).encode(), model)
    whole = gemini(translation, body, model)
    if not isinstance(fields, Fields) or whole is None:
        return
    for row in fields.rows:
        if row.fate is Fate.NOT_SENT:
            assert gemini(translation, {k: v for k, v in body.items() if k != row.name}, model) == whole


@given(REQUESTS, st.sampled_from(MODELS))
@SLOW
def test_what_is_kept_or_renamed_stands_in_gemini_s_request(
    asked: tuple[Translation, dict[str, Any]], model: str
) -> None:
    translation, body = asked
    fields = fields_of(translation, json.dumps(body).encode(), model)
    if not isinstance(fields, Fields):
        return
    for row in fields.rows:
        if row.fate in {Fate.KEPT, Fate.RENAMED}:
            assert any(_is_alike(row, landing.value) for landing in row.landings)


def _is_alike(row: FieldRow, value: object) -> bool:
    match row.value, value:
        case str(mine), str(there):
            return mine.lower() == there.lower()
        case mine, [there]:
            return mine in (there, [there])
        case mine, there:
            return mine == there


@given(st.binary() | chat_laws.JSON.map(lambda value: json.dumps(value).encode()), st.none() | st.binary())
def test_any_bytes_give_a_text(body: bytes, sent: bytes | None) -> None:
    for translation in (
        translations.CHAT,
        translations.COMPLETIONS,
        translations.RESPONSES,
        translations.IMAGES,
    ):
        assert to_text(fields_of(translation, body, "gemini-2.5-flash", sent=sent)).endswith("\n")


@given(st.data(), REQUESTS, chat_laws.JSON)
@SLOW
def test_any_value_anywhere_gives_a_text(
    data: st.DataObject, asked: tuple[Translation, dict[str, Any]], value: Any
) -> None:
    translation, body = asked
    body = chat_laws.mutated(data, body, value)
    sent = chat_laws.mutated(data, {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}, value)
    text = fields_of(
        translation, json.dumps(body).encode(), "gemini-3.8-flash", sent=json.dumps(sent).encode()
    )
    assert to_text(text)


@pytest.mark.parametrize("depth", [50, 190, 250, 50_000])
def test_bombs_do_not_go_off(depth: int) -> None:
    bomb = b'{"a":' * depth + b"1" + b"}" * depth
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"x":%b,"tools":[{"type":"function","function":{"name":"f","parameters":%b}}]}'
    assert to_text(fields_of(translations.CHAT, body % (bomb, bomb), "gemini-2.5-flash", sent=bomb))
