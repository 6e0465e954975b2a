"""The way back to the client: one head, then bytes, then an end, with keep-alives while nothing comes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .tasks import spawn


@dataclass(frozen=True, slots=True)
class Head:
    status: int
    headers: Mapping[str, str] = field(repr=False)
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

    def __init__(
        self,
        sink: Sink,
        *,
        head: Callable[[], Head],
        keep_alive: Callable[[], bytes | None],
        keepalive_seconds: float,
    ) -> None:
        """`keep_alive` gives what the client is to hear, or `None` if nothing may be sent yet."""
        self._sink = sink
        self._head = head
        self._keep_alive = keep_alive
        self._keepalive_seconds = keepalive_seconds
        self._lock = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._last_sent = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self.committed = False
        """The head is out, or on its way."""
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

    async def _write_keep_alive(self) -> None:
        """Made only when it can be written at once, since some dialects number their events. A lock that is held means
        that bytes are on their way: no need for ours.
        """
        if self._lock.locked() or self._ended:
            return
        if (body := self._keep_alive()) is not None:
            await self.write(body)

    def _tick(self) -> None:
        silent_for = self._loop.time() - self._last_sent
        due = self._keepalive_seconds - silent_for
        if due <= 0:
            due = self._keepalive_seconds
            spawn(self._write_keep_alive(), name="keep-alive")
        self._timer = self._loop.call_later(due, self._tick)
