"""`CacheReport` as text, for people."""

import math
import textwrap
from collections.abc import Iterator

from .cache import (
    CacheReport,
    Differs,
    First,
    LongAgo,
    NeverCached,
    NoPromise,
    OtherAccount,
    OtherModel,
    Reason,
    TokensRead,
    TooShort,
    Unreadable,
)
from .differences import Absent, Place, cut, shared_beginning, shown
from .pane import WIDTH

_SHOWN = WIDTH - 13
_CONTEXT = 24
"""Characters shown ahead of the one that differs."""


def to_text(report: CacheReport) -> str:
    lines = [line for reason in report.reasons for line in _lines(reason, report)]
    if not lines and report.seconds is not None:
        lines = ["- The prompt begins with all of the request before. What comes after that is new."]
    return "\n".join([*_wrapped(_headline(report)), "", *lines]).rstrip() + "\n"


def _headline(report: CacheReport) -> str:
    match report.tokens:
        case None:
            return "The upstream did not say how many tokens it read."
        case TokensRead(prompt=0):
            return "The upstream read no prompt."
        case TokensRead(prompt, cached):
            of = f"cached {cached:,} of {prompt:,} prompt tokens ({cached / prompt:.0%})"
            since = "" if report.seconds is None else f", {_ago(report.seconds)} after the one before"
            return f"{of}, {report.model}{since}"


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _lines(reason: Reason, report: CacheReport) -> Iterator[str]:
    is_hit = report.tokens is not None and report.tokens.cached > 0
    yield from _wrapped(f"- {_sentence(reason, is_hit=is_hit)}")
    if isinstance(reason, Differs):
        before, now = _both(reason.before, reason.now)
        if reason.path:
            yield f"    field   {cut(reason.path, _SHOWN)}"
        yield f"    before  {before}"
        yield f"    now     {now}"


def _sentence(reason: Reason, *, is_hit: bool) -> str:  # noqa: C901  one sentence for each
    match reason:
        case First() if is_hit:
            return (
                "No earlier request of this conversation is in the list, but the project knew its beginning."
            )
        case First():
            return (
                "No earlier request of this conversation is in the list: there was nothing to know it from."
            )
        case OtherAccount(before, now):
            return f"Another account paid: {before} before, {now} now. A cache belongs to a project."
        case OtherModel(before, now):
            return f"Another model answered: {before} before, {now} now. Each has a cache of its own."
        case TooShort(prompt, least):
            return f"The prompt is too short: {prompt:,} tokens, and this model caches from {least:,} on."
        case NeverCached():
            return "This model is not known to cache prompts by itself."
        case Differs(place=place, same=same):
            return (
                f"The prompt is that of the request before as far as {place}, where they part: {_share(same)} of the "
                "earlier prompt, by characters, could be known."
            )
        case LongAgo(seconds):
            return (
                f"The request before was {_ago(seconds)} ago. Google does not say how long a prompt is known; "
                "it is a matter of minutes."
            )
        case NoPromise():
            return (
                "The prompt begins with all of the request before, same account, same model, a short while ago: "
                "it could have been known. Google promises nothing here."
            )
        case Unreadable():
            return "One of the two requests cannot be read, so they cannot be compared."


def _share(same: float) -> str:
    """Not all of it: then nothing would differ."""
    return f"{math.floor(same * 100)}%"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _both(before: Place, now: Place) -> tuple[str, str]:
    """Two long texts are shown from shortly before the place where they part."""
    if isinstance(before, str) and isinstance(now, str):
        start = max(0, shared_beginning(before, now) - _CONTEXT)
        if start:
            return f"…{shown(before[start:], _SHOWN)}", f"…{shown(now[start:], _SHOWN)}"
    return _alone(before), _alone(now)


def _alone(value: Place) -> str:
    return "not there" if isinstance(value, Absent) else shown(value, _SHOWN)
