import json
from pathlib import Path

import pytest

from antigravity_addon.errors import (
    EmptyAnswer,
    GatewayError,
    MalformedToolCall,
    MissingThoughtSignature,
    StreamTruncated,
)
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
from antigravity_addon.wire.gemini_response import GenerateContentResponse, read_message
from antigravity_addon.wire.sse import SseDecoder


def read(chunk: str | bytes) -> GenerateContentResponse:
    return read_message(chunk.encode() if isinstance(chunk, str) else chunk)


def play(*chunks: str | bytes) -> list[TurnEvent]:
    turn = GeminiTurn()
    return [*fed(turn, *chunks), *turn.finish()]


def fed(turn: GeminiTurn, *chunks: str | bytes) -> list[TurnEvent]:
    return [event for chunk in chunks for event in turn.feed(read(chunk))]


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
    "words beside what a part brings": (
        [
            chunk(
                {"text": "a", **CALL, "thoughtSignature": "SIG"},
                {"text": "b", "inlineData": {"mimeType": "image/png", "data": "BBBB"}},
                {"text": "", **CALL},
                finish="STOP",
            )
        ],
        [
            TextDelta("a"),
            ToolCall("f", {"a": 1}, signature="SIG"),
            TextDelta("b"),
            Image("image/png", "BBBB"),
            ToolCall("f", {"a": 1}),
            stop(FinishReason.TOOL_CALLS),
        ],
    ),
    "a finish reason in small letters": (
        [chunk({"text": "a"}, finish="max_tokens")],
        [TextDelta("a"), stop(FinishReason.LENGTH)],
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
    "a long answer that nobody follows is cut short": (
        [chunk({"text": "a"}, finish="CONTINUATION", continuationToken="x")],
        [TextDelta("a"), stop(FinishReason.LENGTH)],
    ),
    "a finish reason that comes twice": (
        [chunk({"text": "a"}, finish="STOP"), chunk({"text": ""}, finish="STOP")],
        [TextDelta("a"), stop()],
    ),
    "a picture that failed beside text": (
        [chunk({"text": "a"}, finish="IMAGE_OTHER")],
        [TextDelta("a"), stop()],
    ),
    "blocked for a reason nobody knows yet": (
        ['{"promptFeedback":{"blockReason":"BRAND_NEW","blockReasonMessage":"No."}}'],
        [stop(FinishReason.CONTENT_FILTER, "The prompt was blocked (BRAND_NEW: No.).")],
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
    "counts that count nothing": (
        [
            usage(promptTokenCount=7, candidatesTokenCount=-1, thoughtsTokenCount=10**400),
            chunk({"text": "a"}, finish="STOP"),
            usage(promptTokenCount=-2, cachedContentTokenCount=2**31),
        ],
        [TextDelta("a"), Finished(FinishReason.STOP, Usage(input_tokens=7))],
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
    "signature missing": ([chunk(finish="MISSING_THOUGHT_SIGNATURE")], MissingThoughtSignature),
    "malformed answer": ([chunk({"text": "a"}, finish="MALFORMED_RESPONSE")], MalformedToolCall),
    "streamed call": ([chunk({"functionCall": {"name": "f", "willContinue": True}})], MalformedToolCall),
    "nameless call": ([chunk({"functionCall": {}})], MalformedToolCall),
}


WITHHELD = (
    "BLOCKLIST",
    "ESCALATION",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_SAFETY",
    "LANGUAGE",
    "MODEL_ARMOR",
    "PROHIBITED_CONTENT",
    "PUP_LIMITED_DISABLED",
    "RECITATION",
    "SAFETY",
    "SPII",
)


@pytest.mark.parametrize("reason", WITHHELD)
def test_every_way_of_withholding_is_a_content_filter(reason: str) -> None:
    assert play(chunk(finish=reason)) == [
        stop(FinishReason.CONTENT_FILTER, f"The answer was withheld ({reason}).")
    ]


@pytest.mark.parametrize(("chunks", "failure"), FAILURES.values(), ids=FAILURES.keys())
def test_turns_that_fail(chunks: list[str], failure: type[GatewayError]) -> None:
    with pytest.raises(failure):
        play(*chunks)


def test_an_undeclared_call_is_never_passed_on() -> None:
    turn = GeminiTurn()
    condemned = chunk({"text": "a"}, CALL, finish="UNEXPECTED_TOOL_CALL", finishMessage="no tool named f")
    events: list[TurnEvent] = []
    with pytest.raises(MalformedToolCall, match="no tool named f"):
        events.extend(turn.feed(read(condemned)))
    assert events == []


def test_of_citations_there_are_no_more_than_somebody_follows() -> None:
    pages = [{"web": {"uri": f"https://a.example/{number}"}} for number in range(100)]
    pieces = [
        {"segment": {"endIndex": number + 1}, "groundingChunkIndices": list(range(100))}
        for number in range(100)
    ]
    grounding = {"groundingChunks": pages, "groundingSupports": pieces}
    (_, cited, _) = play(chunk({"text": "x" * 200}, finish="STOP", groundingMetadata=grounding))
    assert isinstance(cited, Cited)
    assert len(cited.citations) == 1000


def test_of_what_gemini_says_about_an_end_so_much_is_repeated_as_somebody_reads() -> None:
    long = "x" * 1_000_000
    withheld = play(chunk(finish="SAFETY", finishMessage=long))
    blocked = play(json.dumps({"promptFeedback": {"blockReason": long, "blockReasonMessage": long}}))
    for event in (*withheld, *blocked):
        assert isinstance(event, Finished)
        assert event.refusal is not None
        assert len(event.refusal) < 2100
    for reason, condemned in (("MALFORMED_FUNCTION_CALL", MalformedToolCall), (long, EmptyAnswer)):
        with pytest.raises(condemned) as raised:
            play(chunk(finish=reason, finishMessage=long))
        assert len(raised.value.message) < 2100


# --- hops -------------------------------------------------------------------------------------------------


def test_a_long_answer_is_followed_over_its_hops() -> None:
    turn = GeminiTurn()
    events = fed(
        turn,
        chunk({"text": "a"}),
        usage(promptTokenCount=900, cachedContentTokenCount=64, candidatesTokenCount=1),
        chunk({"text": "b"}, finish="CONTINUATION", continuationToken="one"),
        usage(candidatesTokenCount=40, thoughtsTokenCount=20),
    )
    assert turn.continuation == "one"
    turn.next_hop()
    assert turn.continuation is None
    events += fed(
        turn,
        usage(promptTokenCount=960, cachedContentTokenCount=900),
        chunk({"text": "c"}, finish="STOP"),
        usage(candidatesTokenCount=5),
    )
    assert [*events, *turn.finish()] == [
        TextDelta("a"),
        TextDelta("b"),
        TextDelta("c"),
        Finished(
            FinishReason.STOP,
            Usage(input_tokens=900, cached_tokens=64, output_tokens=65, reasoning_tokens=20),
        ),
    ]
    assert turn.continuation is None


def test_a_hop_that_was_cut_before_its_usage_leaves_the_prompt_to_the_next() -> None:
    turn = GeminiTurn()
    fed(turn, chunk({"text": "a"}, continuationToken="x"))
    turn.next_hop()
    fed(turn, usage(promptTokenCount=9, candidatesTokenCount=2), chunk({"text": "b"}, finish="STOP"))
    assert [*turn.finish()] == [Finished(FinishReason.STOP, Usage(input_tokens=9, output_tokens=2))]


TOKENS: dict[str, tuple[list[str], str | None, str | None]] = {
    "no token": ([chunk({"text": "a"})], None, None),
    "no token to go on with": ([chunk({"text": "a"}, finish="CONTINUATION")], None, None),
    "going on": ([chunk({"text": "a"}, finish="CONTINUATION", continuationToken="x")], "x", "x"),
    "the budget is spent": ([chunk({"text": "a"}, finish="MAX_TOKENS", continuationToken="x")], None, None),
    "done": ([chunk({"text": "a"}, continuationToken="x"), chunk(finish="STOP")], None, None),
    "blocked": (
        [chunk({"text": "a"}, continuationToken="x"), '{"promptFeedback":{"blockReason":"SAFETY"}}'],
        None,
        None,
    ),
    "a checkpoint holds what came with it": ([chunk({"text": "a"}, continuationToken="x")], None, "x"),
    "the last checkpoint": (
        [chunk({"text": "a"}, continuationToken="x"), chunk({"text": "b"}, continuationToken="y")],
        None,
        "y",
    ),
    "text behind the checkpoint": (
        [chunk({"text": "a"}, continuationToken="x"), chunk({"text": "b"})],
        None,
        None,
    ),
    "a thought behind the checkpoint": (
        [chunk({"text": "a"}, continuationToken="x"), chunk({"text": "b", "thought": True})],
        None,
        None,
    ),
    "nothing that is passed on behind the checkpoint": (
        [chunk({"text": "a"}, continuationToken="x"), chunk({"text": ""}), usage(candidatesTokenCount=1)],
        None,
        "x",
    ),
}


@pytest.mark.parametrize(("chunks", "continuation", "checkpoint"), TOKENS.values(), ids=TOKENS)
def test_where_an_answer_can_go_on(
    chunks: list[str], continuation: str | None, checkpoint: str | None
) -> None:
    turn = GeminiTurn()
    fed(turn, *chunks)
    assert (turn.continuation, turn.checkpoint) == (continuation, checkpoint)


def test_a_hop_that_brought_nothing_can_be_asked_for_again() -> None:
    turn = GeminiTurn()
    fed(turn, chunk({"text": "a"}, continuationToken="x"))
    turn.next_hop()
    assert turn.checkpoint == "x"


# --- what the text rests on -------------------------------------------------------------------------------

PAGE = {"web": {"uri": "https://e.x/1", "title": "T1"}}
HELLO = Citation(0, 5, "https://e.x/1", "T1")


def grounded(text: str, *supports: object, chunks: list[object] | None = None) -> str:
    metadata = {"groundingChunks": [PAGE] if chunks is None else chunks, "groundingSupports": supports}
    return chunk({"text": text}, finish="STOP", groundingMetadata=metadata)


def support(*indexes: int, **segment: object) -> object:
    return {"segment": segment, "groundingChunkIndices": indexes}


CITED: dict[str, tuple[str, tuple[Citation, ...]]] = {
    "C40 a page": (grounded("hello", support(0, startIndex=0, endIndex=5)), (HELLO,)),
    "no start is the start": (grounded("hello", support(0, endIndex=5)), (HELLO,)),
    "bytes become characters": (
        grounded("é€😀 hello, ü", support(0, startIndex=10, endIndex=15)),
        (Citation(4, 9, "https://e.x/1", "T1"),),
    ),
    "a byte inside of a character ends behind it": (
        grounded("aé", support(0, endIndex=2)),
        (Citation(0, 2, "https://e.x/1", "T1"),),
    ),
    "beyond the end is the end": (grounded("hello", support(0, endIndex=999)), (HELLO,)),
    "before the start is the start": (grounded("hello", support(0, startIndex=-3, endIndex=5)), (HELLO,)),
    "several pages for one piece": (
        grounded("hello", support(0, 1, endIndex=5), chunks=[PAGE, {"web": {"uri": "https://e.x/2"}}]),
        (HELLO, Citation(0, 5, "https://e.x/2", "https://e.x/2")),
    ),
    "a domain for a title": (
        grounded("hello", support(0, endIndex=5), chunks=[{"web": {"uri": "https://r.x/", "domain": "e.x"}}]),
        (Citation(0, 5, "https://r.x/", "e.x"),),
    ),
    "in the order of the text": (
        grounded("hello you", support(0, startIndex=6, endIndex=9), support(0, endIndex=5)),
        (HELLO, Citation(6, 9, "https://e.x/1", "T1")),
    ),
    "the same twice is once": (
        grounded("hello", support(0, 1, endIndex=5), chunks=[PAGE, PAGE]),
        (HELLO,),
    ),
    "pages that are not there": (grounded("hello", support(7, -1, 0, endIndex=5)), (HELLO,)),
    "pages without an address, and files": (
        grounded("hello", support(0, 1, 2, endIndex=5), chunks=[{"web": {}}, {"retrievedContext": {}}, PAGE]),
        (HELLO,),
    ),
    "pieces of nothing": (
        grounded(
            "hello",
            {},
            {"groundingChunkIndices": [0]},
            {"segment": {"endIndex": 5}},
            support(0),
            support(0, startIndex=5, endIndex=2),
            support(0, startIndex=99, endIndex=100),
            support(0, endIndex=5),
        ),
        (HELLO,),
    ),
}


@pytest.mark.parametrize(("answer", "citations"), CITED.values(), ids=CITED)
def test_citations(answer: str, citations: tuple[Citation, ...]) -> None:
    assert play(answer)[1:] == [Cited(citations), stop()]


def test_without_a_page_nothing_is_cited() -> None:
    assert play(grounded("hello", support(0, endIndex=5), chunks=[])) == [TextDelta("hello"), stop()]


def test_citations_count_from_the_start_of_the_turn() -> None:
    thought = chunk({"text": "Thoughts are not counted. ", "thought": True})
    events = play(thought, chunk({"text": "é "}), grounded("hello", support(0, startIndex=3, endIndex=8)))
    assert events[-2] == Cited((Citation(2, 7, "https://e.x/1", "T1"),))


def test_the_last_metadata_that_says_something_counts_and_the_search_is_told_once() -> None:
    early = chunk({"text": "hello"}, groundingMetadata={"webSearchQueries": ["q"]})
    late = {
        "webSearchQueries": ["q"],
        "groundingChunks": [PAGE],
        "groundingSupports": [support(0, endIndex=5)],
    }
    events = play(
        early,
        chunk({"text": ""}, groundingMetadata=late),
        chunk({"text": ""}, finish="STOP", groundingMetadata={}),
    )
    assert events == [Searched(("q",)), TextDelta("hello"), Cited((HELLO,)), stop()]


def test_recorded_citations_are_the_pieces_google_names(recorded: Path) -> None:
    (path,) = recorded.glob("24-*")
    chunks = chunks_of(path)
    events = play(*chunks)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    (cited,) = (event for event in events if isinstance(event, Cited))
    metadata = json.loads(chunks[-1])["candidates"][0]["groundingMetadata"]
    pages = [each["web"] for each in metadata["groundingChunks"]]
    assert not text.isascii()
    assert sorted((text[each.start : each.end], each.url, each.title) for each in cited.citations) == sorted(
        (each["segment"]["text"], pages[index]["uri"], pages[index]["title"])
        for each in metadata["groundingSupports"]
        for index in each["groundingChunkIndices"]
    )
    assert [event for event in events if isinstance(event, Searched)] == [
        Searched(("weather in San Francisco today",))
    ]


def test_recorded_sources_that_are_files_are_not_cited(recorded: Path) -> None:
    (path,) = recorded.glob("26-*")
    assert not any(isinstance(event, Searched | Cited) for event in play(*chunks_of(path)))


# --- how likely the text was ------------------------------------------------------------------------------


def likely(token: str | None, logprob: object) -> object:
    return {"token": token, "tokenId": 1, "logProbability": logprob}


LOGPROBS: dict[str, tuple[dict[str, object], tuple[TokenLogprob, ...]]] = {
    "the chosen ones": (
        {"chosenCandidates": [likely("a", -0.5), likely("b", -1)]},
        (TokenLogprob("a", -0.5), TokenLogprob("b", -1.0)),
    ),
    "with others": (
        {
            "chosenCandidates": [likely("a", -0.5)],
            "topCandidates": [{"candidates": [likely("a", -0.5), likely("x", -2.5)]}],
        },
        (TokenLogprob("a", -0.5, (TokenLogprob("a", -0.5), TokenLogprob("x", -2.5))),),
    ),
    "others for some": (
        {"chosenCandidates": [likely("a", -0.5), likely("b", -1)], "topCandidates": [{}]},
        (TokenLogprob("a", -0.5), TokenLogprob("b", -1.0)),
    ),
    "others for none": (
        {
            "chosenCandidates": [likely("a", -0.5)],
            "topCandidates": [{"candidates": [{}]}, {"candidates": [likely("b", -1)]}],
        },
        (TokenLogprob("a", -0.5),),
    ),
    "minus infinity": ({"chosenCandidates": [likely("a", "-Infinity")]}, (TokenLogprob("a", -9999.0),)),
    "no number": ({"chosenCandidates": [likely("a", "NaN")]}, (TokenLogprob("a", -9999.0),)),
    "nothing said": ({"chosenCandidates": [{"token": "a"}]}, (TokenLogprob("a", -9999.0),)),
    "no token": ({"chosenCandidates": [likely(None, -1), likely("a", -0.5)]}, (TokenLogprob("a", -0.5),)),
}


@pytest.mark.parametrize(("result", "tokens"), LOGPROBS.values(), ids=LOGPROBS)
def test_logprobs(result: dict[str, object], tokens: tuple[TokenLogprob, ...]) -> None:
    assert play(chunk({"text": "a"}, finish="STOP", logprobsResult=result)) == [
        TextDelta("a"),
        Logprobs(tokens),
        stop(),
    ]


def test_logprobs_follow_the_text_of_their_chunk() -> None:
    first = chunk({"text": "a"}, logprobsResult={"chosenCandidates": [likely("a", -1)]})
    assert play(first, chunk({"text": "b"}, finish="STOP", logprobsResult={})) == [
        TextDelta("a"),
        Logprobs((TokenLogprob("a", -1.0),)),
        TextDelta("b"),
        stop(),
    ]


def test_recorded_logprobs_spell_the_text(recorded: Path) -> None:
    (path,) = recorded.glob("29-*")
    text, logprobs, _ = play(*chunks_of(path))
    assert isinstance(text, TextDelta)
    assert isinstance(logprobs, Logprobs)
    assert "".join(token.token for token in logprobs.tokens) == text.text == "2 + 2 = 4"
    assert logprobs.tokens[0] == TokenLogprob(
        "2",
        -0.01972555,
        (
            TokenLogprob("2", -0.01972555),
            TokenLogprob("4", -4.1320033),
            TokenLogprob("Four", -6.808355),
            TokenLogprob("$", -6.889938),
            TokenLogprob("**", -7.830156),
        ),
    )


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
    "24": (["TextDelta", "Searched", "TextDelta", "Cited"], FinishReason.STOP, 119, 653, 412),
    "26": (["TextDelta"], FinishReason.STOP, 785, 779, 742),
    "28": (["ToolCall"], FinishReason.TOOL_CALLS, 47, 86, 55),
    "29": (["TextDelta", "Logprobs"], FinishReason.STOP, 7, 80, 73),
    "31": (["TextDelta", "Image"], FinishReason.STOP, 17, 1336, 0),
    "32": (["ToolCall"], FinishReason.TOOL_CALLS, 372, 486, 414),
    "35": (["ReasoningDelta", "ToolCall"], FinishReason.TOOL_CALLS, 32, 54, 42),
}


@pytest.mark.parametrize("number", TURNS)
def test_recorded_turns(recorded: Path, number: str) -> None:
    (path,) = recorded.glob(f"{number}-*")
    chunks = chunks_of(path)
    assert summary(play(*chunks)) == TURNS[number]
    last = read(chunks[-1]).usage_metadata
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
    chunk = read_message(b'{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}')
    turn = GeminiTurn(may_be_empty=True)
    assert list(turn.feed(chunk)) == []
    assert list(turn.finish()) == [stop()]
