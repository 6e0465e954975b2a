"""How an exchange is ended from outside, so that its client still hears why."""

import asyncio
from types import TracebackType

from antigravity_addon.errors import GatewayError

from .deadline import Deadline


class Ending:
    """State: the error that ends the exchange, and the stretch of it that is under way and in which that can be raised."""

    def __init__(self) -> None:
        self._error: GatewayError | None = None
        self._stretch: asyncio.Timeout | None = None
        self._deadline: Deadline | None = None
        """Of that stretch."""

    def heard(self, deadline: Deadline | None = None) -> "Ending":
        """A stretch whose caller can tell the client; none is in another. Raises: GatewayError: what `now` was given, or that the
        deadline was missed.
        """
        self._deadline = deadline
        return self

    async def __aenter__(self) -> None:
        if self._error is not None:
            raise self._error
        self._stretch = asyncio.timeout_at(self._deadline.at if self._deadline is not None else None)
        await self._stretch.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        stretch, self._stretch = self._stretch, None
        assert stretch is not None  # noqa: S101  it was entered
        try:
            return await stretch.__aexit__(kind, error, traceback)
        except TimeoutError:
            if self._error is not None:
                raise self._error from None
            assert self._deadline is not None  # noqa: S101  nothing else ends a stretch
            raise self._deadline.missed() from None

    def now(self, error: GatewayError) -> None:
        """Raise it in the stretch that is under way, or else in the next one; where there is none, nothing happens."""
        if self._error is not None:
            return
        self._error = error
        if self._stretch is not None:
            self._stretch.reschedule(asyncio.get_running_loop().time())
