"""What a scraper reads: the whole text in a golden, and the bounds that keep it from growing."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey, ExpressKey
from antigravity_addon.gateway.catalog import BUILT_IN, GEMINI_MODELS
from antigravity_addon.gateway.metrics import (
    ExchangeFacts,
    Metrics,
    ModelNames,
    code_of,
)
from antigravity_addon.gateway.routes import Endpoint
from antigravity_addon.gateway.settings import AccountHeader
from antigravity_addon.gateway.trace import AttemptRecord
from antigravity_addon.translate.events import Usage
from tests.conftest import Golden

ANA, BEA = "ana@example.com", "axel@example.com"


@dataclass(frozen=True)
class Rest:
    model: str
    seconds: float


@dataclass(frozen=True)
class State:
    account: Account
    disabled_because: str | None = None
    rests: tuple[Rest, ...] = ()
    leases: int = 0


STATES = (
    State(
        Account(ANA, ApiKey(SecretStr("k"))),
        rests=(Rest("", 3.5), Rest("gemini-2.5-pro", 7), Rest("gemini-2.5-pro", 60), Rest("gemini-x", 1)),
        leases=2,
    ),
    State(Account(BEA, ExpressKey(SecretStr("k"))), disabled_because="The key is not valid."),
)

SERVED = ExchangeFacts(
    endpoint=Endpoint.CHAT_COMPLETIONS,
    client="ci",
    model_asked="gpt-4o",
    model="gemini-2.5-flash",
    account=BEA,
    attempts=(
        AttemptRecord(ANA, "gemini", 0.3, "429 rate_limit_exceeded"),
        AttemptRecord(BEA, "vertex", 1.5, "", 0.5, Usage(1000, 800, 60, 40), cost=Decimal("0.00025")),
    ),
    seconds=2.0,
    first_token_seconds=0.9,
)


def metrics(states: Iterable[State] = STATES) -> Metrics:
    return Metrics(lambda: states)


def text_of(made: Metrics, account_header: AccountHeader = AccountHeader.FULL) -> str:
    text, content_type = asyncio.run(made.exposition("", account_header))
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    return text.decode()


def labels_of(made: Metrics, name: str, label: str) -> set[str]:
    """The values that a label has in a sample's lines."""
    families = text_string_to_metric_families(text_of(made))
    return {sample.labels[label] for family in families for sample in family.samples if sample.name == name}


def test_the_whole_text(golden: Golden) -> None:
    made = metrics()
    made.observe(SERVED)
    made.observe(replace(SERVED, endpoint=Endpoint.COMPLETIONS, account="", attempts=(), error="timeout"))
    made.count_request(client="ci", endpoint=Endpoint.CHAT_COMPLETIONS, status=200)
    made.count_request(client="", endpoint=None, status=401)
    made.count_refusal("wrong_key")
    # buckets are the conventions' own, and say nothing that sum and count do not
    lines = (line for line in text_of(made).splitlines(keepends=True) if "_bucket{" not in line)
    golden("metrics.txt", "".join(lines))


@pytest.mark.parametrize(
    ("name", "boundaries"),
    [
        ("gen_ai_client_inference_operation_input_tokens", [4.0**power for power in range(14)]),
        ("gen_ai_client_inference_operation_output_tokens", [4.0**power for power in range(14)]),
        ("gen_ai_server_request_duration_seconds", [0.01 * 2**power for power in range(14)]),
        ("gen_ai_client_inference_duration_seconds", [0.01 * 2**power for power in range(14)]),
        (
            "gen_ai_server_time_to_first_token_seconds",
            [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
        ),
    ],
)
def test_buckets_are_those_of_the_conventions(name: str, boundaries: list[float]) -> None:
    made = metrics()
    made.observe(SERVED)
    bounds = {float(bound) for bound in labels_of(made, f"{name}_bucket", "le")}
    assert sorted(bounds) == [*(pytest.approx(bound) for bound in boundaries), float("inf")]


def test_a_scraper_is_given_the_format_that_it_asks_for() -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3"
    text, content_type = asyncio.run(metrics().exposition(accept, AccountHeader.FULL))
    assert content_type.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert text.endswith(b"# EOF\n")


SHOWN: dict[AccountHeader, set[str]] = {
    AccountHeader.FULL: {ANA, BEA},
    AccountHeader.MASKED: {"a***@example.com#1", "a***@example.com#2"},
    AccountHeader.OFF: {"account-1", "account-2"},
}


@pytest.mark.parametrize(("account_header", "names"), SHOWN.items())
def test_accounts_are_called_as_in_the_response_header(
    account_header: AccountHeader, names: set[str]
) -> None:
    made = metrics()
    made.observe(SERVED)
    text = text_of(made, account_header)
    families = text_string_to_metric_families(text)
    shown = {
        sample.labels["account"]
        for family in families
        for sample in family.samples
        if "account" in sample.labels
    }
    assert shown == names
    assert (ANA in text) is (account_header is AccountHeader.FULL)


def test_names_that_clients_make_up_are_few() -> None:
    known = {*BUILT_IN, *GEMINI_MODELS}
    made = Metrics(tuple, ModelNames(most=len(known) + 2))
    for number in range(9):
        name = f"gemini-{number}"
        made.observe(replace(SERVED, model_asked=name, model=name))
    names = labels_of(made, "gen_ai_server_request_duration_seconds_count", "gen_ai_request_model")
    assert names == {"gemini-0", "gemini-1", "other"}


def test_a_name_that_is_too_long_is_shown_nowhere() -> None:
    long = "gpt-4" + "A" * 1_000_000
    made = metrics((State(STATES[0].account, rests=(Rest(long, 1.0),)),))
    made.observe(replace(SERVED, model_asked=long, model=long))
    names = labels_of(made, "gen_ai_server_request_duration_seconds_count", "gen_ai_request_model")
    assert names == {"other"}
    assert "AAA" not in text_of(made)


def test_a_long_name_takes_no_place() -> None:
    names = ModelNames()
    assert [names.bounded("g" * length, has_answered=True) for length in (100, 101)] == ["g" * 100, "other"]
    assert "g" * 101 not in names._met


def test_a_name_that_no_model_answers_to_takes_no_place() -> None:
    names = ModelNames()
    assert names.bounded("gemini-nonsense") == "other"
    assert names.bounded("gemini-2.5-pro") == "gemini-2.5-pro"
    assert names.bounded("gemini-of-next-year", has_answered=True) == "gemini-of-next-year"
    assert names.bounded("gemini-of-next-year") == "gemini-of-next-year"
    assert names.bounded("") == ""


@pytest.mark.parametrize(
    ("label", "code"),
    [("429 rate_limit_exceeded", "rate_limit_exceeded"), ("timeout", "timeout"), ("", "")],
)
def test_an_error_is_called_by_its_code(label: str, code: str) -> None:
    assert code_of(label) == code
