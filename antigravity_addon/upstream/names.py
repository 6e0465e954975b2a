"""Names of hosts -> addresses, as the system finds them."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import override

from aiohttp.abc import AbstractResolver, ResolveResult

type _Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str | int | bytes, ...]]
"""As `socket.getaddrinfo` gives it."""


class Names(AbstractResolver):
    """On threads of its own: the system takes half a minute for a name whose servers do not answer, and nobody can end that.
    On the threads that all share, a few such names would hold up whatever else is done there, large bodies and files.
    """

    def __init__(self, *, at_once: int) -> None:
        """`at_once`: names that are looked up at the same time; more of them wait."""
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="names of hosts")

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises: OSError, UnicodeError: there is no such name."""
        look_up = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [_result(host, each) for each in found]

    @override
    async def close(self) -> None:
        """Waits for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


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
