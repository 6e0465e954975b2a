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
from antigravity_addon.translate.openai_completions.response import CompletionBuilder, CompletionStreamEncoder

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
    encoder = CompletionStreamEncoder(
        response_id="cmpl-1", created=1, model="gpt-4o", echo=echo, include_usage=include_usage
    )
    return b"".join(encoder.feed(event) for event in events) + encoder.finish()


def chunks(stream: bytes) -> list[dict[str, object]]:
    frames = stream.decode().removesuffix("\n\n").split("\n\n")
    assert frames.pop() == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


def choice(text: str, reason: str | None = None) -> dict[str, object]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}


def test_c85_a_whole_answer() -> None:
    builder = CompletionBuilder(response_id="cmpl-1", created=1, model="gpt-4o", echo="")
    for event in TURN:
        builder.feed(event)
    body = json.loads(builder.finish())
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
    with pytest.raises(StreamTruncated):
        CompletionBuilder(response_id="x", created=1, model="m", echo="").finish()


def test_a_stream_that_breaks_ends_in_an_error() -> None:
    encoder = CompletionStreamEncoder(response_id="x", created=1, model="m", echo="", include_usage=False)
    frame = encoder.error(Overloaded("busy")).decode()
    assert json.loads(frame.removeprefix("data: "))["error"]["message"] == "busy"
