"""How much each client key may use: so many requests a minute, and so much a day."""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from antigravity_addon.errors import ClientBudgetSpent, ClientLimited

from .client_keys import ClientKey
from .usage import UsageLedger

_ONE = 1.0 - 1e-6
"""What a request costs, as far as sums of fractions can tell."""


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A token bucket: it holds a minute's requests, loses one with each, and fills evenly."""

    level: float
    at: float
    """Seconds, by the clock, at which it had that level."""

    def later(self, now: float, per_minute: int) -> "_Bucket":
        filled = self.level + (now - self.at) * per_minute / 60.0
        return _Bucket(min(filled, float(per_minute)), now)


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a client stands to one of its limits."""

    limit: int
    remaining: int
    reset: float
    """Seconds until all of it is there again."""


class Limits:
    """Lets requests through, or not.

    State: a bucket for each key with a rate. Budgets are the ledger's to remember.
    """

    def __init__(self, ledger: UsageLedger, clock: Callable[[], float]) -> None:
        """`clock` is in seconds and never goes back."""
        self._ledger = ledger
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def keep_only(self, names: Collection[str]) -> None:
        """Forget the buckets of other keys."""
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if name in names}

    def spend_request(self, key: ClientKey) -> None:
        """Let one request through; its place in the budgets is the ledger's to count.

        Raises: ClientBudgetSpent, ClientLimited: not now; nothing was spent.
        """
        self._check_budgets(key)
        if key.requests_per_minute is None:
            return
        bucket = self._bucket(key.name, key.requests_per_minute)
        if bucket.level < _ONE:
            seconds = math.ceil((1.0 - bucket.level) * 60_000.0 / key.requests_per_minute) / 1000.0
            raise ClientLimited(
                f"Rate limit reached for the API key {key.name!r} on requests per min (RPM): "
                f"Limit {key.requests_per_minute}. Please try again in {_shown(seconds)}.",
                retry_after=seconds,
            )
        self._buckets[key.name] = _Bucket(max(0.0, bucket.level - 1.0), bucket.at)

    def _check_budgets(self, key: ClientKey) -> None:
        spent = self._ledger.spent_today(key.name)
        for used, budget, what in (
            (spent.requests, key.requests_per_day, "requests"),
            (spent.tokens, key.tokens_per_day, "tokens"),
        ):
            if budget is not None and used >= budget:
                seconds = self._ledger.seconds_left
                raise ClientBudgetSpent(
                    f"The API key {key.name!r} has used up its {budget} {what} of today. "
                    f"It may go on at midnight UTC, in {_shown(seconds)}.",
                    retry_after=seconds,
                )

    def _bucket(self, name: str, per_minute: int) -> _Bucket:
        now = self._clock()
        return self._buckets.get(name, _Bucket(float(per_minute), now)).later(now, per_minute)

    def headers(self, key: ClientKey) -> dict[str, str]:
        """OpenAI's `x-ratelimit-…`, of the limits that the key has. Tokens are counted when a request has ended."""
        spent = self._ledger.spent_today(key.name)
        headers: dict[str, str] = {}
        # of two limits on requests, the one that is reached first
        if requests := sorted(self._on_requests(key, spent.requests), key=lambda limit: limit.remaining):
            headers |= _to_headers("requests", requests[0])
        if key.tokens_per_day is not None:
            remaining = max(0, key.tokens_per_day - spent.tokens)
            standing = _Standing(key.tokens_per_day, remaining, self._ledger.seconds_left)
            headers |= _to_headers("tokens", standing)
        return headers

    def _on_requests(self, key: ClientKey, spent: int) -> Iterator[_Standing]:
        if key.requests_per_minute is not None:
            level = self._bucket(key.name, key.requests_per_minute).level
            reset = (key.requests_per_minute - level) * 60.0 / key.requests_per_minute
            yield _Standing(key.requests_per_minute, int(level + 1.0 - _ONE), reset)
        if key.requests_per_day is not None:
            remaining = max(0, key.requests_per_day - spent)
            yield _Standing(key.requests_per_day, remaining, self._ledger.seconds_left)


def _to_headers(what: str, standing: _Standing) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{what}": str(standing.limit),
        f"x-ratelimit-remaining-{what}": str(standing.remaining),
        f"x-ratelimit-reset-{what}": _shown(standing.reset),
    }


def _shown(seconds: float) -> str:
    """As OpenAI writes spans: `120ms`, `1.5s`, `6m0s`, `7h13m20s`. Never less than it is."""
    if seconds < 1.0:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds < 60.0:
        return f"{math.ceil(seconds * 100) / 100:g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"
