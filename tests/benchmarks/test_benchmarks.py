"""The benchmark still runs and prints its table. What it measures in so short a time means nothing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_prints_a_row_for_each_load_and_proxy() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "benchmarks", "--events=2", "--streams=64", "--rounds=1"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=55, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:3] for line in done.stdout.splitlines() if line.startswith(("| 1", "| 6"))]
    assert [(load.strip(), name.strip()) for load, name in rows] == [
        (load, name) for load in ("1", "16", "64") for name in ("direct", "plain mitmproxy", "gateway")
    ]
