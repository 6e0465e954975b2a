"""LangChain's own tests for chat models, but for what takes a real model, over both APIs, on the gateway as a process of its own."""

import shutil
from collections.abc import Generator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tests.e2e.test_start import ROOT, started

pytestmark = [
    # they and what they stand on warn of each other
    pytest.mark.filterwarnings("ignore"),
    # LangChain keeps its connections from test to test
    pytest.mark.asyncio(loop_scope="module"),
]

NO_MODEL = "the simulator does not do what it is told in words"
NO_INTERNET = "fetches a file from the internet"
BEYOND_THE_SIMULATOR = {
    "test_agent_loop": NO_MODEL,
    "test_json_mode": NO_MODEL,
    "test_structured_few_shot_examples": NO_MODEL,
    "test_tool_calling": NO_MODEL,
    "test_tool_calling_async": NO_MODEL,
    "test_unicode_tool_call_integration": NO_MODEL,
    "test_image_inputs": NO_INTERNET,
    "test_image_tool_message": NO_INTERNET,
    "test_pdf_inputs": NO_INTERNET,
    "test_audio_inputs": NO_INTERNET,
    "test_pdf_tool_message": NO_INTERNET,
}


@pytest.fixture(scope="module", autouse=True)
def gateway_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    folder = tmp_path_factory.mktemp("gateway")
    shutil.copy(ROOT / "addon.py", folder)
    with started(
        folder, "--set", "gateway_upstream=simulator", "--mode", "reverse:http://127.0.0.1:1@127.0.0.1:0"
    ) as (address, _):
        _Standard.url = f"http://{address}/v1"
        yield _Standard.url


@pytest.fixture(autouse=True)
def what_the_simulator_cannot(request: pytest.FixtureRequest) -> None:
    if reason := BEYOND_THE_SIMULATOR.get(request.node.originalname):
        pytest.skip(reason)


@pytest.fixture
def benchmark() -> None:
    """It and `vcr` are of plugins that are off; the test that asks for them is skipped without recordings of its own."""


@pytest.fixture
def vcr() -> None: ...


class _Standard(ChatModelIntegrationTests):
    url = ""
    uses_responses = False

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": "gemini-3.8-flash",
            "base_url": self.url,
            "api_key": "sk-anything",
            "use_responses_api": self.uses_responses,
            "stream_usage": True,
        }

    @property
    def model_override_value(self) -> str:
        return "gemini-2.5-flash"

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True


class TestChatCompletions(_Standard):
    pass


class TestResponses(_Standard):
    uses_responses = True
