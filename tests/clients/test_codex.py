"""Codex CLI, with the settings that `antigravity client` prints, on a task of several turns: a command, a patch, a last word. Skipped until `python -m tests.clients.npm` has
installed it.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from antigravity_addon.simulator.exchange import SSE_HEADERS, Exchange
from tests.e2e.test_chat import gateway_and_simulator

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


@pytest.mark.skipif(not CODEX.exists(), reason="not installed: python -m tests.clients.npm")
async def test_c75_codex_runs_a_command_and_applies_a_patch(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        (block,) = await printed_blocks("codex", gateway.url, "--model", "gpt-5.5")
        (home / "config.toml").write_text(block)
        simulator.script(
            [
                calls("exec_command", {"cmd": "echo one; ls"}, "c2lnMQ=="),
                calls("apply_patch", {"input": PATCH}, "c2lnMg=="),
                says({"text": "All done."}),
            ]
        )
        codex = await asyncio.create_subprocess_exec(
            str(CODEX), *FREEDOM, "exec", "--json", "--skip-git-repo-check", "make a file",
            cwd=work,
            env={**os.environ, "CODEX_HOME": str(home), "GATEWAY_KEY": "sk-anything"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(50):
            output, _ = await codex.communicate()
        assert codex.returncode == 0
        assert (work / "hello.txt").read_text() == "hello é\n"
        events = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
        said = [
            event["item"]["text"] for event in events if event.get("item", {}).get("type") == "agent_message"
        ]
        assert said == ["All done."]
        assert [last_call(request.body) for request in list(simulator.requests)[1:]] == [
            {"name": "exec_command", "args": {"cmd": "echo one; ls"}, "signature": "c2lnMQ=="},
            {"name": "apply_patch", "args": {"input": PATCH}, "signature": "c2lnMg=="},
        ]
