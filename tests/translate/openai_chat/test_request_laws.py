"""Laws that hold for every request: it is translated into what Gemini's rules allow, or refused."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.translate.gemini_models import traits_of
from antigravity_addon.translate.openai_chat.request import to_gemini
from antigravity_addon.wire.gemini import Content, GenerateContentRequest
from antigravity_addon.wire.openai_chat.request import parse

MODELS = (
    "gemini-2.0-flash",
    "gemini-2.5-flash",
    "gemini-3-pro-preview",
    "gemini-3.8-flash",
    "gemini-4-neon",
    "gemma-4",
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
IDS = st.sampled_from(("call_1", "call_2", "call_3", ""))
NAMES = st.sampled_from(("f", "g", "1 f", "_1_f", "x" * 80, "x" * 81))
TEXTS = st.sampled_from(
    ("", " ", "a", "![image](data:image/png;base64,AAAA)", "{}", '{"a":[1e999]}', "[1]", "{")
)
SIGNATURES = st.sampled_from((None, "", "SIGN", "¿", "A" * 4097))
URLS = st.sampled_from(
    (
        "data:image/png;base64,iVBORw0KGgo=",
        "data:;base64,AAAA",
        "https://a/b.png",
        "/etc/passwd",
        "gs://a/b.png",
        "",
    )
)

PARTS = st.one_of(
    TEXTS,
    st.fixed_dictionaries({"type": st.sampled_from(("text", "input_text", "output_text")), "text": TEXTS}),
    st.fixed_dictionaries({"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": URLS})}),
    st.fixed_dictionaries(
        {
            "type": st.just("input_image"),
            "image_url": URLS,
            "detail": st.sampled_from(("low", "original", "x")),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("input_audio"),
            "input_audio": st.fixed_dictionaries({"data": URLS, "format": st.just("wav")}),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("file"), "file": st.fixed_dictionaries({"file_data": URLS, "filename": TEXTS})}
    ),
    st.fixed_dictionaries({"type": st.just("refusal"), "refusal": TEXTS}),
)
CONTENT = TEXTS | st.lists(PARTS, max_size=3)
EXTRA = st.none() | st.fixed_dictionaries(
    {"google": st.fixed_dictionaries({"thought_signature": SIGNATURES})}
)
CALLS = st.fixed_dictionaries(
    {
        "id": IDS,
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": NAMES, "arguments": TEXTS | JSON}),
        "extra_content": EXTRA,
    }
) | st.fixed_dictionaries(
    {"id": IDS, "type": st.just("custom"), "custom": st.fixed_dictionaries({"name": NAMES, "input": TEXTS})}
)
MESSAGES = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(("system", "developer")), "content": TEXTS}),
    st.fixed_dictionaries({"role": st.just("user"), "content": CONTENT}),
    st.fixed_dictionaries(
        {
            "role": st.just("assistant"),
            "content": st.none() | CONTENT,
            "tool_calls": st.none() | st.lists(CALLS, max_size=3),
            "extra_content": EXTRA,
        }
    ),
    st.fixed_dictionaries({"role": st.just("tool"), "tool_call_id": IDS, "content": CONTENT}),
)
TOOLS = st.fixed_dictionaries(
    {
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": NAMES, "parameters": JSON, "strict": st.booleans()}),
    }
)
REQUESTS = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": st.lists(MESSAGES, min_size=1, max_size=8)},
    optional={
        "tools": st.lists(TOOLS, max_size=3),
        "tool_choice": st.sampled_from(("none", "auto", "required")),
        "max_tokens": st.integers(-1, 2**70),
        "seed": st.integers(-(2**70), 2**70),
        "stop": st.lists(TEXTS, max_size=6),
        "temperature": st.floats(),
        "response_format": st.fixed_dictionaries(
            {"type": st.just("json_schema"), "json_schema": st.fixed_dictionaries({"schema": JSON})}
        ),
        "reasoning_effort": st.sampled_from(("none", "low", "max")),
    },
)


def translated(request: Any, model: str) -> GenerateContentRequest | None:
    """`None` if it is refused; every other exception is a failure of the test."""
    try:
        body = to_gemini(parse(json.dumps(request).encode()), model).body
        body.to_json()
    except InvalidRequest as refusal:
        assert refusal.message.endswith(".")
        return None
    return body


def calls_of(content: Content) -> list[str]:
    return [part.function_call.name for part in content.parts if part.function_call]


def results_of(content: Content) -> list[str]:
    return [part.function_response.name for part in content.parts if part.function_response]


def assert_gemini_takes(body: GenerateContentRequest, model: str) -> None:
    """The rules of histories that Gemini answers with a 400 when they are broken."""
    roles = [content.role for content in body.contents]
    assert roles[0] == "user"
    assert all(one != next_one for one, next_one in pairwise(roles))
    assert roles[-1] == "user" or traits_of(model).takes_prefill
    called: list[str] = []
    for content in body.contents:
        assert content.parts
        assert all(part.text != "" or part.thought_signature for part in content.parts)
        results = results_of(content)
        assert results == called
        assert results_of(Content(parts=content.parts[: len(results)])) == results
        called = calls_of(content)
    assert called == []


@given(REQUESTS, st.sampled_from(MODELS))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_histories_keep_gemini_s_rules(request: Any, model: str) -> None:
    if body := translated(request, model):
        assert_gemini_takes(body, model)


@given(st.data(), REQUESTS, JSON, st.sampled_from(MODELS))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_value_anywhere_is_translated_or_refused(
    data: st.DataObject, request: Any, value: Any, model: str
) -> None:
    translated(mutated(data, request, value), model)


def mutated(data: st.DataObject, node: Any, value: Any) -> Any:
    """`node` with one place of it replaced by `value`, or with `value` under a key it did not have."""
    if isinstance(node, dict) and node and data.draw(st.booleans() | st.just(value=True)):
        key = data.draw(st.sampled_from((*node, "type", "content", "thinking", "google", "tool_choice")))
        return {**node, key: mutated(data, node.get(key), value)}
    if isinstance(node, list) and node and data.draw(st.booleans() | st.just(value=True)):
        index = data.draw(st.integers(0, len(node) - 1))
        return [*node[:index], mutated(data, node[index], value), *node[index + 1 :]]
    return value


@given(st.binary())
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse(body)


@given(st.binary(max_size=20), st.integers(0, 200), st.integers(0, 20))
def test_damaged_bytes_are_translated_or_refused(junk: bytes, start: int, length: int) -> None:
    whole = (
        b'{"model":"m","messages":[{"role":"user","content":"\\u00e9"},{"role":"assistant","tool_calls":[{"id":"c",'
        b'"type":"function","function":{"name":"f","arguments":"{\\"a\\":1}"}}]},{"role":"tool","tool_call_id":"c",'
        b'"content":"1"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}'
    )
    try:
        to_gemini(parse(whole[:start] + junk + whole[start + length :]), "gemini-3.8-flash").body.to_json()
    except InvalidRequest:
        pass


BOMBS: dict[str, Any] = {
    "deep schema": {"tools": [{"type": "function", "function": {"name": "f", "parameters": "DEEP"}}]},
    "deep arguments": {
        "messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "DEEP"}}]}]
    },
    "deep unknown field": {"x": "DEEP"},
    "deep response schema": {"response_format": {"type": "json_schema", "json_schema": {"schema": "DEEP"}}},
}


@pytest.mark.parametrize("depth", [50, 150, 180, 190, 195, 199, 250, 50_000])
@pytest.mark.parametrize("fields", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("opening", ['{"a":', '{"properties":{"a":', '{"items":', '{"anyOf":['])
def test_bombs_do_not_go_off(fields: Any, depth: int, opening: str) -> None:
    closing = "".join({"{": "}", "[": "]"}[c] for c in reversed(opening) if c in "{[")
    bomb = opening * depth + "1" + closing * depth
    request = {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}
    for sent in (bomb, json.dumps(bomb)):
        try:
            to_gemini(
                parse(json.dumps(request).replace('"DEEP"', sent).encode()), "gemini-3.8-flash"
            ).body.to_json()
        except InvalidRequest:
            pass
