"""What an answer is called, from a seed: the same seed gives the same ids, so that a recording can be answered again
to the last byte.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field


def new_seed() -> str:
    """Unguessable, and so are the ids: some come back as keys to what is kept."""
    return secrets.token_hex(16)


@dataclass(slots=True)
class Naming:
    """Makes the ids and times of one exchange.

    State: how many ids were made, and which times were told; a recording of the exchange has both.
    """

    seed: str
    clock: Callable[[], float]
    """Unix time in seconds."""
    times: list[int] = field(default_factory=list[int])
    """Unix times in seconds, as they were told."""
    _made: int = 0

    def response_id(self) -> str:
        """Without a dialect's prefix."""
        return _digest(self.seed, "response")[:28]

    def new_id(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}_{_digest(self.seed, str(self._made))[:24]}"

    def unix_time(self) -> float:
        now = int(self.clock())
        self.times.append(now)
        return now


def _digest(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def recorded_clock(times: tuple[int, ...], *, otherwise: Callable[[], float]) -> Callable[[], float]:
    """Tells the times of a recording again, in order; when there are no more, what `otherwise` says."""
    left = iter(times)

    def tell() -> float:
        return next(left, None) or otherwise()

    return tell
