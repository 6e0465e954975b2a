"""Legacy Completions, answer side: one shape, whole and in chunks."""

import json

import pytest
from openai.types import Completion

from antigravity_addon.errors import Overloaded, StreamTruncated
from antigravity_addon.translate.events import (
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    TurnEvent,
    Usage,
)
from antigravity_addon.translate.openai_completions.response import CompletionStream, CompletionWhole

TURN: tuple[TurnEvent, ...] = (
    ReasoningDelta("hm"),
    TextDelta("Bon"),
    TextDelta("", signature="c2ln"),
    ToolCall("f", {}),
    TextDelta("jour"),
    Finished(FinishReason.STOP, Usage(input_tokens=5, output_tokens=2)),
)
HEAD = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "gpt-4o"}


def streamed(*events: TurnEvent, echo: str = "", include_usage: bool = False) -> bytes:
    stream = CompletionStream(
        response_id="cmpl-1", created=1, model="gpt-4o", echoes=[echo], include_usage=include_usage
    )
    return b"".join(map(stream.begin().feed, events)) + stream.finish()


def chunks(stream: bytes) -> list[dict[str, object]]:
    frames = stream.decode().removesuffix("\n\n").split("\n\n")
    assert frames.pop() == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


def choice(text: str, reason: str | None = None, index: int = 0) -> dict[str, object]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}


def test_c85_a_whole_answer() -> None:
    whole = CompletionWhole(response_id="cmpl-1", created=1, model="gpt-4o", echoes=[""])
    assert set(map(whole.begin().feed, TURN)) == {b""}
    body = json.loads(whole.finish())
    assert {name: body[name] for name in HEAD} == HEAD
    assert body["choices"] == [choice("Bonjour", "stop")]
    assert body["usage"]["total_tokens"] == 7
    Completion.model_validate(body, strict=True)


def test_c85_a_stream() -> None:
    events = chunks(streamed(*TURN))
    assert [event["choices"] for event in events] == [[choice("Bon")], [choice("jour")], [choice("", "stop")]]
    assert all({name: event[name] for name in HEAD} == HEAD and "usage" not in event for event in events)


def test_usage_and_an_echo() -> None:
    events = chunks(streamed(*TURN, echo="Say hi", include_usage=True))
    assert events[0]["choices"] == [choice("Say hi")]
    assert [event["usage"] for event in events[:-1]] == [None] * 4
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]


def test_c85_several_prompts_are_several_choices() -> None:
    whole = CompletionWhole(response_id="cmpl-1", created=1, model="gpt-4o", echoes=["a ", "b "])
    second, first = whole.begin(1), whole.begin(0)
    for turn, word in ((second, "two"), (first, "one")):
        turn.feed(TextDelta(word))
        turn.feed(Finished(FinishReason.STOP, Usage(input_tokens=5, output_tokens=2)))
    body = json.loads(whole.finish())
    assert body["choices"] == [choice("a one", "stop"), choice("b two", "stop", 1)]
    assert (body["usage"]["prompt_tokens"], body["usage"]["total_tokens"]) == (10, 14)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (FinishReason.STOP, "stop"),
        (FinishReason.LENGTH, "length"),
        (FinishReason.CONTENT_FILTER, "content_filter"),
        (FinishReason.TOOL_CALLS, "stop"),
    ],
)
def test_finish_reasons(reason: FinishReason, word: str) -> None:
    assert chunks(streamed(Finished(reason, Usage())))[-1]["choices"] == [choice("", word)]


def test_an_answer_that_did_not_end_is_none() -> None:
    with pytest.raises(StreamTruncated):
        streamed(TextDelta("Bon"))
    whole = CompletionWhole(response_id="x", created=1, model="m", echoes=[""])
    whole.begin()
    with pytest.raises(StreamTruncated):
        whole.finish()


def test_a_stream_that_breaks_ends_in_an_error() -> None:
    encoder = CompletionStream(response_id="x", created=1, model="m", echoes=[""], include_usage=False)
    frame = encoder.error(Overloaded("busy")).decode()
    assert json.loads(frame.removeprefix("data: "))["error"]["message"] == "busy"
