"""What Gemini refuses and the client need not know of is left out of a second request; a model's ways are learnt."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_chat import WEATHER, gateway_and_simulator, sdk
from tests.running import RunningGateway

ASKED: dict[str, Any] = {"role": "user", "content": "echo:hello there"}
CALLED: list[Any] = [
    {"role": "user", "content": "get_weather: Paris"},
    {
        "role": "assistant",
        "tool_calls": [
            {
                "id": "c",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                "extra_content": {"google": {"thought_signature": "Zm9yZ2Vk"}},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c", "content": "sunny"},
]
SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}},
}

type Case = tuple[str, dict[str, Any], bool]
"""Fault, fields of the request, and whether the model is remembered for it."""

REFUSED: dict[str, Case] = {
    "a thinking level": ("refuses-thinking", {"reasoning_effort": "high"}, True),
    "a penalty": ("refuses-penalties", {"presence_penalty": 1.0}, True),
    "logprobs": ("refuses-logprobs", {"logprobs": True}, True),
    "free JSON schemas": ("refuses-parameters-json-schema", {"tools": [WEATHER]}, True),
    "JSON schemas of answers": ("refuses-response-json-schema", {"response_format": SCHEMA}, True),
    "C47 a signature that was forged": (
        "refuses-signatures",
        {"messages": CALLED, "tools": [WEATHER]},
        False,
    ),
    "C47 a signature missed in the answer": (
        "missing-signature",
        {"messages": CALLED, "tools": [WEATHER]},
        False,
    ),
    "a schema that is too much": ("too-many-states", {"response_format": SCHEMA}, False),
}


async def ask(gateway: RunningGateway, **fields: Any) -> Any:
    async with gateway.client() as http:
        body = {"model": "gemini-2.5-flash", "messages": [ASKED], **fields}
        return await http.post("/v1/chat/completions", json=body)


@pytest.mark.parametrize(("fault", "fields", "remembered"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_refusal_is_asked_again_without_what_was_refused(
    tmp_path: Path, fault: str, fields: dict[str, Any], *, remembered: bool
) -> None:
    account = ("a@example.com", f"fault-{fault}")
    async with gateway_and_simulator(tmp_path, account) as (gateway, simulator):
        answer = await ask(gateway, **fields)
        assert answer.status_code == 200, answer.text
        assert len(simulator.requests) == 2
        flow = await gateway.recorder.wait()
        assert "attempts" not in flow.comment
        assert len(flow.metadata["gateway"]["remedies"]) == 1
        assert (await ask(gateway, **fields)).status_code == 200
        assert len(simulator.requests) == (3 if remembered else 4)


async def test_a_dropped_connection_is_gone_on_with_from_the_last_checkpoint(tmp_path: Path) -> None:
    account = ("a@example.com", "fault-checkpoint-cut")
    async with gateway_and_simulator(tmp_path, account) as (gateway, simulator), sdk(gateway) as client:
        async with client.chat.completions.stream(
            model="gemini-4-argon", messages=[{"role": "user", "content": "echo:one two three four five six"}]
        ) as stream:
            completion = await stream.get_final_completion()
        assert completion.choices[0].message.content == "one two three four five six"
        assert len(simulator.requests) == 2


async def test_c40_a_search_is_answered_with_citations(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        completion = await client.chat.completions.create(
            model="gpt-4o-online", messages=[{"role": "user", "content": "What is new?"}]
        )
        message = completion.choices[0].message
        assert message.annotations
        for annotation in message.annotations:
            cited = annotation.url_citation
            assert (message.content or "")[cited.start_index : cited.end_index]
            assert cited.url.startswith("https://")
        sent: Any = simulator.requests[-1].body
        assert sent["tools"] == [{"googleSearch": {}}]
        assert simulator.requests[-1].model == "gemini-2.5-flash"
        response = await client.responses.create(
            model="gpt-4o", input="What is new?", tools=[{"type": "web_search"}]
        )
        assert [item.type for item in response.output if item.type != "reasoning"].count(
            "web_search_call"
        ) == 1
        (text,) = (item.content[0] for item in response.output if item.type == "message")
        assert text.type == "output_text"
        assert text.annotations


async def test_logprobs_are_given_where_the_model_has_them(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        completion = await client.chat.completions.create(
            model="gemini-2.5-flash",
            messages=[{"role": "user", "content": "echo:hello there"}],
            logprobs=True,
            top_logprobs=2,
        )
        logprobs = completion.choices[0].logprobs
        assert logprobs is not None
        assert "".join(token.token for token in logprobs.content or ()) == "hello there"
        assert all(len(token.top_logprobs) == 2 for token in logprobs.content or ())
