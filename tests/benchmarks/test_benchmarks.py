"""The benchmarks still run and print their tables. What they measure in so short a time means nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> str:
    """What it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


CONTENDERS = (
    "direct",
    "plain mitmproxy",
    "gateway",
    "gateway, upstream requests not shown",
    "mitmproxy's client side alone",
)


def test_the_benchmark_prints_a_row_for_each_load_and_proxy() -> None:
    few = ("--events=2", "--seconds=0.01", "--rounds=1", "--clients", "1", "3")
    printed = run("benchmarks", "throughput", "--no-peers", *few)
    rows = [line.split("|")[1:4] for line in printed.splitlines() if line.startswith(("| 1", "| 3"))]
    assert [tuple(cell.strip() for cell in row) for row in rows] == [
        (load, kind, name)
        for kind in ("streams", "whole answers")
        for load in ("1", "3")
        for name in CONTENDERS
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_the_benchmark_of_memory_prints_a_row_for_each_program() -> None:
    printed = run("benchmarks.memory", "--events=2", "--exchanges=40", "--unbounded=20", "--keep-flows=10")
    rows = [line.split("|")[1:3] for line in printed.splitlines() if line.startswith("| mitm")]
    assert [(name.strip(), exchanges.strip()) for name, exchanges in rows] == [
        ("mitmweb", "40"),
        ("mitmdump", "40"),
        ("mitmweb, no bounds", "20"),
    ]
