"""What clients need, row by row of the checklist: the Responses API."""

import json
import re
from pathlib import Path
from typing import Any

import openai
import pytest

from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.server import Simulator
from tests.e2e.rows.scripted import FLAT_TOOLS, Frame, Json, call, chunk, sent, stopped, stream, text
from tests.e2e.test_cases import events
from tests.e2e.test_chat import ANA, BO, gateway_and_simulator, sdk
from tests.running import run_gateway, write_accounts

PATH = "/v1/responses"
ASKED: Json = {"model": "gpt-4o", "input": "x"}
PATCH = "*** Begin Patch\n*** End Patch"
NAMESPACE: Json = {"type": "namespace", "name": "agents", "description": "d", "tools": FLAT_TOOLS}
CUSTOM: Json = {"type": "custom", "name": "apply_patch"}
CARRIED: Json = {
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"summary": "auto"},
    "tools": FLAT_TOOLS,
}
THOUGHT = text("Hm.", thought=True)
SIGNED = call(city="Paris") | {"thoughtSignature": "c2ln"}


# --- streams ----------------------------------------------------------------------------------------------------


def added_and_done(written: list[Frame]) -> list[tuple[Json, Json]]:
    """Each item as it began and as it ended."""
    begun = [frame.data["item"] for frame in written if frame.event == "response.output_item.added"]
    ended = [frame.data["item"] for frame in written if frame.event == "response.output_item.done"]
    return list(zip(begun, ended, strict=True))


STREAMS: dict[str, tuple[Json, Exchange, list[str]]] = {
    "rows 29-31 a text": ({}, stopped(text("Hel"), text("lo")), ["message"]),
    "rows 35-37 a call": ({"tools": FLAT_TOOLS}, stopped(call(city="Paris")), ["function_call"]),
    "rows 38-40 a thought": (CARRIED, stopped(THOUGHT, SIGNED), ["reasoning", "function_call"]),
    "row 47 a custom tool": (
        {"tools": [CUSTOM]},
        stopped(call("apply_patch", input=PATCH)),
        ["custom_tool_call"],
    ),
    "row 55 an answer that is withheld": ({}, events(chunk(finish="SAFETY")), ["message"]),
    "row 56 an answer cut by its limit": ({}, events(chunk(text("Hel"), finish="MAX_TOKENS")), ["message"]),
}
KINDS = {
    # of OpenAI's, those that a stream of ours may hold
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.refusal.delta",
    "response.refusal.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta",
    "response.custom_tool_call_input.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.completed",
    "response.incomplete",
}


@pytest.mark.parametrize(("fields", "answer", "items"), STREAMS.values(), ids=STREAMS)
async def test_rows_28_to_34_and_42_43_and_45_a_stream_holds_together(
    tmp_path: Path, fields: Json, answer: Exchange, items: list[str]
) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([answer])
        written = await stream(gateway, PATH, ASKED | fields)
    assert all(frame.event == frame.data["type"] for frame in written)
    assert {frame.event for frame in written} <= KINDS, "row 45"
    assert [frame.data["sequence_number"] for frame in written] == list(range(len(written))), "row 42"
    created, last = written[0].data["response"], written[-1].data["response"]
    for begun in (created, written[1].data["response"]):
        assert (begun["status"], begun["output"], begun["usage"]) == ("in_progress", [], None)
        assert (type(begun["created_at"]), begun["model"]) == (int, "gpt-4o")
        assert re.fullmatch("resp_[0-9a-f]+", begun["id"])
    assert [frame.event for frame in written[:2]] == ["response.created", "response.in_progress"]
    assert (last["id"], last["created_at"]) == (created["id"], created["created_at"])
    limited = "MAX_TOKENS" in str(answer.pieces)
    assert written[-1].event == ("response.incomplete" if limited else "response.completed"), "row 33"
    both = added_and_done(written)
    assert last["output"] == [done for _, done in both], "rows 32 and 34"
    assert [done["type"] for _, done in both] == items
    assert [(begun["id"], begun["type"]) for begun, _ in both] == [
        (done["id"], done["type"]) for _, done in both
    ]
    _assert_announced(written, both)


