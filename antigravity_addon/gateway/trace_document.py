"""A trace as plain data, which is how a flow keeps it: mitmproxy saves a flow's metadata only if it is plain."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from antigravity_addon.accounts.pool import Skipped
from antigravity_addon.translate.events import Usage

from .trace import AttemptRecord, Choice, Trace, Waiting

_DIGITS = 6
"""Of seconds: what followed at once is still told in its order."""

type Plain = bool | int | float | str | list[Plain] | dict[str, Plain] | None


def to_document(
    trace: Trace, shown: Mapping[int, Sequence[str]], *, is_over: bool = True
) -> dict[str, Plain]:
    """Times are seconds; those called `at` count from the request's arrival.

    `shown` are the flows in which people can look at an attempt, by its number.
    """
    return {
        "exchange": trace.exchange,
        "endpoint": trace.endpoint,
        "model_asked": trace.model_asked,
        "model": trace.model,
        "rule": trace.rule,
        "account": trace.account,
        "conversation": list(trace.conversation),
        "seed": trace.naming.seed if trace.naming else "",
        "created": trace.created,
        "times": list(trace.naming.times) if trace.naming else [],
        "choices": [_choice(choice) for choice in trace.choices],
        "attempts": [_attempt(attempt, shown.get(attempt.number, ())) for attempt in trace.attempts],
        "under_way": [
            _attempt(as_it_stands(), shown.get(number, ()))
            for number, as_it_stands in trace.under_way.items()
        ],
        "waiting": [_waiting(waiting) for waiting in trace.waiting.values()],
        "is_over": is_over,
        "remedies": list(trace.remedies),
        "status": trace.status,
        "error": trace.error,
        "seconds": round(trace.seconds, _DIGITS),
        "waited_seconds": round(trace.waited_seconds, _DIGITS),
        "prepared_seconds": _rounded(trace.prepared_seconds),
        "first_token_seconds": _rounded(trace.first_token_seconds),
        **_usage(trace.usage),
        "dollars": _number(trace.cost),
    }


def _choice(choice: Choice) -> dict[str, Plain]:
    return {
        "at": round(choice.at, _DIGITS),
        "waited": round(choice.waited, _DIGITS),
        "account": choice.account,
        "reason": choice.reason,
        **_skipped(choice.skipped),
    }


def _waiting(waiting: Waiting) -> dict[str, Plain]:
    return {
        "at": round(waiting.at, _DIGITS),
        "longest": round(waiting.longest, _DIGITS),
        "reason": waiting.reason,
        **_skipped(waiting.skipped),
    }


def _skipped(skipped: Skipped) -> dict[str, Plain]:
    return {
        "skipped": [
            {"account": each.account, "reason": each.reason, "seconds": _rounded(each.seconds)}
            for each in skipped.accounts
        ],
        "unnamed": skipped.unnamed,
    }


def _attempt(attempt: AttemptRecord, shown: Sequence[str]) -> dict[str, Plain]:
    return {
        "number": attempt.number,
        "choice": attempt.choice,
        "account": attempt.account,
        "upstream": attempt.upstream,
        "at": round(attempt.at, _DIGITS),
        "token_seconds": round(attempt.token_seconds, _DIGITS),
        "seconds": round(attempt.seconds, _DIGITS),
        "failure": attempt.failure,
        "message": attempt.message,
        "requests": attempt.requests,
        "flows": list(shown),
        "first_token_seconds": _rounded(attempt.first_token_seconds),
        **_usage(attempt.usage),
        "dollars": _number(attempt.cost),
    }


def _usage(usage: Usage | None) -> dict[str, Plain]:
    return {
        "input_tokens": usage.input_tokens if usage else None,
        "cached_tokens": usage.cached_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "reasoning_tokens": usage.reasoning_tokens if usage else None,
    }


def _number(dollars: Decimal | None) -> float | None:
    return None if dollars is None else float(dollars)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _DIGITS)
