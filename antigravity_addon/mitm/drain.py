"""The end of the process on a signal: nobody new is served, and who is served already is served to the end, for so long.

mitmproxy (12.2.3) would end at once. Its own ways out, `shutdown` and the keys of its console, stay as they are.
"""

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Protocol
from weakref import WeakKeyDictionary

from mitmproxy import ctx
from mitmproxy.master import Master

from antigravity_addon.gateway.tasks import spawn

logger = logging.getLogger(__name__)

LAST_WORDS_SECONDS = 1.0
"""For those that are given up: to write an error takes no longer, unless a client does not read."""
_SAME_SIGNAL_SECONDS = 0.5
"""In which a signal that comes again is the same one: systemd sends it to every process of a service, and `uv run`
hands it on to the one that it has started.
"""
MAIN = "mitmproxy.tools.main"
"""Where mitmproxy's programs begin, and take the signals."""
_LOOK_SECONDS = 0.02
"""Between two looks at what goes on. mitmproxy tells nobody when an answer has left it."""


class UnderWay(Protocol):
    """What the process still has to do."""

    def count(self) -> int:
        """Exchanges that somebody waits for, up to the last byte that leaves the process."""
        ...

    def give_up(self) -> None:
        """End each, with an error for its client."""
        ...


class Drain:
    """State: the signal that began it, and when."""

    def __init__(
        self, shutdown: Callable[[], None], under_way: UnderWay, *, clock: Callable[[], float]
    ) -> None:
        self._shutdown = shutdown
        self._under_way = under_way
        self._clock = clock
        self._first: tuple[int, float] | None = None

    @property
    def has_begun(self) -> bool:
        return self._first is not None

    def hear(self, number: int, *, seconds: float) -> None:
        """A signal came: the first begins, with `seconds` for what is under way, and the second ends at once."""
        now = self._clock()
        if self._first is None:
            self._first = number, now
            spawn(self._run(began=now, end=now + seconds), name="drain")
        elif self._first[0] != number or now - self._first[1] > _SAME_SIGNAL_SECONDS:
            if left := self._under_way.count():
                logger.warning("Stopped at once: %s cut off.", _exchanges(left, "is", "are"))
            self._shutdown()

    async def _run(self, *, began: float, end: float) -> None:
        count = self._under_way.count()
        if not count:
            self._shutdown()
            return
        logger.info(
            "Draining: %s under way and may take %g s more. New requests are refused; a second signal stops at once.",
            _exchanges(count, "is", "are"),
            end - began,
        )
        if await self._is_done(by=end):
            logger.info("Drained after %.1f s.", self._clock() - began)
        else:
            left = self._under_way.count()
            self._under_way.give_up()
            await self._is_done(by=self._clock() + LAST_WORDS_SECONDS)
            logger.warning("Gave up on %s after %.1f s.", _exchanges(left), self._clock() - began)
        self._shutdown()

    async def _is_done(self, *, by: float) -> bool:
        while self._under_way.count():
            if self._clock() >= by:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True


def _exchanges(count: int, one: str = "", many: str = "") -> str:
    return f"{count} exchange {one}".rstrip() if count == 1 else f"{count} exchanges {many}".rstrip()


_drains: WeakKeyDictionary[Master, Drain] = WeakKeyDictionary()
"""By the process's mitmproxy: a reload of addon.py ends no drain."""


def drain_of_the_process(under_way: UnderWay) -> Drain:
    """The same one as long as this mitmproxy runs."""
    if (drain := _drains.get(ctx.master)) is None:
        clock = asyncio.get_running_loop().time
        drain = _drains[ctx.master] = Drain(_shut_down, under_way, clock=clock)
    return drain


def _shut_down() -> None:
    # a method of the master would keep it, in what is kept as long as the master is
    ctx.master.shutdown()


# --- signals ----------------------------------------------------------------------------------------------


def take_signals(hear: Callable[[int], None]) -> None:
    """In mitmproxy's place. Nothing happens where mitmproxy has not taken them, since somebody else is in charge there."""
    for number in _numbers():
        _on_signal(number, lambda number=number: hear(number))


def give_signals_back() -> None:
    """As `mitmproxy.tools.main` has them."""
    for number in _numbers():
        _on_signal(number, ctx.master.shutdown)


def _numbers() -> tuple[int, ...]:
    """None in a program that has mitmproxy inside."""
    is_mitmproxys = MAIN in sys.modules and threading.current_thread() is threading.main_thread()
    if not is_mitmproxys or not callable(signal.getsignal(signal.SIGTERM)):
        return ()
    # in its console, Ctrl-C is a key that asks first
    return (signal.SIGTERM,) if hasattr(ctx.master, "prompt_for_exit") else (signal.SIGTERM, signal.SIGINT)


def _on_signal(number: int, call: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()

    def from_anywhere(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(call)

    try:
        loop.add_signal_handler(number, call)
    except NotImplementedError:
        # Windows, as mitmproxy does it there
        signal.signal(number, from_anywhere)
