"""What a measurement runs: an upstream, and proxies in front of it, each a process of its own."""

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection

from .ports import free_port

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent


@contextmanager
def upstream(events: int) -> Generator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.upstream", f"--port={port}", f"--events={events}"]
    with _process(command, port, core=0):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def plain_proxy(upstream_url: str, folder: Path) -> Generator[str]:
    port = free_port()
    script = ROOT / "benchmarks" / "plain_proxy.py"
    arguments = ["-s", str(script), "--mode", f"reverse:{upstream_url}@127.0.0.1:{port}"]
    arguments += ["--set", "connection_strategy=lazy", "--set", "store_streamed_bodies=true"]
    with _process([str(PROGRAMS / "mitmdump"), *arguments, *_quiet(folder)], port, core=1):
        yield f"http://127.0.0.1:{port}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"


@dataclass(frozen=True, slots=True)
class Gateway:
    url: str
    """Of Chat Completions."""
    pid: int


@contextmanager
def gateway(
    upstream_url: str, folder: Path, *, program: str = "mitmdump", options: Sequence[str] = ()
) -> Generator[Gateway]:
    """`options` are mitmproxy's, as `--set` takes them."""
    port = free_port()
    accounts = folder / "accounts.yaml"
    accounts.write_text("accounts:\n  - {email: bench@example.com, api_key: key}\n")
    accounts.chmod(0o600)
    arguments = ["-s", str(ROOT / "addon.py"), "--mode", f"reverse:{upstream_url}@127.0.0.1:{port}"]
    for option in (f"gateway_accounts={accounts}", *options):
        arguments += ["--set", option]
    with _process([str(PROGRAMS / program), *arguments, *_quiet(folder)], port, core=1) as process:
        yield Gateway(f"http://127.0.0.1:{port}/v1/chat/completions", process.pid)


def _quiet(folder: Path) -> list[str]:
    """Neither proxy prints a line per flow: writing to a terminal is not what is compared."""
    return ["-q", "--set", f"confdir={folder / 'confdir'}"]


@contextmanager
def _process(command: list[str], port: int, *, core: int) -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _pin(process.pid, core)
    _pin(os.getpid(), 0)
    try:
        _await_port(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=10)


def _pin(pid: int, core: int) -> None:
    """Give a process one core, where the system can."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}.")
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            _pause(process)
        else:
            return
    raise SystemExit(f"{process.args!r} does not listen on port {port}.")


def _pause(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=0.1)
