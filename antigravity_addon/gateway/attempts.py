"""One turn of the model, asked for until somebody gives it: which account next, what to wait for, when to give up.

Until the first byte has gone to the client, a failed attempt is followed by another one. An account that turned out to
be out of quota or out of use makes room for the next, however many there are; what fails without an account being to
blame is tried a few times. From the first byte on a failure ends the answer with an error that clients raise.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from antigravity_addon.accounts.account import Account
from antigravity_addon.accounts.policy import Nobody, Wait, Wish
from antigravity_addon.accounts.pool import Lease, Skipped
from antigravity_addon.errors import (
    AccountRefused,
    AccountsExhausted,
    NotOnThisUpstream,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    UpstreamFailure,
    UpstreamRefused,
    UpstreamUnreachable,
    forget_frames,
)
from antigravity_addon.wire.gemini import GenerateContentRequest

from .attempt import Attempt, Conditions, Reader
from .dialects.dialect import Turn
from .legs import fingerprint
from .race import Race
from .trace import AttemptRecord, Choice, Trace

FEW = 3
"""Accounts of different projects that answer a request alike: then it is the request that they mean."""
FEW_OF_PROVEN = 5
"""It takes so many if they have answered others as large lately. Then it can be chance that they are out together."""
_PAUSES_OVERLOADED = (1.0, 3.0)
_PAUSES = (0.0, 0.5, 2.0)
"""Seconds before another attempt, after each failure that no account is to blame for."""


class Attempts:
    """Asks for one turn.

    State: who has failed it already and how, and the time spent waiting.
    """

    def __init__(
        self,
        body: GenerateContentRequest,
        *,
        wish: Wish,
        conditions: Conditions,
        trace: Trace,
        choice: int = 0,
    ) -> None:
        """`choice` is the turn's number in the answer."""
        self._body = body
        self._wish = wish
        self._conditions = conditions
        self._upstream = conditions.upstream
        self._settings = conditions.settings
        self._deadline = conditions.deadline
        self._trace = trace
        self._choice = choice
        self._clock = asyncio.get_running_loop().time
        self._waited = 0.0
        self._under_way: list[Lease] = []
        self._alike: dict[tuple[str, ...], dict[str, Lease]] = {}
        """By the quotas that the upstream named: whom it answered so, one lease for each quota group."""
        self._is_to_blame = False
        """The request itself is what no account can pay for."""
        self.account: Account | None = None
        """Of the attempt that serves, or else of the last one."""

    @property
    def is_asking(self) -> bool:
        """An attempt is under way."""
        return bool(self._under_way)

    async def run(self, begin: Callable[[], Turn], reader: Reader) -> bytes:
        """Write the turn as it comes; gives its last bytes, not written yet. `begin` starts it afresh for each attempt.

        Raises: UpstreamFailure: there will be none, or no more of it.
        """
        self._refuse_if_marked()
        failure: UpstreamFailure | None = None
        blameless = 0
        try:
            while True:
                lease = await self._lease(failure)
                try:
                    return await self._served(lease, begin, reader)
                except UpstreamFailure as error:
                    if reader.committed or self._deadline.is_over or not self._may_go_on(error):
                        raise
                    forget_frames(failure)
                    failure = error
                if not failure.spends_account and failure.code != "model_not_found":
                    blameless += 1
                    await self._pause(lease, failure, blameless)
        finally:
            forget_frames(failure)

    # --- an account -------------------------------------------------------------------------------------

    async def _lease(self, failure: UpstreamFailure | None) -> Lease:
        """Raises: UpstreamFailure: nobody can serve in time; the last `failure`, if it says more."""
        pool = self._upstream.pool
        began = self._clock()
        # as they stand before one of them is taken
        others = pool.skipped(self._wish)
        patience = self._patience

        def in_line(wait: Wait) -> None:
            reason = _reason_to_wait(wait)
            self._trace.begin_to_wait(self._choice, reason, longest=patience, skipped=others)

        found = await pool.lease(self._wish, patience=patience, in_line=in_line)
        self._trace.end_wait(self._choice)
        waited = self._clock() - began
        self._count_wait(waited)
        self._trace.choices.append(_to_choice(found, others, at=self._trace.seconds - waited, waited=waited))
        match found:
            case Lease():
                return found
            case Wait():
                raise self._out_of_patience(found, failure)
            case Nobody():
                raise failure or AccountsExhausted(
                    self._why_not()
                    or "No account can serve this request: each is disabled, or none is configured."
                )

    @property
    def _patience(self) -> float:
        """Seconds that may still be spent waiting."""
        return max(0.0, min(self._settings.longest_wait - self._waited, self._deadline.remaining))

    def _count_wait(self, seconds: float) -> None:
        self._waited += seconds
        self._trace.waited_seconds += seconds

    def _why_not(self) -> str:
        """Of the account that the operator asks for; empty for requests of clients, who are told of none."""
        if not self._wish.is_operators:
            return ""
        reason = self._upstream.pool.why_skipped(self._wish.fixed, self._wish)
        return f"{self._wish.fixed} cannot serve this request. {reason}"

    def _out_of_patience(self, wait: Wait, failure: UpstreamFailure | None) -> UpstreamFailure:
        """What a client is told that would have to wait too long."""
        if wait.is_model_at_fault:
            return Overloaded("The upstream is overloaded for this model.", retry_after=wait.seconds)
        if failure is not None and not isinstance(failure, RateLimited | QuotaExhausted | AccountRefused):
            return failure
        seconds = wait.seconds or 1.0
        if isinstance(failure, QuotaExhausted if wait.is_exhausted else RateLimited):
            failure.wait_for(seconds)
            return failure
        if reason := self._why_not():
            kind = QuotaExhausted if wait.is_exhausted else RateLimited
            return kind(f"{reason} Please try again in {seconds:.1f}s.", retry_after=seconds)
        if wait.is_exhausted:
            return QuotaExhausted("The quota of every account is used up.", retry_after=seconds)
        state = "cooling down" if wait.seconds else "busy with as many requests as it may have"
        return RateLimited(
            f"Every account is {state}. Please try again in {seconds:.1f}s.", retry_after=seconds
        )

    # --- attempts ---------------------------------------------------------------------------------------

    async def _served(self, lease: Lease, begin: Callable[[], Turn], reader: Reader) -> bytes:
        """One attempt; with another one beside it if the first is silent and the operator wants that."""
        if self._settings.hedge_seconds <= 0 or reader.committed:
            return await self._attempt(lease, begin, reader, claim=lambda _: None)
        race = Race[Lease]()

        def claim(runner: Lease) -> None:
            if reader.committed and self.account is not runner.account:
                # a sign of life has named the first account to the client
                raise asyncio.CancelledError
            race.claim(runner)

        race.enter(lease, self._attempt(lease, begin, reader, claim=claim))
        try:
            if await race.is_undecided_after(self._settings.hedge_seconds):
                beside = replace(self._wish, tried=self._wish.tried | _names_of(lease), conversation=())
                other = self._upstream.pool.lease_at_once(beside)
                if other is not None and other.account.quota_group != lease.account.quota_group:
                    self._trace.choices.append(self._choice_beside(other))
                    race.enter(other, self._attempt(other, begin, reader, claim=claim))
                elif other is not None:
                    self._upstream.pool.take_back(other, None)
            return await race.result()
        finally:
            await race.end()

    def _choice_beside(self, other: Lease) -> Choice:
        silent = (
            f"The first was silent for {self._settings.hedge_seconds:g} s, so a second was asked beside it."
        )
        return Choice(self._trace.seconds, 0.0, other.account.email, f"{silent} {other.reason}")

    async def _attempt(
        self, lease: Lease, begin: Callable[[], Turn], reader: Reader, *, claim: Callable[[Lease], None]
    ) -> bytes:
        """One attempt, written into the trace whatever comes of it."""

        def heard() -> None:
            claim(lease)
            self._name(lease.account)
            self._trace.heard_from_model()

        if not self.is_asking:
            self._name(lease.account)
        self._under_way.append(lease)
        outcome, message = "cancelled", ""
        attempt: Attempt | None = None
        try:
            with lease:
                attempt = Attempt(
                    lease,
                    self._conditions,
                    begin=begin,
                    reader=reader,
                    heard=heard,
                    number=self._trace.next_attempt(),
                    choice=self._choice,
                )
                self._begin(attempt)
                last = await attempt.run(self._body)
            outcome = ""
            return last  # noqa: TRY300  an else would hide that the outcome is decided here
        except UpstreamFailure as failure:
            outcome, message = failure.outcome, failure.message
            self._note(lease, failure)
            raise
        finally:
            self._under_way.remove(lease)
            if outcome and self._under_way and self.account is lease.account:
                # a sign of life is to name somebody who may still serve
                self._name(self._under_way[0].account)
            if attempt is not None:
                self._record(attempt, outcome, message)

    def _name(self, account: Account) -> None:
        self.account = account
        self._trace.account = account.email

    def _begin(self, attempt: Attempt) -> None:
        self._trace.under_way[attempt.number] = partial(self._record_of, attempt, "", "")
        self._trace.changed()

    def _record(self, attempt: Attempt, outcome: str, message: str) -> None:
        self._trace.under_way.pop(attempt.number, None)
        self._trace.remedies.extend(remedy.name for remedy in attempt.remedies)
        if attempt.usage is not None:
            self._trace.add_usage(attempt.usage)
        self._trace.attempts.append(self._record_of(attempt, outcome, message))
        if outcome:
            self._trace.changed()

    def _record_of(self, attempt: Attempt, outcome: str, message: str) -> AttemptRecord:
        account = attempt.lease.account
        return AttemptRecord(
            account.email,
            account.upstream,
            attempt.seconds,
            outcome,
            attempt.first_token_seconds,
            attempt.usage,
            message,
            attempt.requests,
            number=attempt.number,
            choice=attempt.choice,
            at=self._trace.seconds - attempt.seconds,
            token_seconds=attempt.token_seconds,
            cost=attempt.cost,
        )

    # --- after a failure --------------------------------------------------------------------------------

    def _note(self, lease: Lease, failure: UpstreamFailure) -> None:
        """Others are preferred from now on."""
        failed = _names_of(lease)
        if isinstance(failure, Overloaded | UpstreamUnreachable):
            failed |= {lease.seat.place}
        spent: set[str] = set()
        if isinstance(failure, NotOnThisUpstream) and failure.upstream_status is not None:
            spent = {lease.account.email}  # it was asked, and has not what others may have
        elif isinstance(failure, UpstreamRefused):
            # its kind of upstream expresses the same requests, and the Gemini API has the same models for all
            kind = lease.account.upstream
            spent = {each.email for each in self._upstream.pool.accounts if each.upstream is kind}
        self._wish = replace(self._wish, tried=self._wish.tried | failed, spent=self._wish.spent | spent)
        if isinstance(failure, RateLimited):
            self._look_for_blame(lease, failure)

    def _may_go_on(self, failure: UpstreamFailure) -> bool:
        if self._is_to_blame:
            return False
        if failure.code == "model_not_found":
            return any(each.email not in self._wish.spent for each in self._upstream.pool.accounts)
        return failure.retryable

    async def _pause(self, lease: Lease, failure: UpstreamFailure, failures: int) -> None:
        """Raises: UpstreamFailure: the failure; it was tried often enough, or there is no time to wait."""
        if failures >= self._settings.max_attempts:
            raise failure
        was_the_place = lease.seat.place in self._wish.tried
        if was_the_place and self._upstream.pool.is_free_elsewhere(self._wish, lease.account):
            return
        pauses = _PAUSES_OVERLOADED if isinstance(failure, Overloaded) else _PAUSES
        seconds = pauses[min(failures, len(pauses)) - 1] * (0.8 + 0.4 * self._upstream.chance())
        if isinstance(failure, Overloaded) and failure.retry_after is not None:
            seconds = max(seconds, failure.retry_after)
        if seconds > self._patience:
            raise failure
        self._count_wait(seconds)
        self._trace.begin_to_wait(self._choice, "A pause before the next attempt.", longest=seconds)
        await asyncio.sleep(seconds)
        self._trace.end_wait(self._choice)

    # --- requests that are the cause themselves ---------------------------------------------------------

    def _refuse_if_marked(self) -> None:
        """Raises: RateLimited: accounts have found this very request too much a moment ago."""
        pool = self._upstream.pool
        if pool.has_marked_requests and (mark := pool.mark_of(self._fingerprint)) is not None:
            seconds, message = mark
            limited = RateLimited(message)
            limited.wait_for(seconds)
            raise limited

    def _look_for_blame(self, lease: Lease, failure: RateLimited) -> None:
        """A few accounts, not known to be out, have answered alike: no other one will answer otherwise."""
        pool = self._upstream.pool
        if not failure.may_be_the_requests_fault or pool.is_known_to_be_out(lease, request=self._fingerprint):
            return
        alike = self._alike.setdefault(failure.quotas, {})
        alike[lease.account.quota_group] = lease
        size = len(self._body.to_json())
        unproven = [each for each in alike.values() if not pool.has_answered_as_much(each, size)]
        if len(unproven) >= FEW or len(alike) >= FEW_OF_PROVEN:
            self._is_to_blame = True
            failure.wait_for(pool.blame_request(self._fingerprint, failure.message, alike.values()))

    @property
    def _fingerprint(self) -> str:
        """Of what is asked, whoever asks."""
        return fingerprint(self._wish.model, self._body.to_json())


def _reason_to_wait(wait: Wait) -> str:
    if wait.seconds:
        return f"When it began to wait, the first account was to be free in {wait.seconds:.1f} s."
    return "Accounts have as many attempts under way as they may have, or others came first."


def _to_choice(found: Lease | Wait | Nobody, skipped: Skipped, *, at: float, waited: float) -> Choice:
    match found:
        case Lease():
            others = tuple(each for each in skipped.accounts if each.account != found.account.email)
            return Choice(at, waited, found.account.email, found.reason, Skipped(others, skipped.unnamed))
        case Wait(seconds=seconds) if seconds:
            reason = f"The first could serve in {seconds:.1f} s, which is longer than the request may wait."
        case Wait():
            reason = "All had as many attempts under way as they may have."
        case Nobody():
            reason = "No account can serve this request."
    return Choice(at, waited, "", reason, skipped)


def _names_of(lease: Lease) -> frozenset[str]:
    return frozenset({lease.account.email, lease.account.quota_group})
