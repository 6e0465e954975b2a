"""What operators are told, in words and columns: results -> lines of text. Times are UTC, as usage is counted."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import assert_never

from antigravity_addon.accounts.edit import NewAccount
from antigravity_addon.errors import printable
from antigravity_addon.state.pool_store import Action, UsageSum

from .ground import AccountStatus, Overview, Rest, Standing
from .new_accounts import NewAccounts
from .operator import CheckResult, Dimension, Obeyed, UsageReport, Verdict

WIDTH = 100
_INDENT = "    "
_STANDINGS = {
    Standing.USABLE: "usable",
    Standing.RESTING: "resting",
    Standing.SWITCHED_OFF: "switched off by you",
    Standing.REFUSED: "refused by Google",
    Standing.DISABLED_IN_FILE: "disabled in the file",
    Standing.UNUSABLE: "cannot be used",
}


# --- accounts ----------------------------------------------------------------------------------------------


def overview_lines(overview: Overview, *, now: float) -> Iterator[str]:
    """A row for each account, and below it what there is to say of it. `now` is Unix time."""
    if not overview.accounts:
        yield "There are no accounts."
        return
    is_running = any(account.leases is not None for account in overview.accounts)
    rows = [_account_row(account, is_running=is_running) for account in overview.accounts]
    heads = ("ACCOUNT", "KIND", "PROJECT", "WEIGHT", *(("LEASES", "TALKS") if is_running else ()), "STATE")
    head, *lines = table(heads, rows, right=frozenset({"WEIGHT", "LEASES", "TALKS"}))
    yield head
    for account, line in zip(overview.accounts, lines, strict=True):
        yield line
        if account.reason:
            yield from _below(account.reason)
        for rest in account.rests:
            yield from _below(_rest(rest, now=now))
    if overview.overloaded:
        yield "Overloaded for everybody, and left alone:"
        for rest in overview.overloaded:
            yield from _below(_rest(rest, now=now))


def _account_row(account: AccountStatus, *, is_running: bool) -> tuple[str, ...]:
    counts = (_count(account.leases), _count(account.conversations)) if is_running else ()
    weight = "-" if account.weight is None else f"{account.weight:g}"
    standing = _STANDINGS[account.standing]
    return account.email, account.kind or "-", account.project or "-", weight, *counts, standing


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _rest(rest: Rest, *, now: float) -> str:
    what = rest.model or "every model"
    until = datetime.fromtimestamp(rest.until, UTC)
    shown = (
        f"{until:%H:%M:%S}"
        if until.date() == datetime.fromtimestamp(now, UTC).date()
        else f"{until:%Y-%m-%d %H:%M}"
    )
    return f"{what} until {shown} UTC ({span(rest.until - now)}): {rest.reason}"


def span(seconds: float) -> str:
    """`56 s`, `3 min`, `5 h 12 min`, `2 d 4 h`; never less than is left."""
    whole = max(1, -int(-seconds // 1))
    if whole < 120:
        return f"{whole} s"
    minutes = -(-whole // 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def check_lines(results: Sequence[CheckResult]) -> Iterator[str]:
    if not results:
        yield "There are no accounts to check."
        return
    rows = [(result.email, _verdict(result)) for result in results]
    _, *lines = table(("", ""), rows)
    for result, line in zip(results, lines, strict=True):
        yield line
        if result.message:
            yield from _below(result.message)
        if result.link is not None:
            yield from _below(f"Google's page for its owner: {result.link.get_secret_value()}")


def _verdict(result: CheckResult) -> str:
    match result.verdict:
        case Verdict.OK:
            return f"ok, {result.milliseconds} ms"
        case Verdict.FAILED:
            return "failed"
        case Verdict.SKIPPED:
            return "not checked"
        case _:
            assert_never(result.verdict)


def obeyed_lines(obeyed: Iterable[Obeyed]) -> Iterator[str]:
    for each in obeyed:
        who = each.email or "All accounts"
        yield f"{who}: {_done(each.action)}"
        if each.note:
            yield from _below(each.note)


def _done(action: Action) -> str:
    match action:
        case Action.DISABLE:
            return "switched off."
        case Action.ENABLE:
            return "switched on; its cooldowns and refusals are forgotten."
        case Action.RESET:
            return "cooldowns and refusals are forgotten."
        case _:
            assert_never(action)


def added_lines(new: NewAccounts) -> Iterator[str]:
    """Of one account."""
    for account in new.accounts:
        yield f"{account.email} was added to {new.file}; gateways that run take it at once."
        for note in new.notes:
            yield f"It cannot be used yet: {note}"
        yield f"Try it: antigravity accounts check {account.email}"


def imported_lines(new: NewAccounts) -> Iterator[str]:
    """A row for each account, and what to know of these and of others."""
    if not new.accounts:
        yield "Nothing would be taken." if new.is_rehearsal else "Nothing was taken."
    else:
        yield f"Would be added to {new.file}:" if new.is_rehearsal else f"Added to {new.file}:"
        rows = [
            (account.email, account.kind, _paid_with(account), "yes" if account.disabled else "no")
            for account in new.accounts
        ]
        for line in table(("ACCOUNT", "KIND", "PAYS WITH", "DISABLED"), rows):
            yield f"{_INDENT}{line}"
    if new.notes:
        yield "What to know:"
        for note in new.notes:
            yield f"  - {note}"


def _paid_with(account: NewAccount) -> str:
    issued = f" of {account.oauth_client}" if account.oauth_client else ""
    return f"{account.credentials or 'refresh token'}{issued}"


# --- usage -------------------------------------------------------------------------------------------------

_USAGE_HEADS = ("REQUESTS", "ERRORS", "INPUT", "CACHED", "OUTPUT", "SECONDS", "FIRST")


def usage_lines(report: UsageReport) -> Iterator[str]:
    """A row for each name, and the total below them. Tokens in sums, seconds on average."""
    days = (
        f"{report.first_day}"
        if report.first_day == report.last_day
        else f"{report.first_day} to {report.last_day}"
    )
    if not report.rows:
        yield f"Nothing was used: {days}."
        return
    names = tuple(dimension.upper() for dimension in report.by)
    rows = [
        (*(name or _nobody(by) for by, name in zip(report.by, row.names, strict=True)), *_numbers(row.used))
        for row in report.rows
    ]
    if len(rows) > 1 and names:
        rows.append(("total", *("" for _ in names[1:]), *_numbers(report.total)))
    yield f"Used: {days} (UTC). On average, a request took SECONDS, and FIRST to its first token."
    yield from table((*names, *_USAGE_HEADS), rows, right=frozenset(_USAGE_HEADS))


def _nobody(dimension: Dimension) -> str:
    match dimension:
        case Dimension.ACCOUNT:
            return "(none could serve)"
        case Dimension.CLIENT:
            return "(no key)"
        case Dimension.DAY | Dimension.MODEL:
            return "-"
        case _:
            assert_never(dimension)


def _numbers(used: UsageSum) -> tuple[str, ...]:
    return (
        f"{used.requests:,}",
        f"{used.errors:,}",
        _short(used.input_tokens),
        _short(used.cached_tokens),
        _short(used.output_tokens),
        _mean(used.seconds, used.requests),
        _mean(used.first_token_seconds, used.first_tokens),
    )


def _short(count: int) -> str:
    """`999`, `12.3k`, `1.23M`, `4.56G`: a column need not be wider."""
    for unit, size in (("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)):
        if count >= size:
            return f"{count / size:.3g}{unit}" if count < 999.5 * size else f"{count / size:.0f}{unit}"
    return str(count)


def _mean(total: float, count: int) -> str:
    return f"{total / count:.1f}" if count else "-"


# --- columns -----------------------------------------------------------------------------------------------


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[str] = frozenset()
) -> Iterator[str]:
    """The heads, then the rows, in columns; those named in `right` end alike."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (
            cell.rjust(width) if head in right else cell.ljust(width)
            for head, cell, width in zip(heads, row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _below(text: str) -> Iterator[str]:
    """Indented under a row."""
    # a link or a command that is broken over two lines cannot be copied
    yield from textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
