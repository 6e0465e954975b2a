"""Messages of Gemini's as they come, odd ones among them."""

import json
import math

import pytest

from antigravity_addon.wire.gemini_response import InboundPart, StreamMessage, UsageMetadata, read_message


def said(part: str) -> bytes:
    return b'{"candidates":[{"content":{"parts":[%b]}}]}' % part.encode()


def part_of(message: StreamMessage) -> InboundPart:
    assert message.candidates is not None
    content = message.candidates[0].content
    assert content is not None
    assert content.parts is not None
    return content.parts[0]


def args_of(message: StreamMessage) -> object:
    call = part_of(message).function_call
    assert call is not None
    return call.args


def calling(args: str) -> bytes:
    return said('{"functionCall":{"name":"f","args":' + args + "}}")


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


def test_numbers_may_be_in_strings() -> None:
    message = read_message(b'{"usageMetadata":{"promptTokenCount":"12","candidatesTokenCount":3.0}}')
    assert message.usage_metadata is not None
    assert (message.usage_metadata.prompt_token_count, message.usage_metadata.candidates_token_count) == (
        12,
        3,
    )


@pytest.mark.parametrize("count", ["1.5", "true", "[]", "{}", '"many"', '""', "NaN", "1e999", "null"])
@pytest.mark.parametrize("within", ["%s", '{"response":%s,"traceId":"x"}'])
def test_a_count_that_is_none_costs_no_answer(count: str, within: str) -> None:
    answer = '{"usageMetadata":{"promptTokenCount":' + count + ',"candidatesTokenCount":3},"candidates":[{}]}'
    message = read_message((within % answer).encode())
    read = message.response or message
    assert read.candidates is not None
    assert read.usage_metadata == UsageMetadata(candidates_token_count=3)


@pytest.mark.parametrize("counts", ["5", "[]", '"none"', "true"])
def test_counts_that_are_none_cost_no_answer(counts: str) -> None:
    message = read_message(b'{"usageMetadata":%b,"candidates":[{}]}' % counts.encode())
    assert (message.usage_metadata, len(message.candidates or ())) == (UsageMetadata(), 1)


@pytest.mark.parametrize("number", ['"-Infinity"', "-Infinity", "NaN", '"NaN"', "1e999"])
def test_numbers_may_be_none(number: str) -> None:
    text = '{"candidates":[{"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":%s}]}}]}'
    message = read_message((text % number).encode())
    assert message.candidates is not None
    assert message.candidates[0].logprobs_result is not None
    chosen = message.candidates[0].logprobs_result.chosen_candidates or ()
    assert [
        token.log_probability is not None and math.isfinite(token.log_probability) for token in chosen
    ] == [False]


@pytest.mark.parametrize("number", ["-Infinity", "NaN", "1e999"])
def test_a_tool_is_not_called_with_numbers_that_are_none(number: str) -> None:
    called = calling('{"a":[{"b":' + number + "}]}")
    for message in (called, b'{"response":%b}' % called):
        with pytest.raises(ValueError, match="not JSON compliant"):
            read_message(message)
    assert args_of(read_message(calling('{"a":"' + number + '"}'))) == {"a": number}


@pytest.mark.parametrize("text", ["null", "true", "12", "", "\0", "\u2028", "𝒳"])
def test_a_text_is_that_text(text: str) -> None:
    assert part_of(read_message(said(json.dumps({"text": text})))).text == text


@pytest.mark.parametrize("depth", [1, 100, 190])
def test_arguments_may_be_deep(depth: int) -> None:
    args = nested(depth)
    message = read_message(calling(args))
    assert args_of(message) == json.loads(args)


def test_arguments_may_be_wide() -> None:
    args = {"rows": [{"n": n} for n in range(1000)]}
    assert args_of(read_message(calling(json.dumps(args)))) == args


UNREADABLE: dict[str, bytes] = {
    "deeper than anybody reads": calling(nested(100_000)),
    "deep where nobody looks": b'{"unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "half a character": said(r'{"text":"\ud800"}'),
    "no UTF-8": said('{"text":"%"}').replace(b"%", b"\xff"),
    "a text that is none": said('{"text":1}'),
    "arguments that are none": calling("[]"),
    "two": b"{}{}",
    "a list": b"[]",
    "nothing": b"",
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_said(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_message(data)
