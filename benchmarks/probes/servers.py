"""The gateways under test, each a process of its own in front of one address of the simulator.

None is given anything but its upstream's address and a key: how it answers is what its users get without further
settings.
"""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection

from benchmarks.ports import free_port

from .probe import Server

ROOT = Path(__file__).parents[2]
SECONDS_TO_START = 180
"""Enough to be downloaded."""
UPSTREAM_KEY = "key"

LITELLM = """\
model_list:
  - model_name: "*"
    litellm_params:
      model: "gemini/*"
      api_base: {upstream}/v1beta
      api_key: {key}
"""


class NotStarted(Exception):
    """The process ended, or never listened. The message is for the table."""


@contextmanager
def _gateway(command: list[str], upstream: str, folder: Path) -> Generator[Server]:
    port = free_port()
    accounts = folder / "accounts.yaml"
    accounts.write_text(f"accounts:\n  - {{email: probe@example.com, api_key: {UPSTREAM_KEY}}}\n")
    accounts.chmod(0o600)
    arguments = ["-q", "-s", str(ROOT / "addon.py"), "--mode", f"reverse:{upstream}@127.0.0.1:{port}"]
    arguments += ["--set", f"gateway_accounts={accounts}", "--set", f"confdir={folder / 'confdir'}"]
    with _process([*command, *arguments], port, folder):
        yield Server("this gateway", f"http://127.0.0.1:{port}")


@contextmanager
def _litellm(command: list[str], upstream: str, folder: Path) -> Generator[Server]:
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text(LITELLM.format(upstream=upstream, key=UPSTREAM_KEY))
    # it refuses to start without a key of some strength
    key = f"sk-{secrets.token_hex(24)}"
    environment = {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    arguments = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    with _process([*command, *arguments], port, folder, environment):
        yield Server("LiteLLM", f"http://127.0.0.1:{port}", {"authorization": f"Bearer {key}"})


@contextmanager
def _portkey(command: list[str], upstream: str, folder: Path) -> Generator[Server]:
    port = free_port()
    # it goes to no private address that is not named here
    environment = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
    headers = {
        "x-portkey-provider": "google",
        "x-portkey-custom-host": upstream,
        "authorization": f"Bearer {UPSTREAM_KEY}",
    }
    with _process([*command, "--headless", f"--port={port}"], port, folder, environment):
        yield Server("Portkey", f"http://127.0.0.1:{port}", headers)


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    command: str
    """Starts it, and installs it if need be; arguments follow."""
    start: Callable[[list[str], str, Path], AbstractContextManager[Server]]
    """From the command, the upstream's address and an empty folder. Raises `NotStarted`."""


OURS = Contender("this gateway", str(Path(sys.executable).parent / "mitmdump"), _gateway)
PEERS = (
    Contender("LiteLLM", "uvx --from litellm[proxy] litellm", _litellm),
    Contender("Portkey", "npx --yes @portkey-ai/gateway", _portkey),
)


@contextmanager
def _process(
    command: list[str], port: int, folder: Path, environment: Mapping[str, str] | None = None
) -> Generator[None]:
    """A process that listens on the port; its output goes into the folder.

    Raises: NotStarted
    """
    with (folder / "output.txt").open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | (environment or {}),
                stdout=output,
                stderr=subprocess.STDOUT,
                # what uvx and npx start must end with them
                start_new_session=True,
            )
        except OSError as error:
            raise NotStarted(f"{command[0]}: {error.strerror}") from error
        try:
            _await_port(port, process, said=folder / "output.txt")
            yield
        finally:
            _end(process)


def _await_port(port: int, process: subprocess.Popen[bytes], said: Path) -> None:
    for _ in range(SECONDS_TO_START * 5):
        if process.poll() is not None:
            last = said.read_text(errors="replace").splitlines()[-1:]
            raise NotStarted(f"ended with {process.returncode}: {' '.join(last)}")
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
        else:
            return
    raise NotStarted(f"did not listen within {SECONDS_TO_START} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To it and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
