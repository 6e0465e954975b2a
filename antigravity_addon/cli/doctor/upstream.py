"""Checks of what is behind the gateway: the clock beside the upstream's, and each account."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from email.utils import parsedate_to_datetime

from antigravity_addon.errors import UpstreamFailure
from antigravity_addon.gateway.operator import CheckResult, Verdict
from antigravity_addon.gateway.operator_words import span
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import Transport, kind_of_cause

from .finding import Finding, ok, problem, skipped, warning

_SECONDS = 10.0
_WRONG_BY = 60.0
_FAR_WRONG_BY = 240.0
"""Seconds; from some five minutes on, Google refuses what is signed by such a clock."""


async def check_clock(transport: Transport, target: str, *, unix_time: Callable[[], float]) -> Finding:
    """By the Date of an answer that nothing was shown for."""
    request = UpstreamRequest(f"{target}/", {}, b"", method="GET")
    try:
        async with asyncio.timeout(_SECONDS), transport.open(request) as response:
            date = response.headers.get("date", "")
    except (TimeoutError, UpstreamFailure) as error:
        return problem(
            "upstream",
            f"{target} cannot be reached ({kind_of_cause(error)}).",
            "See whether this machine has a network, and whether a firewall is in between.",
        )
    try:
        off = unix_time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return skipped("clock", f"{target} does not say what time it is.")
    return judge_clock(off)


def judge_clock(off: float) -> Finding:
    """`off`: seconds by which this machine's clock is ahead."""
    if abs(off) < _WRONG_BY:
        return ok("clock", "This machine's clock agrees with the upstream's.")
    said = f"This machine's clock is {span(abs(off))} {'ahead' if off > 0 else 'behind'}."
    remedy = "Set it, or have it set: timedatectl set-ntp true"
    if abs(off) < _FAR_WRONG_BY:
        return warning("clock", said, remedy)
    return problem("clock", f"{said} Google refuses logins that are signed by it.", remedy)


def accounts_findings(results: Sequence[CheckResult]) -> Iterator[Finding]:
    for result in results:
        match result.verdict:
            case Verdict.OK:
                yield ok(
                    "account",
                    f"{result.email} answers, after {result.milliseconds} ms. {result.message}".rstrip(),
                )
            case Verdict.SKIPPED:
                yield skipped("account", f"{result.email}: {result.message}")
            case Verdict.FAILED:
                yield problem("account", f"{result.email}: {result.message}")
