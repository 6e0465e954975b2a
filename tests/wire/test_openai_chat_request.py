"""What a client is told about a request that is none, and what is let through."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import InvalidRequest, MissingParameter
from antigravity_addon.wire.openai_chat.request import ChatCompletionRequest, parse

USER: dict[str, Any] = {"role": "user", "content": "x"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}).encode()


def with_content(content: Any) -> bytes:
    return body(messages=[{"role": "user", "content": content}])


REFUSED: dict[str, tuple[bytes, str, str, str]] = {
    "no model": (
        b'{"messages":[]}',
        "model",
        "missing_required_parameter",
        "Missing required parameter: 'model'.",
    ),
    "empty model": (
        body(model=""),
        "model",
        "invalid_value",
        "Invalid value for 'model': it must not be empty.",
    ),
    "C14 no messages": (
        b'{"model":"m"}',
        "messages",
        "missing_required_parameter",
        "Missing required parameter: 'messages'.",
    ),
    "the body of another endpoint": (
        b'{"model":"m","prompt":"x","input":""}',
        "messages",
        "missing_required_parameter",
        "Missing required parameter: 'messages'. 'input' is for POST /v1/responses. 'prompt' is for POST /v1/completions.",
    ),
    "C14 empty messages": (
        body(messages=[]),
        "messages",
        "missing_required_parameter",
        "'messages' must hold at least one message.",
    ),
    "messages are no array": (
        body(messages=USER),
        "messages",
        "invalid_type",
        "Invalid type for 'messages': expected an array, but got an object instead.",
    ),
    "message is no object": (
        body(messages=[USER, 5]),
        "messages[1]",
        "invalid_type",
        "Invalid type for 'messages[1]': expected an object, but got an integer instead.",
    ),
    "message without role": (
        body(messages=[{}]),
        "messages[0].role",
        "missing_required_parameter",
        "Missing required parameter: 'messages[0].role'.",
    ),
    "user without content": (
        body(messages=[{"role": "user"}]),
        "messages[0].content",
        "missing_required_parameter",
        "Missing required parameter: 'messages[0].content'.",
    ),
    "content of the wrong type": (
        with_content(5),
        "messages[0].content",
        "invalid_type",
        "Invalid type for 'messages[0].content': expected a string, but got an integer instead.",
    ),
    "part without type": (
        with_content([{"text": "x"}]),
        "messages[0].content[0].type",
        "missing_required_parameter",
        "Missing required parameter: 'messages[0].content[0].type'.",
    ),
    "part of text without text": (
        with_content([{"type": "text"}]),
        "messages[0].content[0].text",
        "missing_required_parameter",
        "Missing required parameter: 'messages[0].content[0].text'.",
    ),
    "URL of the wrong type": (
        with_content(["x", {"type": "image_url", "image_url": {"url": 3}}]),
        "messages[0].content[1].image_url.url",
        "invalid_type",
        "Invalid type for 'messages[0].content[1].image_url.url': expected a string, but got an integer instead.",
    ),
    "tool call without a name": (
        body(messages=[{"role": "assistant", "tool_calls": [{"id": "c", "function": {}}]}]),
        "messages[0].tool_calls[0].function.name",
        "missing_required_parameter",
        "Missing required parameter: 'messages[0].tool_calls[0].function.name'.",
    ),
    "tool result without id": (
        body(messages=[{"role": "tool", "content": "x"}]),
        "messages[0].tool_call_id",
        "missing_required_parameter",
        "Missing required parameter: 'messages[0].tool_call_id'.",
    ),
    "function called function": (
        body(tools=[{"type": "function", "function": {"function": {}}}]),
        "tools[0].function.name",
        "missing_required_parameter",
        "Missing required parameter: 'tools[0].function.name'.",
    ),
    "tool without type": (
        body(tools=[{}]),
        "tools[0].type",
        "missing_required_parameter",
        "Missing required parameter: 'tools[0].type'.",
    ),
    "unknown tool choice": (
        body(tool_choice="some"),
        "tool_choice",
        "invalid_value",
        "Invalid value for 'tool_choice': expected 'none', 'auto' or 'required', but got 'some'.",
    ),
    "function tool without function": (
        body(tools=[{"type": "function"}]),
        "tools[0].function",
        "missing_required_parameter",
        "Missing required parameter: 'tools[0].function'.",
    ),
    "temperature beyond 2": (
        body(temperature=2.5),
        "temperature",
        "invalid_value",
        "Invalid value for 'temperature': it must be at most 2.0, and is 2.5.",
    ),
    "temperature below 0": (
        body(temperature=-1),
        "temperature",
        "invalid_value",
        "Invalid value for 'temperature': it must be at least 0.0, and is -1.",
    ),
    "no tokens": (
        body(max_tokens=0),
        "max_tokens",
        "invalid_value",
        "Invalid value for 'max_tokens': it must be greater than 0, and is 0.",
    ),
    "half a token": (
        body(max_completion_tokens=0.5),
        "max_completion_tokens",
        "invalid_type",
        "Invalid type for 'max_completion_tokens': expected an integer, but got a decimal number instead.",
    ),
    "no choices": (
        body(n=0),
        "n",
        "invalid_value",
        "Invalid value for 'n': it must be at least 1, and is 0.",
    ),
    "stop of the wrong type": (
        body(stop=["a", 5]),
        "stop[1]",
        "invalid_type",
        "Invalid type for 'stop[1]': expected a string, but got an integer instead.",
    ),
    "unknown response format": (
        body(response_format={"type": "yaml"}),
        "response_format.type",
        "invalid_value",
        "Invalid value for 'response_format.type': expected 'text', 'json_object' or 'json_schema', but got 'yaml'.",
    ),
}


@pytest.mark.parametrize(("sent", "param", "code", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_field_and_what_was_expected(
    sent: bytes, param: str, code: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(sent)
    assert (refusal.value.param, refusal.value.code, refusal.value.message) == (param, code, message)
    assert isinstance(refusal.value, MissingParameter) == (code == "missing_required_parameter")


ACCEPTED: dict[str, bytes] = {
    "unknown fields": body(client_metadata={"a": 1}, cache_control=None, min_p=0.1),
    "100.0 is an integer": body(max_tokens=100.0, seed=7.0),
    "an integer is a number": body(temperature=1),
    "seed of four thousand digits": body(seed=10**4000),
    "last of two equal keys": b'{"model":5,"model":"m","messages":[{"role":"user","content":"x"}]}',
    "unknown roles and parts are for the translation": body(
        messages=[{"role": "tester"}, {"role": "user", "content": [{"type": "hologram"}]}]
    ),
    "bare strings among the parts": with_content(["a", {"type": "input_text", "text": "b"}]),
    "image as a bare string": with_content([{"type": "image_url", "image_url": "data:,x"}]),
    "assistant without anything": body(messages=[USER, {"role": "assistant"}]),
    "tool call without id and type": body(
        messages=[
            USER,
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
        ]
    ),
    "tool without type": body(tools=[{"function": {"name": "f"}}]),
    "tool that names no function": body(messages=[USER], tools=[{"type": "mcp"}]),
    "tools in the form of Responses": body(
        tools=[{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]
    ),
}


@pytest.mark.parametrize("sent", ACCEPTED.values(), ids=ACCEPTED)
def test_what_clients_really_send_is_accepted(sent: bytes) -> None:
    assert isinstance(parse(sent), ChatCompletionRequest)


OPTIONAL = [name for name, field in ChatCompletionRequest.model_fields.items() if not field.is_required()]


@pytest.mark.parametrize("name", OPTIONAL)
def test_c23_null_means_absent(name: str) -> None:
    assert dict(parse(body(**{name: None}))) == dict(parse(body()))


@given(st.binary())
def test_no_bytes_break_it(sent: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse(sent)


C71: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "C71 the body of the users' page": (
        {"instructions": "S", "input": "hi"},
        [{"role": "system", "content": "S"}, {"role": "user", "content": "hi"}],
    ),
    "C71 without instructions": ({"input": "hi"}, [{"role": "user", "content": "hi"}]),
    "C72 messages": ({"input": [{"role": "user", "content": "hi"}]}, [{"role": "user", "content": "hi"}]),
    "C72 a bare part": (
        {"input": [{"type": "input_text", "text": "hi"}]},
        [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
    ),
    "C72 a bare text": ({"input": ["hi"]}, [{"role": "user", "content": "hi"}]),
}


@pytest.mark.parametrize(("fields", "messages"), C71.values(), ids=C71.keys())
def test_input_in_place_of_messages_is_taken_for_them(fields: dict[str, Any], messages: list[Any]) -> None:
    meant = parse(json.dumps({"model": "m", "messages": messages, "temperature": 0.5}).encode())
    taken = parse(json.dumps({"model": "m", "temperature": 0.5} | fields).encode())
    assert dict(taken) == dict(meant)


def test_what_is_wrong_with_input_is_said_of_input() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(json.dumps({"model": "m", "input": [{"type": None}]}).encode())
    assert (caught.value.param, caught.value.code) == ("input", "invalid_type")
    assert caught.value.message.startswith(
        "'input' was taken for 'messages', which this endpoint takes; 'input' is for POST /v1/responses. "
        "Invalid type for 'messages[0]"
    )


@pytest.mark.parametrize("nothing", [None, "", []])
def test_input_that_holds_nothing_is_no_message(nothing: Any) -> None:
    with pytest.raises(MissingParameter) as caught:
        parse(json.dumps({"model": "m", "input": nothing}).encode())
    assert caught.value.param == "messages"
