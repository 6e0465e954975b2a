"""A storm over a mitmdump in a process of its own: `python -m tests.chaos --seed 7 --requests 3000`. Takes Linux.

Ends with 1 if anything was seen that must not be. `--only NUMBER` asks one request of a storm again, `--each` has each fault
alone.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.processes import Mitmdump, run_mitmdump

from . import inside
from .each import ask_each
from .storm import DEADLINE, Operator, Report, Script, Storm, options, settled
from .upstream import HostileUpstream

_WARM_UP = 60
"""Requests before anything is counted."""
_SECONDS_BETWEEN_MENDS = 1.0
_MOST_MEGABYTES = 80
"""By which a storm may make the process grow, once malloc has given back what nobody uses. In use are 2 more at the end; the
rest are pages of which somebody uses a little.
"""
_MOST_FLOWS = 5
"""mitmproxy's own references to the last ones."""
_MOST_GIVEN_OUT = 20
"""Megabytes of bodies and the like, by which malloc may have given out more at the end."""
_MOST_OBJECTS, _MOST_OBJECTS_EACH = 10_000, 10
"""In all, and for each request: what is known of conversations. An exchange is some hundreds."""


@dataclass(frozen=True, slots=True)
class Census:
    """What is alive in the gateway's process."""

    descriptors: int
    megabytes: int
    most_megabytes: int
    """At any time so far."""
    tasks: Counter[str]
    flows: int
    objects: int
    """That the garbage collector knows."""
    given_out: int
    """Megabytes that malloc has not got back."""

    def more_than(self, before: "Census", *, requests: int) -> str:
        tasks = self.tasks - before.tasks
        found = [
            f"tasks: {dict(tasks)}" if tasks else "",
            f"descriptors: {before.descriptors} became {self.descriptors}"
            if self.descriptors > before.descriptors
            else "",
            f"flows: {self.flows}" if self.flows > before.flows + _MOST_FLOWS else "",
            f"megabytes: {before.megabytes} became {self.megabytes}"
            if self.megabytes > before.megabytes + _MOST_MEGABYTES
            else "",
            f"megabytes given out: {before.given_out} became {self.given_out}"
            if self.given_out > before.given_out + _MOST_GIVEN_OUT
            else "",
            f"objects: {before.objects} became {self.objects}"
            if self.objects > before.objects + _MOST_OBJECTS + requests * _MOST_OBJECTS_EACH
            else "",
        ]
        return ", ".join(filter(None, found))


class Process:
    """The gateway's, seen from outside."""

    def __init__(self, gateway: Mitmdump, file: Path) -> None:
        self._id = gateway.process_id
        self._in_proc = Path(f"/proc/{self._id}")
        self._file = file

    def _megabytes(self, name: str) -> int:
        lines = (self._in_proc / "status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith(name))) // 1024

    @property
    def is_alive(self) -> bool:
        return self._in_proc.exists()

    def reset(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._id, signal.SIGUSR2)

    async def census(self) -> Census:
        self._file.unlink(missing_ok=True)
        os.kill(self._id, signal.SIGUSR1)
        async with asyncio.timeout(60):
            while not self._file.exists():  # noqa: ASYNC110  another process writes it
                await asyncio.sleep(0.05)
        alive = json.loads(self._file.read_text())
        return Census(
            len(list((self._in_proc / "fd").iterdir())),
            self._megabytes("VmRSS"),
            self._megabytes("VmHWM"),
            Counter("unnamed" if name.startswith("Task-") else name for name in alive["tasks"]),
            alive["flows"],
            alive["objects"],
            alive["given_out"] // 1_000_000,
        )


async def _storm(arguments: argparse.Namespace, folder: Path) -> Report:
    script = Script(arguments.seed)
    plan_tokens = script.token if arguments.only is None else None
    async with HostileUpstream(script.fault, plan_tokens=plan_tokens, accounts_die=True) as upstream:
        return await _storm_from(upstream, script, arguments, folder)


async def _storm_from(
    upstream: HostileUpstream, script: Script, arguments: argparse.Namespace, folder: Path
) -> Report:
    file = folder / "census.json"
    processes: list[Process] = []
    operator = Operator(
        folder / "accounts.yaml",
        upstream,
        reset=lambda: [each.reset() for each in processes],
        with_google_auth=True,
    )
    settings = {**options(), "gateway_accounts": operator.file, "gateway_hedge_seconds": arguments.hedge}
    words = [
        word
        for name, value in settings.items()
        for word in ("--set", f"{name}={str(value).lower() if value is True else value}")
    ]
    environment = {inside.SEED: str(arguments.seed), inside.CENSUS: str(file)}
    async with run_mitmdump(
        folder,
        f"http://upstream.invalid:{upstream.port}",
        *("-s", inside.__file__, "--set", "flow_detail=0", *words),
        **environment,
    ) as gateway:
        process = Process(gateway, file)
        processes.append(process)
        storm = Storm(
            script, upstream, gateway.url, longest=DEADLINE + arguments.slack, hedged=arguments.hedge > 0
        )
        if arguments.only is not None:
            await storm.ask(range(arguments.only, arguments.only + 1), at_once=1)
            storm.judge_upstream()
            return storm.report
        await storm.ask(range(arguments.requests, arguments.requests + _WARM_UP), at_once=arguments.at_once)
        await upstream.hang_up()
        before = await process.census()
        mending = asyncio.get_running_loop().create_task(
            operator.mend_again_and_again(_SECONDS_BETWEEN_MENDS)
        )
        await storm.ask(range(arguments.requests), at_once=arguments.at_once)
        mending.cancel()
        upstream.relent()
        await upstream.hang_up()
        storm.judge_upstream()
        if not process.is_alive:
            storm.report.violations.append("the process died")
            return storm.report

        async def left_behind() -> str:
            # a token that nobody waits for any more may have been asked for meanwhile
            await upstream.hang_up()
            return (await process.census()).more_than(before, requests=arguments.requests)

        storm.report.violations += await settled(left_behind)
        after = await process.census()
        for name in ("descriptors", "megabytes", "most_megabytes", "given_out", "objects", "flows"):
            print(f"{name}: {getattr(before, name)} before, {getattr(after, name)} after")
        print(f"tasks: {dict(after.tasks)}")
    return storm.report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=2026, help="of everything that happens (%(default)s)")
    parser.add_argument("--requests", type=int, default=3000, help="%(default)s")
    parser.add_argument("--at-once", type=int, default=32, help="%(default)s")
    parser.add_argument("--only", type=int, help="the number of one request, to see it again")
    parser.add_argument(
        "--each", action="store_true", help="each fault alone, and how long it holds everybody"
    )
    parser.add_argument("--hedge", type=int, default=0, help="gateway_hedge_seconds (%(default)s)")
    parser.add_argument(
        "--slack", type=float, default=5.0, help="seconds that a request may be late (%(default)s)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.each:
            met = asyncio.run(ask_each(Path(folder)))
            print(*met, sep="\n")
            return 0 if all(each.is_expected for each in met) else 1
        report = asyncio.run(_storm(arguments, Path(folder)))
    print(report)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
