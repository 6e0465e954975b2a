"""An event loop whose clock jumps: whoever waits is woken at once, in order, and a day passes in no time.

For what waits by the loop's clock alone. Threads and sockets take their time in the world, and would find the clock gone.
"""

import asyncio
import selectors
from collections.abc import Coroutine


class VirtualTime(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


class _Jump(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("Everybody waits for somebody else: nothing is going to happen any more.")
        found = super().select(0)
        if not found and timeout > 0:
            self._loop.advance(timeout)
        return found


def run[T](main: Coroutine[object, object, T]) -> T:
    """What `asyncio.run` does, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        return runner.run(main)
