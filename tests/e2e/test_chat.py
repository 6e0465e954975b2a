"""The real OpenAI SDK in front, mitmproxy in between, the simulator behind."""

import gzip
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway, write_accounts

ANA, BO = ("ana@example.com", "key-a"), ("bo@example.com", "key-b")
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@asynccontextmanager
async def gateway_and_simulator(
    folder: Path, *accounts: tuple[str, str], **options: object
) -> AsyncGenerator[tuple[RunningGateway, Simulator]]:
    async with Simulator() as simulator:
        path = write_accounts(folder, *(accounts or (ANA, BO)))
        async with run_gateway(simulator.base_url, folder, gateway_accounts=path, **options) as gateway:
            yield gateway, simulator


def sdk(gateway: RunningGateway, **options: object) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key="sk-anything",
        base_url=f"{gateway.url}/v1",
        max_retries=0,
        _strict_response_validation=True,
        **options,  # pyright: ignore[reportArgumentType]
    )


async def test_a_whole_answer(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=[{"role": "user", "content": "echo:Bonjour 🌍"}]
        )
        completion = raw.parse()
        assert completion.choices[0].message.content == "Bonjour 🌍"
        assert (completion.model, completion.choices[0].finish_reason) == ("gpt-4o", "stop")
        assert completion.usage is not None
        assert (
            completion.usage.total_tokens
            == completion.usage.prompt_tokens + completion.usage.completion_tokens
        )
        assert raw.headers["x-mapped-model"] == "gemini-2.5-flash"
        assert raw.headers["x-account-email"] in {ANA[0], BO[0]}
        assert raw.headers["x-request-id"].startswith("req_")


async def test_a_streamed_answer(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        stream = await client.chat.completions.create(
            model="gemini-2.5-flash",
            messages=[{"role": "user", "content": "echo:one two three four five six seven"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == (
            "one two three four five six seven"
        )
        assert chunks[0].choices[0].delta.role == "assistant"
        assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == [
            "stop"
        ]
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert len({chunk.id for chunk in chunks}) == 1
        assert len(chunks) > 4, "a stream that comes in one piece is none"


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3.8-flash", "gemini-4-hydrogen"])
async def test_an_agent_s_loop_with_parallel_calls(tmp_path: Path, model: str) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "developer", "content": "Use the tools."},
        {"role": "user", "content": "get_weather twice: Paris and Rome"},
    ]
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        async with client.chat.completions.stream(model=model, messages=messages, tools=[WEATHER]) as stream:
            completion = await stream.get_final_completion()
        calls = completion.choices[0].message.tool_calls or []
        assert completion.choices[0].finish_reason == "tool_calls"
        assert len(calls) == 2
        assert len({call.id for call in calls}) == 2
        for call in calls:
            assert "city" in json.loads(call.function.arguments)
        # as agents do that drop every field they do not know
        messages.append(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": call.function.arguments},
                    }
                    for call in calls
                ],
            }
        )
        results: list[ChatCompletionMessageParam] = [
            {"role": "tool", "tool_call_id": call.id, "content": f"result of {call.id}"}
            for call in reversed(calls)
        ]
        messages.extend(results)
        answer = await client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
        assert answer.choices[0].finish_reason == "stop"
        assert f"result of {calls[0].id}" in (answer.choices[0].message.content or "")


async def test_structured_output_and_images(tmp_path: Path) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": ["integer", "null"]}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        completion = await client.chat.completions.create(
            model="gpt-4o",
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Who is this?"},
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{pixel}"}},
                    ],
                }
            ],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "p", "strict": True, "schema": schema},
            },
        )
        answer = json.loads(completion.choices[0].message.content or "")
        assert set(answer) == {"name", "age"}
        assert '"inlineData"' in json.dumps(simulator.requests[-1].body)


async def test_reasoning_is_shown_and_counted(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        completion = await client.chat.completions.create(
            model="gemini-3.5-flash",
            messages=[{"role": "user", "content": "Think."}],
            reasoning_effort="high",
        )
        assert completion.choices[0].message.model_extra
        assert completion.choices[0].message.model_extra["reasoning_content"]
        assert completion.usage is not None
        assert completion.usage.completion_tokens_details is not None
        assert completion.usage.completion_tokens_details.reasoning_tokens


async def test_bad_input_names_the_parameter_and_goes_nowhere(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(
                model="gpt-4o",
                messages=[{"role": "tester", "content": "x"}],  # pyright: ignore[reportArgumentType]
            )
        assert caught.value.param == "messages[0].role"
        with pytest.raises(openai.NotFoundError) as missing:
            await client.chat.completions.create(model="nope", messages=[{"role": "user", "content": "x"}])
        assert missing.value.code == "model_not_found"
        assert not simulator.requests


async def test_models_and_health(tmp_path: Path) -> None:
    async with (
        gateway_and_simulator(tmp_path) as (gateway, _),
        sdk(gateway) as client,
        gateway.client() as http,
    ):
        assert "gpt-4o" in [model.id async for model in await client.models.list()]
        assert (await client.models.retrieve("gpt-4o")).id == "gpt-4o"
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("nope")
        assert caught.value.code == "model_not_found"
        health = await http.get("/healthz")
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        head = await http.head("/v1/models")
        assert (head.status_code, head.content) == (200, b"")


async def test_a_request_compressed_by_its_client_is_read(tmp_path: Path) -> None:
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:hi"}]}).encode()
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        answer = await http.post(
            "/v1/chat/completions", content=gzip.compress(body), headers={"content-encoding": "gzip"}
        )
        assert answer.json()["choices"][0]["message"]["content"] == "hi"
        broken = await http.post(
            "/v1/chat/completions", content=b"no gzip", headers={"content-encoding": "gzip"}
        )
        assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_legacy_completions_whole_and_streamed(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        whole = await client.completions.create(model="gpt-4o", prompt="echo:bonjour", echo=True)
        assert whole.choices[0].text == "echo:bonjourbonjour"
        assert (whole.object, whole.choices[0].finish_reason) == ("text_completion", "stop")
        with pytest.raises(openai.BadRequestError) as caught:
            await client.completions.create(model="gpt-4o", prompt=[1, 2])
        assert caught.value.param == "prompt"
    async with gateway_and_simulator(tmp_path) as (gateway, _), gateway.client() as http:
        # not the strict SDK: it forbids the `null` that OpenAI sends
        body = {"model": "gpt-4o", "prompt": "echo:one two", "stream": True}
        answer = await http.post("/v1/completions", json=body)
        assert answer.headers["x-mapped-model"] == "gemini-2.5-flash"
        events = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: {")]
        assert "".join(event["choices"][0]["text"] for event in events) == "one two"
        assert answer.text.endswith("data: [DONE]\n\n")
