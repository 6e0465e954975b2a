"""Where an operator stands: on a gateway that runs, or on the files that gateways leave behind.

Accounts are known from there, with the state that each is in, and orders and questions about usage go through it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from antigravity_addon.accounts.account import Account, Upstream
from antigravity_addon.accounts.file import Unusable
from antigravity_addon.accounts.pool import AccountPool, AccountReport, RestReport
from antigravity_addon.state.pool_store import (
    Action,
    KeptDisabled,
    KeptPool,
    PoolStore,
    UsageKey,
    UsageSum,
)

from .keeper import Keeper


class Standing(StrEnum):
    """Whether an account pays, and if it does not, whose doing that is."""

    USABLE = "usable"
    RESTING = "resting"
    """For some model, or for all."""
    SWITCHED_OFF = "switched_off"
    """By the operator, while gateways ran."""
    REFUSED = "refused"
    """By Google."""
    DISABLED_IN_FILE = "disabled_in_file"
    UNUSABLE = "unusable"
    """Something that it needs cannot be had."""


@dataclass(frozen=True, slots=True)
class Rest:
    model: str
    """Empty for every model."""
    until: float
    """Unix time."""
    reason: str


@dataclass(frozen=True, slots=True)
class AccountStatus:
    email: str
    standing: Standing
    kind: Upstream | None = None
    """`None` for one that cannot be used and of which no more is known."""
    project: str = ""
    weight: float | None = None
    reason: str = ""
    """Why it does not pay. Empty for one that does, and where no reason was given."""
    rests: tuple[Rest, ...] = ()
    leases: int | None = None
    """Attempts under way; `None` where no gateway runs that could tell."""
    conversations: int | None = None
    """That stay with it; `None` as above."""


@dataclass(frozen=True, slots=True)
class Overview:
    accounts: tuple[AccountStatus, ...]
    overloaded: tuple[Rest, ...] = ()
    """Models that are left alone for everybody."""


class Ground(Protocol):
    """Where accounts are known from, and through whom orders go. An account may be in `unusable` as well."""

    @property
    def accounts(self) -> Collection[Account]: ...

    @property
    def unusable(self) -> Sequence[Unusable]: ...

    def overview(self) -> Overview: ...

    def place(self, account: Account) -> str:
        """Where the account's `disabled` stands."""
        ...

    async def order(self, action: Action, account: Account | None, *, reason: str) -> None:
        """For one account or all. Raises: StateError."""
        ...

    async def usage(self, *, first_day: str, last_day: str) -> Mapping[UsageKey, UsageSum]:
        """Raises: StateError."""
        ...


class RunningGateway:
    """A gateway in this process."""

    def __init__(
        self,
        pool: AccountPool,
        keeper: Keeper,
        unusable: Callable[[], Sequence[Unusable]],
        *,
        unix_time: Callable[[], float],
    ) -> None:
        """`unusable` gives the accounts of the file that the pool does not have."""
        self._pool = pool
        self._keeper = keeper
        self._unusable = unusable
        self._unix_time = unix_time

    @property
    def accounts(self) -> Collection[Account]:
        return self._pool.accounts

    @property
    def unusable(self) -> Sequence[Unusable]:
        return self._unusable()

    def overview(self) -> Overview:
        statuses = [self._status(report) for report in self._pool.reports()]
        statuses += [_unusable(each) for each in self.unusable]
        return Overview(tuple(statuses), tuple(map(self._rest, self._pool.models_at_rest())))

    def _status(self, report: AccountReport) -> AccountStatus:
        status = _status(report.account, report.disabled, tuple(map(self._rest, report.rests)))
        return replace(status, leases=report.leases, conversations=report.conversations)

    def _rest(self, rest: RestReport) -> Rest:
        return Rest(rest.model, self._unix_time() + rest.seconds, rest.reason)

    def place(self, account: Account) -> str:  # noqa: ARG002  it is the same file for all
        return "the accounts file"

    async def order(self, action: Action, account: Account | None, *, reason: str) -> None:
        await self._keeper.order(action, account.email if account else "", reason=reason)

    async def usage(self, *, first_day: str, last_day: str) -> Mapping[UsageKey, UsageSum]:
        return await self._keeper.usage(first_day=first_day, last_day=last_day)


class GatewayFiles:
    """What gateways leave behind: their accounts file, and the store that they share."""

    def __init__(
        self,
        accounts: Collection[Account],
        unusable: Sequence[Unusable],
        store: PoolStore,
        *,
        kept: KeptPool,
        places: Mapping[str, str],
        unix_time: Callable[[], float],
    ) -> None:
        """`kept` is what the store had when it was looked at; `places` has the lines of disabled accounts by e-mail."""
        self._accounts = accounts
        self._unusable = unusable
        self._store = store
        self._kept = kept
        self._places = places
        self._unix_time = unix_time

    @property
    def accounts(self) -> Collection[Account]:
        return self._accounts

    @property
    def unusable(self) -> Sequence[Unusable]:
        return self._unusable

    def overview(self) -> Overview:
        reasons = {each.email: each.reason for each in self._unusable}
        known = {account.email for account in self._accounts}
        statuses = [self._status(account, reasons.get(account.email)) for account in self._accounts]
        statuses += [_unusable(each) for each in self._unusable if each.email not in known]
        return Overview(tuple(statuses), self._rests(*Upstream))

    def _status(self, account: Account, unusable_because: str | None) -> AccountStatus:
        out = self._kept.disabled.get(account.email)
        if out is not None and out.fingerprint not in {"", account.fingerprint}:
            out = None  # the credentials are new, and will be tried
        status = _status(account, out, self._rests(account.email, account.quota_group))
        if unusable_because is None or account.disabled:
            return status
        return replace(status, standing=Standing.UNUSABLE, reason=unusable_because, rests=())

    def _rests(self, *scopes: str) -> tuple[Rest, ...]:
        now = self._unix_time()
        return tuple(
            Rest(key.model, kept.until, kept.reason)
            for key, kept in sorted(self._kept.cooldowns.items(), key=lambda item: item[0].model)
            if key.scope in scopes and kept.until > now
        )

    def place(self, account: Account) -> str:
        return self._places.get(account.email, "the accounts file")

    async def order(self, action: Action, account: Account | None, *, reason: str) -> None:
        email, scope = (account.email, account.quota_group) if account else ("", "")
        await self._store.give_order(action, account=email, scope=scope, reason=reason, now=self._unix_time())

    async def usage(self, *, first_day: str, last_day: str) -> Mapping[UsageKey, UsageSum]:
        return await self._store.usage(first_day=first_day, last_day=last_day)


def _status(account: Account, out: KeptDisabled | None, rests: tuple[Rest, ...]) -> AccountStatus:
    standing = Standing.RESTING if rests else Standing.USABLE
    reason = ""
    if account.disabled:
        standing = Standing.DISABLED_IN_FILE
    elif out is not None:
        standing = Standing.REFUSED if out.fingerprint else Standing.SWITCHED_OFF
        reason = out.reason
    return AccountStatus(
        account.email,
        standing,
        kind=account.upstream,
        project=account.project,
        weight=account.weight,
        reason=reason,
        rests=rests,
    )


def _unusable(account: Unusable) -> AccountStatus:
    return AccountStatus(account.email, Standing.UNUSABLE, kind=account.kind, reason=account.reason)
