"""When Google's day ends."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.wire.google_day import PACIFIC, seconds_to_midnight, seconds_to_new_quota

CASES = {
    "in winter": ("2026-11-25T07:59:00", 60.0),
    "at midnight": ("2026-11-25T08:00:00", 86_400.0),
    "in summer": ("2026-07-01T06:59:00", 60.0),
    "a day of 23 hours": ("2026-03-08T08:00:00", 82_800.0),
    "a day of 25 hours": ("2026-11-01T07:00:00", 90_000.0),
}


@pytest.mark.parametrize(("utc", "seconds"), CASES.values(), ids=CASES.keys())
def test_seconds_to_midnight_in_california(utc: str, seconds: float) -> None:
    assert seconds_to_midnight(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()) == seconds


NEW_QUOTA = {
    "a second after midnight it may not have been noticed": ("2026-11-25T08:00:01", 120.0),
    "nor at midnight itself": ("2026-11-25T08:00:00", 120.0),
    "a second before": ("2026-11-25T07:59:59", 1.0),
    "a quarter of an hour after": ("2026-11-25T08:15:00", 85_500.0),
}


@pytest.mark.parametrize(("utc", "seconds"), NEW_QUOTA.values(), ids=NEW_QUOTA.keys())
def test_a_quota_may_come_back_late(utc: str, seconds: float) -> None:
    assert seconds_to_new_quota(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()) == seconds


@given(st.floats(min_value=1e9, max_value=4e9))
def test_it_is_midnight_then_and_within_a_day(now: float) -> None:
    seconds = seconds_to_midnight(now)
    assert 0 < seconds <= 90_000
    then = datetime.fromtimestamp(round(now + seconds), PACIFIC)
    assert (then.hour, then.minute, then.second) == (0, 0, 0)
