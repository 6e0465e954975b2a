"""Thought signatures find their way back to Gemini, whatever the client does with them."""

from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from antigravity_addon.translate.thought_signatures import PLACEHOLDER
from tests.e2e.test_chat import ANA, WEATHER, gateway_and_simulator, sdk
from tests.running import run_gateway, write_accounts

MODEL = "gemini-3.8-flash"
ASKED: ChatCompletionMessageParam = {"role": "user", "content": "get_weather: Paris"}


def signatures(body: Any) -> list[str | None]:
    """Of the calls in a request to Gemini."""
    parts = [part for content in body["contents"] for part in content["parts"]]
    return [part.get("thoughtSignature") for part in parts if "functionCall" in part]


async def called(client: openai.AsyncOpenAI) -> tuple[str, list[ChatCompletionMessageParam]]:
    """The signature of a call, and the history with its result, as clients send it that drop what they do not know."""
    completion = await client.chat.completions.create(model=MODEL, messages=[ASKED], tools=[WEATHER])
    (message,) = (choice.message for choice in completion.choices)
    call: Any = (message.tool_calls or [None])[0]
    function = {"name": call.function.name, "arguments": call.function.arguments}
    assistant: Any = {
        "role": "assistant",
        "tool_calls": [{"id": call.id, "type": "function", "function": function}],
    }
    history: list[Any] = [ASKED, assistant, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    return call.extra_content["google"]["thought_signature"], history


async def test_c46_a_signature_that_the_client_dropped_is_found_by_the_call_s_id(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        given, history = await called(client)
        await client.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])
        assert signatures(simulator.requests[-1].body) == [given]
        # in another client's hands the same id means nothing
        other = client.with_options(api_key="sk-somebody-else")
        await other.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])
        assert signatures(simulator.requests[-1].body) == [PLACEHOLDER]
        # and another model would take it for forged
        await client.chat.completions.create(model="gemini-4-argon", messages=history, tools=[WEATHER])
        assert signatures(simulator.requests[-1].body) == [PLACEHOLDER]


async def test_signatures_outlive_a_restart(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        async with sdk(gateway) as client:
            given, history = await called(client)
        accounts = write_accounts(tmp_path, ANA)
        async with (
            run_gateway(simulator.base_url, tmp_path, gateway_accounts=accounts) as again,
            sdk(again) as client,
        ):
            await client.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])
        assert signatures(simulator.requests[-1].body) == [given]


@pytest.mark.parametrize("store", [True, False], ids=["kept", "carried by the client"])
async def test_reasoning_items_carry_signatures(tmp_path: Path, *, store: bool) -> None:
    tool: Any = {"type": "function", **WEATHER["function"], "strict": False}
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        first = await client.responses.create(
            model=MODEL,
            input="get_weather: Paris",
            tools=[tool],
            store=store,
            include=["reasoning.encrypted_content"],
        )
        (call,) = (item for item in first.output if item.type == "function_call")
        (reasoning,) = (item for item in first.output if item.type == "reasoning")
        assert reasoning.encrypted_content
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        carried: list[Any] = [item.model_dump() for item in first.output]
        # as the AI SDK does it, which names what is kept instead of sending it
        named: list[Any] = [{"type": "item_reference", "id": reasoning.id}, call.model_dump(exclude={"id"})]
        asked: Any = {"role": "user", "content": "get_weather: Paris"}
        await client.responses.create(
            model=MODEL, input=[asked, *(named if store else carried), result], tools=[tool], store=store
        )
        (signature,) = signatures(simulator.requests[-1].body)
        assert signature not in {None, PLACEHOLDER}
        # another model would take it for forged
        await client.responses.create(
            model="gemini-4-argon", input=[asked, *carried, result], tools=[tool], store=store
        )
        assert signatures(simulator.requests[-1].body) == [PLACEHOLDER]
