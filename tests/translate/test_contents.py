"""Conversations, in no dialect's words, as Gemini takes them. Each dialect's own tests go through here, too."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.translate.contents import Arranged, arranged
from antigravity_addon.translate.conversation import (
    Call,
    Called,
    Conversation,
    Reference,
    Result,
    Said,
    Step,
)
from antigravity_addon.translate.gemini_models import ModelTraits
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.wire.base import JsonObject
from antigravity_addon.wire.gemini import (
    Blob,
    Content,
    FunctionCall,
    FunctionResponse,
    FunctionResponsePart,
    Part,
)

OLD = ModelTraits(takes_prefill=True, takes_media_in_function_response=False, needs_thought_signatures=False)
NEW = ModelTraits()
NAMES = ToolNames.of(["f", "g", "a tool"])
PNG = Part(inline_data=Blob(mime_type="image/png", data="iVBORw0KGgo="))
WAV = Part(inline_data=Blob(mime_type="audio/wav", data="AAAA"))


def text(value: str) -> Part:
    return Part(text=value)


def user(*parts: Part) -> Said:
    return Said("user", parts)


def model(*parts: Part) -> Said:
    return Said("model", parts)


def result(call_id: str, *parts: Part) -> Result:
    return Result(Reference("id", call_id), parts, param="at", unpaired="No such call.")


def named_result(name: str, *parts: Part) -> Result:
    return Result(Reference("name", name), parts, param="at", unpaired="No such call.")


def call(call_id: str, name: str = "f") -> Call:
    return Call(name, {}, id=call_id)


def called(name: str = "f", signature: str | None = None) -> Part:
    return Part(function_call=FunctionCall(name=name, args={}), thought_signature=signature)


def response(value: JsonObject, name: str = "f", *nested: Part) -> Part:
    parts = tuple(FunctionResponsePart(inline_data=part.inline_data) for part in nested if part.inline_data)
    return Part(function_response=FunctionResponse(name=name, response=value, parts=parts or None))


def users(*parts: Part) -> Content:
    return Content(role="user", parts=parts)


def models(*parts: Part) -> Content:
    return Content(role="model", parts=parts)


NO_RESULT: JsonObject = {"error": "No result was given for this call."}
PLACEHOLDER = "skip_thought_signature_validator"

CONVERSATIONS: dict[str, tuple[ModelTraits, list[Step], list[Content]]] = {
    "neighbours of one role become one turn": (
        OLD,
        [user(text("a")), user(), user(text("b")), model(text("c")), model(text("d"))],
        [users(text("a"), text("b")), models(text("c"), text("d"))],
    ),
    "results in the order of the calls": (
        OLD,
        [
            user(text("a")),
            Called((call("1", "f"), call("2", "a tool"))),
            result("2", text("two")),
            result("1", text("one")),
            user(text("b")),
        ],
        [
            users(text("a")),
            models(called(), called("a_tool")),
            users(response({"output": "one"}), response({"output": "two"}, "a_tool"), text("b")),
        ],
    ),
    "calls one by one are parallel until their results come": (
        OLD,
        [user(text("a")), Called((call("1"),)), Called((call("2"),)), result("1"), result("2")],
        [
            users(text("a")),
            models(called(), called()),
            users(response({"output": ""}), response({"output": ""})),
        ],
    ),
    "an id that comes again is that of the nearest call": (
        OLD,
        [user(text("a")), Called((call("1", "f"),)), Called((call("1", "g"),)), result("1", text("r"))],
        [
            users(text("a")),
            models(called("f"), called("g")),
            users(response(NO_RESULT, "f"), response({"output": "r"}, "g")),
        ],
    ),
    "an id that comes twice at once is that of the first call": (
        OLD,
        [user(text("a")), Called((call("1", "f"), call("1", "g"))), result("1", text("r"))],
        [
            users(text("a")),
            models(called("f"), called("g")),
            users(response({"output": "r"}, "f"), response(NO_RESULT, "g")),
        ],
    ),
    "by name": (
        OLD,
        [user(text("a")), Called((call("1", "f"), call("2", "g"))), named_result("g", text('{"r":1}'))],
        [
            users(text("a")),
            models(called("f"), called("g")),
            users(response(NO_RESULT, "f"), response({"r": 1}, "g")),
        ],
    ),
    "media behind all results": (
        OLD,
        [user(text("a")), Called((call("1"), call("2"))), result("1", text("see"), PNG), result("2")],
        [
            users(text("a")),
            models(called(), called()),
            users(response({"output": "see"}), response({"output": ""}), PNG),
        ],
    ),
    "media within a result": (
        NEW,
        [user(text("a")), Called((call("1"),)), result("1", text("see"), PNG, WAV)],
        [
            users(text("a")),
            models(called(signature=PLACEHOLDER)),
            users(response({"output": "see"}, "f", PNG), WAV),
        ],
    ),
    "the model begins and ends": (
        NEW,
        [model(text("a"))],
        [users(text(" ")), models(text("a")), users(text("Continue."))],
    ),
}


@pytest.mark.parametrize(("traits", "steps", "contents"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_steps_become_turns(traits: ModelTraits, steps: list[Step], contents: list[Content]) -> None:
    conversation = Conversation((text("S"),), tuple(steps))
    assert arranged(conversation, traits, NAMES) == Arranged((text("S"),), tuple(contents))


def test_instructions_alone_are_what_the_user_says() -> None:
    assert arranged(Conversation((text("S"),), ()), NEW, NAMES) == Arranged((), (users(text("S")),))
    assert arranged(Conversation((), (user(),)), NEW, NAMES) == Arranged((), (users(text(" ")),))


UNPAIRED: dict[str, list[Step]] = {
    "no call": [user(text("a")), result("1")],
    "another id": [Called((call("2"),)), result("1")],
    "ahead of its call": [result("1"), Called((call("1"),))],
    "the second one": [Called((call("1"),)), result("1"), named_result("f")],
}


@pytest.mark.parametrize("steps", UNPAIRED.values(), ids=UNPAIRED)
def test_a_result_of_no_call_is_refused_in_the_dialect_s_words(steps: list[Step]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        arranged(Conversation((), tuple(steps)), NEW, NAMES)
    assert (refusal.value.message, refusal.value.param) == ("No such call.", "at")


IDS = st.sampled_from(["1", "2", ""])
PARTS = st.lists(st.sampled_from([text("a"), PNG, WAV]), max_size=2).map(tuple)
REFERENCES = st.builds(Reference, st.just("id"), IDS) | st.builds(
    Reference, st.just("name"), st.sampled_from("fg")
)
STEPS = st.lists(
    st.builds(Said, st.sampled_from(["user", "model"]), PARTS)
    | st.builds(Called, st.lists(st.builds(call, IDS, st.sampled_from("fg")), max_size=3).map(tuple))
    | st.builds(Result, REFERENCES, PARTS, st.just("at"), st.just("No such call.")),
    max_size=8,
)


@given(STEPS, st.sampled_from([OLD, NEW]))
def test_gemini_s_rules_are_kept(steps: list[Step], traits: ModelTraits) -> None:
    try:
        contents = arranged(Conversation((), tuple(steps)), traits, NAMES).contents
    except InvalidRequest:
        return
    assert contents[0].role == "user"
    assert all(one.role != other.role for one, other in pairwise(contents))
    assert all(content.parts for content in contents)
    waiting: list[str] = []
    for content in contents:
        results = [part.function_response.name for part in content.parts if part.function_response]
        assert results == waiting
        assert all(part.function_response for part in content.parts[: len(results)])
        waiting = [part.function_call.name for part in content.parts if part.function_call]
    assert not waiting
