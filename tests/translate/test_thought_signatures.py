"""Signatures on parts, with the real ones of recorded answers."""

import json
from pathlib import Path

import pytest

from antigravity_addon.translate.thought_signatures import PLACEHOLDER, forgotten, usable, with_placeholders
from antigravity_addon.wire.gemini import Content, FunctionCall, FunctionResponse, Part

USABLE: dict[str, tuple[str | None, bool]] = {
    "base64": ("EqIZCp8ZAQ==", True),
    "URL-safe base64": ("EqIZ_-8Z", True),
    "the placeholder itself": (PLACEHOLDER, True),
    "none": (None, False),
    "empty": ("", False),
    "no base64": ("sig: 1", False),
    "cut off": ("EqIZC", False),
    "padding in the middle": ("EqIZ==CA", False),
}


@pytest.mark.parametrize(("signature", "is_usable"), USABLE.values(), ids=USABLE)
def test_what_gemini_would_refuse_as_bytes_counts_as_lost(signature: str | None, is_usable: bool) -> None:  # noqa: FBT001  # a column of the table
    assert usable(signature) == (signature if is_usable else None)


def test_recorded_signatures_are_usable(recorded: Path) -> None:
    lines = (recorded / "08-b-stream-3.5-flash-2-parallel-calls-separate-chunks.sse").read_text().splitlines()
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    signatures = [
        part["thoughtSignature"]
        for chunk in chunks
        for part in chunk["candidates"][0]["content"]["parts"]
        if "thoughtSignature" in part
    ]
    assert len(signatures) == 1
    assert usable(signatures[0]) == signatures[0]
    large = json.loads((recorded / "28-b-toolCall-toolResponse-big-signature.json").read_text())
    parts = large["candidates"][0]["content"]["parts"]
    assert all(usable(part["thoughtSignature"]) for part in parts if "thoughtSignature" in part)


def call(signature: str | None = None) -> Part:
    return Part(function_call=FunctionCall(name="f", args={}), thought_signature=signature)


TEXT = Part(text="a", thought_signature="SIGN")


def content(*parts: Part) -> Content:
    return Content(role="model", parts=parts)


ASKED = Content(role="user", parts=(Part(text="q"),))
RESULT = Part(function_response=FunctionResponse(name="f", response={}))
ANSWERED = Content(role="user", parts=(RESULT,))
ANSWERED_AND_ASKED = Content(role="user", parts=(RESULT, Part(text="q")))


PLACED: dict[str, tuple[Content, Content]] = {
    "the first call only": (content(call(), call()), content(call(PLACEHOLDER), call())),
    "text goes ahead": (content(TEXT, call()), content(TEXT, call(PLACEHOLDER))),
    "signed already": (content(call("SIGN"), call()), content(call("SIGN"), call())),
    "no call": (content(TEXT), content(TEXT)),
}


@pytest.mark.parametrize(("before", "after"), PLACED.values(), ids=PLACED)
def test_placeholders_go_where_one_is_required(before: Content, after: Content) -> None:
    assert with_placeholders((ASKED, before)) == (ASKED, after)


STEPS: dict[str, tuple[list[Content], set[int]]] = {
    "each step of the current turn": ([ASKED, content(call()), ANSWERED, content(call())], {1, 3}),
    "earlier turns are not validated": (
        [ASKED, content(call()), ANSWERED, content(TEXT), ASKED, content(call())],
        {5},
    ),
    "a word beside results begins no turn": ([ASKED, content(call()), ANSWERED_AND_ASKED], {1}),
    "nobody asked": ([content(call()), ANSWERED], {0}),
    "nothing": ([], set()),
}


@pytest.mark.parametrize(("contents", "placed"), STEPS.values(), ids=STEPS)
def test_each_step_of_the_current_turn_needs_one(contents: list[Content], placed: set[int]) -> None:
    completed = with_placeholders(contents)
    assert {i for i, (old, new) in enumerate(zip(contents, completed, strict=True)) if old != new} == placed


def test_refused_signatures_are_forgotten() -> None:
    refused = (content(TEXT, call("SIGN"), call("SIGN")),)
    assert forgotten(refused) == (content(Part(text="a"), call(PLACEHOLDER), call()),)
