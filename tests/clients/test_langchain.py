"""LangChain's ChatOpenAI: streams, tools and structured output, over both APIs."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from tests.e2e.test_chat import gateway_and_simulator


class City(BaseModel):
    """A city."""

    name: str
    population: int


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@pytest.mark.parametrize("responses", [False, True], ids=["chat", "responses"])
async def test_streams_tools_and_structured_output(tmp_path: Path, *, responses: bool) -> None:
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_openai import ChatOpenAI

    async with gateway_and_simulator(tmp_path) as (gateway, _):
        model = ChatOpenAI(
            model="gemini-3.8-flash",
            base_url=f"{gateway.url}/v1",
            api_key=SecretStr("sk-anything"),
            use_responses_api=responses,
            stream_usage=True,
            max_retries=0,
        )
        whole: Any = None
        async for chunk in model.astream("echo:one two three"):
            whole = chunk if whole is None else whole + chunk
        assert whole.text == "one two three"
        assert whole.usage_metadata["total_tokens"] > 0
        asked = HumanMessage("get_weather twice: Paris and Rome")
        answer = await model.bind_tools([get_weather]).ainvoke([asked])
        assert len(answer.tool_calls) == 2
        results = [
            ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls
        ]
        last = await model.bind_tools([get_weather]).ainvoke([asked, answer, *reversed(results)])
        assert "sunny in" in last.text
        assert isinstance(await model.with_structured_output(City).ainvoke("Paris"), City)
