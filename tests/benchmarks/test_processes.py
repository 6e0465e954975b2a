"""What a benchmark has started ends with it, however it ends."""

import signal
import subprocess
import sys
from pathlib import Path
from socket import create_connection

import pytest

ROOT = Path(__file__).parents[2]

STARTED = """
import os, signal, socket, sys
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.fork()
signal.pause()
"""
"""Two processes, of which each would hold the port."""

BENCHMARK = f"""
import signal, sys
from benchmarks.processes import end_on_signals, process
# what a shell has in the background does not hear of the one, and what nohup has of the other, nor do their children
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
end_on_signals()
with process([sys.executable, "-c", {STARTED!r}, sys.argv[1]], int(sys.argv[1])):
    print("is measured", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no process groups")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_was_started_ends_with_a_benchmark_that_is_killed(
    unused_tcp_port: int, number: signal.Signals
) -> None:
    benchmark = subprocess.Popen(
        [sys.executable, "-c", BENCHMARK, str(unused_tcp_port)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with benchmark:
        assert benchmark.stdout is not None
        assert benchmark.stdout.readline() == b"is measured\n"
        with create_connection(("127.0.0.1", unused_tcp_port), timeout=60) as connection:
            benchmark.send_signal(number)
            # nobody accepts it, so it ends with the last of those who could
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
    assert benchmark.returncode != 0
