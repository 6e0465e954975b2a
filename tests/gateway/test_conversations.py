"""Which requests belong to one conversation."""

from collections.abc import Mapping

import pytest

from antigravity_addon.gateway.conversations import conversation_of
from antigravity_addon.gateway.dialects.dialect import ConversationId, conversation_ids
from antigravity_addon.wire.gemini import Blob, Content, GenerateContentRequest, Part


def turns(*texts: str, system: str | None = None) -> GenerateContentRequest:
    roles = ("user", "model") * len(texts)
    contents = (
        Content(role=role, parts=(Part(text=text),)) for role, text in zip(roles, texts, strict=False)
    )
    return GenerateContentRequest(
        contents=tuple(contents),
        system_instruction=None if system is None else Content(parts=(Part(text=system),)),
    )


HELLO, LATER = turns("hello"), turns("hello", "hi", "and now?")


def names(
    body: GenerateContentRequest = HELLO,
    headers: Mapping[str, str] | None = None,
    named: tuple[ConversationId, ...] = (),
    *,
    owner: str = "ana",
    response_id: str = "",
) -> tuple[str, ...]:
    return conversation_of(headers or {}, named, body, owner=owner, response_id=response_id)


PREVIOUS = conversation_ids(previous_response_id="resp_1")

SAME: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a later turn": (names(), names(LATER)),
    "a header, whatever is said": (
        names(headers={"session-id": "s"}),
        names(turns("else"), {"session-id": "s"}, conversation_ids(user="u")),
    ),
    "a cache key, whatever is said": (
        names(named=conversation_ids(prompt_cache_key="k")),
        names(turns("else"), named=conversation_ids(prompt_cache_key="k", user="u")),
    ),
    "a user": (
        names(named=conversation_ids(user="u")),
        names(turns("else"), named=conversation_ids(user="u")),
    ),
    "a conversation": (
        names(named=conversation_ids(conversation="c")),
        names(turns("else"), named=conversation_ids(conversation="c", previous_response_id="r")),
    ),
    "what it goes on from": (names(response_id="resp_1"), names(turns("else"), named=PREVIOUS)),
    "a text that is longer than it takes to tell it": (
        names(turns("a" * 8192 + "b")),
        names(turns("a" * 8192 + "c")),
    ),
    "how it began, if that is not known any more": (names(), names(LATER, named=PREVIOUS)),
}


@pytest.mark.parametrize(("one", "another"), SAME.values(), ids=SAME.keys())
def test_one_conversation(one: tuple[str, ...], another: tuple[str, ...]) -> None:
    assert set(one) & set(another)


def image(data: str) -> GenerateContentRequest:
    part = Part(inline_data=Blob(mime_type="image/png", data=data))
    return GenerateContentRequest(contents=(Content(role="user", parts=(part,)),))


OTHERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "C94: another client": (names(), names(owner="bo")),
    "another beginning": (names(), names(turns("good morning"))),
    "another instruction": (names(), names(turns("hello", system="be brief"))),
    "the instruction is not the first turn": (names(turns("a", system="b")), names(turns("ba"))),
    "another end of what counts of a text": (names(turns("a" * 8191 + "b")), names(turns("a" * 8191 + "c"))),
    "another picture": (names(image("aaaa")), names(image("bbbb"))),
    "another session that begins alike": (
        names(headers={"session-id": "s"}),
        names(headers={"session-id": "t"}),
    ),
    "another header with the same value": (
        names(headers={"session-id": "s"}),
        names(headers={"x-session-id": "s"}),
    ),
    "another cache key that begins alike": (
        names(named=conversation_ids(prompt_cache_key="k")),
        names(named=conversation_ids(prompt_cache_key="l")),
    ),
    "a user is no cache key": (
        names(named=conversation_ids(prompt_cache_key="k")),
        names(named=conversation_ids(user="k")),
    ),
}


@pytest.mark.parametrize(("one", "another"), OTHERS.values(), ids=OTHERS.keys())
def test_several_conversations(one: tuple[str, ...], another: tuple[str, ...]) -> None:
    assert not set(one) & set(another)


def test_what_is_named_for_good_needs_no_name_for_each_turn() -> None:
    assert len(names(named=conversation_ids(prompt_cache_key="k"), response_id="resp_2")) == 1
    assert len(names(LATER, named=PREVIOUS, response_id="resp_2")) == 3


def test_names_tell_nothing() -> None:
    for name in names(turns("my secret"), response_id="resp_2"):
        assert len(name) == 32
        assert int(name, 16) >= 0
