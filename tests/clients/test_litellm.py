"""LiteLLM as a client: it asks in its own ways, and reads answers into types of its own."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_chat import WEATHER, gateway_and_simulator


@pytest.fixture
def litellm(monkeypatch: pytest.MonkeyPatch) -> Any:
    # it would ask the internet for a list of prices
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm
    return litellm


async def test_chat_and_responses_whole_and_streamed(tmp_path: Path, litellm: Any) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _):
        way: dict[str, Any] = {
            "model": "openai/gemini-3.8-flash",
            "api_base": f"{gateway.url}/v1",
            "api_key": "sk-anything",
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own serialisers warn of its own types
            asked = [{"role": "user", "content": "echo:one two three"}]
            whole: Any = await litellm.acompletion(**way, messages=asked)
            assert whole.choices[0].message.content == "one two three"
            pieces: Any = await litellm.acompletion(**way, messages=asked, stream=True)
            assert "".join([p.choices[0].delta.content or "" async for p in pieces]) == "one two three"
            called: Any = await litellm.acompletion(
                **way, messages=[{"role": "user", "content": "get_weather: Paris"}], tools=[WEATHER]
            )
            assert called.choices[0].message.tool_calls[0].function.name == "get_weather"
            response: Any = await litellm.aresponses(**way, input="echo:hi")
            assert response.output_text == "hi"
            events: Any = await litellm.aresponses(**way, input="echo:hi", stream=True)
            kinds = [str(getattr(event.type, "value", event.type)) async for event in events]
            assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
