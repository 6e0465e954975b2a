"""OpenAI's SDK for Node and Vercel's AI SDK. Skipped until `python -m tests.clients.npm` has installed them."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_chat import gateway_and_simulator

from .npm import FOLDER, NODE

pytestmark = pytest.mark.skipif(
    not (FOLDER / "node_modules" / "ai").is_dir(), reason="not installed: python -m tests.clients.npm"
)


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Node looks for packages from where a program lies."""
    shutil.copy(Path(__file__).with_name("programs.mjs"), FOLDER)


async def run(name: str, url: str) -> Any:
    node = await asyncio.create_subprocess_exec(
        str(NODE), "programs.mjs", name, f"{url}/v1", cwd=FOLDER, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        output, _ = await node.communicate()
    assert node.returncode == 0
    return json.loads(output)


@pytest.mark.parametrize("api", ["responses", "chat", "compatible"])
async def test_the_ai_sdk_loops_streams_and_types(tmp_path: Path, api: str) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _):
        got = await run(f"ai-sdk {api}", gateway.url)
    assert "sunny in" in got["whole"]
    assert (got["steps"], got["calls"], got["finish"]) == (2, 2, "stop")
    assert "sunny in" in got["streamed"]
    assert got["typed"].keys() == {"name", "population"}


async def test_the_node_sdk_goes_on_from_a_streamed_response(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _):
        got = await run("openai responses", gateway.url)
    assert got["kinds"] == ["reasoning", "function_call", "function_call"]
    assert "sunny in both" in got["text"]


async def test_the_node_sdk_runs_tools(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, _):
        got = await run("openai chat", gateway.url)
    assert "sunny in" in got["text"]
