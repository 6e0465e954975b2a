"""The pool: lends accounts to attempts, in the order they ask, and remembers what came of it.

One for all upstreams. Lives on the event loop; what it knows is taken and kept elsewhere, and given back at a start.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from antigravity_addon.errors import (
    AccountRefused,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    TermsRefused,
    UpstreamFailure,
    UpstreamRefused,
)
from antigravity_addon.state.pool_store import (
    Action,
    Changes,
    CooldownKey,
    KeptDisabled,
    KeptPool,
    Order,
)

from .account import Account, Upstream
from .bindings import Bindings
from .policy import (
    LONGEST_STATED,
    STAY_SECONDS,
    Candidate,
    Nobody,
    Strategy,
    Use,
    Wait,
    Wish,
    choose,
    is_free_elsewhere,
    rest_after_exhaustion,
    rest_after_limit,
    rest_of_model,
)
from .rests import EVERY_MODEL, Rests
from .suspicions import Suspicions

logger = logging.getLogger(__name__)

type Clock = Callable[[], float]
"""Seconds since some fixed point; never goes back. Goes with the event loop's, or that would not wake the pool in time."""

_REMEMBERED_SPEED = 300.0
"""Seconds after which it is not known any more how fast an account was."""
_MOST_SPEEDS = 100
"""Models that are remembered of one account: clients may call them by any name."""
_MOST_NAMED = 20
"""Accounts that are told of one by one, of those that an attempt passed by."""
_SLOW = 10.0
"""Seconds that an account is taken to need which has just failed."""
_MOST_TO_CATCH_UP = 10.0
"""Requests, for a weight of 1, by which an account may be behind the others after a start."""
_NO_PERMISSION_TO_DISABLE = 3
"""Refusals that may mend themselves, in a row: then they do not."""


@dataclass(slots=True)
class Seat:
    """What is known of one account."""

    scopes: tuple[str, ...]
    """Under which something can rest that concerns it; the last but one is its quota group."""
    fingerprint: str
    place: str
    leases: int = 0
    share: float = 0.0
    speeds: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """Model -> seconds to the first token lately, and when that was noted."""


@dataclass(slots=True, eq=False)
class _Waiter:
    wish: Wish
    asked_at: float
    patience: float
    place: asyncio.Future["Lease | Nobody"]


@dataclass(frozen=True, slots=True)
class SkippedAccount:
    """One that could not pay for an attempt just then, or was not to."""

    account: str
    """E-mail."""
    reason: str
    """A sentence."""
    seconds: float | None = None
    """Until it could; `None` if that is not a matter of time."""


@dataclass(frozen=True, slots=True)
class Skipped:
    accounts: tuple[SkippedAccount, ...] = ()
    """In the order of the file; some of them, where there are many."""
    unnamed: int = 0
    """How many more there were."""


