import json
from pathlib import Path

import pytest

from antigravity_addon.errors import EmptyAnswer, GatewayError, MalformedToolCall, StreamTruncated
from antigravity_addon.translate.events import (
    Finished,
    FinishReason,
    Image,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    TurnEvent,
    Usage,
)
from antigravity_addon.translate.gemini import GeminiTurn
from antigravity_addon.wire.gemini import GenerateContentResponse
from antigravity_addon.wire.sse import SseDecoder


def play(*chunks: str | bytes) -> list[TurnEvent]:
    turn = GeminiTurn()
    events = [
        event for chunk in chunks for event in turn.feed(GenerateContentResponse.model_validate_json(chunk))
    ]
    return [*events, *turn.finish()]


def chunk(*parts: object, finish: str | None = None, **candidate: object) -> str:
    content = {"role": "model", "parts": parts}
    return json.dumps({"candidates": [{"content": content, "finishReason": finish, **candidate}]})


def usage(**counts: int) -> str:
    return json.dumps({"usageMetadata": counts})


def stop(reason: FinishReason = FinishReason.STOP, refusal: str | None = None) -> Finished:
    return Finished(reason, Usage(), refusal)


CALL = {"functionCall": {"name": "f", "args": {"a": 1}}}

CASES: dict[str, tuple[list[str], list[TurnEvent]]] = {
    "text": ([chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP")], [TextDelta("a"), TextDelta("b"), stop()]),
    "several texts in one chunk": (
        [chunk({"text": "a"}, {"text": "b"}, finish="STOP")],
        [TextDelta("a"), TextDelta("b"), stop()],
    ),
    "empty text is nothing": ([chunk({"text": "a"}), chunk({"text": ""}, finish="STOP")], [TextDelta("a"), stop()]),
    "empty text with a signature": (
        [chunk({"text": "a"}), chunk({"text": "", "thoughtSignature": "SIG"}, finish="STOP")],
        [TextDelta("a"), TextDelta("", "SIG"), stop()],
    ),
    "a signature on a hidden part": (
        [chunk({"executableCode": {"code": "1"}, "thoughtSignature": "SIG"}, {"text": "a"}, finish="STOP")],
        [TextDelta("a"), stop()],
    ),
    "C52: thoughts are apart from text": (
        [chunk({"text": "T", "thought": True}, {"text": "A <think>x</think>"}, finish="STOP")],
        [ReasoningDelta("T"), TextDelta("A <think>x</think>"), stop()],
    ),
    "images of thoughts are not shown": (
        [
            chunk(
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thought": True},
                {"inlineData": {"mimeType": "image/png", "data": "BBBB"}},
                finish="STOP",
            )
        ],
        [Image("image/png", "BBBB"), stop()],
    ),
    "C45: equal calls are two calls": (
        [chunk({"text": "ok "}, {**CALL, "thoughtSignature": "SIG"}, CALL, finish="STOP")],
        [
            TextDelta("ok "),
            ToolCall("f", {"a": 1}, signature="SIG"),
            ToolCall("f", {"a": 1}),
            stop(FinishReason.TOOL_CALLS),
        ],
    ),
    "a call without arguments": (
        [chunk({"functionCall": {"name": "f", "id": "x"}}, finish="STOP")],
        [ToolCall("f", {}, "x"), stop(FinishReason.TOOL_CALLS)],
    ),
    "C48: cut short with a call": (
        [chunk(CALL, finish="MAX_TOKENS")],
        [ToolCall("f", {"a": 1}), stop(FinishReason.LENGTH)],
    ),
    "cut short while thinking": ([chunk(finish="MAX_TOKENS")], [stop(FinishReason.LENGTH)]),
    "long decode is cut short": (
        [chunk({"text": "a"}, finish="CONTINUATION", continuationToken="x")],
        [TextDelta("a"), stop(FinishReason.LENGTH)],
    ),
    "text, then withheld": (
        [chunk({"text": "a"}), json.dumps({"candidates": [{"content": {}, "finishReason": "SAFETY"}]})],
        [TextDelta("a"), stop(FinishReason.CONTENT_FILTER, "The answer was withheld (SAFETY).")],
    ),
    "withheld, with Google's words": (
        [chunk(finish="RECITATION", finishMessage="Too close to a book.")],
        [stop(FinishReason.CONTENT_FILTER, "The answer was withheld (RECITATION: Too close to a book.).")],
    ),
    "C49: blocked prompt": (
        ['{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":5}}'],
        [Finished(FinishReason.CONTENT_FILTER, Usage(input_tokens=5), "The prompt was blocked (SAFETY).")],
    ),
    "feedback without a block": (
        ['{"promptFeedback":{"blockReason":"BLOCK_REASON_UNSPECIFIED"}}', chunk({"text": "a"}, finish="STOP")],
        [TextDelta("a"), stop()],
    ),
    "other candidates are not ours": (
        [chunk({"text": "B"}, index=1, finish="STOP"), chunk({"text": "A"}, index=0, finish="STOP")],
        [TextDelta("A"), stop()],
    ),
    "usage after the finish": (
        [chunk({"text": "a"}, finish="STOP"), usage(promptTokenCount=5, candidatesTokenCount=2)],
        [TextDelta("a"), Finished(FinishReason.STOP, Usage(input_tokens=5, output_tokens=2))],
    ),
    "the last value of each counter": (
        [
            usage(promptTokenCount=169, candidatesTokenCount=1, cachedContentTokenCount=8),
            usage(promptTokenCount=79, thoughtsTokenCount=6),
            usage(candidatesTokenCount=4, toolUsePromptTokenCount=1),
            chunk({"text": "a"}, finish="STOP"),
        ],
        [
            TextDelta("a"),
            Finished(
                FinishReason.STOP,
                Usage(input_tokens=80, cached_tokens=8, output_tokens=10, reasoning_tokens=6),
            ),
        ],
    ),
    "a reason nobody knows yet": (
        [chunk({"text": "a"}, finish="BRAND_NEW")],
        [TextDelta("a"), stop()],
    ),
    "calls that end with OTHER": ([chunk(CALL, finish="OTHER")], [ToolCall("f", {"a": 1}), stop(FinishReason.TOOL_CALLS)]),
    "an unspecified reason is none": (
        [chunk({"text": "a"}, finish="FINISH_REASON_UNSPECIFIED"), chunk({"text": "b"}, finish="STOP")],
        [TextDelta("a"), TextDelta("b"), stop()],
    ),
    "empty chunks": (["{}", '{"candidates":[]}', '{"candidates":[{}]}', chunk({"text": "a"}, finish="STOP")], [TextDelta("a"), stop()]),
}  # fmt: skip


@pytest.mark.parametrize(("chunks", "events"), CASES.values(), ids=CASES.keys())
def test_turns(chunks: list[str], events: list[TurnEvent]) -> None:
    assert play(*chunks) == events


FAILURES: dict[str, tuple[list[str], type[GatewayError]]] = {
    "nothing": ([], StreamTruncated),
    "no finish reason": ([chunk({"text": "a"})], StreamTruncated),
    "no candidates": (["{}"], StreamTruncated),
    "empty text": ([chunk({"text": ""}, finish="STOP")], EmptyAnswer),
    "thoughts alone": ([chunk({"text": "T", "thought": True}, finish="STOP")], EmptyAnswer),
    "no image": ([chunk(finish="NO_IMAGE")], EmptyAnswer),
    "OTHER without output": ([chunk(finish="OTHER")], EmptyAnswer),
    "an unknown reason without output": ([chunk(finish="BRAND_NEW")], EmptyAnswer),
    "malformed call": ([chunk({"text": "a"}, finish="MALFORMED_FUNCTION_CALL")], MalformedToolCall),
    "malformed call after text": (
        [chunk({"text": "a"}), chunk(finish="MALFORMED_FUNCTION_CALL")],
        MalformedToolCall,
    ),
    "too many calls": ([chunk(CALL, finish="TOO_MANY_TOOL_CALLS")], MalformedToolCall),
    "signature missing": ([chunk(finish="MISSING_THOUGHT_SIGNATURE")], MalformedToolCall),
    "streamed call": ([chunk({"functionCall": {"name": "f", "willContinue": True}})], MalformedToolCall),
    "nameless call": ([chunk({"functionCall": {}})], MalformedToolCall),
}


@pytest.mark.parametrize(("chunks", "failure"), FAILURES.values(), ids=FAILURES.keys())
def test_turns_that_fail(chunks: list[str], failure: type[GatewayError]) -> None:
    with pytest.raises(failure):
        play(*chunks)


def test_an_undeclared_call_is_never_passed_on() -> None:
    turn = GeminiTurn()
    condemned = chunk({"text": "a"}, CALL, finish="UNEXPECTED_TOOL_CALL", finishMessage="no tool named f")
    events: list[TurnEvent] = []
    with pytest.raises(MalformedToolCall, match="no tool named f"):
        events.extend(turn.feed(GenerateContentResponse.model_validate_json(condemned)))
    assert events == []


# --- the recorded responses ---------------------------------------------------------------------------------


def chunks_of(path: Path) -> list[bytes]:
    body = path.read_bytes()
    if path.suffix == ".jsonl":
        return body.splitlines()
    if path.suffix == ".json" and not body.startswith(b"["):
        return [body]
    decoder = SseDecoder()
    return [item.data for item in [*decoder.feed(body), *decoder.finish()]]


def summary(events: list[TurnEvent]) -> tuple[list[str], FinishReason, int, int, int]:
    """Kinds of event in order, finish reason, and tokens in, out and of reasoning."""
    finished = events[-1]
    assert isinstance(finished, Finished)
    kinds = [type(event).__name__ for event in events[:-1]]
    in_order = [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before]
    counted = finished.usage
    return in_order, finished.reason, counted.input_tokens, counted.output_tokens, counted.reasoning_tokens


TURNS: dict[str, tuple[list[str], FinishReason, int, int, int]] = {
    "01": (["TextDelta"], FinishReason.STOP, 18, 115, 35),
    "02": (["TextDelta"], FinishReason.STOP, 5, 101, 100),
    "03": (["TextDelta"], FinishReason.STOP, 8, 1514, 1257),
    "04": (["ToolCall"], FinishReason.TOOL_CALLS, 29, 212, 202),
    "06": (["ToolCall"], FinishReason.TOOL_CALLS, 52, 5, 0),
    "07": (["TextDelta"], FinishReason.STOP, 79, 12, 0),
    "08": (["ToolCall"], FinishReason.TOOL_CALLS, 71, 126, 93),
    "10": (["ReasoningDelta", "TextDelta"], FinishReason.STOP, 11, 1416, 713),
    "12": (["ReasoningDelta", "TextDelta"], FinishReason.STOP, 29, 1737, 1001),
    "14": (["ToolCall"], FinishReason.TOOL_CALLS, 168, 89, 72),
    "15": ([], FinishReason.LENGTH, 15, 2, 2),
    "16": (["TextDelta"], FinishReason.LENGTH, 15, 5, 0),
    "17": ([], FinishReason.CONTENT_FILTER, 14, 0, 0),
    "18": ([], FinishReason.CONTENT_FILTER, 0, 0, 0),
    "23": (["TextDelta"], FinishReason.STOP, 507, 276, 168),
    "24": (["TextDelta"], FinishReason.STOP, 119, 653, 412),
    "26": (["TextDelta"], FinishReason.STOP, 785, 779, 742),
    "28": (["ToolCall"], FinishReason.TOOL_CALLS, 47, 86, 55),
    "29": (["TextDelta"], FinishReason.STOP, 7, 80, 73),
    "31": (["TextDelta", "Image"], FinishReason.STOP, 17, 1336, 0),
    "32": (["ToolCall"], FinishReason.TOOL_CALLS, 372, 486, 414),
    "35": (["ReasoningDelta", "ToolCall"], FinishReason.TOOL_CALLS, 32, 54, 42),
}


@pytest.mark.parametrize("number", TURNS)
def test_recorded_turns(recorded: Path, number: str) -> None:
    (path,) = recorded.glob(f"{number}-*")
    chunks = chunks_of(path)
    assert summary(play(*chunks)) == TURNS[number]
    last = GenerateContentResponse.model_validate_json(chunks[-1]).usage_metadata
    assert last is not None
    if last.total_token_count is not None:
        _, _, tokens_in, tokens_out, _ = TURNS[number]
        assert tokens_in + tokens_out == last.total_token_count


@pytest.mark.parametrize("number", ["20", "36", "37", "38"])
def test_recorded_calls_that_cannot_be_passed_on(recorded: Path, number: str) -> None:
    (path,) = recorded.glob(f"{number}-*")
    with pytest.raises(MalformedToolCall):
        play(*chunks_of(path))


def test_recorded_parallel_calls_keep_their_ids_and_the_one_signature(recorded: Path) -> None:
    (path,) = recorded.glob("08-*")
    first, second, _ = play(*chunks_of(path))
    assert isinstance(first, ToolCall)
    assert (first.name, first.arguments, first.upstream_id) == (
        "get_weather",
        {"location": "Boston"},
        "dv8szvqe",
    )
    assert first.signature
    assert second == ToolCall("get_weather", {"location": "New Delhi"}, "j80tal12")


def test_recorded_prompt_block_says_why(recorded: Path) -> None:
    (path,) = recorded.glob("18-*")
    (finished,) = play(*chunks_of(path))
    assert isinstance(finished, Finished)
    assert finished.refusal is not None
    assert "MODEL_ARMOR" in finished.refusal
    assert "Jailbreak filters" in finished.refusal


def test_recorded_sdk_turns(recorded: Path) -> None:
    (path,) = recorded.glob("40-*")
    turns = [json.loads(line)["response"] for line in path.read_bytes().splitlines() if b"Stream" in line]
    finished = [play(*map(json.dumps, turn))[-1] for turn in turns]
    assert finished[0] == Finished(
        FinishReason.TOOL_CALLS,
        Usage(input_tokens=7969, cached_tokens=6082, output_tokens=145, reasoning_tokens=81),
    )


def test_a_stop_sequence_may_be_the_first_token() -> None:
    chunk = GenerateContentResponse.model_validate_json(
        b'{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}'
    )
    turn = GeminiTurn(may_be_empty=True)
    assert list(turn.feed(chunk)) == []
    assert [event.reason for event in turn.finish()] == [FinishReason.STOP]
