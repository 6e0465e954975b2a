"""Codex CLI, with the settings that `antigravity client` prints, on a task of several turns: a command, a patch, a last word. Skipped until `python -m tests.clients.npm` has
installed it.
"""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from antigravity_addon.simulator.exchange import SSE_HEADERS, Exchange
from antigravity_addon.testing.verify import verify
from tests.e2e.test_chat import gateway_and_simulator
from tests.running import RunningGateway, run_gateway

from .npm import CODEX
from .printed import printed_blocks

FREEDOM = ("-a", "never", "-s", "danger-full-access", "-c", 'model_reasoning_summary="auto"')
PATCH = "*** Begin Patch\n*** Add File: hello.txt\n+hello é\n*** End Patch"


def says(*parts: dict[str, Any]) -> Exchange:
    chunk = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 50, "candidatesTokenCount": 5, "totalTokenCount": 55},
    }
    return Exchange(200, SSE_HEADERS, ((0.0, b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"),))


def calls(name: str, arguments: dict[str, Any], signature: str) -> Exchange:
    thought = {"text": "**Thinking**\n\nLet me see.", "thought": True}
    return says(thought, {"functionCall": {"name": name, "args": arguments}, "thoughtSignature": signature})


def last_call(body: Any) -> dict[str, Any]:
    """The last call in a request to Gemini, with its signature."""
    parts = [part for content in body["contents"] for part in content["parts"] if "functionCall" in part]
    return {**parts[-1]["functionCall"], "signature": parts[-1].get("thoughtSignature")}


SCRIPT = (
    calls("exec_command", {"cmd": "echo one; ls"}, "c2lnMQ=="),
    calls("apply_patch", {"input": PATCH}, "c2lnMg=="),
    says({"text": "All done."}),
)


async def make_a_file(gateway: RunningGateway, folder: Path) -> list[str]:
    """What Codex says, with a home and a working directory of its own, which are where they were in another run."""
    home, work = folder / "home", folder / "work"
    for each in (home, work):
        await asyncio.to_thread(shutil.rmtree, each, ignore_errors=True)
        each.mkdir()
    (block,) = await printed_blocks("codex", gateway.url, "--model", "gpt-5.5")
    (home / "config.toml").write_text(block)
    codex = await asyncio.create_subprocess_exec(
        str(CODEX), *FREEDOM, "exec", "--json", "--skip-git-repo-check", "make a file",
        cwd=work,
        env={**os.environ, "CODEX_HOME": str(home), "GATEWAY_KEY": "sk-anything"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        output, _ = await codex.communicate()
    assert codex.returncode == 0, output.decode()
    assert (work / "hello.txt").read_text() == "hello é\n"
    events = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
    return [event["item"]["text"] for event in events if event.get("item", {}).get("type") == "agent_message"]


@pytest.mark.skipif(not CODEX.exists(), reason="not installed: python -m tests.clients.npm")
async def test_c75_codex_runs_a_command_and_applies_a_patch(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script(SCRIPT)
        assert await make_a_file(gateway, tmp_path) == ["All done."]
        assert [last_call(request.body) for request in list(simulator.requests)[1:]] == [
            {"name": "exec_command", "args": {"cmd": "echo one; ls"}, "signature": "c2lnMQ=="},
            {"name": "apply_patch", "args": {"input": PATCH}, "signature": "c2lnMg=="},
        ]


OUTPUT_OF_COMMANDS = r"Chunk ID: \w+\nWall time: [\d.]+ seconds"
"""What Codex writes over it, other each time."""


@pytest.mark.timeout(600)
@pytest.mark.skipif(not CODEX.exists(), reason="not installed: python -m tests.clients.npm")
async def test_a_recorded_session_is_answered_a_hundred_times_and_to_another_codex(tmp_path: Path) -> None:
    """Recorded anew each time: Codex's own prompt is in it, which is not ours to keep."""
    path = tmp_path / "session.mitm"
    async with gateway_and_simulator(tmp_path, gateway_record=str(path)) as (gateway, simulator):
        simulator.script(SCRIPT)
        assert await make_a_file(gateway, tmp_path) == ["All done."]
    verification = await verify(path, tmp_path, times=100)
    assert [each for each in verification.exchanges if each.result != "identical"] == []
    assert verification.identical == len(SCRIPT)
    async with run_gateway(
        "http://127.0.0.1:9", tmp_path, gateway_replay=str(path), gateway_replay_ignore=[OUTPUT_OF_COMMANDS]
    ) as offline:
        assert await make_a_file(offline, tmp_path) == ["All done."]
        asked = [flow for flow in offline.recorder.flows if flow.request.method == "POST"]
        assert [flow.response.status_code for flow in asked if flow.response is not None] == [200] * len(SCRIPT)  # fmt: skip
