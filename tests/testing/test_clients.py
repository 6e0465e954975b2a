"""Agents of the usual kinds, recorded by the plugin and answered offline: the OpenAI SDK, streams, LangChain."""

import pytest

from tests.clients.conftest import nothing_is_left_to_others as nothing_is_left_to_others  # noqa: PLC0414  a fixture
from tests.docs.pages import ROOT, snippets

from .project import ASYNCIO, Project

pytest_plugins = ["pytester"]

PAGE = ROOT / "docs" / "testing-your-agent.md"
STREAM = """
import pytest
from openai import AsyncOpenAI


@pytest.mark.asyncio
async def test_streamed_responses(gateway):
    async with AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.api_key) as client:
        before = None
        for text in ("one", "two"):
            said = ""
            stream = await client.responses.create(
                model="gpt-4o", input=f"echo:{text}", stream=True, previous_response_id=before
            )
            async for event in stream:
                if event.type == "response.output_text.delta":
                    said += event.delta
                if event.type == "response.completed":
                    before = event.response.id
            assert said == text
"""


# frameworks leave connections to the garbage collector
@pytest.mark.filterwarnings("ignore")
def test_agents_are_answered_offline_as_they_were(project: Project) -> None:
    """Those that the page shows, as they stand there, and one that goes on from streamed responses."""
    shown = (each.text for each in snippets(PAGE) if each.language == "python")
    project.test("\n".join((*shown, STREAM)))
    project.run(*ASYNCIO).assert_outcomes(passed=4)
    project.go_offline()
    no_network = ("-p", "pytest_socket", "--disable-socket", "--allow-hosts=127.0.0.1")
    project.run(*ASYNCIO, *no_network).assert_outcomes(passed=4)
    assert (project.folder / "recordings" / "greeting.mitm").is_file()
