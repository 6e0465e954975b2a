import json
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from antigravity_addon.errors import (
    AccountsExhausted,
    GatewayError,
    MalformedToolCall,
    Overloaded,
    RateLimited,
    StreamTruncated,
    UnsupportedInput,
)
from antigravity_addon.translate.conversation import Signature
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
from antigravity_addon.translate.openai_chat.calls import CallForm
from antigravity_addon.translate.openai_chat.response import ChatStream, ChatWhole
from antigravity_addon.translate.openai_error import to_openai_error
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.upstream.classify import decode_item
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder, StrayJson, encode_event

STREAMS = Path(__file__).parents[1] / "streams"
NAMES = ToolNames.of(["my tool!", "get_weather"])

type Json = Any
"""Parsed answers, looked into by path."""


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"call_{next(numbers)}"


FORM = CallForm(NAMES)
ONE_AT_A_TIME = CallForm(NAMES, parallel=False)
CUSTOM = CallForm(NAMES, custom_tools=frozenset({"my tool!"}))
LEGACY = CallForm(NAMES, legacy=True)


def new_encoder(form: CallForm = FORM, *, include_usage: bool = True) -> ChatStream:
    return ChatStream(
        response_id="chatcmpl-1",
        created=1_795_379_857,
        model="gpt-4o",
        new_call_id=ids(),
        call_form=form,
        include_usage=include_usage,
    )


def new_builder(form: CallForm = FORM) -> ChatWhole:
    return ChatWhole(
        response_id="chatcmpl-1",
        created=1_795_379_857,
        model="gpt-4o",
        new_call_id=ids(),
        call_form=form,
    )


def encode(events: Sequence[TurnEvent], form: CallForm = FORM, *, include_usage: bool = True) -> bytes:
    encoder = new_encoder(form, include_usage=include_usage)
    return b"".join(map(encoder.begin().feed, events)) + encoder.finish()


def build(events: Sequence[TurnEvent], form: CallForm = FORM) -> Json:
    builder = new_builder(form)
    assert set(map(builder.begin().feed, events)) <= {b""}
    return json.loads(builder.finish())


def frames(stream: bytes) -> list[Json]:
    """The JSON of each event; every event is one line, and the last one is `[DONE]`."""
    *events, done, nothing = stream.split(b"\n\n")
    assert (done, nothing) == (b"data: [DONE]", b"")
    assert all(b"\n" not in event for event in events)
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


def deltas(stream: bytes) -> list[Json]:
    return [choice["delta"] for frame in frames(stream) for choice in frame["choices"]]


def accumulated(stream: bytes) -> Json:
    """What a client makes of a stream: strings of deltas joined, calls by their index."""
    message: Json = {"annotations": []}
    calls: dict[int, Json] = {}
    reason: str | None = None
    for frame in frames(stream):
        for choice in frame["choices"]:
            reason = choice["finish_reason"] or reason
            for name, value in choice["delta"].items():
                if name == "tool_calls":
                    assert all(call["index"] not in calls for call in value)
                    calls |= {call.pop("index"): call for call in value}
                elif isinstance(value, str) and isinstance(message.get(name), str):
                    message[name] += value
                else:
                    message[name] = value
    if calls:
        assert list(calls) == list(range(len(calls)))
        message["tool_calls"] = list(calls.values())
    return {"message": message, "finish_reason": reason}


def events_of(items: Iterator[ServerSentEvent | StrayJson], turn: GeminiTurn) -> Iterator[TurnEvent]:
    for item in items:
        answer = decode_item(item, model="gemini-3.5-flash", now=0)
        if answer is not None:
            yield from turn.feed(answer)


def pipe(body: bytes, size: int) -> tuple[list[TurnEvent], GatewayError | None]:
    """A Gemini body as turn events, and the failure it ended in."""
    decoder, turn = SseDecoder(), GeminiTurn()
    events: list[TurnEvent] = []
    try:
        for start in range(0, len(body), size):
            events.extend(events_of(decoder.feed(body[start : start + size]), turn))
        events.extend(events_of(decoder.finish(), turn))
        events.extend(turn.finish())
    except GatewayError as failure:
        return events, failure
    return events, None


