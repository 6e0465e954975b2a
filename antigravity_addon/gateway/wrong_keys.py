"""Whoever shows wrong keys waits for the answer, longer each time.

Good keys are not slowed down, whatever else comes from their address: a wrong one in somebody's configuration must not lock
out the others of an office. So this slows down guessing one after the other, and does not end it; what ends it is the length of
keys.
"""

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

FREE = 3
"""Wrong keys that are answered at once: people paste the wrong one."""
_SHORTEST, _LONGEST = 0.25, 8.0
"""Seconds. Each wait is twice as long as the one before."""
_FORGOTTEN_AFTER = 900.0
"""Seconds without a wrong key."""
_MOST_ADDRESSES = 10_000
_MOST_WAITING, _MOST_WAITING_OF_ONE = 200, 20
"""Beyond it an answer comes at once: a connection that is kept waiting costs us something, too."""


@dataclass(slots=True)
class _Guesses:
    count: int
    last: float


@dataclass(frozen=True, slots=True)
class Verdict:
    count: int
    """Wrong keys of this address in a row."""
    delay: float
    """Seconds that its answer is to wait."""

    @property
    def is_worth_a_line(self) -> bool:
        """In the log, which nobody must be able to flood."""
        return self.count & (self.count - 1) == 0


class WrongKeys:
    """State: the wrong keys of each address, how long ago, and which answers wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is in seconds and never goes back."""
        self._clock = clock
        self._guesses: OrderedDict[str, _Guesses] = OrderedDict()
        """The one that guessed last at the end."""
        self._waiting: deque[tuple[float, str]] = deque()
        """When an answer goes, and to whom. Not in order of time: waits differ by seconds at most."""

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

    def _delay(self, place: str, count: int, now: float) -> float:
        if count <= FREE:
            return 0.0
        self._waiting = deque(each for each in self._waiting if each[0] > now)
        of_this_one = sum(each[1] == place for each in self._waiting)
        if len(self._waiting) >= _MOST_WAITING or of_this_one >= _MOST_WAITING_OF_ONE:
            return 0.0
        delay = min(_SHORTEST * 2.0 ** min(count - FREE - 1, 10), _LONGEST)
        self._waiting.append((now + delay, place))
        return delay


def _network(address: str) -> str:
    """What one person has: of IPv6, the 64 bits that a provider gives to a line."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
