"""The clock of rests and access tokens: the event loop's, and what the machine has slept besides.

A laptop's night counts for Google, whose day ends in it. The loop's clock stands still then, on Linux and macOS.
"""

import asyncio
import sys
import time

_LEAST = 1.0
"""Seconds of sleep that count. Two clocks are never read at quite the same moment."""


class WakefulClock:
    """Seconds since some fixed point. Never goes back, and while the machine is awake goes with the event loop's.

    State: what has been slept so far, or a little less, so that it does not tremble.
    """

    def __init__(self) -> None:
        """For the event loop that runs."""
        self._loop = asyncio.get_running_loop()
        self._slept = 0.0

    def __call__(self) -> float:
        slept = _slept()
        if slept >= self._slept + _LEAST:
            self._slept = slept
        return self._loop.time() + self._slept


def _slept() -> float:
    """Seconds, since the machine was started."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    return 0.0
