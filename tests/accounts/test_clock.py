"""The clock goes on while the machine sleeps, and never back."""

import asyncio
import sys
import time

import pytest

from antigravity_addon.accounts.clock import WakefulClock

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the clock that counts sleep has another name"
)


async def test_sleep_counts_and_the_clock_does_not_tremble(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = iter((100.0, 100.3, 99.9, 100.1, 3700.0, 3699.9))

    def read(clock: int) -> float:
        return next(slept) if clock == time.CLOCK_BOOTTIME else 0.0

    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: 5.0)
    monkeypatch.setattr(time, "clock_gettime", read)
    clock = WakefulClock()
    assert [clock() for _ in range(6)] == [105.0, 105.0, 105.0, 105.0, 3705.0, 3705.0]
