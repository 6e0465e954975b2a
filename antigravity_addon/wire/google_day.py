"""When Google's day ends: daily quotas come back at midnight in California.

Source: ai.google.dev, rate limits of the Gemini API, November 2026.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")


_LATE = 600.0
"""Seconds after midnight in which a quota of the day before may still be counted."""
_SOON = 120.0


def seconds_to_new_quota(now: float) -> float:
    """From `now`, Unix time, until a daily quota that is used up may be back."""
    seconds = seconds_to_midnight(now)
    is_new = seconds_to_midnight(now - _LATE) <= _LATE
    return _SOON if is_new else seconds


def seconds_to_midnight(now: float) -> float:
    """From `now`, Unix time, to the next midnight in California. A day there may have 23 or 25 hours."""
    here = datetime.fromtimestamp(now, PACIFIC)
    midnight = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), PACIFIC)
    return midnight.timestamp() - now
