"""Requests as clients send them."""

import json
from typing import Any

from antigravity_addon.views import translations
from antigravity_addon.views.field_rows import Fate, FieldRow, Fields
from antigravity_addon.views.fields import fields_of
from antigravity_addon.views.translations import Translation

type Body = dict[str, Any]

FLASH_2_5 = "gemini-2.5-flash"
FLASH_3_8 = "gemini-3.8-flash"
HYDROGEN = "gemini-4-hydrogen"

USER: Body = {"role": "user", "content": "x"}
PICTURE_SCHEMA: Body = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "link"],
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "link": {"type": "string", "format": "uri", "description": "Where it is from."},
        "kind": {"const": "photo"},
    },
}

CHAT_WITH_SCHEMA: Body = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "You describe pictures."},
        {
            "role": "user",
            "name": "ana",
            "content": [
                {"type": "text", "text": "What is on it?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}},
            ],
        },
    ],
    "temperature": 0.2,
    "max_tokens": 100_000,
    "max_completion_tokens": 512,
    "reasoning_effort": "xhigh",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "picture", "strict": True, "schema": PICTURE_SCHEMA},
    },
    "stream": True,
    "stream_options": {"include_usage": True},
    "frequency_penalty": 0.5,
    "presence_penalty": None,
    "logit_bias": {"50256": -100},
    "service_tier": "auto",
    "user": "ana",
}


def function(name: str, **schema: Any) -> Body:
    """A tool of the Responses API."""
    return {
        "type": "function",
        "name": name,
        "description": f"What {name} does.",
        "strict": False,
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
            "additionalProperties": False,
            **schema,
        },
    }


def step(number: int) -> list[Body]:
    """What Codex brings back of one step."""
    call = {"id": f"fc_{number}", "call_id": f"call_{number}", "status": "completed"}
    return [
        {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', **call},
        {"type": "function_call_output", "call_id": f"call_{number}", "output": "README.md\n"},
    ]


CODEX: Body = {
    "model": "gpt-5-codex",
    "instructions": "You are a coding agent.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "May write."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Mend the bug."}]},
        *step(1),
        *step(2),
    ],
    "tools": [
        {
            **function("shell"),
            "parameters": {
                "type": "object",
                "properties": {
                    "command": {"type": "array", "items": {"type": "string"}},
                    "timeout_ms": {"type": "number", "multipleOf": 5},
                },
                "required": ["command"],
                "additionalProperties": False,
            },
        },
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Changes files.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
        },
        {"type": "web_search", "external_web_access": False},
        {"type": "local_shell"},
        *(function(f"mcp__files__tool_{number}") for number in range(40)),
        function("mcp__files__tool_3"),
        function("view image"),
        {"type": "namespace", "name": "git", "description": "Versions.", "tools": [function("log")]},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "high", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199c0de",
    "text": {"verbosity": "low"},
    "client_metadata": {"origin": "cli"},
}


def chat(**fields: Any) -> Body:
    return {"model": "gpt-4o", "messages": [USER], **fields}


def found(
    body: Body,
    model: str = FLASH_2_5,
    *,
    translation: Translation = translations.CHAT,
    sent: Body | None = None,
    choice: int = 0,
) -> Fields:
    upstream = None if sent is None else json.dumps(sent).encode()
    result = fields_of(translation, json.dumps(body).encode(), model, sent=upstream, choice=choice)
    assert isinstance(result, Fields)
    return result


def row(fields: Fields, name: str) -> FieldRow:
    return next(each for top in fields.rows for each in top.walk() if each.name == name)


def fate(fields: Fields, name: str) -> Fate:
    return row(fields, name).fate
