"""Whoever shows wrong keys waits for the answer, longer each time.

Good keys are not slowed down, whatever else comes from their address: a wrong one in somebody's configuration must not lock
out the others of an office. Who guesses has many connections, though, and would not wait for answers that come late. So while
too many wait, no key is looked at that was not good before at the same address: what is tried then tells nothing.
"""

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

FREE = 3
"""Wrong keys that are answered at once: people paste the wrong one."""
_SHORTEST, _LONGEST = 0.25, 8.0
"""Seconds. Each wait is twice as long as the one before."""
_FORGOTTEN_AFTER = 900.0
"""Seconds without a wrong key."""
_MOST_ADDRESSES = 10_000
_MOST_WAITING, _MOST_WAITING_OF_ONE = 400, 100
"""What is kept waiting costs us something, too."""
_MOST_GOOD = 10_000
"""Keys that are remembered with their address."""
RETRY_SECONDS = _LONGEST
"""From now on, those who wait now do so no more."""


@dataclass(slots=True)
class _Guesses:
    count: int
    last: float


@dataclass(frozen=True, slots=True)
class Verdict:
    count: int
    """Wrong keys of this address in a row."""
    delay: float | None
    """Seconds that its answer is to wait; `None`: too many wait, and nobody is to learn that this key was wrong."""

    @property
    def is_worth_a_line(self) -> bool:
        """In the log, which nobody must be able to flood."""
        return self.count & (self.count - 1) == 0


class WrongKeys:
    """State: the wrong keys of each address, how long ago, which answers wait, and which keys were good where."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is in seconds and never goes back."""
        self._clock = clock
        self._guesses: OrderedDict[str, _Guesses] = OrderedDict()
        """The one that guessed last at the end."""
        self._waiting: deque[tuple[float, str]] = deque()
        """When an answer goes, and to whom. Not in order of time: waits differ by seconds at most."""
        self._good: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Addresses, and owners of keys that were good there; the last one that came at the end."""

    def lets_in(self, address: str, owner: str) -> bool:
        """Take down a good key from `address`, unless that would tell a guess from others."""
        at = _network(address), owner
        if at not in self._good and self._is_crowded(at[0]):
            return False
        self._good[at] = None
        self._good.move_to_end(at)
        if len(self._good) > _MOST_GOOD:
            self._good.popitem(last=False)
        return True

    def judge(self, address: str) -> Verdict:
        """Take down a wrong key from `address`."""
        now, place = self._clock(), _network(address)
        guesses = self._guesses.pop(place, None)
        if guesses is None or now - guesses.last > _FORGOTTEN_AFTER:
            guesses = _Guesses(0, now)
        guesses.count += 1
        guesses.last = now
        self._guesses[place] = guesses
        if len(self._guesses) > _MOST_ADDRESSES:
            self._guesses.popitem(last=False)
        return Verdict(guesses.count, self._delay(place, guesses.count, now))

    def _delay(self, place: str, count: int, now: float) -> float | None:
        if count <= FREE:
            return 0.0
        if self._is_crowded(place):
            return None
        delay = min(_SHORTEST * 2.0 ** min(count - FREE - 1, 10), _LONGEST)
        self._waiting.append((now + delay, place))
        return delay

    def _is_crowded(self, place: str) -> bool:
        guesses = self._guesses.get(place)
        if guesses is None or guesses.count <= FREE:
            return False
        now = self._clock()
        self._waiting = deque(each for each in self._waiting if each[0] > now)
        of_this_one = sum(each[1] == place for each in self._waiting)
        return len(self._waiting) >= _MOST_WAITING or of_this_one >= _MOST_WAITING_OF_ONE


@lru_cache(maxsize=256)
def _network(address: str) -> str:
    """What one person has: of IPv6, the 64 bits that a provider gives to a line."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