class Lease:
    """An account held for one attempt. A context manager: what fails in it is remembered."""

    def __init__(
        self,
        pool: "AccountPool",
        account: Account,
        wish: Wish,
        seat: "Seat",
        *,
        number: int,
        began: float,
        reason: str = "",
    ) -> None:
        self._pool = pool
        self.account = account
        self.wish = wish
        self.seat = seat
        """For the pool alone."""
        self.number = number
        """Rises: tells what began before what."""
        self.began = began
        """By the pool's clock."""
        self.reason = reason
        """Why this account, in words."""
        self.is_answered = False

    @property
    def model(self) -> str:
        return self.wish.model

    def answered(self, *, first_token_seconds: float, size: int = 0) -> None:
        """The model has begun to speak: whatever the account was suspected of is over, and others may follow.

        `size` is the request's, in bytes.
        """
        if not self.is_answered:
            self.is_answered = True
            self._pool.note_answer(self, first_token_seconds, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.take_back(self, error if isinstance(error, UpstreamFailure) else None)


@dataclass(frozen=True, slots=True)
class RestReport:
    model: str
    """Empty for every model."""
    seconds: float
    """Until it ends."""
    reason: str


@dataclass(frozen=True, slots=True)
class AccountReport:
    """An account as an operator wants to see it."""

    account: Account
    disabled: KeptDisabled | None
    """By an operator or the upstream; the accounts file has its own word."""
    rests: tuple[RestReport, ...]
    leases: int
    conversations: int

    @property
    def disabled_because(self) -> str | None:
        """A sentence, by whomever; `None` while it is in use."""
        if self.account.disabled:
            return "It is disabled in the accounts file."
        if self.disabled is None:
            return None
        return self.disabled.reason or "An operator switched it off."


def _unnoticed(decision: Wait) -> None:
    """Nobody wants to know."""


class AccountPool:
    """Who may pay next.

    State: what is known of each account, who rests, which conversation is with whom, and who waits in line.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        *,
        clock: Clock,
        unix_time: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        """`chance` gives numbers in [0, 1): rests that nobody stated are of uneven length."""
        self._clock = clock
        self._unix_time = unix_time
        self._chance = chance
        self._accounts: Mapping[str, Account] = {}
        self._seats: dict[str, Seat] = {}
        self._rests = Rests(clock)
        self._served = 0.0
        """The least share among those that can serve: who was away begins there, and does not catch up."""
        self._bindings = Bindings(clock)
        self._suspicions = Suspicions(clock, self._rests)
        self._waiters: dict[_Waiter, None] = {}
        """In the order of asking."""
        self._alarm: asyncio.TimerHandle | None = None
        self._disabled: dict[str, KeptDisabled] = {}
        """By e-mail; of accounts that are not listed at the moment, too."""
        self._changed_accounts: set[str] = set()
        self.replace_accounts(accounts)

    # --- the list of accounts ---------------------------------------------------------------------------

    def replace_accounts(self, accounts: Sequence[Account]) -> None:
        """Take a new list. One that stays keeps what is known of it; new credentials end what was held against it.

        Attempts under way end with the account that they have.
        """
        known, self._accounts = self._accounts, {account.email: account for account in accounts}
        # those with attempts under way may come back, and then they have fewer places
        seats = {email: seat for email, seat in self._seats.items() if seat.leases}
        for email, account in self._accounts.items():
            seat = self._seats.get(email) or Seat((), "", "", share=self._served)
            if email in known and seat.fingerprint != account.fingerprint:
                self._rests.end_all([email])
            seat.scopes = _scopes(account)
            seat.fingerprint = account.fingerprint
            seat.place = account.base_url or account.upstream
            seats[email] = seat
        self._seats = seats
        self._serve_line()

    @property
    def accounts(self) -> Collection[Account]:
        return self._accounts.values()

    def reports(self) -> tuple[AccountReport, ...]:
        """In the order of the file."""
        bound = self._bindings.counted()
        return tuple(
            AccountReport(
                account,
                self._disabled_of(email),
                self._rests_of(account),
                self._seats[email].leases,
                bound[email],
            )
            for email, account in self._accounts.items()
        )

    def _rests_of(self, account: Account) -> tuple[RestReport, ...]:
        now = self._clock()
        rests = self._rests.of((account.email, account.quota_group))
        return tuple(RestReport(key.model, rest.until - now, rest.reason) for key, rest in rests.items())

    def models_at_rest(self) -> tuple[RestReport, ...]:
        """Models that are overloaded for everybody."""
        now = self._clock()
        rests = self._rests.of(tuple(Upstream))
        return tuple(RestReport(key.model, rest.until - now, rest.reason) for key, rest in rests.items())

    # --- leases -----------------------------------------------------------------------------------------

    async def lease(
        self, wish: Wish, *, patience: float, in_line: Callable[[Wait], None] = _unnoticed
    ) -> "Lease | Wait | Nobody":
        """An account for one attempt, waited for in line for `patience` seconds at most.

        A `Wait` says that there is none in that time. `in_line` is called if it has to be waited for, before that.
        """
        candidates = tuple(self._candidates(wish.model))
        decision = self._decide(wish, candidates, stay=min(STAY_SECONDS, patience))
        match decision:
            # whoever waits already goes first, unless they wait for something else
            case Use(email=email) if not self._would_overtake(wish):
                return self._lend(email, wish, candidates)
            case Nobody():
                return decision
            case Wait(seconds=seconds) if patience <= 0 or seconds > patience:
                return decision
            case _:
                in_line(decision if isinstance(decision, Wait) else Wait(0.0))
                return await self._stand_in_line(wish, patience)

    def lease_at_once(self, wish: Wish) -> Lease | None:
        """An account that is free now, if nobody waits in line for one."""
        candidates = tuple(self._candidates(wish.model))
        decision = self._decide(wish, candidates, stay=0.0)
        if isinstance(decision, Use) and not self._would_overtake(wish):
            return self._lend(decision.email, wish, candidates)
        return None

    def is_free_elsewhere(self, wish: Wish, account: Account) -> bool:
        """Somebody could serve at once who is not asked where that account is."""
        place = account.base_url or account.upstream
        return is_free_elsewhere(self._candidates(wish.model), wish, now=self._clock(), place=place)

    def _would_overtake(self, wish: Wish) -> bool:
        return any(waiter.wish.model == wish.model for waiter in self._waiters)

    async def _stand_in_line(self, wish: Wish, patience: float) -> "Lease | Wait | Nobody":
        place: asyncio.Future[Lease | Nobody] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(wish, self._clock(), patience, place)
        self._waiters[waiter] = None
        self._serve_line()
        try:
            async with asyncio.timeout(patience):
                return await place
        except TimeoutError:
            self._leave_line(waiter)
            return self._last_word(waiter) if place.cancelled() else place.result()
        except asyncio.CancelledError:
            self._leave_line(waiter)
            # it may have come at the same moment
            if place.done() and not place.cancelled() and isinstance(lease := place.result(), Lease):
                self.take_back(lease, None)
            raise

    def _last_word(self, waiter: _Waiter) -> "Lease | Wait | Nobody":
        """For one whose patience is at its end."""
        # who has waited for a rest to end need not wait for somebody else's trial as well
        candidates = tuple(self._candidates(waiter.wish.model, heeds_trials=False))
        decision = self._decide(waiter.wish, candidates, stay=0.0)
        if isinstance(decision, Use):
            return self._lend(decision.email, waiter.wish, candidates)
        return decision

    def _leave_line(self, waiter: _Waiter) -> None:
        self._waiters.pop(waiter, None)

    def _serve_line(self) -> None:
        """Whoever came first and can be served is served. Who waits for something else does not hold up the others."""
        now = self._clock()
        wakes: list[float] = []
        stuck: set[str] = set()
        for waiter in tuple(self._waiters):
            model = waiter.wish.model
            if waiter.place.done() or model in stuck:  # cancelled, and about to leave; or nobody is free
                continue
            candidates = tuple(self._candidates(model))
            stay = min(STAY_SECONDS, waiter.patience) - (now - waiter.asked_at)
            decision = self._decide(waiter.wish, candidates, stay=stay)
            match decision:
                case Use(email=email):
                    self._leave_line(waiter)
                    waiter.place.set_result(self._lend(email, waiter.wish, candidates))
                case Nobody():
                    self._leave_line(waiter)
                    waiter.place.set_result(decision)
                case Wait(seconds=seconds):
                    wakes += [seconds] if seconds > 0 else []
                    wakes += [each.free_at - now for each in candidates if each.free_at > now]
                    if not any(each.free_at <= now and each.has_place for each in candidates):
                        stuck.add(model)
        self._set_alarm(min(wakes, default=None))

    def _set_alarm(self, seconds: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if seconds is not None:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._serve_line)

    def _decide(self, wish: Wish, candidates: Iterable[Candidate], *, stay: float) -> Use | Wait | Nobody:
        return choose(candidates, wish, now=self._clock(), bound=self._bound_to(wish), stay=stay)

    def _candidates(self, model: str, *, heeds_trials: bool = True) -> Iterator[Candidate]:
        now = self._clock()
        for email, account in self._accounts.items():
            seat = self._seats[email]
            if account.disabled or self._disabled_of(email) is not None:
                continue
            free_at, of_model, is_exhausted = 0.0, False, False
            for key, rest in self._rests.find(seat.scopes, model):
                until = rest.free_at if heeds_trials else rest.until
                if until > max(free_at, now):
                    free_at, is_exhausted = until, rest.is_exhausted
                    of_model = key.scope == account.upstream
            yield Candidate(
                email=email,
                group=seat.scopes[-2],
                place=seat.place,
                free_at=free_at,
                is_model_at_fault=of_model,
                is_exhausted=is_exhausted,
                leases=seat.leases,
                places=account.max_concurrent,
                weight=account.weight,
                share=seat.share,
                first_token_seconds=self._speed(seat, model, now),
            )

    @staticmethod
    def _speed(seat: Seat, model: str, now: float) -> float:
        seconds, noted = seat.speeds.get(model, (0.0, 0.0))
        return seconds if now - noted < _REMEMBERED_SPEED else 0.0

    def _lend(self, email: str, wish: Wish, candidates: Iterable[Candidate]) -> Lease:
        account, seat = self._accounts[email], self._seats[email]
        now = self._clock()
        reason = self._reason_for(email, wish)
        lease = Lease(self, account, wish, seat, number=self._rests.next_number(), began=now, reason=reason)
        seat.leases += 1
        self._served = max(self._served, min(each.share for each in candidates if each.free_at <= now))
        seat.share = max(self._served, seat.share) + 1 / account.weight
        for _, rest in self._rests.find(seat.scopes, wish.model):
            rest.try_with(lease, now)
        return lease

    # --- the end of a lease -----------------------------------------------------------------------------

    def take_back(self, lease: Lease, failure: UpstreamFailure | None) -> None:
        """The attempt is over."""
        lease.seat.leases -= 1
        for _, rest in self._rests.find(_scopes(lease.account), lease.model):
            if rest.trial is lease:
                rest.trial = None
        if failure is not None and self._is_current(lease):
            self._remember(lease, failure)
        self._serve_line()

    def _is_current(self, lease: Lease) -> bool:
        """It may have left the list while its attempt was under way, or have been given other credentials."""
        known = self._accounts.get(lease.account.email)
        return known is not None and known.fingerprint == lease.account.fingerprint

    def note_answer(self, lease: Lease, first_token_seconds: float, size: int) -> None:
        self._rests.end_answered(_scopes(lease.account), lease.model, attempt=lease.number)
        self._suspicions.note_answer(_quota_of(lease), size)
        before = self._speed(lease.seat, lease.model, self._clock()) or first_token_seconds
        self._note_speed(lease, 0.7 * before + 0.3 * first_token_seconds)
        self._bind(lease)
        self._serve_line()

    def _note_speed(self, lease: Lease, seconds: float) -> None:
        speeds = lease.seat.speeds
        speeds.pop(lease.model, None)
        speeds[lease.model] = seconds, self._clock()
        while len(speeds) > _MOST_SPEEDS:
            speeds.pop(next(iter(speeds)))

    # --- for people -------------------------------------------------------------------------------------

    def _reason_for(self, email: str, wish: Wish) -> str:
        if wish.strategy is Strategy.FIXED:
            return "The replay asks for it." if wish.is_operators else "gateway_fixed_account names it."
        if len(self._accounts) == 1:
            return "It is the only account."
        bound = self._bound_to(wish)
        if bound == email:
            return "The conversation is with it."
        if wish.strategy is Strategy.PERFORMANCE_FIRST:
            return "Of those that are free, it should answer soonest."
        moved = f" The conversation was with {bound}." if bound is not None else ""
        return f"Of those that are free, it has served least for its weight.{moved}"

    def skipped(self, wish: Wish) -> Skipped:
        """Accounts that could not serve `wish` now, or are the last that should."""
        found = [
            SkippedAccount(email, *why)
            for email, account in self._accounts.items()
            if (why := self._why_skipped(account, wish)) is not None
        ]
        return Skipped(tuple(found[:_MOST_NAMED]), max(0, len(found) - _MOST_NAMED))

    def why_skipped(self, email: str, wish: Wish) -> str:
        """A sentence; empty if the account could serve `wish` now."""
        account = self._accounts.get(email)
        if account is None:
            return "It is none of the accounts."
        reason, _ = self._why_skipped(account, wish) or ("", None)
        return reason

    def _why_skipped(self, account: Account, wish: Wish) -> tuple[str, float | None] | None:
        email, seat, now = account.email, self._seats[account.email], self._clock()
        disabled = self._disabled_of(email)
        if account.disabled or disabled is not None:
            return AccountReport(account, disabled, (), 0, 0).disabled_because or "", None
        if wish.strategy is Strategy.FIXED and email != wish.fixed:
            asks = "The replay asks for" if wish.is_operators else "gateway_fixed_account names"
            return f"{asks} another one.", None
        if email in wish.spent:
            return "It is of no use to this request, as an attempt has shown.", None
        rests = [rest for _, rest in self._rests.find(seat.scopes, wish.model) if rest.free_at > now]
        if rests:
            last = max(rests, key=lambda rest: rest.free_at)
            trial = " Another request tries whether that is over." if last.until <= now else ""
            return f"It rests: {last.reason}{trial}", last.free_at - now
        if account.max_concurrent is not None and seat.leases >= account.max_concurrent:
            return f"It has {seat.leases} attempts under way, and may have no more.", None
        if wish.tried & {email, seat.scopes[-2], seat.place}:
            return "It, or what it shares a quota or an address with, has failed this request already.", None
        return None

    # --- what a failure means ---------------------------------------------------------------------------

    def _remember(self, lease: Lease, failure: UpstreamFailure) -> None:
        account, model = lease.account, lease.model
        match failure:
            case TermsRefused():
                self._refuse_terms(account, failure)
            case AccountRefused(rest=None):
                self._disable(account, failure.reason)
            case AccountRefused(rest=float(seconds)):
                self._rest_refused(lease, failure, seconds)
            case QuotaExhausted():
                stated = failure.retry_after if failure.rest is None else failure.rest
                self._rest(lease, _quota_of(lease), failure, lambda _: rest_after_exhaustion(stated))
            case RateLimited(retry_after=stated):
                chance = self._chance()
                self._rest(
                    lease,
                    _quota_of(lease),
                    failure,
                    lambda n: rest_after_limit(stated, failures=n, chance=chance),
                )
            case Overloaded(retry_after=stated):
                key, chance = CooldownKey(account.upstream, model), self._chance()
                self._rest(lease, key, failure, lambda n: rest_of_model(stated, failures=n, chance=chance))
            case UpstreamFailure(rest=float(seconds)):
                self._rest(lease, CooldownKey(account.email, EVERY_MODEL), failure, lambda _: seconds)
            case UpstreamRefused():
                pass
            case _:
                # whoever wants speed should look elsewhere
                self._note_speed(lease, max(self._clock() - lease.began, _SLOW))

    def _rest(
        self,
        lease: Lease,
        key: CooldownKey,
        failure: UpstreamFailure,
        seconds_after: Callable[[int], float | None],
    ) -> None:
        """`seconds_after` so many failures in a row; without any the failure is merely counted."""
        failures = self._rests.failures_with(key, attempt=lease.number)
        self._rests.begin(
            key,
            seconds=seconds_after(failures) or 0.0,
            failures=failures,
            reason=failure.message,
            is_exhausted=isinstance(failure, QuotaExhausted),
        )

    def _rest_refused(self, lease: Lease, failure: AccountRefused, seconds: float) -> None:
        """It may mend itself, or be mended where we do not see it."""
        key = CooldownKey(lease.account.email, lease.model if failure.is_of_model else EVERY_MODEL)
        failures = self._rests.failures_with(key, attempt=lease.number)
        if failure.ends_in_disabling and failures >= _NO_PERMISSION_TO_DISABLE:
            self._disable(lease.account, failure.reason)
            return
        logger.warning(
            "Account %s is left alone for %.0f s: %s", lease.account.email, seconds, failure.reason
        )
        self._rests.begin(key, seconds=seconds, failures=failures, reason=failure.reason)

    def _refuse_terms(self, account: Account, failure: TermsRefused) -> None:
        self._disable(account, failure.reason)
        if not failure.concerns_all or account.upstream is not Upstream.CODE_ASSIST:
            return
        for other in self._accounts.values():
            if other.email != account.email and other.upstream is account.upstream:
                self._disable(
                    other, f"Paused, since {account.email} was refused over its terms: {failure.reason}"
                )

    def _disable(self, account: Account, reason: str) -> None:
        if self._disabled_of(account.email) is None:
            logger.warning("Account %s is out of use: %s", account.email, reason)
            self._disabled[account.email] = KeptDisabled(reason, self._unix_time(), account.fingerprint)
            self._changed_accounts.add(account.email)

    def _disabled_of(self, email: str) -> KeptDisabled | None:
        """A refusal is of credentials: others are given a chance."""
        disabled = self._disabled.get(email)
        if disabled is None or disabled.fingerprint in {"", self._seats[email].fingerprint}:
            return disabled
        return None

    # --- requests that are the cause themselves, see `Suspicions` ---------------------------------------

    def is_known_to_be_out(self, lease: Lease, *, request: str) -> bool:
        return self._suspicions.is_known_to_be_out(_quota_of(lease), request=request, attempt=lease.number)

    def has_answered_as_much(self, lease: Lease, size: int) -> bool:
        return self._suspicions.has_answered(_quota_of(lease), size)

    def blame_request(self, request: str, message: str, leases: Iterable[Lease]) -> float:
        seconds = self._suspicions.blame(request, message, map(_quota_of, leases))
        self._serve_line()
        return seconds

    @property
    def has_marked_requests(self) -> bool:
        return self._suspicions.has_marked_requests

    def mark_of(self, request: str) -> tuple[float, str] | None:
        return self._suspicions.mark_of(request)

    # --- conversations ----------------------------------------------------------------------------------

    def _bound_to(self, wish: Wish) -> str | None:
        if not wish.strategy.keeps_conversations:
            return None
        return self._bindings.account_of(wish.conversation)

    def _bind(self, lease: Lease) -> None:
        """To the account that answered. One that was merely busy gets its conversation back."""
        wish = lease.wish
        if not wish.strategy.keeps_conversations or not wish.conversation:
            return
        account = lease.account.email
        bound = self._bound_to(wish)
        if bound is not None and bound != account and self._is_sound(bound, wish):
            account = bound
        for name in wish.conversation:
            self._bindings.bind(name, account)

    def _is_sound(self, email: str, wish: Wish) -> bool:
        """It could serve, if it had a place."""
        now = self._clock()
        return email not in wish.tried | wish.spent and any(
            each.email == email and each.free_at <= now for each in self._candidates(wish.model)
        )

    # --- the operator -----------------------------------------------------------------------------------

    def obey(self, order: Order) -> None:
        # also those that are not listed at the moment
        emails = [order.account] if order.account else [*self._accounts, *self._disabled]
        for email in dict.fromkeys(emails):
            self._obey(order, email)
        if not order.account and order.action is Action.RESET:
            self._rests.end_all()
            self._suspicions.forget()
        self._serve_line()

    def _obey(self, order: Order, email: str) -> None:
        disabled = self._disabled.get(email)
        match order.action:
            case Action.DISABLE:
                self._disabled[email] = KeptDisabled(order.reason, self._unix_time(), fingerprint="")
                logger.warning("Account %s was switched off: %s", email, order.reason)
                return
            case Action.RESET if disabled is not None and not disabled.fingerprint:
                pass  # that was an operator
            case Action.RESET | Action.ENABLE:
                self._disabled.pop(email, None)
        account = self._accounts.get(email)
        self._rests.end_all((email, account.quota_group) if account else (email,))

    # --- keeping ----------------------------------------------------------------------------------------

    def restore(self, kept: KeptPool, *, served: Mapping[str, int]) -> None:
        """What another pool left behind; `served` counts what each account did today, which its share goes on from.

        Accounts with new credentials are given another chance.
        """
        shares = {email: served.get(email, 0) / each.weight for email, each in self._accounts.items()}
        self._served = max(shares.values(), default=0.0) - _MOST_TO_CATCH_UP
        for email, share in shares.items():
            self._seats[email].share = max(share, self._served, self._seats[email].share)
        unix_now = self._unix_time()
        self._rests.restore(kept.cooldowns, unix_now=unix_now, longest=LONGEST_STATED)
        self._disabled = {**kept.disabled, **self._disabled}
        self._bindings.restore(kept.bindings, unix_now=unix_now)
        self._serve_line()

    def take_changes(self) -> Changes:
        """What is to be kept of what happened since the last call."""
        unix_now = self._unix_time()
        accounts, self._changed_accounts = self._changed_accounts, set()
        return Changes(
            cooldowns=self._rests.take_changes(unix_now=unix_now),
            disabled={email: self._disabled.get(email) for email in accounts},
            bindings=self._bindings.take_changes(unix_now=unix_now),
        )

    def give_back(self, changes: Changes) -> None:
        """They could not be kept: the next call gives them again, as they are by then."""
        self._rests.mark_changed(changes.cooldowns)
        self._changed_accounts.update(changes.disabled)
        self._bindings.mark_changed(changes.bindings)


def _quota_of(lease: Lease) -> CooldownKey:
    """What a limit is of."""
    return CooldownKey(lease.account.quota_group, lease.model)


def _scopes(account: Account) -> tuple[str, ...]:
    """The account itself, its quota group, if that is another, and its kind of upstream."""
    if account.quota_group == account.email:
        return account.email, account.upstream
    return account.email, account.quota_group, account.upstream
