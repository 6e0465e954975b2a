"""Google as far as quotas go: projects with limits per minute and day, keys that die, models that are overloaded.

It knows more than the gateway: who could have served a request that failed, and who was asked though it had said
that it was out. Both must never happen, and are what a simulation counts.
"""

import asyncio
import math
import random
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.wire.google_day import seconds_to_midnight

from .scripted import Reply, bare_429, dead_key, event, key_of, over_quota, overloaded, refused

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
CACHE_SECONDS = 600.0
"""For which an account's cache of prompts knows a conversation."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Of a project, for each model."""

    per_minute: int = 1_000_000
    per_day: int = 1_000_000
    tokens_per_minute: int = 1_000_000_000
    """Of input."""
    is_explained: bool = True
    """Who is over it is told which one it is and how long to wait; otherwise nothing but 429."""


@dataclass(frozen=True, slots=True)
class Span:
    begin: float
    """Seconds since the start."""
    end: float

    def __contains__(self, now: float) -> bool:
        return self.begin <= now < self.end


@dataclass(frozen=True, slots=True)
class Troubles:
    overloads: tuple[Span, ...] = ()
    """Of every model, for everybody."""
    deaths: Mapping[str, float] = field(default_factory=dict[str, float])
    """Key -> from when on it is dead."""
    broken_share: float = 0.0
    """Of requests that are answered with a 500."""


@dataclass(slots=True)
class _Used:
    """Of one project and model."""

    minute: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])
    """When, and how many input tokens."""
    day: int = 0
    day_ends: float = 0.0


class World:
    """State: what each project has used, and what it has told of it."""

    def __init__(
        self,
        quotas: Mapping[str, Quota],
        projects: Mapping[str, str],
        troubles: Troubles,
        *,
        dice: random.Random,
        unix_start: float,
    ) -> None:
        """`quotas` by project, `projects` by key."""
        self._quotas = quotas
        self._projects = projects
        self._troubles = troubles
        self._dice = dice
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._unix_start = unix_start
        self._used: dict[tuple[str, str], _Used] = defaultdict(_Used)
        self._told_until: dict[tuple[str, str], float] = {}
        """(project, model) -> until when the gateway knows that it is out."""
        self._dead: set[str] = set()
        """Keys that the gateway knows to be dead."""
        self._caches: dict[tuple[str, str], float] = {}
        """(project, conversation) -> when it was there last."""
        self.answered: Counter[str] = Counter()
        """By key."""
        self.asked_though_out = 0
        self.prompt_tokens = 0
        self.cached_tokens = 0

    @property
    def now(self) -> float:
        return self._loop.time() - self._start

    @property
    def unix_time(self) -> float:
        return self._unix_start + self.now

    # --- one request ------------------------------------------------------------------------------------

    def reply(self, request: UpstreamRequest) -> Reply:
        key, model = key_of(request), _model_of(request)
        project = self._projects[key]
        if key in self._dead or self.now < self._told_until.get((project, model), 0.0):
            self.asked_though_out += 1
        seconds = 0.2 + self._dice.random() * 0.6
        if self._is_dead(key):
            self._dead.add(key)
            return dead_key()
        if self._is_overloaded:
            return overloaded(seconds=seconds)
        if self._dice.random() < self._troubles.broken_share:
            return refused(500, "An internal error has occurred.", seconds=seconds)
        tokens = len(request.body) // 4
        if (limit := self._limit(project, model, tokens)) is not None:
            quota_id, wait, known_for = limit
            if not self._quotas[project].is_explained:
                return bare_429(seconds=0.05)
            self._told_until[project, model] = self.now + known_for
            return over_quota(quota_id, retry_seconds=wait, seconds=0.05)
        self._use(project, model, tokens)
        self.answered[key] += 1
        cached = self._cached(project, request, tokens)
        answer = event("an answer", finish="STOP", tokens=(tokens, cached, 50))
        return Reply(body=event("here is "), seconds=seconds, rest=((2.0 * self._dice.random(), answer),))

    def could_serve(self, model: str, tokens: int) -> bool:
        """Somebody could, at this moment."""
        if self._is_overloaded:
            return False
        return any(
            not self._is_dead(key) and self._limit(project, model, tokens) is None
            for key, project in self._projects.items()
        )

    def _is_dead(self, key: str) -> bool:
        return self.now >= self._troubles.deaths.get(key, float("inf"))

    @property
    def _is_overloaded(self) -> bool:
        return any(self.now in span for span in self._troubles.overloads)

    def _limit(self, project: str, model: str, tokens: int) -> tuple[str, float, float] | None:
        """What stands against one more request: the quota's id, the delay that is stated, and how long that is true."""
        used, quota = self._current(project, model), self._quotas[project]
        if used.day >= quota.per_day:
            # seconds come with it that are not true
            return "GenerateRequestsPerDayPerProjectPerModel-FreeTier", 20.0, used.day_ends - self.now
        oldest = used.minute[0][0] if used.minute else self.now
        if len(used.minute) >= quota.per_minute:
            # as exact as it is told
            wait = math.ceil((oldest + MINUTE - self.now) * 1000) / 1000
            return "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", wait, wait
        if sum(count for _, count in used.minute) + tokens > quota.tokens_per_minute:
            wait = max(oldest + MINUTE - self.now, 1.0)
            return "GenerateContentPaidTierInputTokensPerModelPerMinute", wait, 0.0
        return None

    def _use(self, project: str, model: str, tokens: int) -> None:
        used = self._current(project, model)
        used.minute.append((self.now, tokens))
        used.day += 1

    def _current(self, project: str, model: str) -> _Used:
        used = self._used[project, model]
        if self.now >= used.day_ends:
            used.day, used.day_ends = 0, self.now + seconds_to_midnight(self.unix_time)
        while used.minute and used.minute[0][0] <= self.now - MINUTE:
            used.minute.popleft()
        return used

    def _cached(self, project: str, request: UpstreamRequest, tokens: int) -> int:
        """Tokens of the prompt that the project's cache knew: those of the turn before."""
        talk = request.body.partition(b"talk ")[2].partition(b":")[0].decode()
        known = self.now - self._caches.get((project, talk), -CACHE_SECONDS) < CACHE_SECONDS
        self._caches[project, talk] = self.now
        cached = tokens * 9 // 10 if known else 0
        self.prompt_tokens += tokens
        self.cached_tokens += cached
        return cached


def _model_of(request: UpstreamRequest) -> str:
    return request.url.rpartition("/models/")[2].partition(":")[0]


def jain(shares: Sequence[float]) -> float:
    """How even shares are: 1 if all are alike, 1/n if one has everything. Source: Jain, Chiu and Hawe, 1984."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0
