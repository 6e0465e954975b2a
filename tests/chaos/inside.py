"""A script for the mitmproxy that has the gateway in it: `mitmdump -s addon.py -s tests/chaos/inside.py`.

Names that end in `.invalid` are looked up here, and not always found. SIGUSR1 writes down what is alive in the process,
SIGUSR2 has the gateway forget what it holds against accounts.
"""

import asyncio
import ctypes
import gc
import json
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http

SEED, CENSUS = "CHAOS_SEED", "CHAOS_CENSUS"
"""Environment variables: a number, and the file to write to."""
SHARE_NOT_FOUND = 0.3
_SLOWEST_NAME = 1.0
"""Seconds."""
NOWHERE = "nowhere.invalid"
"""Is never found."""


def looking_up_at_random(seed: int, *, at_most: float = 0.0) -> Callable[..., Any]:
    """In place of `socket.getaddrinfo`. Addresses are looked up as ever, and every other `.invalid` name leads to this
    machine, after so many seconds at most.
    """
    chance = random.Random(seed).random
    known = socket.getaddrinfo

    def getaddrinfo(host: Any, *how: Any, **more: Any) -> Any:
        if not str(host).endswith(".invalid"):
            return known(host, *how, **more)
        time.sleep(chance() * at_most)
        if host == NOWHERE or chance() < SHARE_NOT_FOUND:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return known("127.0.0.1", *how, **more)

    return getaddrinfo


class Inside:
    def running(self) -> None:
        loop = asyncio.get_running_loop()
        socket.getaddrinfo = looking_up_at_random(int(os.environ[SEED]), at_most=_SLOWEST_NAME)
        loop.add_signal_handler(signal.SIGUSR1, _count)
        loop.add_signal_handler(signal.SIGUSR2, lambda: ctx.master.commands.call("gateway.accounts.reset"))


def _count() -> None:
    gc.collect()
    _give_back()
    tasks = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    flows = _count_flows()
    path = Path(os.environ[CENSUS])
    alive = {
        "tasks": sorted(tasks),
        "flows": flows,
        "objects": len(gc.get_objects()),
        "given_out": _given_out(),
    }
    path.with_suffix(".new").write_text(json.dumps(alive))
    path.with_suffix(".new").replace(path)


def _give_back() -> None:
    """What malloc keeps of memory that nobody uses any more: what is left says whether anything is held."""
    ctypes.CDLL(None).malloc_trim(0)


def _given_out() -> int:
    """Bytes that malloc has given out and not got back. Not those of Python's own small objects."""
    counts = (ctypes.c_size_t * 10)()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = type("mallinfo2", (ctypes.Structure,), {"_fields_": [("counts", type(counts))]})
    counts = mallinfo2().counts
    mapped, used = counts[4], counts[7]
    return mapped + used


def _count_flows() -> int:
    usual = sys.getswitchinterval()
    # a thread that is about to make a tuple must not find that somebody has it already
    sys.setswitchinterval(60)
    try:
        return sum(isinstance(each, http.HTTPFlow) for each in gc.get_objects())
    finally:
        sys.setswitchinterval(usual)


addons = [Inside()]
