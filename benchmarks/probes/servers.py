"""The gateways under test, each a process of its own in front of one address of the simulator.

None is given anything but its upstream's address and a key: how it answers is what its users get without further
settings.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import UPSTREAM_KEY, Launch, launch_litellm, launch_portkey
from benchmarks.ports import free_port
from benchmarks.processes import ROOT, process

from .probe import Server

type Launcher = Callable[[str, int, Path], Launch]
type Start = Callable[[list[str], str, Path], AbstractContextManager[Server]]
"""From the command, the upstream's address and an empty folder. Raises `NotStarted`."""


@contextmanager
def _gateway(command: list[str], upstream: str, folder: Path) -> Generator[Server]:
    port = free_port()
    accounts = folder / "accounts.yaml"
    accounts.write_text(f"accounts:\n  - {{email: probe@example.com, api_key: {UPSTREAM_KEY}}}\n")
    accounts.chmod(0o600)
    arguments = ["-q", "-s", str(ROOT / "addon.py"), "--mode", f"reverse:{upstream}@127.0.0.1:{port}"]
    arguments += ["--set", f"gateway_accounts={accounts}", "--set", f"confdir={folder / 'confdir'}"]
    with process([*command, *arguments], port, folder=folder, output=folder / "output.txt"):
        yield Server("this gateway", f"http://127.0.0.1:{port}")


def _peer(name: str, launch: Launcher) -> Start:
    @contextmanager
    def start(command: list[str], upstream: str, folder: Path) -> Generator[Server]:
        port = free_port()
        launched = launch(upstream, port, folder)
        with process(
            [*command, *launched.arguments],
            port,
            environment=launched.environment,
            folder=folder,
            output=folder / "output.txt",
        ):
            yield Server(name, f"http://127.0.0.1:{port}", launched.headers)

    return start


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    command: str
    """Starts it, and installs it if need be; arguments follow."""
    start: Start


OURS = Contender("this gateway", str(Path(sys.executable).parent / "mitmdump"), _gateway)
PEERS = (
    Contender("LiteLLM", "uvx --from litellm[proxy] litellm", _peer("LiteLLM", launch_litellm)),
    Contender("Portkey", "npx --yes @portkey-ai/gateway", _peer("Portkey", launch_portkey)),
)
