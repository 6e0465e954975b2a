"""The blocks of `antigravity client`, as they are printed, with the client that each is for. Codex CLI has a test of its own."""

import asyncio
import gc
import io
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from antigravity_addon.cli.clients.client import Trial
from antigravity_addon.cli.clients.registry import CLIENTS
from tests.running import run_gateway

from .npm import FOLDER, NODE
from .printed import printed_blocks

PYTHON = ("openai-python", "agents-sdk", "langchain", "pydantic-ai", "litellm")
NODE_PACKAGES = {"openai-node": "openai", "ai-sdk": "ai"}
USES_ENVIRONMENT = """
import openai
print(openai.OpenAI().responses.create(model="gpt-4o", input="Hello").output_text)
"""


def test_the_clients_that_are_said_to_be_tested_are() -> None:
    tested = {client.name for client in CLIENTS.values() if client.tried.trial is Trial.TESTS}
    assert tested == {*PYTHON, *NODE_PACKAGES, "curl", "env", "codex"}


async def run(*command: str | Path, folder: Path, **environ: str) -> str:
    """What the program writes; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 500)
    assert process.returncode == 0, errors.decode()
    return output.decode()


def printed_by(block: str) -> str:
    """In this process, where the tests beside this one import the same frameworks."""
    try:
        with redirect_stdout(io.StringIO()) as output:
            exec(compile(block, "block", "exec"), {"__name__": "__main__"})
        return output.getvalue()
    finally:
        # frameworks leave an event loop to this thread; collected later, it would warn in whatever test runs then
        asyncio.set_event_loop(None)
        gc.collect()


# of all that they stand on
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PYTHON)
async def test_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    # LiteLLM would ask the internet for a list of prices
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        blocks = await printed_blocks(name, gateway.url)
        assert blocks
        for block in blocks:
            assert "This is the simulator" in await asyncio.to_thread(printed_by, block)


@pytest.mark.parametrize("name", NODE_PACKAGES)
async def test_node(tmp_path: Path, name: str) -> None:
    if not (FOLDER / "node_modules" / NODE_PACKAGES[name]).is_dir():
        pytest.skip("not installed: python -m tests.clients.npm")
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        (block,) = await printed_blocks(name, gateway.url)
        # Node looks for packages from where a program lies
        program = FOLDER / f"block-{name}-{os.getpid()}.mjs"
        program.write_text(block)
        try:
            assert "This is the simulator" in await run(NODE, program, folder=FOLDER)
        finally:
            program.unlink()


async def test_curl_with_a_key_from_the_environment(tmp_path: Path) -> None:
    options = {"gateway_auth_mode": "strict", "gateway_api_key": "s3cret-key"}
    async with run_gateway(None, tmp_path, gateway_upstream="simulator", **options) as gateway:
        (block,) = await printed_blocks("curl", gateway.url, "--key-env", "KEY_OF_A_TEST")
        output = await run("bash", "-ec", block, folder=tmp_path, KEY_OF_A_TEST="s3cret-key")
        assert output.startswith("data: {")
        assert output.endswith("data: [DONE]\n\n")


async def test_the_environment(tmp_path: Path) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        block, _ = await printed_blocks("env", gateway.url)
        command = f'{block}"$1" -c "$2"'
        output = await run("bash", "-ec", command, "bash", sys.executable, USES_ENVIRONMENT, folder=tmp_path)
        assert "This is the simulator" in output
