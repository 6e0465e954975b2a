"""Legacy Completions, request side: what the prompt becomes, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.translate.openai_completions.request import prompts_of, to_gemini
from antigravity_addon.wire.openai_completions.request import parse


def translated(**fields: Any) -> dict[str, Any]:
    body = json.dumps({"model": "m", "prompt": "Say hi"} | fields).encode()
    (only,) = all_translated(body)
    return only


def all_translated(body: bytes) -> list[dict[str, Any]]:
    request = parse(body)
    return [
        json.loads(to_gemini(request, prompt, "gemini-2.5-flash").to_json()) for prompt in prompts_of(request)
    ]


PLAIN = {
    "contents": [{"parts": [{"text": "Say hi"}], "role": "user"}],
    "generationConfig": {"maxOutputTokens": 16, "thinkingConfig": {"thinkingBudget": 0}},
}

TRANSLATED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "C85 a prompt": ({}, PLAIN),
    "a list of one, as LangChain sends it": ({"prompt": ["Say hi"]}, PLAIN),
    "nulls and unknown fields": (
        {"logprobs": None, "seed": None, "suffix": None, "best_of": 1, "x": 1},
        PLAIN,
    ),
    "a prompt of nothing": (
        {"prompt": ""},
        PLAIN | {"contents": [{"parts": [{"text": " "}], "role": "user"}]},
    ),
    "sampling": (
        {"max_tokens": 5, "temperature": 0.5, "stop": ["a", ""], "seed": 7, "n": 1},
        PLAIN
        | {
            "generationConfig": {
                "maxOutputTokens": 5,
                "temperature": 0.5,
                "stopSequences": ["a"],
                "seed": 7,
                "thinkingConfig": {"thinkingBudget": 0},
            }
        },
    ),
}


@pytest.mark.parametrize(("fields", "expected"), TRANSLATED.values(), ids=TRANSLATED.keys())
def test_translation(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert translated(**fields) == expected


SEVERAL: dict[str, tuple[dict[str, Any], list[str]]] = {
    "C85 two prompts": ({"prompt": ["a", "b"]}, ["a", "b"]),
    "two of each": ({"prompt": ["a", "b"], "n": 2}, ["a", "a", "b", "b"]),
    "the best of as many as are given": ({"prompt": "a", "n": 2, "best_of": 2}, ["a", "a"]),
}


@pytest.mark.parametrize(("fields", "prompts"), SEVERAL.values(), ids=SEVERAL.keys())
def test_each_choice_is_a_request(fields: dict[str, Any], prompts: list[str]) -> None:
    bodies = all_translated(json.dumps({"model": "m"} | fields).encode())
    assert [body["contents"][0]["parts"][0]["text"] for body in bodies] == prompts


def test_a_suffix_asks_for_what_belongs_in_between() -> None:
    body = translated(prompt="def add(a, b):", suffix="\nprint(add(1, 2))")
    assert "between" in body["systemInstruction"]["parts"][0]["text"]
    assert body["contents"][0]["parts"] == [
        {"text": "<beginning>def add(a, b):</beginning><end>\nprint(add(1, 2))</end>"}
    ]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "C85 tokens": ({"prompt": [1, 2]}, "prompt"),
    "lists of tokens": ({"prompt": [[1, 2]]}, "prompt"),
    "a prompt among which are tokens": ({"prompt": ["a", 7]}, "prompt[1]"),
    "more choices than OpenAI gives": ({"prompt": ["a"] * 65, "n": 2}, "prompt"),
    "no prompt in the list": ({"prompt": []}, "prompt"),
    "prompt null": ({"prompt": None}, "prompt"),
    "prompt a number": ({"prompt": 7}, "prompt"),
    "n of nothing": ({"n": 0}, "n"),
    "n beyond OpenAI's": ({"n": 129}, "n"),
    "best_of": ({"best_of": 2}, "best_of"),
    "max_tokens": ({"max_tokens": 0}, "max_tokens"),
    "model": ({"model": None}, "model"),
    "stop": ({"stop": ["a", "b", "c", "d", "e", "f"]}, "stop"),
}


@pytest.mark.parametrize(("fields", "param"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translated(**fields)
    assert caught.value.param == param
    assert caught.value.status == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields_of_requests = st.sampled_from(
    ["prompt", "suffix", "stop", "n", "max_tokens", "stream", "stream_options", "echo"]
)


@given(st.dictionaries(fields_of_requests, json_values, max_size=3))
def test_any_request_is_translated_or_refused(fields: dict[str, Any]) -> None:
    try:
        all_translated(json.dumps({"model": "m", "prompt": "x"} | fields).encode())
    except InvalidRequest as error:
        assert error.message
