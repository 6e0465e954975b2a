"""The pool: leases accounts to attempts and remembers what came of it. In memory, for one process."""

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from antigravity_addon.errors import AccountRefused, UpstreamFailure

from .account import Account
from .policy import AccountState, Decision, Use, choose

logger = logging.getLogger(__name__)

type Clock = Callable[[], float]
"""Seconds since some fixed point; never goes back."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An account reserved for one attempt."""

    account: Account
    model: str


class AccountPool:
    """Who may pay next. Time comes from `clock`; everything is forgotten with the process."""

    def __init__(self, accounts: Sequence[Account], *, clock: Clock) -> None:
        self._clock = clock
        self._serial = 0
        self._accounts: Mapping[str, Account] = {}
        self._states: dict[str, AccountState] = {}
        self.replace_accounts(accounts)

    def replace_accounts(self, accounts: Sequence[Account]) -> None:
        """Take a new list of accounts; one that stays keeps what is known of it, unless its credential is new."""
        states: dict[str, AccountState] = {}
        for account in accounts:
            known = self._accounts.get(account.email)
            unchanged = known is not None and known.credential == account.credential
            state = self._states[account.email] if unchanged else AccountState(account.email)
            states[account.email] = state
        self._accounts = {account.email: account for account in accounts}
        self._states = states

    @property
    def size(self) -> int:
        """Accounts that an attempt could be paid with, cooling ones included."""
        return sum(1 for state in self._current() if state.disabled_because is None)

    def decide(self, model: str, *, tried: frozenset[str], spent: frozenset[str]) -> Decision:
        """See `policy.choose`."""
        return choose(self._current(), model=model, now=self._clock(), tried=tried, spent=spent)

    @contextmanager
    def lease(self, decision: Use, model: str) -> Generator[Lease]:
        """Hold an account for one attempt. An `UpstreamFailure` that passes through is remembered."""
        email = decision.email
        self._serial += 1
        self._update(email, lambda s: replace(s, leases=s.leases + 1, last_lease=self._serial))
        try:
            yield Lease(self._accounts[email], model)
            self._cool(email, model, until=None)
        except UpstreamFailure as failure:
            self._remember(email, model, failure)
            raise
        finally:
            self._update(email, lambda s: replace(s, leases=s.leases - 1))

    def _remember(self, email: str, model: str, failure: UpstreamFailure) -> None:
        if isinstance(failure, AccountRefused):
            logger.warning("Account %s is out of use: %s Mend it and restart.", email, failure.reason)
            self._update(email, lambda s: replace(s, disabled_because=failure.reason))
        elif failure.retry_after is not None:
            self._cool(email, model, until=self._clock() + failure.retry_after)

    def _cool(self, email: str, model: str, *, until: float | None) -> None:
        def change(state: AccountState) -> AccountState:
            others = {name: time for name, time in state.cooling_until.items() if name != model}
            return replace(state, cooling_until=others if until is None else {**others, model: until})

        self._update(email, change)

    def _current(self) -> Iterator[AccountState]:
        for email, account in self._accounts.items():
            if not account.disabled:
                yield self._states[email]

    def _update(self, email: str, change: Callable[[AccountState], AccountState]) -> None:
        # the account may have left the list while its attempt was under way
        if (state := self._states.get(email)) is not None:
            self._states[email] = change(state)
