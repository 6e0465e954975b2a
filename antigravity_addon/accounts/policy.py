"""Which account pays for the next attempt, and how long one that failed is left alone. Pure.

The order of preference is written once, in `choose`: the conversation's own account before others, free before
resting, what has not failed this request before what has, and then as the strategy says.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Strategy(StrEnum):
    """How the operator wants accounts to be chosen."""

    CACHE_FIRST = "cache_first"
    """A conversation stays with its account, and waits a little for it."""
    BALANCE = "balance"
    """It stays, but not for the price of a wait."""
    PERFORMANCE_FIRST = "performance_first"
    """Whichever account answers soonest."""
    FIXED = "fixed"
    """One account, and no other."""

    @property
    def keeps_conversations(self) -> bool:
        return self in {Strategy.CACHE_FIRST, Strategy.BALANCE}


STAY_SECONDS = 5.0
"""For which a conversation waits for its own account under CACHE_FIRST. To read a long prompt anew takes the model
seconds, and costs up to ten times as much as to find it in its cache."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that may pay for a model, as it stands now."""

    email: str
    group: str = ""
    """Accounts of one group share a quota."""
    place: str = ""
    """Where it is asked: accounts of one place are overloaded, or out of reach, together."""
    free_at: float = 0.0
    """Time in seconds at which its rest ends."""
    is_model_at_fault: bool = False
    """The rest is the model's, which is overloaded for everybody."""
    is_exhausted: bool = False
    """The rest is that of a quota which is used up for long."""
    leases: int = 0
    """Attempts under way."""
    places: int | None = None
    """How many may be; `None` for any number."""
    weight: float = 1.0
    share: float = 0.0
    """What it has served so far, divided by its weight."""
    first_token_seconds: float = 0.0
    """What it took lately to begin an answer; 0 if that is not known."""

    @property
    def has_place(self) -> bool:
        return self.places is None or self.leases < self.places


@dataclass(frozen=True, slots=True)
class Wish:
    """What one attempt needs of an account."""

    model: str
    strategy: Strategy = Strategy.BALANCE
    fixed: str = ""
    """E-mail of the only account that may pay, under FIXED."""
    is_operators: bool = False
    """That account was chosen for this one request, by its operator, who also reads the answer."""
    conversation: tuple[str, ...] = ()
    """Names of the conversation that the request belongs to, the best known first."""
    tried: frozenset[str] = frozenset()
    """Accounts, groups and places that have failed this request: others are preferred."""
    spent: frozenset[str] = frozenset()
    """Accounts that are of no use to this request, however long it waits."""


@dataclass(frozen=True, slots=True)
class Use:
    email: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody can serve now."""

    seconds: float
    """Until the first rest ends; 0 if it is a place that is waited for, which may be free at any moment."""
    is_model_at_fault: bool = False
    is_exhausted: bool = False
    """A quota is used up, and this is when it comes back."""


@dataclass(frozen=True, slots=True)
class Nobody:
    """No account can serve this request, however long it waits."""


type Decision = Use | Wait | Nobody


def choose(
    candidates: Iterable[Candidate], wish: Wish, *, now: float, bound: str | None = None, stay: float = 0.0
) -> Decision:
    """Decide for one attempt.

    `candidates` are those in use; `bound` is the account that the conversation is with; `stay` are the seconds that
    the attempt can still wait for that one.
    """
    usable = [each for each in candidates if _may_serve(each, wish)]
    own = next((each for each in usable if each.email == bound and each.email not in wish.tried), None)
    if own is not None and wish.strategy.keeps_conversations:
        if own.free_at <= now and own.has_place:
            return Use(own.email)
        rest = max(own.free_at - now, 0.0)
        if wish.strategy is Strategy.CACHE_FIRST and rest <= stay > 0:
            return Wait(rest or stay, own.is_model_at_fault, own.is_exhausted)
    free = [each for each in usable if each.free_at <= now and each.has_place]
    if free:
        fastest = min((each.first_token_seconds for each in free if each.first_token_seconds), default=1.0)
        return Use(min(free, key=lambda each: _preference(each, wish, fastest)).email)
    if any(each.free_at <= now for each in usable):
        return Wait(0.0)
    if usable:
        first = min(usable, key=lambda each: each.free_at)
        return Wait(first.free_at - now, first.is_model_at_fault, first.is_exhausted)
    return Nobody()


def _may_serve(candidate: Candidate, wish: Wish) -> bool:
    if candidate.email in wish.spent:
        return False
    return wish.strategy is not Strategy.FIXED or candidate.email == wish.fixed


def is_free_elsewhere(candidates: Iterable[Candidate], wish: Wish, *, now: float, place: str) -> bool:
    """Somebody could serve at once who is asked at another place."""
    return any(
        each.place != place and each.free_at <= now and each.has_place and _may_serve(each, wish)
        for each in candidates
    )


def _preference(candidate: Candidate, wish: Wish, fastest: float) -> tuple[bool, bool, bool, float, float]:
    """The least is the best. Other places come first, then other projects, then sisters of an account that failed.

    By default whoever has served least, for its weight. Who is busiest does not matter: a quota counts requests, and
    an account with one long answer under way has as much of it left as one without.
    """
    effort = 0.0
    if wish.strategy is Strategy.PERFORMANCE_FIRST:
        # one that is not known is taken to be as good as the best, or it would never be asked
        effort = (candidate.first_token_seconds or fastest) * (1 + candidate.leases / candidate.weight)
    tried = wish.tried
    return (
        candidate.place in tried,
        candidate.group in tried,
        candidate.email in tried,
        effort,
        candidate.share,
    )


# --- how long an account rests -----------------------------------------------------------------------------

LONGEST_STATED = 8 * 86_400.0
"""A week's quota, and a day for clocks that disagree. What is stated beyond that is taken for this."""
_LEAST = 1.0
"""A delay of no seconds is a value, and means: at once is too soon."""
_FIRST_STEP, _LAST_STEP = 5.0, 300.0
_EXHAUSTED = 3600.0
"""When it is not known when a used-up quota comes back."""
_OVERLOADS_TO_BREAK = 3
"""In a row, without one answer in between: a single one says little about the next request."""
_BREAKS = (10.0, 20.0, 30.0)


def rest_after_limit(stated: float | None, *, failures: int, chance: float) -> float:
    """Seconds for which an account is left alone for a model after its `failures`-th limit in a row.

    What the upstream states is kept to, and if that was not enough, at least the next step. Each step is twice as long
    as the last one, give or take a fifth, as `chance` in [0, 1) says: accounts that failed together should not come
    back together.
    """
    if stated is not None and failures == 1:
        return min(max(stated, _LEAST), LONGEST_STATED)
    steps = failures - (1 if stated is None else 2)
    step = min(_FIRST_STEP * 2.0 ** min(steps, 10), _LAST_STEP) * (0.8 + 0.4 * chance)
    return min(max(stated or 0.0, step), LONGEST_STATED)


def rest_after_exhaustion(stated: float | None) -> float:
    return _EXHAUSTED if stated is None else min(max(stated, _LEAST), LONGEST_STATED)


def rest_of_model(stated: float | None, *, failures: int, chance: float) -> float | None:
    """Seconds for which an overloaded model is left alone; `None` while it may have been by chance."""
    broken = failures - _OVERLOADS_TO_BREAK
    if broken < 0:
        return None
    if stated is not None:
        return min(max(stated, _LEAST), _BREAKS[-1])
    return _BREAKS[min(broken, len(_BREAKS) - 1)] * (0.8 + 0.4 * chance)
