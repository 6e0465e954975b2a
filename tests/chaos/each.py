"""Each fault alone, in a mitmdump of its own: what comes of it, how long it takes, what it holds up, and how much it needs."""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import openai

from benchmarks import watchdog
from tests.e2e.processes import run_mitmdump
from tests.running import write_accounts

from .clients import STREAMED
from .faults import FAULTS, PLAIN, Fate
from .upstream import HostileUpstream
from .world import EXPECTED, World

_WORTH_TELLING = 0.05
"""Seconds."""
_OPTIONS = {"gateway_state": "memory", "gateway_strategy": "balance", "gateway_request_timeout": 20}


@dataclass(frozen=True, slots=True)
class Met:
    fault: str
    answer: str
    is_expected: bool
    began: float
    """On the clock that all processes of a machine share."""
    ended: float
    megabytes: int
    """At most, of the process."""
    held: float = 0.0
    """Seconds for which nobody else was served, at most."""

    def __str__(self) -> str:
        held = f", held everybody for {self.held * 1000:.0f} ms" if self.held > _WORTH_TELLING else ""
        wrong = "" if self.is_expected else ", WHICH IS WRONG"
        return f"{self.fault}: {self.answer} in {self.ended - self.began:.2f} s, {self.megabytes} MB{held}{wrong}"


async def ask_each(folder: Path) -> tuple[Met, ...]:
    names = tuple(name for name, fault in FAULTS.items() if not fault.is_silent)
    upstream = HostileUpstream(lambda number, attempt: PLAIN if attempt else names[number])
    file = folder / "holds"
    accounts = write_accounts(folder, *((f"a{index}@example.com", f"key-{index}") for index in range(60)))
    settings = {"watchdog_file": file, "flow_detail": 0, "gateway_accounts": accounts, **_OPTIONS}
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    async with (
        upstream,
        run_mitmdump(folder, f"http://127.0.0.1:{upstream.port}", "-s", watchdog.__file__, *words) as gateway,
        openai.AsyncOpenAI(api_key="x", base_url=f"{gateway.url}/v1", max_retries=0, timeout=60) as client,
    ):
        world = World(upstream, client, names)
        met = [await _met(world, number, name, gateway.process_id) for number, name in enumerate(names)]
    holds = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return tuple(replace(each, held=_longest_in(each, holds)) for each in met)


async def _met(world: World, number: int, name: str, process: int) -> Met:
    in_proc = Path(f"/proc/{process}")
    (in_proc / "clear_refs").write_text("5")  # the most so far is what it is now
    began = time.monotonic()
    got = await world.got(number, STREAMED["chat stream"])
    ended = time.monotonic()
    most = next(line for line in (in_proc / "status").read_text().splitlines() if line.startswith("VmHWM"))
    fate = FAULTS[name].fate
    expected = {EXPECTED[fate][0].answer}
    if fate is Fate.CUT:
        # what comes all at once breaks before the client has any of it
        expected.add(EXPECTED[Fate.AGAIN][0].answer)
    return Met(name, got.answer, got.answer in expected, began, ended, int(most.split()[1]) // 1024)


def _longest_in(met: Met, holds: list[dict[str, float]]) -> float:
    """Whatever else is at work on the machine: no hold is longer than what all threads together have worked in it."""
    return max(
        (
            min(hold["held"], hold["processor_of_all"])
            for hold in holds
            if met.began - watchdog.TICK <= hold["at"] <= met.ended
        ),
        default=0.0,
    )
