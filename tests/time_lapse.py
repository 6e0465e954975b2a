"""An event loop in which time passes quickly, for tests that must see long waits end."""

import asyncio
import selectors

SPEED = 4
"""Seconds of the loop in one of the world. With more, a busy machine looks like a slow peer."""


class TimeLapse(asyncio.SelectorEventLoop):
    """Whatever waits by the loop's clock does so in the same order, only for less long. The accounts' cooldowns
    go by another clock, which is left as it is.
    """

    def __init__(self) -> None:
        super().__init__(_ShortSelect())

    def time(self) -> float:
        return super().time() * SPEED


class _ShortSelect(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / SPEED)