# --- whole streams --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize("name", sorted(path.stem for path in STREAMS.glob("*.sse")))
def test_streams(name: str, size: int, golden: Callable[[str, str], None]) -> None:
    events, failure = pipe((STREAMS / f"{name}.sse").read_bytes(), size)
    encoder = new_encoder()
    stream = b"".join(map(encoder.begin().feed, events))
    stream += encoder.error(failure) if failure else encoder.finish()
    golden(f"{name}.sse", stream.decode())


@pytest.mark.parametrize("name", ["text", "thinking", "tools", "image", "withheld", "blocked-prompt"])
def test_whole_answers(name: str, golden: Callable[[str, str], None]) -> None:
    events, failure = pipe((STREAMS / f"{name}.sse").read_bytes(), 1_000_000)
    assert failure is None
    golden(f"{name}.json", json.dumps(build(events), indent=2, ensure_ascii=False) + "\n")


def test_every_recorded_response_is_a_valid_answer(recorded: Path) -> None:
    not_gemini_answers = {"21", "22", "33", "34", "39"}
    for path in sorted(recorded.iterdir()):
        number = path.name[:2]
        if path.suffix not in {".sse", ".json", ".jsonl"} or number in not_gemini_answers:
            continue
        body = path.read_bytes()
        if path.suffix == ".jsonl":
            body = b"".join(map(encode_event, body.splitlines()))
        events, failure = pipe(body, 4096)
        if number in {"20", "36", "37", "38"}:
            assert isinstance(failure, MalformedToolCall), path.name
            assert not any(isinstance(event, ToolCall) and not event.name for event in events), path.name
            continue
        assert failure is None, path.name
        assert_valid(events)
        assert pipe(body, 7)[0] == events, path.name


def test_recorded_facts(recorded: Path) -> None:
    def answer(number: str) -> Json:
        (path,) = recorded.glob(f"{number}-*")
        return build(pipe(path.read_bytes(), 4096)[0])["choices"][0]

    parallel = answer("08")
    assert [call["extra_content"]["google"]["id"] for call in parallel["message"]["tool_calls"]] == [
        "dv8szvqe",
        "j80tal12",
    ]
    assert (parallel["message"]["content"], parallel["finish_reason"]) == (None, "tool_calls")
    thinking = answer("15")
    assert (thinking["message"]["content"], thinking["finish_reason"]) == ("", "length")
    blocked = answer("18")
    assert (blocked["message"]["content"], blocked["finish_reason"]) == ("", "content_filter")
    assert "MODEL_ARMOR" in blocked["message"]["refusal"]
    assert answer("31")["message"]["content"].count("![image](data:image/png;base64,") == 1


# --- what both ways have in common ------------------------------------------------------------------------------

TEXTS = st.text(max_size=5)
SIGNATURES = st.none() | st.sampled_from(["c2ln", "bmF0"])
ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
EVENTS = st.one_of(
    st.builds(TextDelta, TEXTS, SIGNATURES),
    st.builds(ReasoningDelta, st.text(min_size=1, max_size=5)),
    st.builds(
        ToolCall,
        st.sampled_from(["my_tool_", "get_weather", "undeclared"]),
        st.dictionaries(TEXTS, ARGUMENTS, max_size=2),
        st.none() | st.just("aaaa1111"),
        SIGNATURES,
    ),
    st.just(Image("image/png", "AAAA")),
)
FINISHED = st.builds(
    Finished,
    st.sampled_from(FinishReason),
    st.builds(Usage, st.integers(0, 99), st.integers(0, 9), st.integers(0, 99), st.integers(0, 9)),
    st.none() | st.just("No."),
)


def turn_of(events: list[TurnEvent], end: Finished) -> list[TurnEvent]:
    return [*events, end]


TURNS = st.builds(turn_of, st.lists(EVENTS, max_size=6), FINISHED)


