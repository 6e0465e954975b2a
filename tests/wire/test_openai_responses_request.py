"""What a client of the Responses API is told about a request that is none, and what is let through."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import InvalidRequest, MissingParameter
from antigravity_addon.wire.openai_responses.items import (
    Compaction,
    CompactionTrigger,
    FunctionCall,
    ItemReference,
    Message,
    UnknownItem,
)
from antigravity_addon.wire.openai_responses.request import (
    ENCRYPTED_REASONING,
    LOGPROBS,
    ResponsesRequest,
    parse,
    parse_compact,
    parse_items,
    parse_verbatim,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": "x", **fields}).encode()


def with_item(**item: Any) -> bytes:
    return body(input=["x", item])


def with_content(content: Any) -> bytes:
    return with_item(role="user", content=content)


def missing(param: str) -> tuple[str, str, str]:
    return param, "missing_required_parameter", f"Missing required parameter: '{param}'."


def wrong(param: str, expected: str, got: str) -> tuple[str, str, str]:
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return param, "invalid_type", message


def invalid(param: str, reason: str) -> tuple[str, str, str]:
    return param, "invalid_value", f"Invalid value for '{param}': {reason}."


REFUSED: dict[str, tuple[bytes, tuple[str, str, str]]] = {
    "no model": (b'{"input":"x"}', missing("model")),
    "empty model": (body(model=""), invalid("model", "it must not be empty")),
    "input of the wrong type": (body(input=5), wrong("input", "a string", "an integer")),
    "item is no object": (body(input=["x", 5]), wrong("input[1]", "an object", "an integer")),
    "item of no type": (with_item(), missing("input[1].type")),
    "item whose type is no text": (with_item(type=5), wrong("input[1].type", "a string", "an integer")),
    "message without role": (with_item(type="message", content="x"), missing("input[1].role")),
    "message of a role that is none": (
        with_item(role="tool", content="x"),
        invalid("input[1].role", "expected 'user', 'assistant', 'system' or 'developer', but got 'tool'"),
    ),
    "message without content": (with_item(role="user"), missing("input[1].content")),
    "content of the wrong type": (
        with_content(5),
        wrong("input[1].content", "a string", "an integer"),
    ),
    "part without type": (with_content([{"text": "x"}]), missing("input[1].content[0].type")),
    "URL of the wrong type": (
        with_content(["x", {"type": "input_image", "image_url": {"url": 3}}]),
        wrong("input[1].content[1].image_url.url", "a string", "an integer"),
    ),
    "bare part without text": (with_item(type="input_text"), missing("input[1].text")),
    "call without name": (with_item(type="function_call", call_id="c"), missing("input[1].name")),
    "call without id": (with_item(type="function_call", name="f"), missing("input[1].call_id")),
    "output without id": (with_item(type="function_call_output"), missing("input[1].call_id")),
    "custom input that is no text": (
        with_item(type="custom_tool_call", call_id="c", name="f", input={}),
        wrong("input[1].input", "a string", "an object"),
    ),
    "shell call without action": (
        with_item(type="local_shell_call", call_id="c"),
        missing("input[1].action"),
    ),
    "command that is no array": (
        with_item(type="local_shell_call", call_id="c", action={"command": "ls"}),
        wrong("input[1].action.command", "an array", "a string"),
    ),
    "unknown patch operation": (
        with_item(type="apply_patch_call", call_id="c", operation={"type": "chmod", "path": "a"}),
        invalid(
            "input[1].operation.type",
            "expected 'create_file', 'update_file' or 'delete_file', but got 'chmod'",
        ),
    ),
    "reference without id": (with_item(type="item_reference"), missing("input[1].id")),
    "tools among the items": (
        with_item(type="additional_tools", tools=[{"type": "function"}]),
        missing("input[1].tools[0].name"),
    ),
    "tool without type": (body(tools=[{"name": "f"}]), missing("tools[0].type")),
    "tool in a namespace without name": (
        body(tools=[{"type": "namespace", "name": "n", "tools": [{"type": "custom"}]}]),
        missing("tools[0].tools[0].name"),
    ),
    "unknown tool choice": (
        body(tool_choice="some"),
        invalid("tool_choice", "expected 'none', 'auto' or 'required', but got 'some'"),
    ),
    "allowed tools are no array": (
        body(tool_choice={"type": "allowed_tools", "mode": "auto", "tools": {}}),
        wrong("tool_choice.tools", "an array", "an object"),
    ),
    "temperature beyond 2": (
        body(temperature=2.5),
        invalid("temperature", "it must be at most 2.0, and is 2.5"),
    ),
    "no tokens": (
        body(max_output_tokens=0),
        invalid("max_output_tokens", "it must be greater than 0, and is 0"),
    ),
    "half a token": (
        body(max_output_tokens=0.5),
        wrong("max_output_tokens", "an integer", "a decimal number"),
    ),
    "too many logprobs": (
        body(top_logprobs=21),
        invalid("top_logprobs", "it must be at most 20, and is 21"),
    ),
    "unknown truncation": (
        body(truncation="old"),
        invalid("truncation", "expected 'auto' or 'disabled', but got 'old'"),
    ),
    "unknown text format": (
        body(text={"format": {"type": "yaml"}}),
        invalid("text.format.type", "expected 'text', 'json_object' or 'json_schema', but got 'yaml'"),
    ),
    "unknown summary": (
        body(reasoning={"summary": "long"}),
        invalid("reasoning.summary", "expected 'auto', 'concise', 'detailed' or 'none', but got 'long'"),
    ),
    "conversation of the wrong type": (
        body(conversation=5),
        wrong("conversation", "an object", "an integer"),
    ),
    "conversation without id": (body(conversation={}), missing("conversation.id")),
}


@pytest.mark.parametrize(("sent", "refusal"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_field_and_what_was_expected(sent: bytes, refusal: tuple[str, str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(sent)
    assert (caught.value.param, caught.value.code, caught.value.message) == refusal
    assert isinstance(caught.value, MissingParameter) == (refusal[1] == "missing_required_parameter")


ACCEPTED: dict[str, bytes] = {
    "unknown fields": body(client_metadata={"a": 1}, service_tier="x", context_management=[]),
    "unknown items": with_item(type="mcp_approval_request", name=5),
    "items of the client's own ids": with_item(id="msg_5", type="message", role="user", content="x"),
    "100.0 is an integer": body(max_output_tokens=100.0),
    "parts by every name": with_content(
        [
            "a",
            {"type": "input_text", "text": "b"},
            {"type": "text", "text": "c"},
            {"type": "hologram"},
        ]
    ),
    "tools that OpenAI would run are for the translation": body(tools=[{"type": "mcp"}]),
    "tools in the form of Chat Completions": body(
        tools=[{"type": "function", "function": {"name": "f"}}, {"function": {"name": "g"}}]
    ),
    "a choice of any type": body(tool_choice={"type": "file_search"}),
    "a choice in the form of Chat Completions": body(
        tool_choice={"type": "function", "function": {"name": "f"}}
    ),
    "no input": body(input=None),
}


@pytest.mark.parametrize("sent", ACCEPTED.values(), ids=ACCEPTED)
def test_what_clients_really_send_is_accepted(sent: bytes) -> None:
    assert isinstance(parse(sent), ResponsesRequest)


OPTIONAL = [name for name, field in ResponsesRequest.model_fields.items() if not field.is_required()]


@pytest.mark.parametrize("name", OPTIONAL)
def test_c23_null_means_absent(name: str) -> None:
    assert dict(parse(b'{"model":"m","%b":null}' % name.encode())) == dict(parse(b'{"model":"m"}'))


def test_an_item_without_type_is_a_message_or_a_reference() -> None:
    items = parse(body(input=[{"role": "user", "content": "a"}, {"id": "rs_1"}])).items
    assert items == (Message(role="user", content="a"), ItemReference(id="rs_1"))


def test_a_bare_text_is_the_only_item() -> None:
    assert parse(body(input="a")).items == ("a",)
    assert parse(b'{"model":"m"}').items == ()


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}], ids=["id", "object"])
def test_a_conversation_is_named_in_two_ways(conversation: Any) -> None:
    assert parse(body(conversation=conversation)).conversation_id == "conv_1"


def test_what_to_include_is_asked_for_by_name() -> None:
    request = parse(body(include=[LOGPROBS, "file_search_call.results"]))
    assert request.includes(LOGPROBS)
    assert not request.includes(ENCRYPTED_REASONING)
    assert not parse(body()).includes(LOGPROBS)


def test_the_echoed_fields_are_what_the_client_wrote() -> None:
    sent: dict[str, Any] = {
        "input": ["x"],
        "tools": [{"type": "function", "name": "f", "strict": None, "x": [1.0, "é"]}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "high", "context": None},
    }
    assert json.loads(parse_verbatim(body(**sent)).model_dump_json()) == sent


def test_a_request_to_compact_ends_with_a_trigger() -> None:
    trigger = CompactionTrigger(type="compaction_trigger")
    assert parse_compact(body(input="a")).items == ("a", trigger)
    assert parse_compact(b'{"model":"m","previous_response_id":"resp_1"}').items == (trigger,)
    with pytest.raises(MissingParameter, match=r"'model'"):
        parse_compact(b'{"input":"a"}')


def test_items_that_are_kept_are_read_as_an_array_or_one_by_one() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    sent = [call, {"type": "web_search_call"}, {"type": "compaction_summary"}]
    items = (
        FunctionCall(type="function_call", call_id="c", name="f", arguments="{}"),
        UnknownItem(type="web_search_call"),
        Compaction(type="compaction_summary"),
    )
    assert parse_items(json.dumps(sent).encode()) == items
    assert parse_items([json.dumps(each).encode() for each in sent]) == items
    assert parse_items([]) == ()


def test_an_item_to_keep_that_is_none_is_named() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_items(b'["x",{"role":"user","content":5}]')
    assert refusal.value.param == "items[1].content"


@given(st.binary())
def test_no_bytes_break_it(sent: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse(sent)


@given(JSON)
def test_any_value_is_an_input_or_refused(value: Any) -> None:
    try:
        parse(body(input=value))
    except InvalidRequest as refusal:
        assert refusal.message.endswith(".")
