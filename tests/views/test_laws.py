"""Laws: whatever the bytes, there is a text; and no text is lost on its way."""

import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from antigravity_addon.views.answer_text import answer_text
from antigravity_addon.views.compare import compare_text
from antigravity_addon.views.conversation_text import conversation_text
from antigravity_addon.views.rewording import runs
from antigravity_addon.views.turns import changes_text, outline_of
from tests.views import answers, conversations
from tests.views.conversations import CHAT, COMPLETIONS, GEMINI, RESPONSES, body

PATHS = (CHAT, COMPLETIONS, RESPONSES, "/v1/images/generations", "/v1/audio/transcriptions", GEMINI)

type View = Callable[[str, bytes], str]
VIEWS: dict[str, View] = {
    "conversation": conversation_text,
    "answer": answer_text,
    "changes": lambda path, data: changes_text(path, b'{"messages":[{"role":"user"}]}', data),
    "compare": lambda path, data: compare_text(path, data[: len(data) // 2], data),
    "outline": lambda path, data: str(outline_of(path, data)),
}

_KEYS = st.sampled_from(
    [
        "model",
        "messages",
        "role",
        "content",
        "type",
        "text",
        "tools",
        "function",
        "name",
        "arguments",
        "tool_calls",
        "id",
        "input",
        "output",
        "summary",
        "delta",
        "choices",
        "index",
        "finish_reason",
        "usage",
        "error",
        "message",
        "item",
        "response",
        "output_index",
        "contents",
        "parts",
        "functionCall",
        "args",
        "inlineData",
        "data",
        "candidates",
        "groundingMetadata",
        "groundingChunks",
        "web",
        "partialArgs",
        "annotations",
        "url_citation",
        "start_index",
        "rest",
        "of",
    ]
)
_VALUES = st.sampled_from(
    [
        "message",
        "function_call",
        "function_call_output",
        "reasoning",
        "tool",
        "user",
        "text",
        "refusal",
        "input_image",
        "input_file",
        "file",
        "url_citation",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "error",
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@given(data=st.binary(max_size=60), path=st.sampled_from(PATHS))
def test_any_bytes_have_a_view(view: View, data: bytes, path: str) -> None:
    view(path, data).encode()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@given(value=_JSON, path=st.sampled_from(PATHS), streamed=st.booleans())
def test_any_json_has_a_view(view: View, value: object, path: str, streamed: bool) -> None:  # noqa: FBT001
    data = to_json(value)
    view(path, b"data: " + data + b"\n\n" if streamed else data).encode()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("deep", [b"[", b'{"content":', b'{"messages":[{"content":['])
def test_depth_is_no_danger(view: View, deep: bytes) -> None:
    for levels in (50, 190, 5000):
        view(CHAT, deep * levels).encode()


@pytest.mark.parametrize("name", conversations.CASES)
def test_a_request_may_end_anywhere(name: str) -> None:
    path, request = conversations.CASES[name]
    for end in range(0, len(request), 7):
        conversation_text(path, request[:end]).encode()


@pytest.mark.parametrize("name", answers.CASES)
def test_an_answer_may_end_anywhere(name: str) -> None:
    path, answer = answers.CASES[name]
    for end in range(0, len(answer), 7):
        answer_text(path, answer[:end]).encode()


@given(
    texts=st.lists(
        st.text(alphabet=string.ascii_letters + " \n{}[]\"'é🦀", min_size=1), min_size=1, max_size=4
    )
)
def test_every_text_of_a_request_is_shown(texts: list[str]) -> None:
    shown = conversation_text(CHAT, body(messages=[{"role": "user", "content": text} for text in texts]))
    assert all(text in shown for text in texts)


@given(text=st.text(alphabet=string.ascii_letters + " \né🦀", min_size=1), size=st.integers(1, 9))
def test_pieces_of_an_answer_make_its_text(text: str, size: int) -> None:
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    stream = b"".join(answers.chunk(content=piece) for piece in pieces)
    assert f"\n{text}" in answer_text(CHAT, stream)


@given(
    first=st.lists(st.sampled_from("abc"), max_size=12), second=st.lists(st.sampled_from("abc"), max_size=12)
)
def test_runs_are_all_of_both(first: list[str], second: list[str]) -> None:
    for most in (0, 600):
        found = list(runs(first, second, most))
        assert [each for run in found for each in first[run.first]] == first
        assert [each for run in found for each in second[run.second]] == second
        assert all(first[run.first] == second[run.second] for run in found if run.same)
