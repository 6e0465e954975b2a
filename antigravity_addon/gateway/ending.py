"""How an exchange is ended from outside, so that its client still hears why."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from antigravity_addon.errors import GatewayError


class Ending:
    """State: the error that ends the exchange, and the stretch of it that is under way and in which that can be raised."""

    def __init__(self) -> None:
        self._error: GatewayError | None = None
        self._stretch: asyncio.Timeout | None = None

    @asynccontextmanager
    async def heard(self) -> AsyncGenerator[None]:
        """A stretch whose caller can tell the client; none is in another. Raises: GatewayError: what `now` was given."""
        if self._error is not None:
            raise self._error
        stretch = asyncio.timeout(None)
        try:
            async with stretch:
                self._stretch = stretch
                try:
                    yield
                finally:
                    self._stretch = None
        except TimeoutError:
            if self._error is not None and stretch.expired():
                raise self._error from None
            raise

    def now(self, error: GatewayError) -> None:
        """Raise it in the stretch that is under way, or else in the next one; where there is none, nothing happens."""
        if self._error is not None:
            return
        self._error = error
        if self._stretch is not None:
            self._stretch.reschedule(asyncio.get_running_loop().time())