def _assert_announced(written: list[Frame], both: list[tuple[Json, Json]]) -> None:
    """Whatever has an item or a part of one comes after the item and the part were added."""
    ids: list[str] = []
    parts: set[tuple[str, int]] = set()
    for frame in written:
        if frame.event == "response.output_item.added":
            assert frame.data["output_index"] == len(ids)
            ids.append(frame.data["item"]["id"])
        elif "item_id" in frame.data:
            assert frame.data["item_id"] == ids[frame.data["output_index"]] == both[len(ids) - 1][1]["id"]
            index = frame.data.get("content_index", frame.data.get("summary_index"))
            if str(frame.event).endswith("_part.added"):
                parts.add((frame.data["item_id"], index))
            assert index is None or (frame.data["item_id"], index) in parts


async def streamed(folder: Path, fields: Json, answer: Exchange) -> list[Frame]:
    async with gateway_and_simulator(folder) as (gateway, simulator):
        simulator.script([answer])
        return await stream(gateway, PATH, ASKED | fields)


async def test_row_31_deltas_of_a_text(tmp_path: Path) -> None:
    written = await streamed(tmp_path, {}, stopped(text("Hel"), text("lo")))
    ((begun, done),) = added_and_done(written)
    assert begun == done | {"status": "in_progress", "content": []}
    deltas = [frame.data for frame in written if frame.event == "response.output_text.delta"]
    assert [{name: value for name, value in each.items() if name != "sequence_number"} for each in deltas] == [
        {
            "type": "response.output_text.delta",
            "item_id": done["id"],
            "output_index": 0,
            "content_index": 0,
            "delta": said,
            "logprobs": [],
        }
        for said in ("Hel", "lo")
    ]  # fmt: skip
    assert done["content"] == [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}], (
        "row 57"
    )
    assert done.keys() == {"id", "type", "status", "role", "content"}


@pytest.mark.parametrize("arguments", [{"city": "Paris"}, {}], ids=["row 35 with", "row 35 without"])
async def test_rows_36_and_37_arguments_of_a_call(tmp_path: Path, arguments: Json) -> None:
    written = await streamed(tmp_path, {"tools": FLAT_TOOLS}, stopped(call(**arguments)))
    ((begun, done),) = added_and_done(written)
    deltas = [frame.data for frame in written if frame.event == "response.function_call_arguments.delta"]
    assert json.loads("".join(each["delta"] for each in deltas)) == arguments
    assert {each["item_id"] for each in deltas} == {done["id"]}
    assert done == {
        "id": done["id"],
        "type": "function_call",
        "status": "completed",
        "call_id": done["call_id"],
        "name": "get_weather",
        "arguments": "".join(each["delta"] for each in deltas),
    }
    assert begun == done | {"status": "in_progress", "arguments": ""}
    assert done["id"] != done["call_id"]
    assert len(done["call_id"]) <= 64


