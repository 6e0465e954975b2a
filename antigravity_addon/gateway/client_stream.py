"""The way back to the client: one head, then bytes, then an end, with keep-alives while nothing comes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from antigravity_addon.wire.sse import KEEP_ALIVE

from .tasks import spawn


@dataclass(frozen=True, slots=True)
class Head:
    status: int
    headers: Mapping[str, str]
    streamed: bool = False
    """The body comes in pieces, and each is to leave at once."""


class Sink(Protocol):
    """Where an answer goes. One call carries as much as there is, since each costs a pass through the proxy."""

    async def send(self, *, head: Head | None = None, body: bytes = b"", end: bool = False) -> None:
        """Returns when the client has room for more. Nothing may be sent after `end`."""
        ...


class ClientStream:
    """A streamed answer on its way.

    State: whether the head has gone (from then on nothing is retried), and since when the client has heard
    nothing. A lock keeps a keep-alive from cutting into an event, and the head in front of everything.
    """

    def __init__(self, sink: Sink, *, head: Callable[[], Head], keepalive_seconds: float) -> None:
        self._sink = sink
        self._head = head
        self._keepalive_seconds = keepalive_seconds
        self._lock = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._last_sent = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self.committed = False
        """The head is out, or on its way."""
        self.upstream_is_silent = False
        """An attempt is under way; only then are keep-alives due, since its account is in the head."""
        self._ended = False

    async def write(self, body: bytes, *, end: bool = False) -> None:
        head = None
        if not self.committed:
            self.committed = True
            head = self._head()
        async with self._lock:
            if self._ended:
                return  # a keep-alive that came too late
            self._ended = end
            await self._sink.send(head=head, body=body, end=end)
        self._last_sent = self._loop.time()

    def start_keepalives(self) -> None:
        if self._keepalive_seconds > 0:
            self._timer = self._loop.call_later(self._keepalive_seconds, self._tick)

    def stop_keepalives(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        silent_for = self._loop.time() - self._last_sent
        due = self._keepalive_seconds - silent_for
        if due <= 0:
            due = self._keepalive_seconds
            # a lock that is held means that bytes are on their way: no need for ours
            if self.upstream_is_silent and not self._lock.locked():
                spawn(self.write(KEEP_ALIVE), name="keep-alive")
        self._timer = self._loop.call_later(due, self._tick)
