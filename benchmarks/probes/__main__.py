"""What this gateway and its peers do on the same probes, as a table in Markdown.

The Gemini API they talk to is the simulator, started anew for each probe. All requests go over the loopback interface.
"""

import argparse
import asyncio
import platform
import shlex
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from antigravity_addon.simulator.server import Simulator
from benchmarks.ports import free_port
from benchmarks.processes import NotStarted, end_on_signals

from .cases import PROBES
from .probe import Server, judge
from .servers import OURS, PEERS, Contender


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.probes", description=__doc__)
    for peer in PEERS:
        text = "command that starts it, empty to leave it out (%(default)s)"
        parser.add_argument(f"--{peer.name.lower()}", metavar="COMMAND", default=peer.command, help=text)
    commands = vars(parser.parse_args())
    end_on_signals()
    verdicts: dict[str, list[str]] = {}
    for contender in (OURS, *PEERS):
        command = commands.get(contender.name.lower(), contender.command)
        try:
            if command:
                verdicts[contender.name] = _probed(contender, shlex.split(command))
            else:
                _tell(f"{contender.name}: left out.")
        except NotStarted as error:
            _tell(f"{contender.name}: left out, {error}.")
    print(f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}, {platform.system()}\n")
    print("\n".join(_table(verdicts)))


def _probed(contender: Contender, command: list[str]) -> list[str]:
    """A cell for each probe.

    Raises: NotStarted
    """
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        contender.start(command, f"http://127.0.0.1:{port}", Path(folder)) as server,
    ):
        return asyncio.run(_cells(server, port))


async def _cells(server: Server, port: int) -> list[str]:
    cells: list[str] = []
    for number, probe in enumerate(PROBES, start=1):
        async with Simulator(port=port) as simulator:
            cells.append(await judge(probe, server, simulator) or "yes")
        _tell(f"{server.name}: {number} of {len(PROBES)}: {probe.name}: {cells[-1]}")
    return cells


def _table(verdicts: dict[str, list[str]]) -> list[str]:
    passed = [f"{cells.count('yes')} of {len(cells)}" for cells in verdicts.values()]
    rows = [
        [probe.name, probe.expected, *cells] for probe, *cells in zip(PROBES, *verdicts.values(), strict=True)
    ]
    head = ["Probe", "What must come of it", *verdicts]
    return [_row(cells) for cells in (head, ["---"] * len(head), *rows, ["passed", "", *passed])]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', r'\|') for cell in cells)} |"


def _tell(line: str) -> None:
    """Beside the table, not in it."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
