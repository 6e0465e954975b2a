"""Pydantic AI, which validates every answer anew: tools and typed output, over both APIs."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.e2e.test_chat import gateway_and_simulator, sdk


class City(BaseModel):
    name: str
    population: int


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@pytest.mark.parametrize("name", ["gemini-2.5-flash", "gemini-3.8-flash"])
@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_tools_streams_and_typed_output(tmp_path: Path, api: str, name: str) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    models = {"responses": OpenAIResponsesModel, "chat": OpenAIChatModel}
    async with gateway_and_simulator(tmp_path) as (gateway, _), sdk(gateway) as client:
        model = models[api](name, provider=OpenAIProvider(openai_client=client))
        agent = Agent(model, tools=[get_weather])
        assert "sunny in" in (await agent.run("get_weather twice: Paris and Rome")).output
        async with agent.run_stream("get_weather: Rome") as stream:
            assert "sunny in" in await stream.get_output()
        assert isinstance((await Agent(model, output_type=City).run("Paris")).output, City)
