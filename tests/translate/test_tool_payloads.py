"""Arguments and results of tools as JSON objects. The tables for each dialect's requests go through here, too."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.translate.tool_payloads import (
    to_arguments,
    to_arguments_text,
    to_custom_arguments,
    to_custom_input,
    to_response,
)

NESTED = '{"a":' * 64 + "1" + "}" * 64

ARGUMENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "text of an object": ('{"a":{"type":null}}', {"a": {"type": None}}),
    "the object itself": ({"a": 1}, {"a": 1}),
    "blank": (" \n", {}),
    "null": (None, {}),
    "text of null": ("null", {}),
    "an array": ([1], {"value": [1]}),
    "text of a number": ("5", {"value": 5}),
    "no JSON": ("ls -la", {"_raw": "ls -la"}),
    "infinity is no JSON": ('{"a":Infinity}', {"_raw": '{"a":Infinity}'}),
    "text of a number beyond a double": ('{"a":1%s}' % ("0" * 309), {"_raw": '{"a":1%s}' % ("0" * 309)}),
    "a number beyond a double": ({"a": 10**309}, {"_raw": '{"a":1%s}' % ("0" * 309)}),
    "text of more levels than Gemini reads": (NESTED, {"_raw": NESTED}),
    "more levels than Gemini reads": (json.loads(NESTED), {"_raw": NESTED}),
    "as many levels as it reads": (json.loads(NESTED)["a"], json.loads(NESTED)["a"]),
    "lone surrogate": (r'{"a":"\ud800"}', {"_raw": r'{"a":"\ud800"}'}),
}


@pytest.mark.parametrize(("arguments", "args"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_become_an_object(arguments: Any, args: dict[str, Any]) -> None:
    assert to_arguments(arguments) == args


def test_a_number_that_json_cannot_say_becomes_null() -> None:
    assert to_arguments_text({"x": float("nan"), "y": [float("-inf")]}) == '{"x":null,"y":[null]}'


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_arguments_survive_the_way_to_the_client_and_back(args: dict[str, Any]) -> None:
    assert to_arguments(to_arguments_text(args)) == args


@given(st.text())
def test_the_input_of_a_custom_tool_survives_both_ways(text: str) -> None:
    assert to_custom_input(to_custom_arguments(text)) == text


@given(st.text() | st.recursive(st.none() | st.floats(), st.lists).map(json.dumps))
def test_what_is_no_object_is_the_output(text: str) -> None:
    assert to_response(text) == {"output": text}


@pytest.mark.parametrize("text", [NESTED, '{"a":[-1%s]}' % ("0" * 309)], ids=["levels", "number"])
def test_an_object_that_gemini_could_not_read_is_text(text: str) -> None:
    assert to_response(text) == {"output": text}


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_an_object_is_the_response_itself(value: dict[str, Any]) -> None:
    assert to_response(json.dumps(value)) == value
