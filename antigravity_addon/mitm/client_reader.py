"""A client's bytes, in pieces after which others have their turn.

mitmproxy (12.2.3) reads 64 KiB at once, and all of it goes through the layers before anybody else is served. Of an ordinary
body that is a millisecond. Of requests or frames as small as can be it was up to a second, and the client could send the
next 64 KiB meanwhile.
"""

import asyncio
from collections.abc import Callable

from mitmproxy.connection import Client
from mitmproxy.proxy.server import ConnectionIO

from antigravity_addon.gateway.tasks import somebody_waits

from .client_tls import TLS_HANDSHAKE
from .door import TURN_SECONDS, now
from .http2_door import Http2Door
from .listener import proxyserver

FIRST_BYTES = 8 * 1024
_FEWEST, _MOST = 1024, 64 * 1024
_LONGEST_PAUSE = 0.05
"""Seconds. What took longer is one large request, which is over."""
_ENDS_AT_ONCE = 8
_MOST_ROUNDS = 1000
"""Of the loop, in a pause. Two that wait for each other go on, even by a clock that stands still."""


class Crowd:
    """Connections that begin with TLS, or end, at the same time, a few in each round of the loop.

    A handshake is two to four milliseconds' work, of which most is the key's, and an end half a millisecond's: a hundred
    handshakes at once were half a second for all others, and the end of a program with thousands of connections was, too.
    """

    def __init__(self) -> None:
        self._handshakes = asyncio.Lock()
        self._ends = asyncio.Semaphore(_ENDS_AT_ONCE)

    async def may_begin_tls(self) -> None:
        async with self._handshakes:
            await asyncio.sleep(0)

    async def may_end(self) -> None:
        async with self._ends:
            await asyncio.sleep(0)


class ClientReader:
    """Stands in for a connection's `asyncio.StreamReader`.

    State: how much the next piece may be, since when the client's last one is being worked on, and how long those before it
    took for which others have not had their turn; and who works on it, where that takes more than one turn.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        clock: Callable[[], float] = now,
        *,
        crowd: "Crowd | None" = None,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._crowd = crowd
        self._size = FIRST_BYTES
        self._given: float | None = None
        self._worked = 0.0
        self._door: Http2Door | None = None

    async def read(self, size: int) -> bytes:
        """What is there, of `size` bytes at most; nothing at the end. Called again when it has been worked on."""
        if self._given is not None:
            await self._after(self._clock() - self._given)
        while self._door is not None and self._door.is_behind:
            await self._door.moved()
        asked = self._clock()
        piece = await self._reader.read(min(size, self._size))
        if self._crowd is not None:
            if not piece:
                await self._crowd.may_end()
            elif self._given is None and piece.startswith(TLS_HANDSHAKE):
                await self._crowd.may_begin_tls()
        self._given = self._clock()
        # while it waited for its client, others had their turn
        self._worked = max(self._worked - (self._given - asked), 0.0)
        return piece

    def wait_for(self, door: Http2Door) -> None:
        """Read nothing as long as it is behind."""
        self._door = door

    async def _after(self, took: float) -> None:
        if took > TURN_SECONDS:
            # a smaller piece follows
            self._size = max(self._size // 2, _FEWEST)
        elif took < TURN_SECONDS / 4:
            self._size = min(self._size * 2, _MOST)
        self._worked += took
        if self._worked > TURN_SECONDS:
            await self._others_first(min(self._worked, _LONGEST_PAUSE))
            self._worked = 0.0

    async def _others_first(self, seconds: float) -> None:
        """As long as they have something to do, and no longer than `seconds`: it takes them many rounds of the loop."""
        until = self._clock() + seconds
        for _ in range(_MOST_ROUNDS):
            await asyncio.sleep(0)
            if not somebody_waits() or self._clock() >= until:
                break


def read_in_pieces(client: Client, crowd: Crowd) -> None:
    """From its first byte on."""
    io = _io_of(client)
    if io is not None and isinstance(io.reader, asyncio.StreamReader):
        io.reader = ClientReader(io.reader, crowd=crowd)  # pyright: ignore[reportAttributeAccessIssue]  all that is asked of it


def read_for(client: Client, door: Http2Door) -> None:
    """No more than the door has worked on."""
    io = _io_of(client)
    if io is not None and isinstance(io.reader, ClientReader):
        io.reader.wait_for(door)


def _io_of(client: Client) -> ConnectionIO | None:
    """`None` once mitmproxy has done with it."""
    handler = proxyserver().connections.get(client.id)
    return handler.transports.get(client) if handler is not None else None
