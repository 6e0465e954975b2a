"""Transcripts and translations: the text, whole and in events, and the turns that give none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    Translation,
)

from antigravity_addon.errors import Overloaded, StreamTruncated, UpstreamRefused
from antigravity_addon.translate.events import (
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    TurnEvent,
    Usage,
)
from antigravity_addon.translate.openai_audio.response import (
    Form,
    TranscriptStream,
    TranscriptWhole,
    as_text,
    as_transcription,
    as_translation,
)

END = Finished(FinishReason.STOP, Usage(input_tokens=40, output_tokens=2))
TURN: tuple[TurnEvent, ...] = (
    ReasoningDelta("hm"),
    TextDelta("\n"),
    TextDelta("Bonjour, "),
    TextDelta("", signature="c2ln"),
    TextDelta("Zoë.\n"),
    END,
)
USAGE = {"type": "tokens", "input_tokens": 40, "output_tokens": 2, "total_tokens": 42}


def whole(form: Form, *events: TurnEvent) -> bytes:
    answer = TranscriptWhole(form)
    assert set(map(answer.begin(0).feed, events)) <= {b""}
    return answer.finish()


def streamed(*events: TurnEvent) -> list[dict[str, object]]:
    answer = TranscriptStream()
    frames = b"".join(map(answer.begin(0).feed, events)) + answer.finish()
    return [
        json.loads(frame.removeprefix(b"data: ")) for frame in frames.removesuffix(b"\n\n").split(b"\n\n")
    ]


def test_c98_a_text() -> None:
    assert whole(as_text, *TURN) == "Bonjour, Zoë.".encode()


def test_a_transcription() -> None:
    body = whole(as_transcription, *TURN)
    assert json.loads(body) == {"text": "Bonjour, Zoë.", "usage": USAGE}
    Transcription.model_validate_json(body, strict=True)


def test_a_translation() -> None:
    body = whole(as_translation, *TURN)
    assert json.loads(body) == {"text": "Bonjour, Zoë."}
    Translation.model_validate_json(body, strict=True)


def test_a_stream() -> None:
    first, second, last = streamed(*TURN)
    assert first == {"type": "transcript.text.delta", "delta": "Bonjour,"}
    assert second == {"type": "transcript.text.delta", "delta": " Zoë."}
    assert last == {"type": "transcript.text.done", "text": "Bonjour, Zoë.", "usage": USAGE}
    TranscriptionTextDeltaEvent.model_validate(first, strict=True)
    TranscriptionTextDoneEvent.model_validate(last, strict=True)


def test_silence_is_an_empty_text() -> None:
    assert whole(as_text, END) == b""
    assert streamed(END) == [{"type": "transcript.text.done", "text": "", "usage": USAGE}]


@given(st.lists(st.text(" \nab", max_size=4)))
def test_however_it_comes_it_is_the_same_text_without_blanks_around_it(pieces: list[str]) -> None:
    events = [*map(TextDelta, pieces), END]
    *deltas, done = streamed(*events)
    assert "".join(str(event["delta"]) for event in deltas) == done["text"] == "".join(pieces).strip()
    assert whole(as_text, *events).decode() == done["text"]


WITHOUT: dict[str, tuple[Finished, str, str]] = {
    "withheld": (
        Finished(FinishReason.CONTENT_FILTER, Usage(), "The answer was withheld (RECITATION)."),
        "content_filter",
        "The answer was withheld (RECITATION).",
    ),
    "withheld without a word": (
        Finished(FinishReason.CONTENT_FILTER, Usage()),
        "content_filter",
        "The text was withheld.",
    ),
    "cut short": (
        Finished(FinishReason.LENGTH, Usage()),
        "invalid_argument",
        "The text is longer than one answer of the model can be: send the recording in pieces.",
    ),
}


@pytest.mark.parametrize(("end", "code", "message"), WITHOUT.values(), ids=WITHOUT.keys())
def test_part_of_a_text_does_not_pass_for_the_whole(end: Finished, code: str, message: str) -> None:
    for turn in (TranscriptWhole(as_text).begin(), TranscriptStream().begin()):
        turn.feed(TextDelta("Bon"))
        with pytest.raises(UpstreamRefused) as caught:
            turn.feed(end)
        error = caught.value
        assert (error.status, error.param, error.code, error.message) == (400, "file", code, message)
        assert not error.retryable


def test_another_attempt_begins_anew() -> None:
    for answer in (TranscriptWhole(as_text), TranscriptStream()):
        answer.begin(0).feed(TextDelta("Bon"))
        turn = answer.begin(0)
        turn.feed(TextDelta("Salut"))
        turn.feed(END)
        assert b"Bon" not in answer.finish()


def test_a_turn_that_did_not_end_is_none() -> None:
    with pytest.raises(StreamTruncated):
        whole(as_text, TextDelta("Bon"))
    with pytest.raises(StreamTruncated):
        streamed(TextDelta("Bon"))


def test_a_stream_that_breaks_ends_in_an_error() -> None:
    stream = TranscriptStream()
    assert json.loads(stream.error(Overloaded("busy")).removeprefix(b"data: "))["error"]["message"] == "busy"
    assert stream.keep_alive().startswith(b":")
