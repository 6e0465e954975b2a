"""How long clients are waited for, and how many connections there may be.

One look at all connections every few seconds, since a timer for each request would cost more than the requests. Whoever owes
the rest of a request, or reads nothing of an answer, loses the connection: an account is leased to each answer under way.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from mitmproxy.connection import Client
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.proxy.server import ConnectionHandler

from antigravity_addon.gateway.tasks import spawn

from .door import HEAD_SECONDS, READ_SECONDS, Door, Overdue, ReadsNothing, now
from .listener import proxyserver
from .upstream_layer import InProcessHttpLayer

if sys.platform != "win32":  # which has no bound of this kind
    import resource

logger = logging.getLogger(__name__)

_EVERY = 5.0
"""Seconds from one look to the next."""
_AT_ONCE = 100
"""Connections that are looked at in one round of the loop, which is a millisecond or two."""
_MOST_CONNECTIONS = 8000
_OTHER_FILES = 128
"""Descriptors that are left to upstreams and files."""


@dataclass(slots=True)
class _Waiting:
    """What waits for a client to read it."""

    size: int
    since: float
    """When its size was last another one."""

    def looked_at(self, size: int, at: float) -> None:
        if size != self.size:
            self.size, self.since = size, at


@dataclass(slots=True)
class _Connection:
    handler: ConnectionHandler
    transport: asyncio.WriteTransport
    began: float
    in_socket: _Waiting
    at_door: dict[int, _Waiting] = field(default_factory=dict)
    """By stream."""

    @property
    def layer(self) -> InProcessHttpLayer | None:
        layers = self.handler.layer.context.layers
        return next((each for each in layers if isinstance(each, InProcessHttpLayer)), None)

    @property
    def door(self) -> Door | None:
        return self.layer.door if self.layer is not None else None

    @property
    def is_idle(self) -> bool:
        """Nothing is asked or answered."""
        layer = self.layer
        return layer is None or (not layer.streams and self.transport.get_write_buffer_size() == 0)


class Patience:
    """Watches connections from when they are opened until nothing is left of them, which can be after they were closed.

    State: for each, since when it has not moved.
    """

    def __init__(self) -> None:
        self._connections: dict[str, _Connection] = {}
        """By the client's id."""
        self._most = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Connections may be there: when addon.py is saved, they go on."""
        self._most = _most_connections()
        for handler in tuple(proxyserver().connections.values()):
            if isinstance(handler.client.proxy_mode, ReverseMode):
                self.take(handler.client)
        self._task = spawn(self._watch(), name="watch over clients' patience")

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def take(self, client: Client) -> str | None:
        """A new connection, or why there may be none."""
        handler = proxyserver().connections.get(client.id)
        io = handler.transports.get(client) if handler is not None else None
        if handler is None or io is None or not isinstance(io.writer, asyncio.StreamWriter):
            return None
        if self._most and len(self._connections) >= self._most and not self._end_an_idle_one():
            return f"There are {len(self._connections)} connections, which is the most, and all are at work."
        transport = io.writer.transport
        self._connections[client.id] = _Connection(handler, transport, now(), _Waiting(0, now()))
        return None

    def _end_an_idle_one(self) -> bool:
        """The one that was opened first; its client opens another when it needs one."""
        for client_id, connection in self._connections.items():
            if connection.is_idle:
                connection.transport.abort()
                del self._connections[client_id]
                return True
        return False

    def let_go(self, client: Client) -> None:
        """Mitmproxy has done with a connection. It (12.2.3) forgets to close one that it ends while the client still sends:
        the task that should do it is cancelled in front of a lock.
        """
        if (connection := self._connections.get(client.id)) is not None:
            connection.transport.close()
            if connection.door is not None:
                connection.door.let_go()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self.look(now())

    async def look(self, at: float) -> None:
        """`at` is by the loop's clock. Others have their turn in between: thousands may be there, and end at the same time."""
        for number, (client_id, connection) in enumerate(tuple(self._connections.items()), 1):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                await self._look_at(connection, at)
                if connection.transport.is_closing():
                    if not connection.transport.get_write_buffer_size():
                        self._connections.pop(client_id, None)
                    await asyncio.sleep(0)
            except Exception:
                logger.exception("A client's connection could not be looked at, so it is closed.")
                connection.transport.abort()

    async def _look_at(self, connection: _Connection, at: float) -> None:
        transport, handler = connection.transport, connection.handler
        connection.in_socket.looked_at(transport.get_write_buffer_size(), at)
        if connection.in_socket.size and connection.in_socket.since + READ_SECONDS <= at:
            logger.warning("%s reads nothing of its answer: its connection is cut.", _name(handler))
            transport.abort()
        if transport.is_closing():
            return
        door = connection.door
        if door is None:
            if connection.began + HEAD_SECONDS <= at:
                transport.abort()  # neither a request nor the end of a TLS handshake
            return
        if (deadline := door.next_deadline()) is not None and deadline <= at:
            await handler.server_event(Overdue(at))
        for stream_id in _stuck(connection.at_door, door.waiting(), at):
            logger.warning("%s reads nothing of an answer: it is ended.", _name(handler))
            await handler.server_event(ReadsNothing(stream_id))


def _stuck(known: dict[int, _Waiting], waiting: dict[int, int], at: float) -> Iterator[int]:
    """Streams of which nothing was read for too long."""
    for stream_id in known.keys() - waiting.keys():
        del known[stream_id]
    for stream_id, size in waiting.items():
        stream = known.setdefault(stream_id, _Waiting(size, at))
        stream.looked_at(size, at)
        if size and stream.since + READ_SECONDS <= at:
            yield stream_id


def _name(handler: ConnectionHandler) -> str:
    return f"The client {handler.client.peername[0]}"


def _most_connections() -> int:
    """As many as there can be files, and never more than are of use; the system's soft bound is often 1024 for no reason.

    0: without a bound.
    """
    if sys.platform == "win32":
        return 0
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < 2 * _MOST_CONNECTIONS:
            wanted = 2 * _MOST_CONNECTIONS
            soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except (OSError, ValueError):
        return 0
    return (
        _MOST_CONNECTIONS
        if soft == resource.RLIM_INFINITY
        else min(_MOST_CONNECTIONS, max(64, soft - _OTHER_FILES) // 2)
    )