def assert_valid(events: Sequence[TurnEvent], form: CallForm = FORM) -> None:
    """The laws of every answer: the stream adds up to the whole, and `openai` takes both."""
    whole = build(events, form)
    ChatCompletion.model_validate(whole, strict=True)
    (choice,) = whole["choices"]
    stream = encode(events, form)
    # the pieces of a stream have no annotations and no index of the choice
    assert accumulated(stream) == {"message": choice["message"], "finish_reason": choice["finish_reason"]}
    *chunks, last = frames(stream)
    assert last["usage"] == whole["usage"]
    assert all(chunk["usage"] is None for chunk in chunks)
    for chunk in [*chunks, last]:
        # for the call of a custom tool in a chunk `openai` has no type, and takes it as it comes
        if '"custom"' not in json.dumps(chunk):
            ChatCompletionChunk.model_validate(chunk, strict=True)
    assert [delta for delta in deltas(stream) if "role" in delta] == deltas(stream)[:1]
    used = whole["usage"]
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"]
    message = choice["message"]
    functions = [call["function"] for call in message.get("tool_calls", ()) if call["type"] == "function"]
    for function in [*functions, *filter(None, [message.get("function_call")])]:
        assert isinstance(json.loads(function["arguments"], parse_constant=pytest.fail), dict)


@given(events=TURNS, form=st.sampled_from([FORM, ONE_AT_A_TIME, CUSTOM, LEGACY]))
def test_a_stream_adds_up_to_the_whole_answer(events: list[TurnEvent], form: CallForm) -> None:
    assert_valid(events, form)


@given(events=TURNS)
def test_without_include_usage_no_chunk_speaks_of_it(events: list[TurnEvent]) -> None:
    with_usage = frames(encode(events))
    without = frames(encode(events, include_usage=False))
    assert without == [
        {key: value for key, value in chunk.items() if key != "usage"} for chunk in with_usage[:-1]
    ]


def test_the_sdk_accumulates_parallel_calls() -> None:
    events = [
        ToolCall("my_tool_", {"x": 1}, signature="c2ln"),
        ToolCall("get_weather", {}),
        finished("tool_calls"),
    ]
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in frames(encode(events)):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    calls = state.get_final_completion().choices[0].message.tool_calls
    assert calls is not None
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        ("call_1", "my tool!", '{"x":1}'),
        ("call_2", "get_weather", "{}"),
    ]


# --- named cases ------------------------------------------------------------------------------------------------


def finished(reason: str = "stop", usage: Usage | None = None, refusal: str | None = None) -> Finished:
    return Finished(FinishReason(reason), usage or Usage(), refusal)


def call(number: int, name: str, arguments: str, **extra: str) -> Json:
    plain = {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {**plain, "extra_content": {"google": extra}} if extra else plain


ROLE = {"role": "assistant", "content": "", "refusal": None}
ROLE_WITHOUT_TEXT = {"role": "assistant", "content": None, "refusal": None}

DELTAS: dict[str, tuple[list[TurnEvent], list[Json]]] = {
    "C55: text": (
        [TextDelta("Bon"), TextDelta("jour"), finished()],
        [ROLE, {"content": "Bon"}, {"content": "jour"}, {}],
    ),
    "C57: text and calls": (
        [TextDelta("t"), ToolCall("a", {"x": 1}), ToolCall("b", {}), finished("tool_calls")],
        [
            ROLE,
            {"content": "t"},
            {"tool_calls": [{"index": 0, **call(1, "a", '{"x":1}')}]},
            {"tool_calls": [{"index": 1, **call(2, "b", "{}")}]},
            {},
        ],
    ),
    "calls alone": (
        [ToolCall("a", {"ü": "…"}, "aaaa1111", "c2ln"), finished("tool_calls")],
        [
            ROLE_WITHOUT_TEXT,
            {"tool_calls": [{"index": 0, **call(1, "a", '{"ü":"…"}', thought_signature="c2ln", id="aaaa1111")}]},
            {},
        ],
    ),
    "C52: reasoning": (
        [ReasoningDelta("T"), TextDelta("A"), finished()],
        [ROLE_WITHOUT_TEXT, {"reasoning_content": "T"}, {"content": "A"}, {}],
    ),
    "reasoning alone": (
        [ReasoningDelta("T"), finished("length")],
        [ROLE_WITHOUT_TEXT, {"reasoning_content": "T"}, {"content": ""}, {}],
    ),
    "signature on text": (
        [TextDelta("a"), TextDelta("", "c2ln"), finished()],
        [ROLE, {"content": "a"}, {"content": "", "extra_content": {"google": {"thought_signature": "c2ln"}}}, {}],
    ),
    "C53: image": (
        [Image("image/png", "AAAA"), finished()],
        [ROLE, {"content": "![image](data:image/png;base64,AAAA)"}, {}],
    ),
    "C49: blocked prompt": (
        [finished("content_filter", refusal="Blocked (SAFETY).")],
        [ROLE, {"refusal": "Blocked (SAFETY)."}, {}],
    ),
    "nothing": ([finished("length")], [ROLE, {}]),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), DELTAS.values(), ids=DELTAS.keys())
