"""Work that is done once, however many wait for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from antigravity_addon.errors import UpstreamFailure

logger = logging.getLogger(__name__)


class SingleFlight[K, T]:
    """For each key one piece of work at a time. What it gives or raises goes to all that wait for it, and is not kept:
    who comes later begins anew.

    State: the tasks under way. They belong to nobody who waits: a waiter that is cancelled leaves its task to the rest.
    """

    def __init__(self) -> None:
        self._under_way: dict[K, asyncio.Task[T]] = {}

    def start(self, key: K, work: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        """The task for `key`; `work` is begun if there is none."""
        if (task := self._under_way.get(key)) is not None and not task.done():
            return task

        async def done() -> T:
            return await work()

        task = asyncio.create_task(done(), name="single flight")  # noqa: TID251  kept below
        self._under_way[key] = task
        task.add_done_callback(lambda task: self._landed(key, task))
        return task

    async def wait(self, key: K, work: Callable[[], Awaitable[T]]) -> T:
        """Raises: whatever `work` does."""
        return await asyncio.shield(self.start(key, work))

    def _landed(self, key: K, task: asyncio.Task[T]) -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, UpstreamFailure):
            # there may be nobody who waits to tell of it
            logger.error("Work that was shared failed.", exc_info=error)

    async def aclose(self) -> None:
        """Cancel what is under way, and wait for its end."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
