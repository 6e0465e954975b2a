"""OpenAI's Agents SDK: its loop with tools, over both APIs."""

from pathlib import Path

import pytest

from tests.e2e.test_chat import gateway_and_simulator, sdk


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_an_agent_calls_its_tool_and_answers(tmp_path: Path, api: str, *, streamed: bool) -> None:
    import agents

    agents.set_tracing_disabled(True)
    models = {"responses": agents.OpenAIResponsesModel, "chat": agents.OpenAIChatCompletionsModel}
    tool = agents.function_tool(get_weather)
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), sdk(gateway) as client:
        model = models[api](model="gemini-3.8-flash", openai_client=client)
        agent = agents.Agent(name="a", instructions="Use the tool.", model=model, tools=[tool])
        if streamed:
            result = agents.Runner.run_streamed(agent, "get_weather twice: Paris and Rome")
            async for _ in result.stream_events():
                pass
        else:
            result = await agents.Runner.run(agent, "get_weather twice: Paris and Rome")
        assert "sunny in" in result.final_output
        assert len(simulator.requests) == 2
        called = [item for item in result.new_items if isinstance(item, agents.ToolCallItem)]
        assert len(called) == 2
