"""What an exchange waited for, and what came of it, as people read it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.views.story import Story, error_told, story_of
from antigravity_addon.views.why import Scene, why_text
from tests.conftest import Golden

ANA, BO = "ana@example.com", "bo@example.com"
LEAST = "Of those that are free, it has served least for its weight."
LIMIT = "Resource has been exhausted (e.g. check quota). Please retry in 21.5s."
TOLD = "Every account is cooling down. Please try again in 21.5s."


def attempt(number: int, account: str, at: float, seconds: float, **facts: Any) -> dict[str, Any]:
    return {
        "number": number,
        "choice": 0,
        "account": account,
        "upstream": "gemini",
        "at": at,
        "token_seconds": 0.0,
        "seconds": seconds,
        "failure": "",
        "message": "",
        "requests": 1,
        "flows": [f"flow-of-{number}"],
        "first_token_seconds": None,
    } | facts


def choice(account: str, at: float, *, waited: float = 0.0, reason: str = LEAST, skipped: Any = ()) -> Any:
    return {
        "at": at,
        "waited": waited,
        "account": account,
        "reason": reason,
        "skipped": list(skipped),
        "unnamed": 0,
    }


def passed(account: str, reason: str, seconds: float | None) -> dict[str, Any]:
    return {"account": account, "reason": reason, "seconds": seconds}


def document(**facts: Any) -> dict[str, Any]:
    return {
        "exchange": "req_1",
        "endpoint": "/v1/chat/completions",
        "model_asked": "gpt-4o",
        "model": "gemini-2.5-flash",
        "rule": "gpt-4o=gemini-2.5-flash (built in)",
        "account": ANA,
        "choices": [choice(ANA, 0.004, reason="The conversation is with it.")],
        "attempts": [],
        "under_way": [],
        "waiting": [],
        "is_over": True,
        "remedies": [],
        "status": 200,
        "error": "",
        "seconds": 1.25,
        "prepared_seconds": 0.003,
        "first_token_seconds": None,
        "input_tokens": None,
        "cached_tokens": None,
        "output_tokens": None,
        "reasoning_tokens": None,
        "dollars": None,
    } | facts


LIMITED = attempt(1, ANA, 0.004, 0.2, failure="429 rate_limit_exceeded", message=LIMIT)
RESTS = passed(ANA, f"It rests: {LIMIT}", 21.3)
ERROR = json.dumps(
    {"error": {"message": TOLD, "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
)

EXCHANGES: dict[str, tuple[dict[str, Any], Scene]] = {
    "served-at-once": (
        document(
            attempts=[attempt(1, ANA, 0.004, 1.246, first_token_seconds=0.4)],
            first_token_seconds=0.404,
            input_tokens=12_000,
            cached_tokens=9_000,
            output_tokens=94,
            reasoning_tokens=20,
            dollars=0.0123,
            remedies=["thinking_level"],
        ),
        Scene(),
    ),
    "limited-then-another": (
        document(
            account=BO,
            choices=[choice(ANA, 0.004), choice(BO, 0.21, skipped=[RESTS])],
            attempts=[LIMITED, attempt(2, BO, 0.21, 1.04, first_token_seconds=0.3, token_seconds=0.25)],
            first_token_seconds=0.51,
        ),
        Scene("flow-of-client", "/v1/chat/completions"),
    ),
    # times are rounded each for itself, so the first seems to end after the second was chosen
    "all-at-once": (
        document(
            account=BO,
            choices=[choice(ANA, 0.004), choice(BO, 0.004)],
            attempts=[attempt(1, ANA, 0.004, 0.001, failure="429 rate_limit_exceeded"), attempt(2, BO, 0.005, 0.002)],
            seconds=0.007,
        ),
        Scene(),
    ),
    "all-rest": (
        document(
            choices=[
                choice(ANA, 0.004),
                choice("", 0.21, reason="The first could serve in 21.3 s, which is longer than the request may wait.", skipped=[RESTS, passed(BO, "It is disabled in the accounts file.", None)]),
            ],
            attempts=[LIMITED],
            status=429,
            error="429 rate_limit_exceeded",
            seconds=0.211,
        ),
        Scene(answer=ERROR.encode()),
    ),
    "waits-in-line": (
        document(
            attempts=[LIMITED],
            waiting=[{"at": 0.21, "longest": 20.0, "reason": "When it began to wait, the first account was to be free in 4.1 s.", "skipped": [RESTS], "unnamed": 2}],
            is_over=False,
        ),
        Scene(now=3.5),
    ),
    "the-model-is-silent": (
        document(under_way=[attempt(1, ANA, 0.004, 0.2)], is_over=False),
        Scene("flow-of-client", now=47.0),
    ),
    "no-token-yet": (
        document(under_way=[attempt(1, ANA, 0.004, 0.2, requests=0, flows=[])], is_over=False),
        Scene(now=9.0),
    ),
    "the-answer-comes": (
        document(under_way=[attempt(1, ANA, 0.004, 0.8, first_token_seconds=0.7)], is_over=False),
        Scene(now=2.0),
    ),
    "the-model-falls-silent": (
        document(under_way=[attempt(1, ANA, 0.004, 0.8, first_token_seconds=0.7)], is_over=False),
        Scene(now=32.0, silent=31.0),
    ),
    "not-over-in-a-file": (
        document(under_way=[attempt(1, ANA, 0.004, 0.2)], is_over=False),
        Scene(),
    ),
    "hedged": (
        document(
            account=BO,
            choices=[choice(ANA, 0.004), choice(BO, 2.0, reason=f"The first was silent for 2 s, so a second was asked beside it. {LEAST}")],
            attempts=[attempt(1, ANA, 0.004, 2.4, failure="cancelled"), attempt(2, BO, 2.0, 1.0, first_token_seconds=0.4)],
            seconds=3.0,
            first_token_seconds=2.4,
        ),
        Scene(),
    ),
    "paused-between": (
        document(
            choices=[choice(ANA, 0.004), choice(ANA, 1.3, waited=2.5)],
            attempts=[
                attempt(1, ANA, 0.004, 0.2, failure="503 server_is_overloaded"),
                attempt(2, ANA, 3.8, 0.2, failure="503 server_is_overloaded"),
            ],
            status=503,
            error="503 server_is_overloaded",
            seconds=4.0,
        ),
        Scene(),
    ),
    "client-gone": (
        document(under_way=[attempt(1, ANA, 0.004, 47.9)], error="client gone", seconds=47.91),
        Scene(),
    ),
    "cut-off": (
        document(
            attempts=[attempt(1, ANA, 0.004, 1.2, failure="502 upstream_interrupted", first_token_seconds=0.4, requests=3, flows=["a", "b", "c"])],
            error="502 upstream_interrupted",
        ),
        Scene(answer=b'data: {"choices":[]}\n\ndata: {"error":{"message":"The upstream cut the answer off."}}\n\n'),
    ),
    "of-an-old-version": (
        {"model_asked": "gpt-4o", "model": "gemini-2.5-flash", "account": ANA, "seconds": 1.2, "status": 200, "attempts": [{"account": ANA, "upstream": "gemini", "seconds": 1.1, "failure": ""}]},
        Scene(),
    ),
    "of-a-new-version": (document(choices={"by": "oracle"}, mood="fine"), Scene()),
    "of-no-model": ({"exchange": "req_2", "endpoint": "/v1/responses/{id}", "seconds": 0.002}, Scene()),
    "nothing": ({}, Scene()),
}  # fmt: skip


@pytest.mark.parametrize("name", EXCHANGES)
def test_exchanges(golden: Golden, name: str) -> None:
    text = why_text(*EXCHANGES[name])
    golden(f"why-{name}.txt", text)
    assert max(map(len, text.split("\n"))) <= 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(document())), JSON) | JSON)
def test_any_document_is_told(facts: Any) -> None:
    assert why_text(facts, Scene())
    assert why_text(facts, Scene(now=1.0))


def test_what_cannot_be_read_is_named_and_nothing_else_is_lost() -> None:
    read = story_of({"model": "m", "attempts": [{"at": "noon"}], "seconds": float("inf")})
    assert read == Story(model="m", unread=("attempts", "seconds"))


TOLD_AS: dict[str, tuple[bytes, str]] = {
    "whole": (b' {"error":{"message":"m","code":null}}', "m"),
    "in a stream": (b'data: {"x":1}\n\ndata: {"error":{"message":"m"}}\n\ndata: [DONE]\n\n', "m"),
    "a response that failed": (b'data: {"type":"response.failed","response":{"error":{"message":"m"}}}\n\n', "m"),
    "an event of Responses": (b'data: {"type":"error","message":"m"}\n\n', "m"),
    "none": (b'data: {"choices":[]}\n\ndata: [DONE]\n\n', ""),
    "no protocol": (b"\x00\xff", ""),
    "nothing": (b"", ""),
}  # fmt: skip


@pytest.mark.parametrize(("body", "message"), TOLD_AS.values(), ids=TOLD_AS)
def test_what_the_client_was_told(body: bytes, message: str) -> None:
    assert error_told(body) == message
