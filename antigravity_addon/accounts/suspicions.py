"""Whether a limit is the account's or the request's own: one that is too large meets it wherever it is sent.

A request that a few accounts limit alike is held at fault, and they need not rest for it. Should another request have
the same fate there, they were out after all.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from antigravity_addon.state.pool_store import CooldownKey

from .rests import Rests

_REMEMBERED = 600.0
"""Seconds for which it counts that an account answered a request of some size."""
_MOST_SIZES = 10_000
"""Models of accounts that are remembered: clients may call models by any name."""


@dataclass(slots=True)
class _Suspicion:
    """An account seemed to be out, but the request was held at fault. Another request with the same fate proves it."""

    request: str
    until: float


@dataclass(slots=True)
class Suspicions:
    """State: requests that are at fault, accounts that were suspected for them, and how much each has answered lately.

    Requests are known by their fingerprints; times are by `clock`.
    """

    clock: Callable[[], float]
    rests: Rests
    _marked: dict[str, tuple[float, str]] = field(default_factory=dict[str, tuple[float, str]])
    """Until when, and the upstream's words."""
    _suspected: dict[CooldownKey, _Suspicion] = field(default_factory=dict[CooldownKey, _Suspicion])
    _largest: OrderedDict[CooldownKey, tuple[int, float]] = field(
        default_factory=OrderedDict[CooldownKey, tuple[int, float]]
    )
    """Of the requests that were answered lately, the size of the largest, and when that was noted."""

    def note_answer(self, key: CooldownKey, size: int) -> None:
        """A request of so many bytes was answered there."""
        self._suspected.pop(key, None)
        if not self.has_answered(key, size):
            self._largest[key] = size, self.clock()
            self._largest.move_to_end(key)
            while len(self._largest) > _MOST_SIZES:
                self._largest.popitem(last=False)

    def has_answered(self, key: CooldownKey, size: int) -> bool:
        """A request of so many bytes, lately: this one cannot have been too large for it."""
        largest, noted = self._largest.get(key, (-1, 0.0))
        return largest >= size and self.clock() - noted < _REMEMBERED

    def is_known_to_be_out(self, key: CooldownKey, *, request: str, attempt: int) -> bool:
        """That the account limits this request says nothing against the request: others had the same fate there."""
        suspicion = self._suspected.get(key)
        is_proven = suspicion is not None and suspicion.request != request and suspicion.until > self.clock()
        return is_proven or self.rests.failures_with(key, attempt=attempt) > 1

    def blame(self, request: str, message: str, keys: Iterable[CooldownKey]) -> float:
        """The request is marked, and the rests that it caused end. Gives the seconds for which it is marked."""
        now = self.clock()
        until = now
        for key in keys:
            if (rest := self.rests.of([key.scope]).get(key)) is not None:
                until = max(until, rest.until)
                self._suspected[key] = _Suspicion(request, rest.until)
                self.rests.end(key)
        self._marked[request] = (until, message)
        return until - now

    @property
    def has_marked_requests(self) -> bool:
        """To fingerprint a request takes a while, and is seldom needed."""
        now = self.clock()
        self._marked = {request: mark for request, mark in self._marked.items() if mark[0] > now}
        return bool(self._marked)

    def mark_of(self, request: str) -> tuple[float, str] | None:
        """Seconds for which the request need not be tried again, and the upstream's words for it."""
        if (mark := self._marked.get(request)) is None:
            return None
        until, message = mark
        return until - self.clock(), message

    def forget(self) -> None:
        """Who is at fault; what was answered stays true."""
        self._suspected.clear()
        self._marked.clear()
