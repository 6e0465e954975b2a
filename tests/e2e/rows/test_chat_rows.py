"""What clients need, row by row of the checklist: Chat Completions and its legacy sibling.

That images behind URLs are fetched is shown where they are, in tests/upstream/test_web_media.py.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import openai
import pytest

from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.translate.thought_signatures import PLACEHOLDER
from tests.e2e.rows.scripted import (
    FUNCTION,
    TOOLS,
    Frame,
    Json,
    call,
    chunk,
    frames,
    sent,
    stopped,
    stream,
    text,
)
from tests.e2e.test_cases import events
from tests.e2e.test_chat import BO, gateway_and_simulator, sdk
from tests.e2e.test_signatures import MODEL, called, signatures

PATH = "/v1/chat/completions"
ASKED: Json = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
USAGE: Json = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
_CALL_ID = re.compile(r"call_[0-9a-f]{24}")


# --- answers ----------------------------------------------------------------------------------------------------


def role(content: str | None) -> Json:
    return {"role": "assistant", "content": content, "refusal": None}


def tool_call(index: int, arguments: str) -> Json:
    function = {"name": "get_weather", "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function", "function": function}]}


STREAMS: dict[str, tuple[Json, Exchange, list[Json], str]] = {
    "rows 1-3, 12-15, 17 and 20 a text": (
        {},
        stopped(text("Hel"), text("lo")),
        [role(""), {"content": "Hel"}, {"content": "lo"}],
        "stop",
    ),
    "rows 4-8, 10 and 11 two calls, one of them without arguments": (
        {"tools": TOOLS},
        stopped(call(city="Paris"), call()),
        [role(None), tool_call(0, '{"city":"Paris"}'), tool_call(1, "{}")],
        "tool_calls",
    ),
    "row 94 thoughts come before the text": (
        {},
        stopped(text("Hm.", thought=True), text("Hi")),
        [role(None), {"reasoning_content": "Hm."}, {"content": "Hi"}],
        "stop",
    ),
    "rows 3 and 26 a prompt that is blocked": (
        {},
        events({"promptFeedback": {"blockReason": "SAFETY"}}),
        [role(""), {"refusal": "The prompt was blocked (SAFETY)."}],
        "content_filter",
    ),
    "rows 3 and 100 an answer cut by its limit": (
        {},
        events(chunk(text("Hel"), finish="MAX_TOKENS")),
        [role(""), {"content": "Hel"}],
        "length",
    ),
}


@pytest.mark.parametrize(("fields", "answer", "deltas", "reason"), STREAMS.values(), ids=STREAMS)
async def test_a_stream(
    tmp_path: Path, fields: Json, answer: Exchange, deltas: list[Json], reason: str
) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([answer])
        *chunks, done = await stream(gateway, PATH, ASKED | fields)
    assert done == Frame(None, "[DONE]")
    _name_calls(chunks)
    head: Json = {
        "id": chunks[0].data["id"],
        "object": "chat.completion.chunk",
        "created": chunks[0].data["created"],
        "model": "gpt-4o",
        "service_tier": "default",
        "system_fingerprint": None,
    }
    assert re.fullmatch("chatcmpl-[0-9a-f]+", head["id"])
    assert type(head["created"]) is int
    assert [frame.data for frame in chunks] == [
        head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": ended}]}
        for delta, ended in [*((delta, None) for delta in deltas), ({}, reason)]
    ]


def _name_calls(chunks: list[Frame]) -> None:
    """Ids in the order in which they come. Each of them is another, or the test that follows fails."""
    names: dict[str, str] = {}
    for frame in chunks:
        for each in frame.data["choices"][0]["delta"].get("tool_calls", ()):
            assert _CALL_ID.fullmatch(each["id"])
            each["id"] = names.setdefault(each["id"], f"call_{len(names)}")


async def test_row_16_usage_that_was_asked_for_is_in_the_last_chunk_alone(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([stopped(text("Hi"))])
        *chunks, last, _ = await stream(gateway, PATH, ASKED | {"stream_options": {"include_usage": True}})
    assert [frame.data["usage"] for frame in chunks] == [None] * 3
    assert (last.data["choices"], last.data["usage"]) == ([], USAGE)


async def test_rows_18_and_19_a_broken_stream_ends_with_an_error_object(tmp_path: Path) -> None:
    broken = events(chunk(text("Hel")), reset=True)
    async with gateway_and_simulator(tmp_path, BO) as (gateway, simulator), sdk(gateway) as client:
        simulator.script([broken, broken])
        last = (await stream(gateway, PATH, ASKED))[-1]
        assert last.event is None
        assert last.data.keys() == {"error"}
        message = last.data["error"].pop("message")
        assert message
        assert last.data["error"] == {
            "type": "server_error",
            "param": None,
            "code": "upstream_interrupted",
        }
        answer = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True
        )
        with pytest.raises(openai.APIError, match=re.escape(message)):
            async for _ in answer:
                pass


async def test_row_27_an_answer_with_nothing_in_it_is_no_success(tmp_path: Path) -> None:
    # row 27 has this be an empty text; upstream.md asks again and then fails: an empty success misleads agents
    async with gateway_and_simulator(tmp_path, BO) as (gateway, simulator), gateway.client() as http:
        simulator.script([stopped(text(""))] * 3)
        answer = await http.post(PATH, json=ASKED)
        assert len(simulator.requests) == 3
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "empty_response")


def message(content: str | None, **more: Any) -> Json:
    return {"role": "assistant", "content": content, "refusal": None, "annotations": [], **more}


def whole_call(number: int, arguments: str) -> Json:
    function = {"name": "get_weather", "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function}


WHOLE: dict[str, tuple[Json, Exchange, Json, str]] = {
    "rows 21-25 a text": ({}, stopped(text("Hel"), text("lo")), message("Hello"), "stop"),
    "rows 7-9 and 11 calls": (
        {"tools": TOOLS},
        stopped(call(city="Paris"), call()),
        message(None, tool_calls=[whole_call(0, '{"city":"Paris"}'), whole_call(1, "{}")]),
        "tool_calls",
    ),
    "rows 24 and 26 a prompt that is blocked": (
        {},
        events({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": chunk()["usageMetadata"]}),
        message("", refusal="The prompt was blocked (SAFETY)."),
        "content_filter",
    ),
    "rows 24 and 27 a limit that is reached ahead of the first word": (
        {},
        events(chunk(finish="MAX_TOKENS")),
        message(""),
        "length",
    ),
    "row 104 a function of old clients": (
        {"functions": [FUNCTION]},
        stopped(call(city="Paris")),
        message(None, function_call={"name": "get_weather", "arguments": '{"city":"Paris"}'}),
        "function_call",
    ),
    **{
        f"row 105 a tier of service, {tier}": (
            {"service_tier": tier},
            stopped(text("Hi")),
            message("Hi"),
            "stop",
        )
        for tier in ("auto", "flex", "priority")
    },
}


@pytest.mark.parametrize(("fields", "answer", "expected", "reason"), WHOLE.values(), ids=WHOLE)
async def test_a_whole_answer(
    tmp_path: Path, fields: Json, answer: Exchange, expected: Json, reason: str
) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        simulator.script([answer])
        raw = await client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=[{"role": "user", "content": "x"}], extra_body=fields
        )
        raw.parse()
    completion = json.loads(raw.text)
    for number, each in enumerate(completion["choices"][0]["message"].get("tool_calls", ())):
        assert _CALL_ID.fullmatch(each["id"])
        each["id"] = f"call_{number}"
    assert (type(completion.pop("id")), type(completion.pop("created"))) == (str, int)
    assert completion == {
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": expected, "logprobs": None, "finish_reason": reason}],
        "usage": USAGE,
        "service_tier": "default",
        "system_fingerprint": None,
    }


# --- requests ---------------------------------------------------------------------------------------------------


def user(*parts: Json) -> Json:
    return {"role": "user", "parts": list(parts)}


def inline(mime_type: str, encoded: str) -> Json:
    return {"inlineData": {"mimeType": mime_type, "data": encoded}}


def calling(*tools: str, mode: str = "ANY") -> Json:
    return {
        "functionCallingConfig": {"mode": mode, **({"allowedFunctionNames": list(tools)} if tools else {})}
    }


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQK"
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA"
HISTORY: list[Json] = [
    {"role": "user", "content": "Paris and Rome?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
            },
            {
                "id": "b",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'},
            },
        ],
    },
    {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "rain"}]},
    {"role": "tool", "tool_call_id": "a", "content": "sun"},
]
OTHER: Json = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
ALLOWED: Json = {
    "type": "allowed_tools",
    "allowed_tools": {
        "mode": "required",
        "tools": [{"type": "function", "function": {"name": "get_weather"}}],
    },
}

SENT: dict[str, tuple[Json, Json]] = {
    # what the client sends, and what of it reaches Gemini
    "row 85 a developer": (
        {
            "messages": [
                {"role": "developer", "content": "Be kind."},
                {"role": "user", "content": "x"},
            ]
        },
        {"systemInstruction": {"parts": [{"text": "Be kind."}]}, "contents": [user({"text": "x"})]},
    ),
    "row 86 parts of nothing but text": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": word} for word in "ab"]}]},
        {"contents": [user({"text": "a"}, {"text": "b"})]},
    ),
    "row 87 an image, its detail original": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image_url",
                            "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "original"},
                        }
                    ],
                }
            ]
        },
        {"contents": [user(inline("image/png", PNG))]},
    ),
    "row 88 a PDF and a recording": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "file",
                            "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
                        },
                        {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
                    ],
                }
            ]
        },
        {"contents": [user(inline("application/pdf", PDF), inline("audio/wav", WAV))]},
    ),
    "rows 89-91 calls without a text, results as parts and in another order": (
        {"messages": HISTORY, "tools": TOOLS},
        {
            "contents": [
                user({"text": "Paris and Rome?"}),
                {"role": "model", "parts": [call(city="Paris"), call(city="Rome")]},
                user(
                    {"functionResponse": {"name": "get_weather", "response": {"output": "sun"}}},
                    {"functionResponse": {"name": "get_weather", "response": {"output": "rain"}}},
                ),
            ]
        },
    ),
    "row 95 exactly this function": (
        {
            "tools": [*TOOLS, OTHER],
            "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        },
        {"toolConfig": calling("get_weather")},
    ),
    "row 96 any function": (
        {"tools": TOOLS, "tool_choice": "required"},
        {"toolConfig": calling()},
    ),
    "row 96 no function": (
        {"tools": TOOLS, "tool_choice": "none"},
        {"toolConfig": calling(mode="NONE")},
    ),
    "row 96 one of these functions": (
        {"tools": [*TOOLS, OTHER], "tool_choice": ALLOWED},
        {"toolConfig": calling("get_weather")},
    ),
    "row 103 null, and fields that nobody knows": (
        {
            **dict.fromkeys(("temperature", "seed", "logprobs", "tools", "stop", "stream_options", "user")),
            "provider": {"order": []},
            "client_metadata": {"a": "b"},
            "cache_control": {"type": "ephemeral"},
        },
        {"contents": [user({"text": "x"})], "tools": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), SENT.values(), ids=SENT)
async def test_a_request(tmp_path: Path, fields: Json, expected: Json) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        answer = await http.post(PATH, json=ASKED | fields)
        assert answer.status_code == 200, answer.text
        body = sent(simulator)
    assert {name: body.get(name) for name in expected} == expected


async def test_row_92_a_dropped_signature_is_restored(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        given, history = await called(client)
        await client.chat.completions.create(model=MODEL, messages=history)
        assert given != PLACEHOLDER
        assert signatures(sent(simulator)) == [given]


async def test_row_93_a_signature_in_the_history_is_used(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        given, history = await called(client)
        assistant: Any = history[1]
        assistant["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": given}}
        # nothing is kept under another key: what is sent is all there is
        stranger = client.with_options(api_key="sk-somebody-else")
        await stranger.chat.completions.create(model=MODEL, messages=history)
        assert signatures(sent(simulator)) == [given]


SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
ANSWERED: dict[str, tuple[Json, str]] = {
    # what the client sends, and a pattern of (finish reason, content)
    "row 95 the forced function is called": (
        {"tools": [*TOOLS, OTHER], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        r"tool_calls f",
    ),
    "row 96 none is called": (
        {
            "tools": TOOLS,
            "tool_choice": "none",
            "messages": [{"role": "user", "content": "get_weather: Paris"}],
        },
        r"stop .+",
    ),
    "row 99 text is cut ahead of the stop": (
        {"stop": ["three"], "messages": [{"role": "user", "content": "echo:one two three four"}]},
        r"stop one two ?",
    ),
    "row 100 max_tokens": (
        {"max_tokens": 12, "messages": [{"role": "user", "content": f"echo:{'a b ' * 20}"}]},
        r"length (a b ?)+",
    ),
    "row 100 max_completion_tokens": (
        {"max_completion_tokens": 12, "messages": [{"role": "user", "content": f"echo:{'a b ' * 20}"}]},
        r"length (a b ?)+",
    ),
}


@pytest.mark.parametrize(("fields", "pattern"), ANSWERED.values(), ids=ANSWERED)
async def test_an_answer_obeys(tmp_path: Path, fields: Json, pattern: str) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        answer = await http.post(PATH, json=ASKED | fields)
    choice = answer.json()["choices"][0]
    called = [each["function"]["name"] for each in choice["message"].get("tool_calls", ())]
    said = choice["message"]["content"]
    assert re.fullmatch(pattern, f"{choice['finish_reason']} {' '.join(called) if called else said}")


FORMATS: dict[str, tuple[Json, Json]] = {
    "row 97 a schema without strict": (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        {"a": 1},
    ),
    "row 98 any JSON": ({"type": "json_object"}, {"simulated": True, "you_wrote": "x"}),
}


@pytest.mark.parametrize(("response_format", "expected"), FORMATS.values(), ids=FORMATS)
async def test_an_answer_is_valid_json(tmp_path: Path, response_format: Json, expected: Json) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        answer = await http.post(PATH, json=ASKED | {"response_format": response_format})
    assert json.loads(answer.json()["choices"][0]["message"]["content"]) == expected


async def test_row_101_two_choices(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        simulator.script([stopped(text("a")), stopped(text("a"))])
        answer = await http.post(PATH, json=ASKED | {"n": 2})
    assert [(choice["index"], choice["message"]["content"]) for choice in answer.json()["choices"]] == [
        (0, "a"),
        (1, "a"),
    ]


EFFORTS: dict[str, str] = {
    "none": "LOW",
    "minimal": "LOW",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}


async def test_row_102_every_effort_is_mapped_to_what_the_model_has(tmp_path: Path) -> None:
    levels: dict[str, str] = {}
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        for effort in EFFORTS:
            body = ASKED | {"model": "gemini-3.1-pro-preview", "reasoning_effort": effort}
            assert (await http.post(PATH, json=body)).status_code == 200
            levels[effort] = sent(simulator)["generationConfig"]["thinkingConfig"]["thinkingLevel"]
    assert levels == EFFORTS


@pytest.mark.parametrize("path", [PATH, "/v1/responses"], ids=["row 106 Chat", "row 106 Responses"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_client_that_leaves_takes_the_upstream_request_with_it(
    tmp_path: Path, path: str, *, streamed: bool
) -> None:
    account = ("a@example.com", "fault-silence")
    body = {"model": "gpt-4o", "messages": ASKED["messages"], "input": "x", "stream": streamed}
    async with gateway_and_simulator(tmp_path, account) as (gateway, simulator), gateway.client() as http:
        asking = asyncio.get_running_loop().create_task(http.post(path, json=body))
        await simulator.wait_for(lambda requests: len(requests) == 1)
        asking.cancel()
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: requests[0].disconnected)


@pytest.mark.parametrize("prompt", ["x", ["x"]], ids=["row 107 a text", "row 107 a list of one text"])
async def test_a_legacy_completion(tmp_path: Path, prompt: Any) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        simulator.script([stopped(text("Hi"))])
        raw = await client.completions.with_raw_response.create(model="gpt-4o", prompt=prompt)
        raw.parse()
        assert sent(simulator)["contents"] == [user({"text": "x"})]
    completion = json.loads(raw.text)
    assert re.fullmatch("cmpl-[0-9a-f]+", completion["id"])
    assert {name: completion[name] for name in ("object", "model", "choices")} == {
        "object": "text_completion",
        "model": "gpt-4o",
        "choices": [{"text": "Hi", "index": 0, "logprobs": None, "finish_reason": "stop"}],
    }


async def test_row_108_a_legacy_stream(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([stopped(text("Hel"), text("lo"))])
        *chunks, done = await stream(gateway, "/v1/completions", {"model": "gpt-4o", "prompt": "x"})
    assert done == Frame(None, "[DONE]")
    assert {frame.data["object"] for frame in chunks} == {"text_completion"}
    assert [frame.data["choices"] for frame in chunks] == [
        [{"text": said, "index": 0, "logprobs": None, "finish_reason": ended}]
        for said, ended in [("Hel", None), ("lo", None), ("", "stop")]
    ]


async def test_row_114_what_was_found_is_cited_in_nested_form(tmp_path: Path) -> None:
    body = ASKED | {"web_search_options": {}}
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        *chunks, _ = await stream(gateway, PATH, body)
        assert sent(simulator)["tools"] == [{"googleSearch": {}}]
    deltas = [frame.data["choices"][0]["delta"] for frame in chunks]
    said = "".join(delta.get("content") or "" for delta in deltas)
    annotations = [each for delta in deltas for each in delta.get("annotations", ())]
    assert annotations
    for each in annotations:
        cited = each["url_citation"]
        assert each == {"type": "url_citation", "url_citation": cited}
        assert cited.keys() == {"start_index", "end_index", "url", "title"}
        assert 0 <= cited["start_index"] < cited["end_index"] <= len(said)


def test_the_plain_parser_is_strict() -> None:
    with pytest.raises(AssertionError):
        frames("data: {\n\ndata: }\n")
