"""What an operator sees and does, on a gateway that runs or on its files alone. Results are plain; nothing is printed."""

import difflib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import assert_never

from pydantic import SecretStr

from antigravity_addon.accounts.account import Account
from antigravity_addon.state.pool_store import Action, UsageKey, UsageSum

from .ground import AccountStatus, Ground, Overview, Standing
from .tasks import all_of

CHECK_MODEL = "gemini-2.5-flash"
"""Every kind of upstream has it, and a word of it costs next to nothing."""


class OperatorError(ValueError):
    """What was asked for cannot be done; the message is for the operator and holds no secret."""


# --- results -----------------------------------------------------------------------------------------------


class Verdict(StrEnum):
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    email: str
    verdict: Verdict
    message: str = ""
    """What is wrong and what to do, in sentences; empty if all is well."""
    code: str = ""
    """The failure's, as in docs/errors.md."""
    milliseconds: int | None = None
    """From the question to the end of the answer; `None` if nobody was asked."""
    link: SecretStr | None = None
    """A page of Google's for the account's owner alone. For a terminal, and for no log."""


@dataclass(frozen=True, slots=True)
class Obeyed:
    """An order that was given to all gateways that share the store."""

    action: Action
    email: str
    """Empty for all accounts."""
    note: str = ""
    """What stands in the way of its effect all the same."""


class Dimension(StrEnum):
    """What usage can be told apart by."""

    DAY = "day"
    ACCOUNT = "account"
    MODEL = "model"
    CLIENT = "client"

    def of(self, key: UsageKey) -> str:
        match self:
            case Dimension.DAY:
                return key.day
            case Dimension.ACCOUNT:
                return key.account
            case Dimension.MODEL:
                return key.model
            case Dimension.CLIENT:
                return key.client
            case _:
                assert_never(self)


@dataclass(frozen=True, slots=True)
class UsageRow:
    names: tuple[str, ...]
    """One for each dimension of the report. An empty account: none could serve; an empty client: no key was asked for."""
    used: UsageSum


@dataclass(frozen=True, slots=True)
class UsageReport:
    first_day: date
    last_day: date
    by: tuple[Dimension, ...]
    rows: tuple[UsageRow, ...]
    total: UsageSum


# --- what is asked for --------------------------------------------------------------------------------------

type Check = Callable[[Account, str], Awaitable[CheckResult]]
"""Asks a model a word in an account's name; raises nothing that is expected."""


_OVER_TERMS = re.compile(
    r"Paused, since \S+ was refused over its terms"
    r"|(?:HTTP \d+ )?(?:TOS_VIOLATION|VALIDATION_REQUIRED|UNSUPPORTED_CLIENT)\b"
)
"""How the reason for such a refusal begins. What Google says, and may have quoted, comes after it."""
_LEFT_ALONE = "It was refused, and that is between Google and its owner: name it, to check it all the same."


