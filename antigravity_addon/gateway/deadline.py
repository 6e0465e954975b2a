"""When a request must be over, and how long an upstream may be silent."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from antigravity_addon.errors import UpstreamTimeout


@dataclass(slots=True)
class Deadline:
    """When a request must be over, by the event loop's clock. Later, once people have looked at it on its way."""

    at: float
    seconds: float
    """As the operator set it."""

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(asyncio.get_running_loop().time() + seconds, seconds)

    @property
    def remaining(self) -> float:
        return self.at - asyncio.get_running_loop().time()

    @property
    def is_over(self) -> bool:
        return self.remaining <= 0

    def missed(self) -> UpstreamTimeout:
        return UpstreamTimeout(f"The answer was not complete after {self.seconds:g} seconds.")


class SilenceLimit:
    """A timeout around one upstream request, as `asyncio.timeout` is one: silence ends it, and so does the deadline.

    State: since when the upstream has been silent. It speaks many times a second, so that is only written down; one timer
    looks at it when time may be up.
    """

    def __init__(self, seconds: float, deadline: Deadline) -> None:
        """`seconds` of silence."""
        self._seconds = seconds
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._silent_since: float | None = None
        self._is_held = False
        self._timer: asyncio.TimerHandle | None = None
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self.listen()
        self._look()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Raises: TimeoutError: time was up."""
        if self._timer is not None:
            self._timer.cancel()
        # it refers to its task, and a task's failure to this
        timeout, self._timeout = self._timeout, asyncio.timeout(None)
        return await timeout.__aexit__(kind, error, traceback)

    @property
    def is_over(self) -> bool:
        """Time was up, for whoever is told within that it is over."""
        return self._timeout.expired()

    def listen(self) -> None:
        """From now on it is the upstream's turn to say something."""
        self._silent_since = self._loop.time()

    def stop_listening(self) -> None:
        """It has spoken; until the next `listen`, the deadline alone counts."""
        self._silent_since = None

    @contextmanager
    def held(self) -> Generator[None]:
        """For as long as this lasts, time is never up; silence is counted anew afterwards."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self.listen()
            self._look()

    def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_held:
            return
        if (end := self._end()) > self._loop.time():
            self._timer = self._loop.call_at(end, self._look)
        else:
            self._timeout.reschedule(self._loop.time())

    def _end(self) -> float:
        if self._silent_since is None:
            # it may be silent from any moment on
            return min(self._loop.time() + self._seconds, self._deadline.at)
        return min(self._silent_since + self._seconds, self._deadline.at)
