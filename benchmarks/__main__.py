"""Streams per second and time to first token: this gateway against mitmproxy that passes the same bytes on.

The proxies have one core to themselves, load and upstream share the other. Rounds alternate between the two,
so that what else the machine does falls on both; the figures are medians of rounds, and only ratios are claims.
"""

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from socket import create_connection

from .load import Result, run
from .ports import free_port

ROOT = Path(__file__).parents[1]
MITMDUMP = Path(sys.executable).parent / "mitmdump"
DONE = {"plain mitmproxy": b'"finishReason":"STOP"', "gateway": b"data: [DONE]"}
CLIENTS = (1, 16, 64)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=50, help="events in each stream (%(default)s)")
    parser.add_argument("--streams", type=int, default=400, help="streams in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each proxy and load (%(default)s)")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(_upstream(arguments.events))
        addresses = {
            "direct": f"{upstream}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            "plain mitmproxy": stack.enter_context(_plain_proxy(upstream, folder)),
            "gateway": stack.enter_context(_gateway(upstream, folder)),
        }
        _report(asyncio.run(_measure(addresses, arguments)), arguments)


async def _measure(
    addresses: dict[str, str], arguments: argparse.Namespace
) -> dict[tuple[str, int], list[Result]]:
    results: dict[tuple[str, int], list[Result]] = {}
    for clients in CLIENTS:
        streams = arguments.streams // 4 if clients == 1 else arguments.streams
        for number in range(arguments.rounds + 1):
            for name, url in addresses.items():
                mark = DONE.get(name, b'"finishReason":"STOP"')
                result = await run(url, clients=clients, streams=streams, mark=mark)
                if number:  # the first round warms up
                    results.setdefault((name, clients), []).append(result)
    return results


def _report(results: dict[tuple[str, int], list[Result]], arguments: argparse.Namespace) -> None:
    print(f"{arguments.events} events a stream, medians of {arguments.rounds} rounds")
    print(
        f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}, httpx {version('httpx')}, "
        f"aiohttp {version('aiohttp')}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores\n"
    )
    print(
        "| clients | | streams/s | of plain mitmproxy | first token ms, median | p99 | median over direct |"
    )
    print("|---|---|---|---|---|---|---|")
    for clients in CLIENTS:
        rates = {name: _middle(results, name, clients) for name, c in results if c == clients}
        for name, (rate, median, p99) in rates.items():
            ratio = f"{rate / rates['plain mitmproxy'][0]:.2f}"
            over = f"+{median - rates['direct'][1]:.1f}"
            print(f"| {clients} | {name} | {rate:.0f} | {ratio} | {median:.1f} | {p99:.1f} | {over} |")


def _middle(
    results: dict[tuple[str, int], list[Result]], name: str, clients: int
) -> tuple[float, float, float]:
    rounds = results[name, clients]
    return (
        statistics.median(result.streams_per_second for result in rounds),
        statistics.median(result.median for result in rounds),
        statistics.median(result.percentile(0.99) for result in rounds),
    )


# --- processes ------------------------------------------------------------------------------------------


@contextmanager
def _upstream(events: int) -> Generator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.upstream", f"--port={port}", f"--events={events}"]
    with _process(command, port, core=0):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _plain_proxy(upstream: str, folder: Path) -> Generator[str]:
    port = free_port()
    script = ROOT / "benchmarks" / "plain_proxy.py"
    arguments = ["-s", str(script), "--mode", f"reverse:{upstream}@127.0.0.1:{port}"]
    arguments += ["--set", "connection_strategy=lazy", "--set", "store_streamed_bodies=true"]
    with _process([str(MITMDUMP), *arguments, *_quiet(folder)], port, core=1):
        yield f"http://127.0.0.1:{port}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"


@contextmanager
def _gateway(upstream: str, folder: Path) -> Generator[str]:
    port = free_port()
    accounts = folder / "accounts.yaml"
    accounts.write_text("accounts:\n  - {email: bench@example.com, api_key: key}\n")
    accounts.chmod(0o600)
    arguments = ["-s", str(ROOT / "addon.py"), "--mode", f"reverse:{upstream}@127.0.0.1:{port}"]
    arguments += ["--set", f"gateway_accounts={accounts}"]
    with _process([str(MITMDUMP), *arguments, *_quiet(folder)], port, core=1):
        yield f"http://127.0.0.1:{port}/v1/chat/completions"


def _quiet(folder: Path) -> list[str]:
    """Neither proxy prints a line per flow: writing to a terminal is not what is compared."""
    return ["-q", "--set", f"confdir={folder / 'confdir'}"]


@contextmanager
def _process(command: list[str], port: int, *, core: int) -> Generator[None]:
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _pin(process.pid, core)
    _pin(os.getpid(), 0)
    try:
        _await_port(port, process)
        yield
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


if __name__ == "__main__":
    main()
