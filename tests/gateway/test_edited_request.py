"""Another model or prompt in a client's request."""

import json
from typing import Any

import pytest

from antigravity_addon.gateway.edited_request import EditError, edited
from antigravity_addon.gateway.routes import Endpoint

CHAT, COMPLETIONS, RESPONSES = Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS, Endpoint.RESPONSES
IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}

PROMPTS: dict[str, tuple[Endpoint, dict[str, Any], dict[str, Any]]] = {
    "the last message of the user's, wherever it stands": (
        CHAT,
        {"messages": [user := {"role": "user", "content": "a"}, user, {"role": "tool", "content": "t"}]},
        {"messages": [user, {"role": "user", "content": "NEW"}, {"role": "tool", "content": "t"}]},
    ),
    "other fields of the message stay": (
        CHAT,
        {"messages": [{"role": "user", "name": "ana", "content": "a"}]},
        {"messages": [{"role": "user", "name": "ana", "content": "NEW"}]},
    ),
    "images stay, and of several texts one place": (
        CHAT,
        {"messages": [{"role": "user", "content": [IMAGE, {"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b"}]}]},
        {"messages": [{"role": "user", "content": [IMAGE, {"type": "text", "text": "NEW"}, IMAGE]}]},
    ),
    "a message without text gets one": (
        CHAT,
        {"messages": [{"role": "user", "content": [IMAGE]}]},
        {"messages": [{"role": "user", "content": [IMAGE, {"type": "text", "text": "NEW"}]}]},
    ),
    "parts that are none stay": (
        CHAT,
        {"messages": [{"role": "user", "content": ["x", None, {"type": "text", "text": "a"}]}]},
        {"messages": [{"role": "user", "content": ["x", None, {"type": "text", "text": "NEW"}]}]},
    ),
    "a completion": (COMPLETIONS, {"prompt": ["a", "b"]}, {"prompt": "NEW"}),
    "a response's text": (RESPONSES, {"input": "a"}, {"input": "NEW"}),
    "a response's last user message": (
        RESPONSES,
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}, {"type": "function_call_output"}]},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "NEW"}]}, {"type": "function_call_output"}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("endpoint", "before", "after"), PROMPTS.values(), ids=PROMPTS)
def test_a_prompt_replaces_the_last_text_of_the_users(
    endpoint: Endpoint, before: dict[str, Any], after: dict[str, Any]
) -> None:
    others = {"model": "m", "temperature": 0.5}
    body = json.dumps(others | before).encode()
    assert json.loads(edited(endpoint, body, prompt="NEW")) == others | after


def test_fields_stay_in_their_order() -> None:
    body = b'{"seed":12345678901234567890,"model":"a","x":{"b":1,"a":null},"top_p":1.0}'
    assert edited(CHAT, body, model="b") == body.replace(b'"a","x"', b'"b","x"')


def test_what_is_not_to_change_is_the_same_bytes() -> None:
    assert edited(CHAT, b"{ }") == b"{ }"


REFUSED: dict[str, tuple[Endpoint, bytes, str]] = {
    "no JSON": (CHAT, b"--boundary", "no JSON object"),
    "a list": (CHAT, b"[]", "no JSON object"),
    "nobody asked": (CHAT, b'{"messages":[{"role":"system","content":"a"}]}', "no message of the user's"),
    "no messages": (CHAT, b"{}", "this is none"),
    "images": (Endpoint.IMAGES, b'{"prompt":"a"}', "this is none"),
}


@pytest.mark.parametrize(("endpoint", "body", "message"), REFUSED.values(), ids=REFUSED)
def test_a_request_without_a_place_for_a_prompt(endpoint: Endpoint, body: bytes, message: str) -> None:
    with pytest.raises(EditError, match=message):
        edited(endpoint, body, prompt="NEW")
