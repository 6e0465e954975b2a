"""A storm in a test's own process. `CHAOS_SEED=7 pytest tests/chaos` has another one; `python -m tests.chaos` a long one."""

import asyncio
import gc
import os
import socket
from collections import Counter
from pathlib import Path

import pytest

from tests.running import RunningGateway, run_gateway

from .inside import looking_up_at_random
from .storm import DEADLINE, Operator, Report, Script, Storm, options, settled
from .upstream import HostileUpstream

_DESCRIPTORS = Path("/proc/self/fd")
REQUESTS, AT_ONCE = 200, 24
SEED = int(os.environ.get("CHAOS_SEED", "2026"))
LONGEST = DEADLINE + 1.0


def descriptors() -> int:
    return len(list(_DESCRIPTORS.iterdir()))


def tasks() -> Counter[str]:
    """By name. Those that a storm began itself are not named."""
    names = (task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task())
    return Counter(name for name in names if not name.startswith("Task-"))


async def left_behind(before: Counter[str], files: int) -> str:
    gc.collect()
    more, open_files = tasks() - before, descriptors() - files
    return ", ".join(
        filter(
            None, [f"tasks: {dict(more)}" if more else "", f"{open_files} files" if open_files > 0 else ""]
        )
    )


@pytest.mark.skipif(not _DESCRIPTORS.is_dir(), reason="counts what Linux shows in /proc")
@pytest.mark.timeout(180)
@pytest.mark.time_lapse
@pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"seed {seed}")
async def test_whatever_the_upstream_does_each_request_is_answered_whole_or_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    script = Script(seed)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up_at_random(seed))
    async with HostileUpstream(script.fault, plan_tokens=script.token, accounts_die=True) as upstream:
        report = await _stormed(script, upstream, tmp_path)
    assert not report.violations, str(report)
    # enough to have seen each kind
    assert report.outcomes["answered"] > REQUESTS / 10, str(report)
    assert min(report.outcomes["refused"], report.outcomes["cut off"]) > 0, str(report)


async def _stormed(script: Script, upstream: HostileUpstream, tmp_path: Path) -> Report:
    running: list[RunningGateway] = []
    operator = Operator(
        tmp_path / "accounts.yaml",
        upstream,
        reset=lambda: running[0].master.commands.call("gateway.accounts.reset"),
    )
    async with run_gateway(
        f"http://upstream.invalid:{upstream.port}",
        tmp_path,
        gateway_accounts=str(operator.file),
        **options(),
    ) as gateway:
        running.append(gateway)
        storm = Storm(script, upstream, gateway.url, longest=LONGEST)
        # what is opened once and kept
        await storm.ask(range(REQUESTS, REQUESTS + 10), at_once=10)
        await upstream.hang_up()
        await settled(lambda: left_behind(Counter(), descriptors()), seconds=1.0)
        before, files = tasks(), descriptors()
        mending = asyncio.get_running_loop().create_task(operator.mend_again_and_again(1.0))
        await storm.ask(range(REQUESTS), at_once=AT_ONCE)
        mending.cancel()
        upstream.relent()
        await upstream.hang_up()
        storm.judge_upstream()

        async def nothing_left() -> str:
            # a token that nobody waits for any more may have been asked for meanwhile
            await upstream.hang_up()
            return await left_behind(before, files)

        storm.report.violations += await settled(nothing_left)
    return storm.report
