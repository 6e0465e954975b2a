"""Why a prompt was known, or was not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.views.cache import (
    Attempt,
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
    explain,
    least_tokens,
    tokens_in,
)
from antigravity_addon.views.cache_text import to_text
from antigravity_addon.views.conversation_key import beginning_of
from antigravity_addon.views.differences import ABSENT
from tests.conftest import Golden

ANA, BOB = "ana@example.com", "bob@example.com"
FLASH = "gemini-3.8-flash"
SYSTEM = "You are a coding agent. It is 10:31."


def body(
    *turns: str, system: str = SYSTEM, tools: tuple[str, ...] = ("shell", "plan"), searches: bool = False
) -> bytes:
    contents = [
        {"role": "model" if index % 2 else "user", "parts": [{"text": turn}]}
        for index, turn in enumerate(turns)
    ]
    declared: list[dict[str, Any]] = [{"functionDeclarations": [{"name": name} for name in tools]}]
    search: list[dict[str, Any]] = [{"googleSearch": {}}] if searches else []
    request = {
        "contents": contents,
        "systemInstruction": {"parts": [{"text": system}]},
        "tools": [*declared, *search],
    }
    return json.dumps(request).encode()


def attempt(asked: bytes, *, account: str = ANA, model: str = FLASH, started: float = 0) -> Attempt:
    return Attempt(asked, account, model, started)


def enveloped(asked: bytes) -> bytes:
    return b'{"model":"gemini-3.8-flash","project":"p","request":%b}' % asked


BEFORE = attempt(body("a", "b", "c"))
NEXT = body("a", "b", "c", "d", "e")
MISS, HIT = TokensRead(5_000, 0), TokensRead(5_000, 4_090)


def same_up_to(asked: bytes) -> float:
    """How much of the earlier prompt is the same, by the report."""
    (reason,) = explain(attempt(asked, started=30), BEFORE, MISS).reasons
    assert isinstance(reason, Differs)
    return round(reason.same, 2)


CASES: dict[str, tuple[Attempt, Attempt | None, TokensRead | None, tuple[Reason, ...]]] = {
    "the first": (attempt(NEXT), None, MISS, (First(),)),
    "the first, and short": (attempt(NEXT), None, TokensRead(500, 0), (TooShort(500, 4_096), First())),
    "short": (attempt(NEXT), BEFORE, TokensRead(4_095, 0), (TooShort(4_095, 4_096),)),
    "a model that never does": (
        attempt(NEXT, model="gemini-2.0-flash"),
        BEFORE,
        MISS,
        (NeverCached(),),
    ),
    "another account": (attempt(NEXT, account=BOB), BEFORE, MISS, (OtherAccount(ANA, BOB),)),
    "another model": (
        attempt(NEXT, model="gemini-3.7-flash"),
        BEFORE,
        MISS,
        (OtherModel(FLASH, "gemini-3.7-flash"),),
    ),
    "a while ago": (attempt(NEXT, started=301), BEFORE, MISS, (LongAgo(301),)),
    "no promise": (attempt(NEXT, started=300), BEFORE, MISS, (NoPromise(),)),
    "the same again": (attempt(BEFORE.body, started=30), BEFORE, MISS, (NoPromise(),)),
    "known": (attempt(NEXT, started=30), BEFORE, HIT, ()),
    "known though it is the first": (attempt(NEXT), None, HIT, (First(),)),
    "in an envelope": (
        attempt(enveloped(NEXT), started=30),
        attempt(enveloped(BEFORE.body)),
        HIT,
        (),
    ),
    "not told": (attempt(NEXT, started=30), BEFORE, None, ()),
    "another instruction": (
        attempt(body("a", "b", "c", "d", "e", system=SYSTEM.replace("31", "32")), started=30),
        BEFORE,
        MISS,
        (Differs("the system instruction", "text", SYSTEM, SYSTEM.replace("31", "32"), 0.18),),
    ),
    "another tool": (
        attempt(body("a", "b", "c", tools=("shell", "task")), started=30),
        BEFORE,
        MISS,
        (Differs("tool 2 (task)", "name", "plan", "task", same_up_to(body("a", tools=("shell", "task")))),),
    ),
    "a tool more": (
        attempt(body("a", "b", "c", tools=("shell", "plan", "task")), started=30),
        BEFORE,
        HIT,
        (
            Differs(
                "tool 3 (task)",
                "",
                ABSENT,
                {"name": "task"},
                same_up_to(body("a", tools=("shell", "plan", "task"))),
            ),
        ),
    ),
    "another turn": (
        attempt(body("a", "x", "c", "d", "e"), started=30),
        BEFORE,
        MISS,
        (Differs("content 2 of 5 (model)", "parts[0].text", "b", "x", same_up_to(body("a", "x"))),),
    ),
    "a turn less": (
        attempt(body("a", "b"), started=30),
        BEFORE,
        MISS,
        (
            Differs(
                "content 3 of 3 (user)",
                "",
                {"role": "user", "parts": [{"text": "c"}]},
                ABSENT,
                same_up_to(body("a", "b")),
            ),
        ),
    ),
    "another account and another turn": (
        attempt(body("z"), account=BOB, started=30),
        BEFORE,
        MISS,
        (
            OtherAccount(ANA, BOB),
            Differs("content 1 of 3 (user)", "parts[0].text", "a", "z", same_up_to(body("z"))),
        ),
    ),
    "not to be read": (attempt(b"{", started=30), BEFORE, MISS, (Unreadable(),)),
}


def rounded(reasons: tuple[Reason, ...]) -> list[Reason]:
    return [
        Differs(each.place, each.path, each.before, each.now, round(each.same, 2))
        if isinstance(each, Differs)
        else each
        for each in reasons
    ]


@pytest.mark.parametrize(("this", "before", "tokens", "reasons"), CASES.values(), ids=CASES)
def test_why(
    this: Attempt, before: Attempt | None, tokens: TokensRead | None, reasons: tuple[Reason, ...]
) -> None:
    assert rounded(explain(this, before, tokens).reasons) == list(reasons)


def test_the_part_that_is_the_same_grows_with_the_place() -> None:
    places = [
        body("a", system="x"),
        body("a", tools=("x",)),
        body("x"),
        body("a", "x"),
        body("a", "b", "x"),
    ]
    shares = [same_up_to(place) for place in places]
    assert shares[0] == 0
    assert shares == sorted(set(shares))
    assert shares[-1] < 1


def test_what_a_text_begins_with_is_the_same_however_late_it_differs() -> None:
    rules = "Be brief. " * 1_000
    before, now = (attempt(body("a", system=f"{rules}It is 10:{minute}.")) for minute in (31, 32))
    (reason,) = explain(now, before, HIT).reasons
    assert isinstance(reason, Differs)
    assert reason.same > 0.98


def test_text_of_one(golden: Golden) -> None:
    this, before, tokens, _ = CASES["another instruction"]
    golden("cache-another-instruction.txt", to_text(explain(this, before, tokens)))


def test_texts(golden: Golden) -> None:
    golden(
        "cache.txt",
        "\n".join(
            f"== {name}\n{to_text(explain(this, before, tokens))}"
            for name, (this, before, tokens, _) in CASES.items()
        ),
    )


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gemini-2.0-flash", 0),
        ("gemini-2.5-flash", 2_048),
        ("gemini-3-flash-preview", 1_024),
        ("gemini-3.1-pro-preview", 4_096),
        ("models/gemini-3.8-flash", 4_096),
        ("gemini-flash-latest", 4_096),
        ("gemini-4-hydrogen", 4_096),
        ("gemini-4-neon", 6_144),
        ("gemma-4", 0),
    ],
)
def test_the_least_that_is_cached(model: str, tokens: int) -> None:
    assert least_tokens(model) == tokens


COUNTED = b'data: {"usageMetadata":{"promptTokenCount":12,"cachedContentTokenCount":8}}\n\n'
STREAMS: dict[str, tuple[bytes, TokensRead | None]] = {
    "the last count stands": (
        b'data: {"usageMetadata":{"promptTokenCount":10}}\n\n' + COUNTED,
        TokensRead(12, 8),
    ),
    "a count that is missing at the end": (
        COUNTED + b'data: {"usageMetadata":{"totalTokenCount":20}}\n\n',
        TokensRead(12, 8),
    ),
    "in an envelope": (
        b'data: {"response":{"usageMetadata":{"promptTokenCount":12}}}\n\n',
        TokensRead(12, 0),
    ),
    "more cached than there was": (
        b'data: {"usageMetadata":{"promptTokenCount":12,"cachedContentTokenCount":20}}\n\n',
        TokensRead(12, 12),
    ),
    "none": (b'data: {"candidates":[]}\n\n', None),
    "an error": (b'{"error":{"code":429,"message":"no"}}', None),
    "nothing": (b"", None),
    "no JSON": (b"data: x\n\n\xff", None),
}


@pytest.mark.parametrize(("answer", "tokens"), STREAMS.values(), ids=STREAMS)
def test_tokens_in_an_answer(answer: bytes, tokens: TokensRead | None) -> None:
    assert tokens_in(answer) == tokens


@given(st.binary(), st.binary(), st.binary())
def test_any_bytes_give_a_text(one: bytes, other: bytes, answer: bytes) -> None:
    assert to_text(explain(attempt(one), attempt(other), tokens_in(answer))).endswith("\n")


@given(
    st.recursive(st.none() | st.booleans() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3))
)
def test_any_json_in_a_request_gives_a_text(value: Any) -> None:
    for field in ("contents", "tools", "systemInstruction"):
        asked = json.dumps({"contents": [{"parts": [{"text": "a"}]}], field: value}).encode()
        assert to_text(explain(attempt(asked), BEFORE, MISS))
        assert to_text(explain(attempt(NEXT), attempt(asked), MISS))
        assert isinstance(beginning_of(asked), str)


def test_a_conversation_begins_with_its_first_turn() -> None:
    assert beginning_of(body("a", "b", system="x")) == beginning_of(enveloped(body("a")))
    assert beginning_of(body("a")) != beginning_of(body("b"))
    assert beginning_of(b'{"contents":[]}') == beginning_of(b"x") == ""
