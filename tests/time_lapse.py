"""An event loop in which nobody waits for long, for tests that must see long waits end."""

import asyncio
import selectors
import time
from concurrent.futures import Executor
from typing import Any

_QUIET = 0.02
"""Seconds of the world after which nothing is on its way any more between sockets of this process."""


class TimeLapse(asyncio.SelectorEventLoop):
    """Time stands still while anybody has something to do, and jumps to the next date when nobody has. So nothing comes too late
    because the machine is slow. Whoever looks again and again until something is so has to sleep in between.

    For clients, gateways and upstreams in one process. Threads have as long as they take: meanwhile time passes as in
    the world.

    State: the time, and how many calls threads are at.
    """

    def __init__(self) -> None:
        self._now = time.monotonic()
        self._threads_at_work = 0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds

    @property
    def is_alone(self) -> bool:
        return not self._threads_at_work

    def run_in_executor(self, executor: Executor | None, func: Any, *args: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        self._threads_at_work += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: asyncio.Future[Any]) -> None:
        self._threads_at_work -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  asyncio's own
        self._threads_at_work += 1
        try:
            await super().shutdown_default_executor(timeout)
        finally:
            self._threads_at_work -= 1


class _Jump(selectors.DefaultSelector):
    def __init__(self, loop: TimeLapse) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.is_alone:
            if not (found := super().select(min(timeout, _QUIET))):
                self._loop.advance(timeout)
            return found
        began = time.monotonic()
        found = super().select(timeout)
        self._loop.advance(time.monotonic() - began)
        return found