async def test_rows_38_to_40_a_thought_and_what_it_carries(tmp_path: Path) -> None:
    written = await streamed(tmp_path, CARRIED, stopped(THOUGHT, SIGNED))
    (begun, done), _ = added_and_done(written)
    assert begun == {"id": done["id"], "type": "reasoning", "summary": [], "encrypted_content": None}
    assert done["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert done["encrypted_content"]
    assert written[-1].data["response"]["output"][0] == done
    kinds = [frame.event for frame in written if "summary_index" in frame.data]
    assert kinds[:2] == ["response.reasoning_summary_part.added", "response.reasoning_summary_text.delta"]


async def test_row_41_a_failure_in_both_shapes(tmp_path: Path) -> None:
    broken = events(chunk(text("Hel")), reset=True)
    async with gateway_and_simulator(tmp_path, BO) as (gateway, simulator), sdk(gateway) as client:
        simulator.script([broken, broken])
        *_, error, failed = await stream(gateway, PATH, ASKED)
        answer = await client.responses.create(model="gpt-4o", input="x", stream=True)
        with pytest.raises(openai.APIError):
            async for _event in answer:
                pass
    assert (error.event, failed.event) == ("error", "response.failed")
    flat = {name: error.data[name] for name in ("code", "message", "param")}
    assert flat["message"]
    assert error.data["error"] == {"type": "server_error", **flat}
    response = failed.data["response"]
    assert (response["status"], response["error"]) == (
        "failed",
        {"code": "server_error", "message": flat["message"]},
    )


@pytest.mark.time_lapse
async def test_row_44_keep_alives_are_events(tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path, ("a@example.com", "fault-slow-first"))
    options: Json = {"gateway_accounts": accounts, "gateway_keepalive_seconds": 1}
    async with (
        Simulator(seconds_of_slow_first=2.5) as simulator,
        run_gateway(simulator.base_url, tmp_path, **options) as gateway,
    ):
        written = await stream(gateway, PATH, ASKED | {"input": "echo:hi"})
    assert [frame.event for frame in written[:4]] == [
        "response.created",
        "response.in_progress",
        "response.in_progress",
        "response.output_item.added",
    ]
    assert [frame.data["sequence_number"] for frame in written] == list(range(len(written)))


async def test_row_55_a_refusal_is_a_completed_answer(tmp_path: Path) -> None:
    written = await streamed(tmp_path, {}, events(chunk(finish="SAFETY")))
    ((_, done),) = added_and_done(written)
    assert done["content"] == [{"type": "refusal", "refusal": "The answer was withheld (SAFETY)."}]
    assert written[-1].event == "response.completed"


async def test_row_56_a_limit_is_an_incomplete_answer(tmp_path: Path) -> None:
    written = await streamed(tmp_path, {}, events(chunk(text("Hel"), finish="MAX_TOKENS")))
    last = written[-1]
    assert last.event == "response.incomplete"
    assert last.data["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last.data["response"]["output"][0]["status"] == "incomplete"


# --- whole answers ----------------------------------------------------------------------------------------------

TEXT_FORMAT: Json = {"format": {"type": "text"}, "verbosity": "medium"}
RESPONSE: Json = {
    "object": "response",
    "status": "completed",
    "background": False,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": "gpt-4o",
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": TEXT_FORMAT,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 0.95,
    "truncation": "disabled",
    "usage": {
        "input_tokens": 19,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 29,
    },
    "user": None,
    "metadata": {},
}


def said(*content: Json) -> Json:
    return {"type": "message", "status": "completed", "role": "assistant", "content": list(content)}


def output_text(words: str) -> Json:
    return {"type": "output_text", "text": words, "annotations": [], "logprobs": []}


WHOLE: dict[str, tuple[Json, Exchange, list[Json]]] = {
    # what the client sends, what Gemini answers, and the items without their ids
    "rows 57 and 59-63 a text": ({}, stopped(text("Hi")), [said(output_text("Hi"))]),
    "rows 58 and 67 calls": (
        {"tools": FLAT_TOOLS},
        stopped(call(city="Paris"), call()),
        [
            {
                "type": "function_call",
                "status": "completed",
                "name": "get_weather",
                "arguments": arguments,
            }
            for arguments in ('{"city":"Paris"}', "{}")
        ],
    ),
    "row 46 a tool of a namespace": (
        {"tools": [NAMESPACE]},
        stopped(call("agents.get_weather", city="Paris")),
        [
            {
                "type": "function_call",
                "status": "completed",
                "name": "get_weather",
                "namespace": "agents",
                "arguments": '{"city":"Paris"}',
            }
        ],
    ),
    "rows 47, 67 and 70 a custom tool": (
        {"tools": [CUSTOM]},
        stopped(call("apply_patch", input=PATCH)),
        [{"type": "custom_tool_call", "status": "completed", "name": "apply_patch", "input": PATCH}],
    ),
    "row 55 an answer that is withheld": (
        {},
        events(chunk(finish="SAFETY")),
        [said({"type": "refusal", "refusal": "The answer was withheld (SAFETY)."})],
    ),
    "row 55 a prompt that is blocked": (
        {},
        events({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": chunk()["usageMetadata"]}),
        [said({"type": "refusal", "refusal": "The prompt was blocked (SAFETY)."})],
    ),
}


@pytest.mark.parametrize(("fields", "answer", "items"), WHOLE.values(), ids=WHOLE)
async def test_a_whole_answer(tmp_path: Path, fields: Json, answer: Exchange, items: list[Json]) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        simulator.script([answer])
        raw = await client.responses.with_raw_response.create(model="gpt-4o", input="x", extra_body=fields)
        raw.parse()
    response = json.loads(raw.text)
    # the users' page promises the text there besides
    response.pop("choices")
    ids = [each.pop("id") for each in response["output"]]
    ids += [each.pop("call_id") for each in response["output"] if "call" in each["type"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z]+_[0-9a-f]+", each) for each in ids)
    assert type(response.pop("id")) is str
    assert type(response.pop("created_at")) is type(response.pop("completed_at")) is int
    assert response == RESPONSE | {"output": items, "tools": fields.get("tools", [])}


# --- requests ---------------------------------------------------------------------------------------------------


def user(*parts: Json) -> Json:
    return {"role": "user", "parts": list(parts)}


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DECLARED: Json = {
    "name": "get_weather",
    "description": "w",
    "parametersJsonSchema": FLAT_TOOLS[0]["parameters"],
}
RESULT: list[Json] = [
    {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "get_weather", "arguments": "{}"},
    {
        "type": "function_call_output",
        "id": "fco_8d1f",
        "call_id": "c",
        "output": [
            {"type": "input_text", "text": "sun"},
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "high"},
        ],
    },
]

SENT: dict[str, tuple[Json, Json]] = {
    # what the client sends, and what of it reaches Gemini
    "row 48 developers, and no instructions": (
        {
            "input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]},
                {"type": "message", "role": "developer", "content": "Be brief."},
                {"type": "message", "role": "user", "content": "x"},
            ]
        },
        {
            "systemInstruction": {"parts": [{"text": "Be kind."}, {"text": "Be brief."}]},
            "contents": [user({"text": "x"})],
        },
    ),
    "row 49 tools that come as an item": (
        {
            "input": [
                {"type": "additional_tools", "role": "developer", "tools": FLAT_TOOLS},
                {"type": "message", "role": "user", "content": "x"},
            ]
        },
        {"tools": [{"functionDeclarations": [DECLARED]}], "contents": [user({"text": "x"})]},
    ),
    "row 50 tools of Codex": (
        {
            "tools": [
                NAMESPACE,
                {"type": "web_search", "external_web_access": False},
                {"type": "tool_search", "execution": "client"},
            ]
        },
        {"contents": [user({"text": "x"})]},
    ),
    "row 51 ids and fields of the client's own": (
        {
            "client_metadata": {"a": "b"},
            "context_management": None,
            "internal_flag": 1,
            "input": [
                {
                    "type": "message",
                    "id": "msg_0193-aaaa",
                    "role": "user",
                    "content": "x",
                    "internal_chat_message_metadata_passthrough": {"t": 1},
                }
            ],
        },
        {"contents": [user({"text": "x"})]},
    ),
    "row 64 a reference to a thought that nobody knows": (
        {"input": [{"type": "item_reference", "id": "rs_1"}, {"role": "user", "content": "x"}]},
        {"contents": [user({"text": "x"})]},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), SENT.values(), ids=SENT)
async def test_a_request(tmp_path: Path, fields: Json, expected: Json) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        answer = await http.post(PATH, json=ASKED | fields)
        assert answer.status_code == 200, answer.text
        body = sent(simulator)
    assert {name: body.get(name) for name in expected} == expected


async def test_row_52_the_result_of_a_call_may_hold_an_image(tmp_path: Path) -> None:
    body = ASKED | {"input": [{"role": "user", "content": "x"}, *RESULT], "tools": FLAT_TOOLS}
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        assert (await http.post(PATH, json=body)).status_code == 200
        given = json.dumps(sent(simulator)["contents"][-1])
    assert '"sun"' in given
    assert PNG in given


async def test_row_53_a_websocket_is_told_to_use_http(tmp_path: Path) -> None:
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "openai-beta": "responses_websockets=2026-02-06",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
    }
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        assert (await http.get(PATH, headers=upgrade)).status_code == 426


@pytest.mark.parametrize("streamed", [False, True], ids=["row 54 whole", "row 54 streamed"])
async def test_too_long_a_context_is_named(tmp_path: Path, *, streamed: bool) -> None:
    account = ("a@example.com", "fault-too-long")
    async with gateway_and_simulator(tmp_path, account) as (gateway, _), gateway.client() as http:
        answer = await http.post(PATH, json=ASKED | {"stream": streamed})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "context_length_exceeded")
    assert "maximum context length" in error["message"]
    assert "exceeds the context window" in error["message"]


async def test_row_64_a_reference_to_what_is_kept_is_resolved(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, ANA) as (gateway, simulator), gateway.client() as http:
        simulator.script([stopped(text("Hi"))])
        first = (await http.post(PATH, json=ASKED)).json()
        named: list[Any] = [
            {"role": "user", "content": "x"},
            {"type": "item_reference", "id": first["output"][0]["id"]},
            {"role": "user", "content": "y"},
        ]
        assert (await http.post(PATH, json=ASKED | {"input": named})).status_code == 200
        assert sent(simulator)["contents"] == [
            user({"text": "x"}),
            {"role": "model", "parts": [{"text": "Hi"}]},
            user({"text": "y"}),
        ]


async def test_row_65_a_response_goes_on_from_another(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, ANA) as (gateway, simulator), gateway.client() as http:
        simulator.script([stopped(text("Hi"))])
        first = (await http.post(PATH, json=ASKED)).json()
        second = await http.post(PATH, json=ASKED | {"input": "y", "previous_response_id": first["id"]})
        assert second.json()["previous_response_id"] == first["id"]
        assert sent(simulator)["contents"] == [
            user({"text": "x"}),
            {"role": "model", "parts": [{"text": "Hi"}]},
            user({"text": "y"}),
        ]


async def test_row_66_a_response_that_nobody_knows(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        answer = await http.post(PATH, json=ASKED | {"previous_response_id": "resp_x"})
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": {
                "message": "Previous response with id 'resp_x' not found.",
                "type": "invalid_request_error",
                "param": "previous_response_id",
                "code": "previous_response_not_found",
            }
        },
    )


async def test_row_68_a_schema_makes_the_text_json(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "name": "codex_output_schema", "strict": True, "schema": schema}
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        answer = (await http.post(PATH, json=ASKED | {"text": {"format": form}})).json()
    (message,) = (item for item in answer["output"] if item["type"] == "message")
    assert json.loads(message["content"][0]["text"]) == {"a": 1}
    assert answer["text"]["format"] == form


async def test_row_69_a_trigger_is_answered_with_a_compaction(tmp_path: Path) -> None:
    trigger = [{"role": "user", "content": "x"}, {"type": "compaction_trigger"}]
    async with gateway_and_simulator(tmp_path, ANA) as (gateway, simulator):
        simulator.script([stopped(text("We met."))])
        written = await stream(gateway, PATH, ASKED | {"input": trigger})
        ((_, item),) = added_and_done(written)
        assert item.keys() == {"id", "type", "encrypted_content"}
        assert item["type"] == "compaction"
        assert written[-1].data["response"]["output"] == [item]
        async with gateway.client() as http:
            await http.post(PATH, json=ASKED | {"input": [item, {"role": "user", "content": "y"}]})
        assert "We met." in json.dumps(sent(simulator)["contents"])
