"""Whole requests, as real clients send them, and what goes to Gemini, side by side in `golden/`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from antigravity_addon.translate.openai_chat.request import to_gemini
from antigravity_addon.wire.openai_chat.request import parse

type Fields = dict[str, Any]

WEATHER: Fields = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "minLength": 1},
                "unit": {"type": "string", "enum": ["c", "f"]},
                "days": {"type": ["integer", "null"]},
            },
            "required": ["city", "unit", "days"],
            "additionalProperties": False,
            "$schema": "http://json-schema.org/draft-07/schema#",
        },
    },
}
QUESTION: Fields = {"role": "user", "content": "Weather in Boston and New Delhi?"}


def weather_call(id: str, city: str, **fields: Any) -> Fields:  # noqa: A002  # its name on the wire
    arguments = json.dumps({"city": city, "unit": "c", "days": None})
    return {
        "id": id,
        "type": "function",
        "function": {"name": "get_weather", "arguments": arguments},
        **fields,
    }


def google(**extra: Any) -> Fields:
    return {"extra_content": {"google": extra}}


TREE: Fields = {
    "type": "object",
    "title": "Tree",
    "properties": {"root": {"$ref": "#/definitions/Node", "description": "Where it grows from."}},
    "required": ["root"],
    "definitions": {
        "Node": {
            "type": "object",
            "properties": {
                "kind": {"const": "node"},
                "title": {"type": "string", "format": "uri"},
                "children": {"type": "array", "items": {"$ref": "#/definitions/Node"}},
            },
            "required": ["kind", "title"],
        }
    },
}

REQUESTS: dict[str, tuple[str, Fields]] = {
    "minimal": ("gemini-2.5-flash", {"messages": [{"role": "user", "content": "salut"}]}),
    "minimal-newest": ("gemini-4-neon", {"messages": [{"role": "user", "content": "salut"}]}),
    "all-nulls": (
        "gemini-2.5-flash",
        {
            "stream": None,
            "tools": None,
            "tool_choice": None,
            "stop": None,
            "temperature": None,
            "logprobs": None,
            "messages": [{"role": "user", "content": "x", "name": None}],
        },
    ),
    "sampling": (
        "gemini-2.5-pro",
        {
            "messages": [{"role": "user", "content": "x"}],
            "temperature": 0.2,
            "top_p": 0.9,
            "max_tokens": 100,
            "stop": "END",
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "reasoning_effort": "low",
        },
    ),
    "long-conversation": (
        "gemini-3.8-flash",
        {
            "messages": [
                {"role": "system", "content": "S1"},
                {"role": "assistant", "content": "Hello, what can I do?"},
                {"role": "user", "content": "a"},
                {"role": "developer", "content": [{"type": "text", "text": "S2"}]},
                {"role": "user", "content": "b"},
                {"role": "assistant", "content": "c"},
                {"role": "assistant", "content": "d", "reasoning_content": "hm"},
            ],
        },
    ),
    "images-and-files": (
        "gemini-3-flash-preview",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "what?"},
                        {
                            "type": "image_url",
                            "image_url": {"url": "data:image/jpeg;base64,iVBORw0KGgo", "detail": "low"},
                        },
                        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                        {
                            "type": "file",
                            "file": {
                                "filename": "a.pdf",
                                "file_data": "data:application/pdf;base64,JVBERi0=",
                            },
                        },
                        {"type": "image_url", "image_url": {"url": "gs://bucket/a.webp"}},
                    ],
                }
            ],
        },
    ),
    "parallel-calls-signed": (
        "gemini-3.5-flash",
        {
            "messages": [
                QUESTION,
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        weather_call(
                            "call_1", "Boston", **google(thought_signature="EvsDCvgDAQw51sfO", id="dv8szvqe")
                        ),
                        weather_call("call_2", "New Delhi", **google(id="j80tal12")),
                    ],
                },
                {"role": "tool", "tool_call_id": "call_2", "content": '{"celsius": 33, "sky": null}'},
                {"role": "tool", "tool_call_id": "call_1", "content": "12 C, rain"},
            ],
            "tools": [WEATHER],
            "stream": True,
        },
    ),
    "calls-of-another-provider": (
        "gemini-4-hydrogen",
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": "One moment.",
                    "tool_calls": [weather_call("toolu_1", "Boston")],
                },
                {"role": "tool", "tool_call_id": "toolu_1", "content": [{"type": "text", "text": "rain"}]},
                {"role": "assistant", "content": "It rains."},
                QUESTION,
                {
                    "role": "assistant",
                    "tool_calls": [weather_call("toolu_2", "Boston"), weather_call("toolu_3", "New Delhi")],
                },
                {"role": "tool", "tool_call_id": "toolu_3", "content": "33 C"},
                {"role": "user", "content": "Never mind Boston."},
            ],
            "tools": [WEATHER],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "get_weather"}}],
                },
            },
        },
    ),
    "strict-tool-forced": (
        "gemini-2.5-flash",
        {
            "messages": [QUESTION],
            "tools": [{"type": "function", "function": WEATHER["function"] | {"strict": True}}],
            "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        },
    ),
    "odd-names-and-custom-tool": (
        "gemini-3.8-flash",
        {
            "messages": [
                QUESTION,
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": "c", "type": "custom", "custom": {"name": "apply patch", "input": "*** Begin"}}
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": "done"},
            ],
            "tools": [
                {
                    "type": "custom",
                    "custom": {
                        "name": "apply patch",
                        "description": "Edits files.",
                        "format": {"type": "text"},
                    },
                },
                {"type": "function", "function": {"name": "server/tool.v1"}},
                {"type": "function", "name": "1st"},
            ],
            "parallel_tool_calls": False,
        },
    ),
    "legacy-functions": (
        "gemini-2.5-flash",
        {
            "messages": [
                QUESTION,
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "get_weather", "arguments": '{"city":"Boston"}'},
                },
                {"role": "function", "name": "get_weather", "content": "rain"},
            ],
            "functions": [WEATHER["function"]],
            "function_call": "auto",
        },
    ),
    "json-schema": (
        "gemini-3.8-flash",
        {
            "messages": [{"role": "user", "content": "A tree."}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "tree", "strict": True, "schema": TREE},
            },
            "temperature": 0,
            "max_completion_tokens": 32_000,
        },
    ),
    "json-schema-beside-tools-on-gemini-2": (
        "gemini-2.5-flash",
        {
            "messages": [{"role": "system", "content": "Be brief."}, QUESTION],
            "tools": [WEATHER],
            "response_format": {"type": "json_schema", "json_schema": {"name": "tree", "schema": TREE}},
        },
    ),
    "google-s-own-options": (
        "gemini-2.5-flash",
        {
            "messages": [{"role": "user", "content": "x"}],
            "extra_body": {
                "google": {
                    "thinking_config": {"thinking_budget": 800, "include_thoughts": True},
                    "safety_settings": [
                        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}
                    ],
                }
            },
        },
    ),
}


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


@pytest.mark.parametrize(
    ("name", "model", "fields"), [(name, *case) for name, case in REQUESTS.items()], ids=REQUESTS
)
def test_whole_requests(name: str, model: str, fields: Fields, golden: Callable[[str, str], None]) -> None:
    request = {"model": "gpt-4o", **fields}
    body = to_gemini(parse(json.dumps(request).encode()), model).body
    golden(
        f"request-{name}.txt", f"{pretty(request)}\n\n=> {model}\n\n{pretty(json.loads(body.to_json()))}\n"
    )
