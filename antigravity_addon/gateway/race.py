"""Two attempts at the same turn: whichever is heard of first serves, and the other is cancelled."""

import asyncio
from collections.abc import Coroutine, Hashable

from antigravity_addon.errors import UpstreamFailure


class Race[K: Hashable]:
    """State: the runners, and who has won."""

    def __init__(self) -> None:
        self._runners: dict[K, asyncio.Task[bytes]] = {}
        self.winner: K | None = None

    def enter(self, runner: K, attempt: Coroutine[object, object, bytes]) -> None:
        # an eager task may win before it is entered here
        self._runners[runner] = asyncio.create_task(attempt, name="hedged attempt")  # noqa: TID251  kept here

    def claim(self, runner: K) -> None:
        """Raises: asyncio.CancelledError: another one has won, and this one is to end."""
        if self.winner is None:
            self.winner = runner
            for other, task in self._runners.items():
                if other != runner:
                    task.cancel()
        elif self.winner != runner:
            raise asyncio.CancelledError

    async def is_undecided_after(self, seconds: float) -> bool:
        await asyncio.wait(self._runners.values(), timeout=seconds)
        return self.winner is None and not any(task.done() for task in self._runners.values())

    async def result(self) -> bytes:
        """Of the winner. Raises: UpstreamFailure: as the winner did, or as the last one that failed before anyone won."""
        failure: UpstreamFailure | None = None
        running = {task: runner for runner, task in self._runners.items()}
        while running:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                runner = running.pop(task)
                if task.cancelled():
                    continue
                error = task.exception()
                if self.winner is not None and runner != self.winner:
                    continue  # it failed before it could be cancelled
                if error is None:
                    return task.result()
                if self.winner is not None or not (isinstance(error, UpstreamFailure) and error.retryable):
                    raise error
                failure = error
        raise failure or asyncio.CancelledError

    async def end(self) -> None:
        """Cancel whoever still runs, and wait for it: its account is given back."""
        for task in self._runners.values():
            task.cancel()
        await asyncio.wait(self._runners.values())
        # each may have failed, and a failure's frames lead back to the race
        self._runners.clear()
