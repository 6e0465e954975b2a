"""Which account pays for the next attempt: states and time in, a decision out. Pure.

The order of preference is written once, in `choose`: free before cooling, not yet tried in this exchange
before tried, least busy before busy, longest unused first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Strategy(StrEnum):
    """How the operator wants accounts to be chosen."""

    CACHE_FIRST = "cache_first"
    BALANCE = "balance"
    PERFORMANCE_FIRST = "performance_first"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class AccountState:
    """What the pool remembers of an account."""

    email: str
    disabled_because: str | None = None
    """A sentence for the operator; `None` while the account may be used."""
    cooling_until: Mapping[str, float] = field(default_factory=dict[str, float])
    """Model -> time in seconds until which the upstream asked us to leave (account, model) alone."""
    leases: int = 0
    """Attempts under way."""
    last_lease: int = 0
    """Serial number of the pool's latest lease of this account; 0 for never."""

    def free_at(self, model: str) -> float:
        """Time in seconds from which the account may be asked for `model`; 0 if nothing speaks against it."""
        return self.cooling_until.get(model, 0.0)


@dataclass(frozen=True, slots=True)
class Use:
    email: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody is free now; this account is the first to be."""

    email: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Nobody:
    """No account can serve this exchange, however long it waits."""


type Decision = Use | Wait | Nobody


def choose(
    states: Iterable[AccountState],
    *,
    model: str,
    now: float,
    tried: frozenset[str] = frozenset(),
    spent: frozenset[str] = frozenset(),
) -> Decision:
    """Decide for one attempt.

    `tried` accounts had an attempt in this exchange already and come last; `spent` ones are of no use to it,
    however long it waits.
    """
    usable = [state for state in states if state.disabled_because is None and state.email not in spent]
    free = [state for state in usable if state.free_at(model) <= now]
    if free:
        best = min(free, key=lambda state: (state.email in tried, state.leases, state.last_lease))
        return Use(best.email)
    if usable:
        first = min(usable, key=lambda state: state.free_at(model))
        return Wait(first.email, first.free_at(model) - now)
    return Nobody()