@dataclass(frozen=True, slots=True)
class Operator:
    """What operators ask for, made of what the ground offers."""

    ground: Ground
    unix_time: Callable[[], float]
    check_account: Check | None = None
    """`None` where nothing reaches the upstreams."""

    # --- accounts ---------------------------------------------------------------------------------------

    def overview(self) -> Overview:
        return self.ground.overview()

    @property
    def emails(self) -> tuple[str, ...]:
        """Of all accounts, whether they can be used or not."""
        unusable = (each.email for each in self.ground.unusable)
        return tuple(dict.fromkeys((*(account.email for account in self.ground.accounts), *unusable)))

    async def check(self, emails: Sequence[str] = (), *, model: str = CHECK_MODEL) -> tuple[CheckResult, ...]:
        """All at the same time; of all accounts if none is named, but those that the file disables and those that Google
        refuses over its terms. Nothing that gateways know changes by it.

        Raises: OperatorError: there is no such account, or nobody to ask.
        """
        if self.check_account is None:
            raise OperatorError("No upstream can be reached from here, so no account can be checked.")
        for email in emails:
            self._refuse_unknown(email)
        one = partial(self._check, self.check_account, model=model, is_named=bool(emails))
        return tuple(await all_of(one, dict.fromkeys(emails or self.emails)))

    async def _check(self, check: Check, email: str, *, model: str, is_named: bool) -> CheckResult:
        account = self._account(email)
        if account is not None and account.disabled and not is_named:
            where = self.ground.place(account)
            return CheckResult(
                email, Verdict.SKIPPED, f"It is disabled in {where}: name it, to check it all the same."
            )
        if account is not None and not is_named and self._is_refused_over_terms(account):
            return CheckResult(email, Verdict.SKIPPED, _LEFT_ALONE)
        for unusable in self.ground.unusable:
            if unusable.email == email:
                return CheckResult(email, Verdict.FAILED, unusable.reason)
        # a name that is in neither was refused
        assert account is not None  # noqa: S101
        result = await check(account, model)
        return (
            result if result.verdict is not Verdict.OK else replace(result, message=self._held_back(account))
        )

    def _held_back(self, account: Account) -> str:
        """Why an account that answers does not pay all the same, and how to change that."""
        email = account.email
        match (status := self._status(account)).standing:
            case Standing.SWITCHED_OFF:
                return f"It is switched off all the same: antigravity accounts enable {email}"
            case Standing.REFUSED:
                return f"Gateways leave it alone, since it was refused before: antigravity accounts reset {email}"
            case Standing.RESTING:
                return f"Gateways let it rest at present, see the list; to end that: antigravity accounts reset {email}"
            case Standing.DISABLED_IN_FILE:
                return f"It is disabled in {self.ground.place(account)}."
            case Standing.USABLE | Standing.UNUSABLE:
                return ""
            case _:
                assert_never(status.standing)

    def _is_refused_over_terms(self, account: Account) -> bool:
        status = self._status(account)
        return status.standing is Standing.REFUSED and _OVER_TERMS.match(status.reason) is not None

    def _status(self, account: Account) -> AccountStatus:
        return next(each for each in self.overview().accounts if each.email == account.email)

    async def disable(self, emails: Sequence[str], *, reason: str = "") -> tuple[Obeyed, ...]:
        """Until `enable`, whatever the accounts file says. Raises: OperatorError, StateError."""
        return await self._order(Action.DISABLE, emails, reason=" ".join(reason.split()))

    async def enable(self, emails: Sequence[str]) -> tuple[Obeyed, ...]:
        """End a `disable`, a refusal of Google's, and cooldowns. Raises: OperatorError, StateError."""
        return await self._order(Action.ENABLE, emails)

    async def reset(self, emails: Sequence[str] = ()) -> tuple[Obeyed, ...]:
        """Forget cooldowns and refusals; of all accounts if none is named. Raises: OperatorError, StateError."""
        if emails:
            return await self._order(Action.RESET, emails)
        await self.ground.order(Action.RESET, None, reason="")
        return (Obeyed(Action.RESET, ""),)

    async def _order(self, action: Action, emails: Sequence[str], *, reason: str = "") -> tuple[Obeyed, ...]:
        """None is given if one of the names is wrong."""
        accounts = [self._orderable(email) for email in dict.fromkeys(emails)]
        for account in accounts:
            await self.ground.order(action, account, reason=reason)
        return tuple(
            Obeyed(action, account.email, self._left_disabled(action, account)) for account in accounts
        )

    def _left_disabled(self, action: Action, account: Account) -> str:
        if not account.disabled or action is Action.DISABLE:
            return ""
        return f"It stays out of use: it is disabled in {self.ground.place(account)}, and only there can that be changed."

    def _orderable(self, email: str) -> Account:
        """Raises: OperatorError: there is no account that could take an order."""
        if (account := self._account(email)) is not None:
            return account
        self._refuse_unknown(email)
        reason = next(each.reason for each in self.ground.unusable if each.email == email)
        raise OperatorError(f"{email} cannot be used anyway: {reason}")

    def _account(self, email: str) -> Account | None:
        return next((each for each in self.ground.accounts if each.email == email), None)

    def _refuse_unknown(self, email: str) -> None:
        if email in self.emails:
            return
        close = difflib.get_close_matches(email, self.emails, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(self.emails) or 'none'}."
        raise OperatorError(f"There is no account {email!r}. {hint}")

    # --- usage ------------------------------------------------------------------------------------------

    @property
    def today(self) -> date:
        """In UTC, as usage is counted."""
        return datetime.fromtimestamp(self.unix_time(), UTC).date()

    async def usage_of_days(self, days: int, *, by: Sequence[Dimension]) -> UsageReport:
        """Of the last days, today included. Raises: StateError."""
        return await self.usage(self.today - timedelta(days=days - 1), self.today, by=by)

    async def usage(self, first_day: date, last_day: date, *, by: Sequence[Dimension]) -> UsageReport:
        """Both days included. Raises: StateError."""
        used = await self.ground.usage(first_day=first_day.isoformat(), last_day=last_day.isoformat())
        return summed(used, first_day, last_day, by=by)


def summed(
    used: Mapping[UsageKey, UsageSum], first_day: date, last_day: date, *, by: Iterable[Dimension]
) -> UsageReport:
    """Rows in the order of their names."""
    dimensions = tuple(dict.fromkeys(by))
    sums: dict[tuple[str, ...], UsageSum] = {}
    for key, used_there in used.items():
        names = tuple(dimension.of(key) for dimension in dimensions)
        sums[names] = sums.get(names, UsageSum()) + used_there
    rows = tuple(UsageRow(names, sums[names]) for names in sorted(sums))
    return UsageReport(first_day, last_day, dimensions, rows, sum(sums.values(), UsageSum()))
