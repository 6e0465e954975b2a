"""The gateway passes every probe that is put to its peers, and the page about them shows each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from antigravity_addon.simulator.server import Simulator
from benchmarks.probes.answer import Answer
from benchmarks.probes.cases import PROBES
from benchmarks.probes.probe import Probe, Server, judge

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "peers.md"


@pytest.mark.parametrize("content", [b"", b"{}", b"data: {}\n\n"], ids=["no byte", "no field", "no event"])
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_an_answer_that_says_nothing_passes_no_probe(probe: Probe, content: bytes) -> None:
    assert probe.check(Answer(200, {}, content, ())) is not None


async def test_a_server_that_is_not_there_is_a_verdict(unused_tcp_port: int) -> None:
    async with Simulator() as simulator:
        server = Server("nobody", f"http://127.0.0.1:{unused_tcp_port}")
        assert await judge(PROBES[0], server, simulator) == "no answer: ConnectError"


def test_the_page_has_a_row_for_each_probe_and_we_pass() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    shown = [(name.removeprefix("| "), expected, ours) for name, expected, ours, *_ in rows[2:-1]]
    assert shown == [(probe.name, probe.expected, "yes") for probe in PROBES]


def test_the_gateway_passes_and_peers_that_cannot_be_started_are_left_out() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "benchmarks.probes", "--litellm=", "--portkey=no-such-program"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    *_, passed = done.stdout.splitlines()
    assert passed == f"| passed |  | {len(PROBES)} of {len(PROBES)} |", done.stdout
    assert done.stderr.splitlines()[-2:] == [
        "LiteLLM: left out.",
        "Portkey: left out, no-such-program: No such file or directory.",
    ]
