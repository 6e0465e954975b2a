"""What a measurement runs: an upstream, and proxies in front of it, each a process of its own.

Proxies share core 1, of which all but one are idle; load and upstream share core 0.
"""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_connection
from types import FrameType
from typing import NoReturn

from .ports import free_port

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
SECONDS_TO_START = 180
"""Enough to be downloaded."""
LOAD_CORE, PROXY_CORE = 0, 1
_GEMINI = "/v1beta/models/gemini-2.5-flash"
_LOOK_AGAIN = 0.02
"""Seconds; so exact is a time from start to answer."""

SECONDS_TO_END = 10
_GUARD = f"""
read -r _ && exit
kill -TERM "-$1"
for _ in $(seq {SECONDS_TO_END}); do
    kill -0 "-$1" || exit
    sleep 1
done
kill -KILL "-$1"
"""
"""Waits for a line, or for the end of whoever should have written it."""


class NotStarted(Exception):
    """The process ended, or never listened. The message is for a table."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is put under load."""

    name: str
    stream_url: str
    """Is asked for an answer in events."""
    whole_url: str
    """Is asked for an answer in one piece."""
    pid: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@contextmanager
def upstream(events: int) -> Generator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.upstream", f"--port={port}", f"--events={events}"]
    with process(command, port, core=LOAD_CORE):
        yield f"http://127.0.0.1:{port}"


def direct(upstream_url: str) -> Subject:
    return _gemini("direct", upstream_url, os.getpid())


@contextmanager
def plain_proxy(
    upstream_url: str, folder: Path, *, scripts: Sequence[Path] = (), options: Sequence[str] = ()
) -> Generator[Subject]:
    port = free_port()
    arguments = _mitmproxy(upstream_url, port, folder, [ROOT / "benchmarks" / "plain_proxy.py", *scripts])
    for option in ("connection_strategy=lazy", "store_streamed_bodies=true", *options):
        arguments += ["--set", option]
    with process([str(PROGRAMS / "mitmdump"), *arguments], port, core=PROXY_CORE) as started:
        yield _gemini("plain mitmproxy", f"http://127.0.0.1:{port}", started.pid)


@contextmanager
def client_side(upstream_url: str, folder: Path) -> Generator[Subject]:
    """mitmproxy that answers by itself: see `client_side.py`."""
    port = free_port()
    arguments = _mitmproxy(upstream_url, port, folder, [ROOT / "benchmarks" / "client_side.py"])
    command = [str(PROGRAMS / "mitmdump"), *arguments]
    with process(command, port, core=PROXY_CORE, environment={"PYTHONPATH": str(ROOT)}) as started:
        yield _gemini("mitmproxy's client side alone", f"http://127.0.0.1:{port}", started.pid)


def _gemini(name: str, base: str, pid: int) -> Subject:
    return Subject(
        name, f"{base}{_GEMINI}:streamGenerateContent?alt=sse", f"{base}{_GEMINI}:generateContent", pid
    )


@contextmanager
def gateway(
    upstream_url: str,
    folder: Path,
    *,
    program: str = "mitmdump",
    name: str = "gateway",
    scripts: Sequence[Path] = (),
    options: Sequence[str] = (),
) -> Generator[Subject]:
    """`options` are mitmproxy's, as `--set` takes them."""
    port = free_port()
    accounts = folder / "accounts.yaml"
    accounts.write_text("accounts:\n  - {email: bench@example.com, api_key: key}\n")
    accounts.chmod(0o600)
    arguments = _mitmproxy(upstream_url, port, folder, [ROOT / "addon.py", *scripts])
    for option in (f"gateway_accounts={accounts}", *options):
        arguments += ["--set", option]
    with process([str(PROGRAMS / program), *arguments], port, core=PROXY_CORE) as started:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        yield Subject(name, url, url, started.pid)


def _mitmproxy(upstream_url: str, port: int, folder: Path, scripts: Sequence[Path]) -> list[str]:
    """Quiet, since writing a line per flow is not what is compared."""
    arguments = ["-q", "--set", f"confdir={folder / 'confdir'}"]
    for script in scripts:
        arguments += ["-s", str(script)]
    return [*arguments, "--mode", f"reverse:{upstream_url}@127.0.0.1:{port}"]


@contextmanager
def process(
    command: Sequence[str],
    port: int,
    *,
    core: int | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    output: Path | None = None,
) -> Generator[subprocess.Popen[bytes]]:
    """A process that listens on the port, and what it starts itself. All end with the block.

    Without a file for its output, what it complains of is shown. It keeps what Python compiles, as it does where people
    use it; images of containers are often told not to.

    Raises: NotStarted
    """
    with (output or Path(os.devnull)).open("wb") as sink, _on(core):
        try:
            started = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
                stdout=sink,
                stderr=subprocess.STDOUT if output else None,
                # what it starts must end with it
                start_new_session=True,
            )
        except OSError as error:
            raise NotStarted(f"{command[0]}: {error.strerror}") from error
    with _guarded(started.pid):
        try:
            _await_port(port, started, output)
            yield started
        finally:
            _end(started)


@contextmanager
def _guarded(group: int) -> Generator[None]:
    """If this process is killed within, so is the group."""
    guard = subprocess.Popen(
        ["sh", "-c", _GUARD, "guard", str(group)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.communicate(b"ended\n")


def end_on_signals() -> None:
    """To be told to end, or to lose the terminal, is as good as Ctrl+C: what was started ends. The second time, at once."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


@contextmanager
def _on(core: int | None) -> Generator[None]:
    """What is started within runs on that core with all its threads; this process goes to the load's."""
    if core is None or not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) == 1:
        yield
        return
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, {LOAD_CORE})


def _await_port(port: int, started: subprocess.Popen[bytes], said: Path | None) -> None:
    for _ in range(int(SECONDS_TO_START / _LOOK_AGAIN)):
        if started.poll() is not None:
            last = said.read_text(errors="replace").splitlines()[-1:] if said else []
            raise NotStarted(f"ended with {started.returncode}: {' '.join(last)}")
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            with suppress(subprocess.TimeoutExpired):
                started.wait(timeout=_LOOK_AGAIN)
        else:
            return
    raise NotStarted(f"did not listen within {SECONDS_TO_START} s")


def _end(started: subprocess.Popen[bytes]) -> None:
    _signal(started, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        started.wait(timeout=SECONDS_TO_END)
    _signal(started, signal.SIGKILL)
    started.wait()


def _signal(started: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To it and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(started.pid, number)


def resident(pid: int) -> float:
    """Megabytes of memory that a process takes. Reads /proc, so it takes Linux."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0]) * 1024 / 1e6
    raise SystemExit(f"There is no process {pid} any more.")


def processor_seconds(pid: int) -> float:
    """That a process has used; not a number where there is no /proc to read it in."""
    if not Path("/proc").exists():
        return math.nan
    # the program's name may have spaces and parentheses in it
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
