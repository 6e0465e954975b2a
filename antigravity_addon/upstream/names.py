"""Names of hosts -> addresses, as the system finds them."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import override

from aiohttp.abc import AbstractResolver, ResolveResult

type _Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str | int | bytes, ...]]
"""As `socket.getaddrinfo` gives it."""


class Names(AbstractResolver):
    """On threads of its own: the system takes half a minute for a name whose servers do not answer, and nobody can end that.
    On the threads that all share, a few such names would hold up whatever else is done there, large bodies and files, and at
    the end of the process Python waits for those threads, as it does for every executor's.
    """

    def __init__(self, *, at_once: int) -> None:
        """`at_once`: names that are looked up at the same time; more of them wait."""
        self._places = asyncio.Semaphore(at_once)

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises: OSError, UnicodeError: there is no such name."""
        look_up = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        await self._places.acquire()
        looked_up = _on_a_thread(look_up)
        # once it is over, whoever waits for it
        looked_up.add_done_callback(partial(self._leave_place, asyncio.get_running_loop()))
        return [_result(host, each) for each in await asyncio.wrap_future(looked_up)]

    def _leave_place(self, loop: asyncio.AbstractEventLoop, _: object) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(self._places.release)

    @override
    async def close(self) -> None:
        """Waits for nobody."""


def _on_a_thread[T](work: Callable[[], T]) -> Future[T]:
    """What `work` gives or raises. Nobody can end it, and the process does not wait for it."""
    outcome = Future[T]()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001  whoever waits has it
            outcome.set_exception(error)

    Thread(target=run, name="name of a host", daemon=True).start()
    return outcome


def _result(host: str, found: _Found) -> ResolveResult:
    family, _, protocol, _, (address, port, *rest) = found
    # of an IPv6 address, and of no use without it where it is not 0
    zone = f"%{rest[1]}" if rest and rest[1] else ""
    return ResolveResult(
        hostname=host,
        host=f"{address}{zone}",
        port=int(port),
        family=family,
        proto=protocol,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