def test_deltas(events: list[TurnEvent], expected: list[Json]) -> None:
    assert deltas(encode(events)) == expected


@pytest.mark.parametrize("reason", [reason.value for reason in FinishReason])
def test_c48_the_finish_reason_is_on_the_last_choice_alone(reason: str) -> None:
    stream = encode([TextDelta("a"), finished(reason)], include_usage=False)
    assert [chunk["choices"][0]["finish_reason"] for chunk in frames(stream)] == [None, None, reason]


def test_c51_c56_usage() -> None:
    usage = Usage(input_tokens=10, cached_tokens=8, output_tokens=10, reasoning_tokens=6)
    expected = {
        "prompt_tokens": 10,
        "completion_tokens": 10,
        "total_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 6,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    events: list[TurnEvent] = [TextDelta("a"), finished(usage=usage)]
    assert build(events)["usage"] == expected
    last = frames(encode(events))[-1]
    assert (last["choices"], last["usage"]) == ([], expected)


def test_c45_equal_calls_have_different_ids() -> None:
    events = [
        TextDelta("ok "),
        ToolCall("f", {"a": 1}, signature="SIG"),
        ToolCall("f", {"a": 1}),
        finished("tool_calls"),
    ]
    (choice,) = build(events)["choices"]
    assert choice == {
        "index": 0,
        "message": {
            "role": "assistant",
            "content": "ok ",
            "refusal": None,
            "annotations": [],
            "tool_calls": [call(1, "f", '{"a":1}', thought_signature="SIG"), call(2, "f", '{"a":1}')],
        },
        "logprobs": None,
        "finish_reason": "tool_calls",
    }


def test_only_the_first_of_calls_that_shall_not_be_parallel() -> None:
    events = [ToolCall("a", {}), ToolCall("b", {}), finished("tool_calls")]
    assert [
        each["function"]["name"]
        for each in build(events, ONE_AT_A_TIME)["choices"][0]["message"]["tool_calls"]
    ] == ["a"]
    assert len(deltas(encode(events, ONE_AT_A_TIME))) == 3


CUSTOM_INPUTS: dict[str, tuple[Json, str]] = {
    "text": ({"input": "*** Begin\n\\d"}, "*** Begin\n\\d"),
    "nothing": ({"input": ""}, ""),
    "more than was declared": ({"input": "ls", "why": "x"}, "ls"),
    "no text": ({"input": 5}, '{"input":5}'),
    "another name": ({"patch": "x"}, '{"patch":"x"}'),
    "no arguments": ({}, "{}"),
}


@pytest.mark.parametrize(("arguments", "raw"), CUSTOM_INPUTS.values(), ids=CUSTOM_INPUTS)
def test_calls_of_custom_tools_carry_their_input_as_it_is(arguments: Json, raw: str) -> None:
    events = [
        ToolCall("get_weather", arguments),
        ToolCall("my_tool_", arguments, "aaaa1111", "c2ln"),
        finished("tool_calls"),
    ]
    custom = {
        "id": "call_2",
        "type": "custom",
        "custom": {"name": "my tool!", "input": raw},
        "extra_content": {"google": {"thought_signature": "c2ln", "id": "aaaa1111"}},
    }
    (choice,) = build(events, CUSTOM)["choices"]
    function = call(1, "get_weather", json.dumps(arguments, separators=(",", ":")))
    assert (choice["message"]["tool_calls"], choice["finish_reason"]) == ([function, custom], "tool_calls")
    assert deltas(encode(events, CUSTOM)) == [
        ROLE_WITHOUT_TEXT,
        {"tool_calls": [{"index": 0, **function}]},
        {"tool_calls": [{"index": 1, **custom}]},
        {},
    ]


def test_the_sdk_accumulates_calls_of_custom_tools() -> None:
    events = [ToolCall("my_tool_", {"input": "ls"}), ToolCall("get_weather", {}), finished("tool_calls")]
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in frames(encode(events, CUSTOM)):
        state.handle_chunk(ChatCompletionChunk.construct(**chunk))
    # parsed completions of `openai` 3.54 know functions only, whoever sends the chunks
    message = state.current_completion_snapshot.choices[0].message.to_dict(exclude_none=True)
    assert message["tool_calls"] == [
        {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "my tool!", "input": "ls"}},
        {"index": 1, **call(2, "get_weather", "{}")},
    ]


