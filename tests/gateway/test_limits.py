"""Rates and budgets of client keys, by a clock that the tests turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import ClientBudgetSpent, ClientLimited
from antigravity_addon.gateway.client_keys import ClientKey
from antigravity_addon.gateway.limits import Limits
from antigravity_addon.gateway.usage import UsageLedger
from antigravity_addon.state.pool_store import UsageSum

HASH = "sha256:" + "a" * 64
MIDNIGHT = 1_795_046_400.0
"""2026-11-19, UTC."""


class Clock:
    """Unix time and the seconds that never go back, in step."""

    def __init__(self, now: float = MIDNIGHT) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Door:
    """What a request passes: limits first, then the ledger."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.ledger = UsageLedger(self.clock)
        self.limits = Limits(self.ledger, self.clock)

    def ask(self, key: ClientKey, *, tokens: int | None = 0) -> None:
        """`None` for a request that does not end."""
        self.limits.spend_request(key)
        entry = self.ledger.begin(key.name)
        if tokens is not None:
            spent = UsageSum(requests=1, input_tokens=tokens)
            self.ledger.record(entry, model="m", by_account={"": spent})


def test_a_rate_allows_a_burst_and_then_one_after_the_other() -> None:
    door, key = Door(), ClientKey("ana", HASH, requests_per_minute=3)
    for _ in range(3):
        door.ask(key)
    with pytest.raises(ClientLimited) as caught:
        door.ask(key)
    error = caught.value
    assert (error.status, error.kind, error.code) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert error.retry_after == 20.0
    assert error.message == (
        "Rate limit reached for the API key 'ana' on requests per min (RPM): Limit 3. Please try again in 20s."
    )
    door.clock.now += 20.0
    door.ask(key)
    with pytest.raises(ClientLimited):
        door.ask(key)


@given(
    st.integers(1, 600),
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 20)), max_size=30),
)
def test_no_more_comes_through_than_the_rate_allows(rate: int, arrivals: list[tuple[float, int]]) -> None:
    door, key = Door(), ClientKey("ana", HASH, requests_per_minute=rate)
    passed, start = 0, door.clock.now
    for pause, count in arrivals:
        door.clock.now += pause
        for _ in range(count):
            try:
                door.ask(key)
            except ClientLimited as error:
                assert error.retry_after is not None
                assert 0 < error.retry_after <= 60 / rate + 0.001
            else:
                passed += 1
    assert passed <= rate + (door.clock.now - start) * rate / 60 + 1e-3


def test_whoever_waits_as_long_as_was_said_comes_through() -> None:
    door, key = Door(), ClientKey("ana", HASH, requests_per_minute=7)
    for _ in range(50):
        try:
            door.ask(key)
        except ClientLimited as error:
            door.clock.now += error.retry_after or 0
            door.ask(key)


def test_what_is_said_to_be_left_is_let_through() -> None:
    """Also where a sum of fractions is a little less than the request that they stand for."""
    for rate in range(1, 60):
        door, key = Door(), ClientKey("ana", HASH, requests_per_minute=rate)
        for _ in range(rate):
            door.ask(key)
        for _ in range(5):
            door.clock.now += 60 / rate
            assert door.limits.headers(key)["x-ratelimit-remaining-requests"] == "1"
            door.ask(key)


def test_a_budget_of_requests_counts_those_under_way_and_ends_with_the_day() -> None:
    door, key = Door(Clock(MIDNIGHT + 86_000)), ClientKey("ana", HASH, requests_per_day=2)
    door.ask(key, tokens=None)
    door.ask(key)
    with pytest.raises(ClientBudgetSpent) as caught:
        door.ask(key)
    error = caught.value
    assert (error.status, error.kind, error.code) == (429, "insufficient_quota", "insufficient_quota")
    assert (error.retry_after, error.should_retry) == (400.0, False)
    assert error.message == (
        "The API key 'ana' has used up its 2 requests of today. It may go on at midnight UTC, in 6m40s."
    )
    door.clock.now += 400
    door.ask(key)


def test_a_budget_of_tokens_is_spent_by_what_has_ended() -> None:
    door, key = Door(), ClientKey("ana", HASH, tokens_per_day=100)
    door.ask(key, tokens=99)
    door.ask(key, tokens=500)
    with pytest.raises(ClientBudgetSpent, match="its 100 tokens of today"):
        door.ask(key)


def test_a_refused_request_spends_nothing() -> None:
    door, key = Door(), ClientKey("ana", HASH, requests_per_minute=1, requests_per_day=2)
    door.ask(key)
    for _ in range(5):
        with pytest.raises(ClientLimited):
            door.ask(key)
    door.clock.now += 60
    door.ask(key)
    door.clock.now += 60
    with pytest.raises(ClientBudgetSpent):
        door.ask(key)
    assert door.limits.headers(key)["x-ratelimit-remaining-requests"] == "0"


def test_each_key_has_its_own_and_one_that_is_gone_none() -> None:
    door = Door()
    ana = ClientKey("ana", HASH, requests_per_minute=1)
    bea = ClientKey("bea", HASH, requests_per_minute=1)
    door.ask(ana)
    door.ask(bea)
    door.limits.keep_only({"ana"})
    door.ask(bea)
    with pytest.raises(ClientLimited):
        door.ask(ana)


def test_a_lower_rate_holds_at_once() -> None:
    door = Door()
    door.ask(ClientKey("ana", HASH, requests_per_minute=1000))
    lower = ClientKey("ana", HASH, requests_per_minute=2)
    door.ask(lower)
    door.ask(lower)
    with pytest.raises(ClientLimited):
        door.ask(lower)


# --- headers -----------------------------------------------------------------------------------------------


def headers(what: str, limit: str, remaining: str, reset: str) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{what}": limit,
        f"x-ratelimit-remaining-{what}": remaining,
        f"x-ratelimit-reset-{what}": reset,
    }


HEADERS: dict[str, tuple[ClientKey, dict[str, str]]] = {
    "no limits": (ClientKey("ana", HASH), {}),
    "a rate": (ClientKey("ana", HASH, requests_per_minute=8), headers("requests", "8", "6", "15s")),
    "a rate that fills in fractions": (
        ClientKey("ana", HASH, requests_per_minute=7),
        headers("requests", "7", "5", "17.15s"),
    ),
    "a budget": (ClientKey("ana", HASH, requests_per_day=8), headers("requests", "8", "6", "23h56m40s")),
    "both: whichever ends first": (
        ClientKey("ana", HASH, requests_per_minute=500, requests_per_day=8),
        headers("requests", "8", "6", "23h56m40s"),
    ),
    "both, the other way around": (
        ClientKey("ana", HASH, requests_per_minute=800, requests_per_day=1000),
        headers("requests", "800", "798", "150ms"),
    ),
    "tokens": (ClientKey("ana", HASH, tokens_per_day=1000), headers("tokens", "1000", "960", "23h56m40s")),
    "more tokens than there were": (
        ClientKey("ana", HASH, tokens_per_day=30),
        headers("tokens", "30", "0", "23h56m40s"),
    ),
}


@pytest.mark.parametrize(("key", "expected"), HEADERS.values(), ids=HEADERS)
def test_headers_say_what_is_left(key: ClientKey, expected: dict[str, str]) -> None:
    door = Door(Clock(MIDNIGHT + 200))
    door.ask(key, tokens=20)
    door.ask(key, tokens=20)
    assert door.limits.headers(key) == expected
