"""What holds for the answer to any turn of the model."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import GatewayError
from antigravity_addon.translate.events import (
    Citation,
    Cited,
    Finished,
    FinishReason,
    Image,
    Logprobs,
    ReasoningDelta,
    Searched,
    TextDelta,
    TokenLogprob,
    ToolCall,
    TurnEvent,
    Usage,
)
from antigravity_addon.translate.gemini import GeminiTurn
from antigravity_addon.translate.openai_responses.answer_form import AnswerForm
from antigravity_addon.translate.tool_payloads import to_custom_arguments
from antigravity_addon.upstream.classify import decode_item
from antigravity_addon.wire.sse import SseDecoder
from tests.translate.openai_responses.answers import (
    COMPACTION,
    EVERYTHING,
    FORMS,
    PLAIN,
    Json,
    accumulated,
    assert_strict,
    frames,
    new_stream,
    streamed,
    understood,
    whole,
)

GEMINI_STREAMS = Path(__file__).parents[1] / "streams"

TEXTS = st.text(max_size=5)
SIGNATURES = st.none() | st.sampled_from(["c2ln", "bmF0"])
ARGUMENTS = st.dictionaries(
    TEXTS | st.sampled_from(["commands", "type", "timeout_ms"]),
    st.none() | st.integers() | st.floats() | TEXTS,
    max_size=2,
)
CALLS: dict[str, st.SearchStrategy[Json]] = {
    "get_weather": ARGUMENTS,
    "agents_close": st.just({}),
    "apply_patch": TEXTS.map(to_custom_arguments),
    "exec": st.just({"other": 1}),
    "local_shell": ARGUMENTS,
    "shell": ARGUMENTS,
    "patch": ARGUMENTS,
    "undeclared": st.just({}),
}
CITATIONS = st.builds(Citation, st.integers(0, 9), st.integers(0, 9), st.just("https://e.x/1"), st.just("T1"))
EVENTS: st.SearchStrategy[TurnEvent] = st.one_of(
    st.builds(TextDelta, TEXTS, SIGNATURES),
    st.builds(ReasoningDelta, st.text(min_size=1, max_size=5)),
    st.one_of([
        st.builds(ToolCall, st.just(name), arguments, st.none() | st.just("u1"), SIGNATURES)
        for name, arguments in CALLS.items()
    ]),
    st.just(Image("image/png", "AAAA")),
    st.just(Logprobs((TokenLogprob("é", -0.1, (TokenLogprob("e", -2.5),)),))),
    st.builds(Searched, st.lists(TEXTS, max_size=2).map(tuple)),
    st.builds(Cited, st.lists(CITATIONS, max_size=2).map(tuple)),
)  # fmt: skip
FINISHED = st.builds(
    Finished,
    st.sampled_from(FinishReason),
    st.builds(Usage, st.integers(0, 99), st.integers(0, 9), st.integers(0, 99), st.integers(0, 9)),
    st.none() | st.just("No."),
)


def turn_of(events: list[TurnEvent], end: Finished) -> list[TurnEvent]:
    return [*events, end]


TURNS = st.builds(turn_of, st.lists(EVENTS, max_size=6), FINISHED)
ANSWER_FORMS = st.sampled_from([
    PLAIN,
    EVERYTHING,
    COMPACTION,
    AnswerForm(call_forms=FORMS, encrypts=True, parallel=False),
])  # fmt: skip


class Reader:
    """What the strictest of clients makes of a stream: everything is begun, grows, and is over once, in order.

    Texts are joined from their deltas, and `done` must say the same.
    """

    def __init__(self) -> None:
        self.items: list[Json] = []
        self._item: Json = None
        self._parts: list[str] = []
        self._part: str | None = None

    def read(self, event: Json) -> None:
        if "item_id" in event:
            assert self._item is not None
            assert (event["item_id"], event["output_index"]) == (self._item["id"], len(self.items))
        match event["type"].removeprefix("response.").split("."):
            case ["output_item", step]:
                self._read_item(step, event)
            case ["content_part" | "reasoning_summary_part", step]:
                self._read_part(step, event)
            case ["output_text" | "refusal" | "reasoning_summary_text", step]:
                self._read_text(step, event)
            case ["output_text", "annotation", "added"]:
                assert event["annotation"]["end_index"] <= len(self._part or "")
            case ["function_call_arguments" | "custom_tool_call_input", "delta"]:
                assert self._parts == []
                self._parts = [event["delta"]]
            case ["function_call_arguments" | "custom_tool_call_input", "done"]:
                assert [event.get("arguments", event.get("input"))] == self._parts
            case name:
                assert name[0] == "web_search_call"

    def _read_item(self, step: str, event: Json) -> None:
        item = event["item"]
        assert event["output_index"] == len(self.items)
        if step == "added":
            assert self._item is None
            self._item, self._parts = item, []
        else:
            assert self._item is not None
            assert (item["id"], item["type"]) == (self._item["id"], self._item["type"])
            assert (_texts(item), None) == (self._parts, self._part)
            self._item = None
            self.items.append(item)

    def _read_part(self, step: str, event: Json) -> None:
        assert _index(event) == len(self._parts)
        if step == "added":
            assert self._part is None
            self._part = ""
        else:
            assert self._part == _text(event["part"])
            self._parts.append(_text(event["part"]))
            self._part = None

    def _read_text(self, step: str, event: Json) -> None:
        assert _index(event) == len(self._parts)
        assert self._part is not None
        if step == "delta":
            self._part += event["delta"]
        else:
            assert _text(event) == self._part


def _text(part: Json) -> str:
    return part["refusal"] if "refusal" in part else part["text"]


def _index(event: Json) -> int:
    return event["summary_index"] if "summary_index" in event else event["content_index"]


def _texts(item: Json) -> list[str]:
    match item["type"]:
        case "message":
            return list(map(_text, item["content"]))
        case "reasoning":
            return list(map(_text, item["summary"]))
        case "function_call":
            return [item["arguments"]]
        case "custom_tool_call":
            return [item["input"]]
        case _:
            return []


def assert_lawful(events: Sequence[TurnEvent], form: AnswerForm) -> None:
    stream = streamed(events, form)
    understood(stream)
    created, in_progress, *between, last = frames(stream)
    assert (created["type"], in_progress["type"]) == ("response.created", "response.in_progress")
    assert last["type"] == f"response.{last['response']['status']}"
    reader = Reader()
    for event in between:
        reader.read(event)
    assert reader.items == last["response"]["output"] != []
    answer = whole(events, form)
    assert answer.pop("choices")[0]["finish_reason"] in list(FinishReason)
    assert answer == last["response"]
    assert_strict(answer)
    for item in answer["output"]:
        if item["type"] == "function_call":
            assert isinstance(json.loads(item["arguments"], parse_constant=pytest.fail), dict)


@given(events=TURNS, form=ANSWER_FORMS)
def test_a_stream_adds_up_to_the_whole_answer(events: list[TurnEvent], form: AnswerForm) -> None:
    assert_lawful(events, form)


@given(events=TURNS)
def test_openai_accumulates_any_complete_stream(events: list[TurnEvent]) -> None:
    stream = streamed(events)
    last = frames(stream)[-1]["response"]
    if last["status"] == "completed":
        texts = [part.get("text", "") for item in last["output"] for part in item.get("content", ())]
        assert accumulated(stream).output_text == "".join(texts)


@given(events=st.lists(EVENTS, max_size=6), form=ANSWER_FORMS)
def test_a_broken_stream_ends_with_what_there_was(events: list[TurnEvent], form: AnswerForm) -> None:
    failure = GatewayError("Cut off.")
    stream = new_stream(form)
    written = b"".join(map(stream.begin().feed, events)) + stream.error(failure)
    understood(written)
    *before, error, failed = frames(written)
    done = [event["item"] for event in before if event["type"] == "response.output_item.done"]
    output = failed["response"]["output"]
    assert (error["type"], failed["type"], stream.status) == ("error", "response.failed", "failed")
    assert output[: len(done)] == done
    assert [item["status"] for item in output[len(done) :]] in ([], ["incomplete"])


@given(events=TURNS, silences=st.sets(st.integers(0, 6)), form=ANSWER_FORMS)
def test_keep_alives_change_nothing_but_numbers(
    events: list[TurnEvent], silences: set[int], form: AnswerForm
) -> None:
    stream = new_stream(form)
    turn, written = stream.begin(), b""
    for index, event in enumerate(events):
        if index in silences:
            written += stream.keep_alive()
        written += turn.feed(event)
    written += stream.finish()

    def unnumbered(frames: list[Json]) -> list[Json]:
        return [event | {"sequence_number": 0} for event in frames if event["type"] != "response.in_progress"]

    assert unnumbered(frames(written)) == unnumbered(frames(streamed(events, form)))


@pytest.mark.parametrize("name", ["text", "thinking", "tools", "image", "withheld", "blocked-prompt"])
def test_streams_of_gemini(name: str) -> None:
    decoder, turn = SseDecoder(), GeminiTurn()
    items = [*decoder.feed((GEMINI_STREAMS / f"{name}.sse").read_bytes()), *decoder.finish()]
    chunks = [decode_item(item, model="gemini-3.5-flash", now=0) for item in items]
    events = [event for chunk in chunks if chunk is not None for event in turn.feed(chunk)]
    events += turn.finish()
    for form in (PLAIN, EVERYTHING, COMPACTION):
        assert_lawful(events, form)