def test_a_client_of_legacy_functions_gets_one_function_call() -> None:
    events = [
        ToolCall("my_tool_", {"x": 1}, "aaaa1111", "c2ln"),
        ToolCall("get_weather", {}),
        finished("tool_calls"),
    ]
    function_call = {"name": "my tool!", "arguments": '{"x":1}'}
    extra_content = {"google": {"thought_signature": "c2ln"}}
    assert build(events, LEGACY)["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "annotations": [],
                "function_call": function_call,
                "extra_content": extra_content,
            },
            "logprobs": None,
            "finish_reason": "function_call",
        }
    ]
    stream = encode(events, LEGACY, include_usage=False)
    assert deltas(stream) == [
        ROLE_WITHOUT_TEXT,
        {"function_call": function_call, "extra_content": extra_content},
        {},
    ]
    assert frames(stream)[-1]["choices"][0]["finish_reason"] == "function_call"


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
def test_legacy_functions_change_no_other_finish_reason(reason: str) -> None:
    events = [ToolCall("f", {}), finished(reason)]
    assert build(events, LEGACY)["choices"][0]["finish_reason"] == reason


def test_names_are_the_clients_own() -> None:
    message = build([ToolCall(NAMES.to_gemini("my tool!"), {}), finished("tool_calls")])["choices"][0][
        "message"
    ]
    assert message["tool_calls"] == [call(1, "my tool!", "{}")]


def test_c50_several_turns_are_several_choices() -> None:
    # C50 has Gemini give both candidates; upstream.md: more than one is a 400 on current models, so each is a turn
    usage = Usage(input_tokens=5, output_tokens=2)
    whole, stream = new_builder(), new_encoder()
    written = b""
    for answer in (whole, stream):
        second, first = answer.begin(1), answer.begin(0)
        for turn, word in ((second, "B"), (first, "A")):
            written += turn.feed(TextDelta(word)) + turn.feed(finished(usage=usage))
    body = json.loads(whole.finish())
    ChatCompletion.model_validate(body, strict=True)
    assert [(choice["index"], choice["message"]["content"]) for choice in body["choices"]] == [
        (0, "A"),
        (1, "B"),
    ]
    *chunks, last = frames(written + stream.finish())
    texts = {0: "", 1: ""}
    for chunk in chunks:
        for choice in chunk["choices"]:
            texts[choice["index"]] += choice["delta"].get("content") or ""
    assert texts == {0: "A", 1: "B"}
    assert last["usage"] == body["usage"]
    assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (10, 4)


