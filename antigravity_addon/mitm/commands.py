"""mitmproxy's commands for a gateway that runs: what `antigravity accounts` and `antigravity usage` do, from inside.

A command cannot wait. What takes a while is logged when it is there, as mitmproxy's own addons do it.
"""

import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence

from mitmproxy import command, types
from mitmproxy.exceptions import CommandError
from mitmproxy.log import ALERT

from antigravity_addon.gateway.operator import CHECK_MODEL, Dimension, Operator, OperatorError
from antigravity_addon.gateway.operator_words import check_lines, obeyed_lines, overview_lines, usage_lines
from antigravity_addon.gateway.tasks import spawn
from antigravity_addon.state.memory import StateError

logger = logging.getLogger(__name__)

_MOST_DAYS = 400
"""A store keeps no more."""
_EMAIL = types.Choice("gateway.accounts.emails")


class Commands:
    """An addon of its own, beside the hooks."""

    name = "gateway_commands"

    def __init__(self, operator: Callable[[], Operator | None]) -> None:
        """`operator` gives that of the gateway of the day; `None` while there is none."""
        self._operator_of_the_day = operator

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

    # --- what is logged when it is there ----------------------------------------------------------------

    @command.command("gateway.accounts.check")
    @command.argument("emails", type=_EMAIL)
    def check(self, *emails: str) -> None:
        """Ask a word in each account's name, or in those of all, and log what is wrong. Changes nothing; costs a token
        or two."""
        operator = self._operator()

        async def lines() -> Iterable[str]:
            return check_lines(await operator.check(emails, model=CHECK_MODEL))

        _log_later(lines(), name="check accounts")

    @command.command("gateway.accounts.disable")
    @command.argument("email", type=_EMAIL)
    def disable(self, email: str, reason: str = "") -> None:
        """Switch an account off, for all gateways that share the state, until it is enabled."""
        operator = self._operator()

        async def lines() -> Iterable[str]:
            return obeyed_lines(await operator.disable([email], reason=reason))

        _log_later(lines(), name="disable an account")

    @command.command("gateway.accounts.enable")
    @command.argument("email", type=_EMAIL)
    def enable(self, email: str) -> None:
        """Switch an account on again, whoever switched it off."""
        operator = self._operator()

        async def lines() -> Iterable[str]:
            return obeyed_lines(await operator.enable([email]))

        _log_later(lines(), name="enable an account")

    @command.command("gateway.accounts.reset")
    @command.argument("emails", type=_EMAIL)
    def reset(self, *emails: str) -> None:
        """Forget cooldowns, and what Google refused, of these accounts or of all."""
        operator = self._operator()

        async def lines() -> Iterable[str]:
            return obeyed_lines(await operator.reset(emails))

        _log_later(lines(), name="reset accounts")

    @command.command("gateway.usage")
    def usage(self, days: int = 1) -> None:
        """Log what was used in the last days, today included, by account and model."""
        operator = self._operator()
        if not 1 <= days <= _MOST_DAYS:
            raise CommandError(f"The number of days must be from 1 to {_MOST_DAYS}.")

        async def lines() -> Iterable[str]:
            by = (Dimension.ACCOUNT, Dimension.MODEL)
            return usage_lines(await operator.usage_of_days(days, by=by))

        _log_later(lines(), name="sum up usage")


def _log_later(lines: Coroutine[object, object, Iterable[str]], *, name: str) -> None:
    async def log() -> None:
        try:
            logger.log(ALERT, "%s", "\n".join(await lines))
        except (OperatorError, StateError) as error:
            logger.error("%s", error)  # noqa: TRY400  a sentence for the operator

    spawn(log(), name=name)
