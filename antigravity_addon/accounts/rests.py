"""Who rests, for which model, until when: cooldowns of quota groups and accounts, and breakers of models.

A rest that has ended leaves its scope on trial: one attempt goes ahead, and once it gets an answer, or has not been
refused for some seconds, all others may follow. So a crowd that has waited for a quota does not run into the same wall
together.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from antigravity_addon.state.pool_store import CooldownKey, KeptCooldown

EVERY_MODEL = ""
_MINUTES = 600.0
"""A rest from an earlier life that is longer is that of a quota which is used up."""
_REMEMBERED = 86_400.0
"""Seconds after its end for which a rest is remembered, if no attempt has tried whether it is over."""
TRIAL_SECONDS = 3.0
"""A refusal comes sooner; an answer may take a model that thinks a minute."""


@dataclass(slots=True)
class Rest:
    number: int
    """In the sequence of rests and attempts: which began first."""
    until: float
    """By the pool's clock; in the past for one that has ended, and waits for its trial."""
    failures: int
    """In a row."""
    reason: str
    needs_trial: bool
    """False for what only counts failures so far."""
    is_exhausted: bool = False
    """A quota is used up that does not come back in minutes."""
    trial: object | None = None
    """The lease that tries whether it is over."""
    trial_ends: float = 0.0

    @property
    def free_at(self) -> float:
        """From when on the next attempt may go."""
        return self.until if self.trial is None else max(self.until, self.trial_ends)

    def try_with(self, lease: object, now: float) -> None:
        """That attempt goes ahead, unless another one has."""
        if self.needs_trial and self.trial is None:
            self.trial, self.trial_ends = lease, now + TRIAL_SECONDS


@dataclass(slots=True)
class Rests:
    """State: the rests, and which of them changed since they were last taken to be kept."""

    clock: Callable[[], float]
    _rests: dict[CooldownKey, Rest] = field(default_factory=dict[CooldownKey, Rest])
    _changed: set[CooldownKey] = field(default_factory=set[CooldownKey])
    _number: int = 0

    def next_number(self) -> int:
        """For something that begins now, a rest or an attempt."""
        self._number += 1
        return self._number

    def find(self, scopes: Iterable[str], model: str) -> Iterator[tuple[CooldownKey, Rest]]:
        """Those that speak of `model`; ended ones, too."""
        if not self._rests:
            return
        for scope in scopes:
            for name in (model, EVERY_MODEL):
                key = CooldownKey(scope, name)
                if (rest := self._rests.get(key)) is not None:
                    yield key, rest

    def failures_with(self, key: CooldownKey, *, attempt: int) -> int:
        """In a row, with that attempt's. What was under way when the rest began fails together, and counts once."""
        rest = self._rests.get(key)
        if rest is None:
            return 1
        return rest.failures + (attempt > rest.number)

    def begin(
        self, key: CooldownKey, *, seconds: float, failures: int, reason: str, is_exhausted: bool = False
    ) -> None:
        """`seconds` may be 0, to count a failure that no rest follows."""
        now = self.clock()
        known = self._rests.get(key)
        if known is not None and known.until > now + seconds:
            known.failures = failures
        else:
            number, until = self.next_number(), now + seconds
            self._rests[key] = Rest(number, until, failures, reason, seconds > 0, is_exhausted)
        self._changed.add(key)

    def end_answered(self, scopes: Iterable[str], model: str, *, attempt: int) -> None:
        """An attempt got an answer: whatever rests began before it are over."""
        for key, rest in tuple(self.find(scopes, model)):
            if rest.number < attempt:
                self.end(key)

    def end(self, key: CooldownKey) -> None:
        if self._rests.pop(key, None) is not None:
            self._changed.add(key)

    def end_all(self, scopes: Iterable[str] | None = None) -> None:
        """Of these scopes, or of all."""
        wanted = None if scopes is None else set(scopes)
        for key in [key for key in self._rests if wanted is None or key.scope in wanted]:
            self.end(key)

    def of(self, scopes: Iterable[str]) -> Mapping[CooldownKey, Rest]:
        """Those that are not over."""
        wanted, now = set(scopes), self.clock()
        return {key: rest for key, rest in self._rests.items() if key.scope in wanted and rest.until > now}

    # --- keeping ----------------------------------------------------------------------------------------

    def restore(self, kept: Mapping[CooldownKey, KeptCooldown], *, unix_now: float, longest: float) -> None:
        """What is known already lasts at least as long as before."""
        now = self.clock()
        for key, cooldown in kept.items():
            seconds = min(cooldown.until - unix_now, longest)
            known = self._rests.get(key)
            if seconds > 0 and (known is None or known.until < now + seconds):
                self._rests[key] = Rest(
                    self.next_number(),
                    now + seconds,
                    cooldown.failures,
                    cooldown.reason,
                    needs_trial=True,
                    is_exhausted=seconds > _MINUTES,
                )

    def take_changes(self, *, unix_now: float) -> Mapping[CooldownKey, KeptCooldown | None]:
        self._forget()
        changed, self._changed = self._changed, set()
        return {key: self._kept(key, unix_now) for key in changed}

    def mark_changed(self, keys: Iterable[CooldownKey]) -> None:
        """They were taken, but could not be kept."""
        self._changed.update(keys)

    def _forget(self) -> None:
        """Whose trial nobody has wanted for a day."""
        long_ago = self.clock() - _REMEMBERED
        for key in [key for key, rest in self._rests.items() if rest.until < long_ago]:
            self.end(key)

    def _kept(self, key: CooldownKey, unix_now: float) -> KeptCooldown | None:
        rest = self._rests.get(key)
        if rest is None:
            return None
        return KeptCooldown(unix_now + rest.until - self.clock(), rest.failures, rest.reason)