def test_an_attempt_begun_again_leaves_nothing_of_the_first() -> None:
    whole = new_builder()
    whole.begin().feed(TextDelta("half an ans"))
    turn = whole.begin()
    turn.feed(TextDelta("whole answer"))
    turn.feed(finished())
    (choice,) = json.loads(whole.finish())["choices"]
    assert choice["message"]["content"] == "whole answer"


def test_signatures_are_collected_by_the_ids_of_their_calls() -> None:
    stream = new_encoder()
    turn = stream.begin()
    turn.feed(ToolCall("get_weather", {}, upstream_id="u1", signature="c2ln"))
    turn.feed(ToolCall("get_weather", {}))
    assert stream.signatures == {"call_1": Signature("c2ln", "u1")}


def test_c40_citations_are_annotations() -> None:
    events: list[TurnEvent] = [
        Searched(("q",)),
        TextDelta("hello"),
        Cited((Citation(0, 5, "https://e.x/1", "T1"),)),
        finished(),
    ]
    annotation = {
        "type": "url_citation",
        "url_citation": {"start_index": 0, "end_index": 5, "url": "https://e.x/1", "title": "T1"},
    }
    message = build(events)["choices"][0]["message"]
    assert (message["content"], message["annotations"]) == ("hello", [annotation])
    assert [delta["annotations"] for delta in deltas(encode(events)) if "annotations" in delta] == [
        [annotation]
    ]
    assert_valid(events)


def test_logprobs_go_with_their_choice() -> None:
    tokens = (TokenLogprob("é", -0.1, (TokenLogprob("e", -2.5),)), TokenLogprob("!", -9999.0))
    events: list[TurnEvent] = [TextDelta("é!"), Logprobs(tokens), finished()]
    expected = {
        "content": [
            {
                "token": "é",
                "logprob": -0.1,
                "bytes": [195, 169],
                "top_logprobs": [{"token": "e", "logprob": -2.5, "bytes": [101]}],
            },
            {"token": "!", "logprob": -9999.0, "bytes": [33], "top_logprobs": []},
        ],
        "refusal": None,
    }
    assert build(events)["choices"][0]["logprobs"] == expected
    streamed = [choice["logprobs"] for frame in frames(encode(events)) for choice in frame["choices"]]
    assert [logprobs for logprobs in streamed if logprobs] == [expected]
    assert_valid(events)


def test_a_number_that_json_cannot_say_becomes_null() -> None:
    message = build([ToolCall("f", {"x": float("nan")}), finished("tool_calls")])["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["arguments"] == '{"x":null}'


def test_a_turn_that_did_not_end_is_no_answer() -> None:
    encoder, builder = new_encoder(), new_builder()
    encoder.begin().feed(TextDelta("a"))
    builder.begin().feed(TextDelta("a"))
    with pytest.raises(StreamTruncated):
        encoder.finish()
    with pytest.raises(StreamTruncated):
        builder.finish()


def from_upstream(status: int) -> Overloaded:
    failure = Overloaded("Busy.")
    failure.upstream_status = status
    return failure


ERRORS: dict[str, tuple[GatewayError, Json]] = {
    "a request's fault": (
        UnsupportedInput("No.", param="n"),
        {"message": "No.", "type": "invalid_request_error", "param": "n", "code": "unsupported_value"},
    ),
    "with the upstream's status": (
        from_upstream(503),
        {
            "message": "Busy.",
            "type": "server_error",
            "param": None,
            "code": "server_is_overloaded",
            "upstream_status": 503,
        },
    ),
    "without": (
        AccountsExhausted("None left."),
        {"message": "None left.", "type": "server_error", "param": None, "code": "no_account_available"},
    ),
    "rate limit": (
        RateLimited("Slow down."),
        {"message": "Slow down.", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"},
    ),
}


@pytest.mark.parametrize(("error", "expected"), ERRORS.values(), ids=ERRORS.keys())
def test_errors(error: GatewayError, expected: Json) -> None:
    assert json.loads(to_openai_error(error).to_json()) == {"error": expected}
    assert new_encoder().error(error) == encode_event(to_openai_error(error).to_json())
