"""mitmproxy's commands for a gateway that runs: what `antigravity accounts` and `antigravity usage` do, from inside.

A command cannot wait. What takes a while is logged when it is there, as mitmproxy's own addons do it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from pathlib import Path

from mitmproxy import command, ctx, types
from mitmproxy.exceptions import CommandError
from mitmproxy.log import ALERT

from antigravity_addon.accounts.account import Upstream
from antigravity_addon.accounts.edit import NewAccount
from antigravity_addon.accounts.file import AccountsFileError
from antigravity_addon.accounts.importing import ImportFailedError
from antigravity_addon.gateway.new_accounts import NewAccounts, add_by_reference, import_by_reference
from antigravity_addon.gateway.operator import CHECK_MODEL, Dimension, Operator, OperatorError
from antigravity_addon.gateway.operator_words import (
    added_lines,
    check_lines,
    imported_lines,
    obeyed_lines,
    overview_lines,
    usage_lines,
)
from antigravity_addon.gateway.tasks import spawn
from antigravity_addon.state.memory import StateError

from .operator_files import StartError, named_path

logger = logging.getLogger(__name__)

_MOST_DAYS = 400
"""A store keeps no more."""
_EMAIL = types.Choice("gateway.accounts.emails")
_KIND = types.Choice("gateway.accounts.kinds")
_EXPECTED = (AccountsFileError, ImportFailedError, OperatorError, StateError)


class Commands:
    """An addon of its own, beside the hooks."""

    name = "gateway_commands"

    def __init__(self, operator: Callable[[], Operator | None]) -> None:
        """`operator` gives that of the gateway of the day; `None` while there is none."""
        self._operator_of_the_day = operator
        self._editing = asyncio.Lock()
        """Of the accounts file: two who change it at once may undo each other."""

    def _operator(self) -> Operator:
        """Raises: CommandError: there is none."""
        operator = self._operator_of_the_day()
        if operator is None:
            raise CommandError("The gateway does not run; the log says why.")
        return operator

    # --- what is known at once --------------------------------------------------------------------------

    @command.command("gateway.accounts.list")
    def list_accounts(self) -> Sequence[str]:
        """What state each account is in, with its attempts under way (LEASES) and conversations (TALKS)."""
        operator = self._operator()
        return list(overview_lines(operator.overview(), now=operator.unix_time()))

    @command.command("gateway.accounts.emails")
    def emails(self) -> Sequence[str]:
        """The accounts' e-mail addresses; none while no gateway runs, since completion asks for them as people type."""
        operator = self._operator_of_the_day()
        return [] if operator is None else list(operator.emails)

    @command.command("gateway.accounts.kinds")
    def kinds(self) -> Sequence[str]:
        """What an account can be at Google."""
        return [kind.value for kind in Upstream]

    # --- what is logged when it is there ----------------------------------------------------------------

    @command.command("gateway.accounts.check")
    @command.argument("emails", type=_EMAIL)
    def check(self, *emails: str) -> None:
        """Ask a word in each account's name, or in those of all, and log what is wrong. Changes nothing; costs a token
        or two."""
        _log_later(self._operator().check(emails, model=CHECK_MODEL), check_lines, name="check accounts")

    @command.command("gateway.accounts.disable")
    @command.argument("email", type=_EMAIL)
    def disable(self, email: str, reason: str = "") -> None:
        """Switch an account off, for all gateways that share the state, until it is enabled."""
        _log_later(self._operator().disable([email], reason=reason), obeyed_lines, name="disable an account")

    @command.command("gateway.accounts.enable")
    @command.argument("email", type=_EMAIL)
    def enable(self, email: str) -> None:
        """Switch an account on again, whoever switched it off."""
        _log_later(self._operator().enable([email]), obeyed_lines, name="enable an account")

    @command.command("gateway.accounts.reset")
    @command.argument("emails", type=_EMAIL)
    def reset(self, *emails: str) -> None:
        """Forget cooldowns, and what Google refused, of these accounts or of all."""
        _log_later(self._operator().reset(emails), obeyed_lines, name="reset accounts")

    @command.command("gateway.usage")
    def usage(self, days: int = 1) -> None:
        """Log what was used in the last days, today included, by account and model."""
        operator = self._operator()
        if not 1 <= days <= _MOST_DAYS:
            raise CommandError(f"The number of days must be from 1 to {_MOST_DAYS}.")
        report = operator.usage_of_days(days, by=(Dimension.ACCOUNT, Dimension.MODEL))
        _log_later(report, usage_lines, name="sum up usage")

    # --- what changes the accounts file -----------------------------------------------------------------
    #
    # They bear too few words and too many: mitmproxy, which otherwise counts them, logs those that came, and one may be
    # a key.

    @command.command("gateway.accounts.add")
    @command.argument("kind", type=_KIND)
    @command.argument("reference", type=types.Path)
    def add(self, email: str, kind: str = "", reference: str = "", *fields: str) -> None:
        """Put an account into the accounts file. REFERENCE says where what it pays with is, and is no key itself:
        env:NAME, keyring:SERVICE/USER, a file of credentials, gcloud, gemini-cli or machine. FIELDS are project=ID,
        location=NAME and oauth_client=NAME."""
        if not (kind and reference):
            raise CommandError(
                "An account has an e-mail address, a kind, and a reference to what it pays with."
            )
        found = _fields(fields, "project", "location", "oauth_client")
        account = NewAccount(
            email,
            Upstream(kind),
            project=found["project"],
            location=found["location"],
            oauth_client=found["oauth_client"],
        )
        added = self._edit(partial(add_by_reference, _accounts_file(), account, reference))
        _log_later(added, added_lines, name="add an account")

    @command.command("gateway.accounts.import")
    @command.argument("source", type=types.Path)
    def import_accounts(self, source: str, *fields: str) -> None:
        """Take over accounts of gcloud, of gemini-cli, from a file of credentials, or from an export or the folder of
        Antigravity Tools. FIELDS are oauth_client=NAME, and, where a file does not say them, email=EMAIL and
        project=ID."""
        found = _fields(fields, "oauth_client", "email", "project")
        imported = self._edit(partial(import_by_reference, _accounts_file(), source, **found))
        _log_later(imported, imported_lines, name="import accounts")

    async def _edit(self, edit: Callable[[], NewAccounts]) -> NewAccounts:
        async with self._editing:
            return await asyncio.to_thread(edit)


def _accounts_file() -> Path:
    """Raises: CommandError: there is none."""
    if not ctx.options.gateway_accounts:
        raise CommandError(
            "gateway_accounts names no file: begin one with antigravity accounts add, and set gateway_accounts to it."
        )
    try:
        return named_path("gateway_accounts", ctx.options.gateway_accounts)
    except StartError as error:
        raise CommandError(str(error)) from None


def _fields(words: Iterable[str], *names: str) -> dict[str, str]:
    """What `NAME=VALUE` words say; empty for names that none has. Raises: CommandError: a word is none of these."""
    fields = dict.fromkeys(names, "")
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in fields:
            raise CommandError(f"What follows can only be {', '.join(f'{name}=…' for name in names)}.")
        fields[name] = value
    return fields


def _log_later[T](
    result: Coroutine[object, object, T], words: Callable[[T], Iterable[str]], *, name: str
) -> None:
    async def log() -> None:
        try:
            logger.log(ALERT, "%s", "\n".join(words(await result)))
        except _EXPECTED as error:
            logger.error("%s", error)  # noqa: TRY400  a sentence for the operator

    spawn(log(), name=name)
