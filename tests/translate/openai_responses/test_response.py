import json
from collections.abc import Callable

import pytest
from openai.types.responses import CompactedResponse

from antigravity_addon.errors import (
    AccountsExhausted,
    GatewayError,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    StreamTruncated,
    UpstreamRefused,
)
from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.events import (
    Citation,
    Cited,
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
from antigravity_addon.translate.openai_responses.answer_form import AnswerForm
from antigravity_addon.translate.openai_responses.opaque import Carried, decode
from antigravity_addon.wire.openai_responses.response import ConversationReference, Echo
from tests.translate.openai_responses.answers import (
    COMPACTION,
    EVERYTHING,
    FORMS,
    PLAIN,
    Json,
    accumulated,
    assert_strict,
    finished,
    frames,
    items_done,
    new_builder,
    new_stream,
    streamed,
    types_of,
    understood,
    whole,
)

PATCH = "*** Begin Patch\n*** End Patch"
SEARCH = Searched(("who", "where"))
CITED = Cited((Citation(0, 5, "https://e.x/1", "T1"), Citation(2, 4, "https://e.x/1", "T1")))
LOGPROBS = Logprobs((TokenLogprob("é", -0.1, (TokenLogprob("e", -2.5),)),))

STREAMS: dict[str, tuple[list[TurnEvent], AnswerForm]] = {
    "c77-text": ([TextDelta("Bon"), TextDelta("jour"), finished(usage=Usage(5, 3, 2, 1))], PLAIN),
    "c78-thought-text-call": (
        [ReasoningDelta("T"), TextDelta("A"), ToolCall("f", {"a": 1}), finished("tool_calls")],
        EVERYTHING,
    ),
    "signed-call-after-thought": (
        [
            ReasoningDelta("**Plan**\n\n"),
            ReasoningDelta("Look."),
            ToolCall("get_weather", {}, "u1", "c2ln"),
            finished("tool_calls"),
        ],
        EVERYTHING,
    ),
    "c75-custom-tool": ([ToolCall("apply_patch", {"input": PATCH}), finished("tool_calls")], PLAIN),
    "shells-and-patch": (
        [
            ToolCall("local_shell", {"command": ["ls", "-l"]}),
            ToolCall("shell", {"commands": ["ls"], "timeout_ms": 1000}),
            ToolCall("patch", {"type": "delete_file", "path": "a.txt"}),
            finished("tool_calls"),
        ],
        PLAIN,
    ),
    "search-then-cited-text": ([SEARCH, TextDelta("hello"), CITED, finished()], PLAIN),
    "search-within-text": ([TextDelta("hel"), SEARCH, TextDelta("lo"), CITED, finished()], PLAIN),
    "image": ([TextDelta("Here:"), Image("image/png", "AAAA"), finished()], PLAIN),
    "logprobs": ([TextDelta("é"), LOGPROBS, finished()], EVERYTHING),
    "refusal": ([finished("content_filter", refusal="Blocked (SAFETY).")], PLAIN),
    "refusal-after-text": ([TextDelta("Well"), finished("content_filter", refusal="No.")], PLAIN),
    "c76-cut-short": ([TextDelta("Once"), finished("length")], PLAIN),
    "cut-short-while-thinking": ([ReasoningDelta("T"), finished("length")], EVERYTHING),
    "nothing": ([finished()], PLAIN),
    "compaction": ([TextDelta("We "), TextDelta("met."), finished()], COMPACTION),
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams(name: str, golden: Callable[[str, str], None]) -> None:
    stream = streamed(*STREAMS[name])
    understood(stream)
    golden(f"{name}.sse", stream.decode())


@pytest.mark.parametrize("name", ["c77-text", "c78-thought-text-call", "c76-cut-short", "compaction"])
def test_whole_answers(name: str, golden: Callable[[str, str], None]) -> None:
    answer = whole(*STREAMS[name])
    assert_strict(answer)
    golden(f"{name}.json", json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


# --- the order of events ----------------------------------------------------------------------------------------

OPEN = ["created", "in_progress"]
TEXT = ["output_item.added", "content_part.added", "output_text.delta"]
TEXT_DONE = ["output_text.done", "content_part.done", "output_item.done"]
REASONING = [
    "output_item.added",
    "reasoning_summary_part.added",
    "reasoning_summary_text.delta",
    "reasoning_summary_text.done",
    "reasoning_summary_part.done",
    "output_item.done",
]
CALL = [
    "output_item.added",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "output_item.done",
]
CUSTOM_CALL = [
    "output_item.added",
    "custom_tool_call_input.delta",
    "custom_tool_call_input.done",
    "output_item.done",
]
SEARCHED = [
    "output_item.added",
    "web_search_call.in_progress",
    "web_search_call.searching",
    "web_search_call.completed",
    "output_item.done",
]
REFUSED = ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"]
WHOLE = ["output_item.added", "output_item.done"]
MESSAGE = [*TEXT, *TEXT_DONE]

ORDERS: dict[str, tuple[list[TurnEvent], list[str]]] = {
    "rows 28-34, C77: text": ([TextDelta("a"), finished()], [*OPEN, *MESSAGE, "completed"]),
    "rows 35-37: a call has a delta, even of no arguments": (
        [ToolCall("f", {}), finished("tool_calls")],
        [*OPEN, *CALL, "completed"],
    ),
    "rows 38-40, C78: thought, text and call": (
        [ReasoningDelta("T"), TextDelta("A"), ToolCall("f", {"a": 1}), finished("tool_calls")],
        [*OPEN, *REASONING, *MESSAGE, *CALL, "completed"],
    ),
    "row 40: a signature gets an item for itself, ahead of its call": (
        [TextDelta("A"), ToolCall("f", {}, signature="c2ln"), finished("tool_calls")],
        [*OPEN, *MESSAGE, *WHOLE, *CALL, "completed"],
    ),
    "row 47: custom tool": (
        [ToolCall("apply_patch", {"input": PATCH}), finished("tool_calls")],
        [*OPEN, *CUSTOM_CALL, "completed"],
    ),
    # C76 has SAFETY answered as incomplete: row 55, for Codex asks five times more for that
    "row 55: content withheld": (
        [finished("content_filter", refusal="No.")],
        [*OPEN, "output_item.added", *REFUSED, "output_item.done", "completed"],
    ),
    "row 55: content withheld after text": (
        [TextDelta("a"), finished("content_filter")],
        [*OPEN, *TEXT, *TEXT_DONE[:2], *REFUSED, "output_item.done", "completed"],
    ),
    "row 56, C76: out of tokens": (
        [TextDelta("a"), finished("length")],
        [*OPEN, *MESSAGE, "incomplete"],
    ),
    "search, then text": ([SEARCH, TextDelta("hello"), finished()], [*OPEN, *SEARCHED, *MESSAGE, "completed"]),
    "a search made within a text follows it": (
        [TextDelta("hello"), SEARCH, CITED, finished()],
        [*OPEN, *TEXT, *["output_text.annotation.added"] * 2, *TEXT_DONE, *SEARCHED, "completed"],
    ),
    "local shell, shell and patch have no events of their own": (
        [
            ToolCall("local_shell", {}),
            ToolCall("shell", {}),
            ToolCall("patch", {"type": "delete_file", "path": "a"}),
            finished("tool_calls"),
        ],
        [*OPEN, *WHOLE * 3, "completed"],
    ),
    "an image": ([Image("image/png", "AAAA"), finished()], [*OPEN, *WHOLE, "completed"]),
    "nothing": (
        [finished()],
        [*OPEN, *TEXT[:2], *TEXT_DONE, "completed"],
    ),
    "nothing but a thought": (
        [ReasoningDelta("T"), finished()],
        [*OPEN, *REASONING, *TEXT[:2], *TEXT_DONE, "completed"],
    ),
    "a signature of no text": ([ToolCall("f", {}), TextDelta("", "c2ln"), finished()], [*OPEN, *CALL, "completed"]),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), ORDERS.values(), ids=ORDERS)
def test_order_of_events(events: list[TurnEvent], expected: list[str]) -> None:
    stream = streamed(events, EVERYTHING)
    assert types_of(stream) == expected
    understood(stream)


def test_the_first_events_wait_for_something_to_say() -> None:
    stream = new_stream()
    turn = stream.begin()
    assert turn.feed(ReasoningDelta("not asked for")) == b""
    assert types_of(turn.feed(TextDelta("a")))[:3] == [*OPEN, "output_item.added"]


def test_nothing_is_said_of_a_summary_before_its_end() -> None:
    stream = new_stream(COMPACTION)
    turn = stream.begin()
    events = [
        ReasoningDelta("T"),
        ToolCall("f", {}),
        TextDelta("a"),
        SEARCH,
        CITED,
        Image("image/png", "AAAA"),
    ]
    assert {turn.feed(event) for event in events} == {b""}
    assert types_of(turn.feed(finished()) + stream.finish()) == [*OPEN, *WHOLE, "completed"]


# --- the items --------------------------------------------------------------------------------------------------


def text_part(text: str, annotations: Json = (), logprobs: Json = ()) -> Json:
    return {
        "type": "output_text",
        "annotations": list(annotations),
        "logprobs": list(logprobs),
        "text": text,
    }


def message(number: int, *content: Json, status: str = "completed") -> Json:
    return {
        "id": f"msg_{number}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": list(content),
    }


def refusal(text: str) -> Json:
    return {"type": "refusal", "refusal": text}


def reasoning(number: int, *summary: str, **more: str | None) -> Json:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {
        "id": f"rs_{number}",
        "type": "reasoning",
        "summary": parts,
        "encrypted_content": None,
    } | more


def function_call(number: int, name: str, arguments: str, call: int | None = None, **more: str) -> Json:
    return {
        "id": f"fc_{number}",
        "type": "function_call",
        "status": "completed",
        "arguments": arguments,
        "call_id": f"call_{call or number}",
        "name": name,
    } | more


def custom_call(text: str, **more: str) -> Json:
    return {
        "id": "ctc_1",
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": "call_1",
        "input": text,
    } | more


def search(queries: list[str], **more: Json) -> Json:
    query = queries[0] if queries else ""
    action = {"type": "search", "query": query, "queries": queries} | more
    return {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": action}


def citation(start: int, end: int) -> Json:
    return {
        "type": "url_citation",
        "start_index": start,
        "end_index": end,
        "url": "https://e.x/1",
        "title": "T1",
    }


RATED = {
    "token": "é",
    "logprob": -0.1,
    "bytes": [195, 169],
    "top_logprobs": [{"token": "e", "logprob": -2.5, "bytes": [101]}],
}

ITEMS: dict[str, tuple[list[TurnEvent], AnswerForm, list[Json]]] = {
    "row 57: text": ([TextDelta("a"), TextDelta("b")], PLAIN, [message(1, text_part("ab"))]),
    "row 58: parallel calls": (
        [ToolCall("f", {"ü": "…"}), ToolCall("f", {})],
        PLAIN,
        [function_call(1, "f", '{"ü":"…"}'), function_call(2, "f", "{}")],
    ),
    "one call at a time": (
        [ToolCall("f", {}), TextDelta("a"), ToolCall("g", {}, signature="c2ln")],
        AnswerForm(call_forms=FORMS, parallel=False, encrypts=True),
        [function_call(1, "f", "{}"), message(1, text_part("a"))],
    ),
    "a number that JSON cannot say": (
        [ToolCall("f", {"x": float("nan")})],
        PLAIN,
        [function_call(1, "f", '{"x":null}')],
    ),
    "row 46: tool of a namespace": (
        [ToolCall("agents_close", {"id": 1})],
        PLAIN,
        [function_call(1, "close_agent", '{"id":1}', namespace="multi_agent_v1")],
    ),
    "rows 47 and 70, C75: custom tool": (
        [ToolCall("apply_patch", {"input": PATCH})],
        PLAIN,
        [custom_call(PATCH, name="apply_patch")],
    ),
    "C75: a function by the name of a tool that OpenAI knows": (
        [ToolCall("apply_patch", {"input": PATCH})],
        AnswerForm(),
        [function_call(1, "apply_patch", json.dumps({"input": PATCH}, separators=(",", ":")))],
    ),
    "custom tool of a namespace, without input": (
        [ToolCall("exec", {"input": ""})],
        PLAIN,
        [custom_call("", name="exec", namespace="functions")],
    ),
    "local shell": (
        [ToolCall("local_shell", {"command": ["ls", "-l"]})],
        PLAIN,
        [
            {
                "id": "lsh_1",
                "type": "local_shell_call",
                "status": "completed",
                "call_id": "call_1",
                "action": {
                    "type": "exec",
                    "command": ["ls", "-l"],
                    "env": {},
                    "timeout_ms": None,
                    "user": None,
                    "working_directory": None,
                },
            }
        ],
    ),
    "shell": (
        [ToolCall("shell", {"commands": ["ls"], "timeout_ms": 1000})],
        PLAIN,
        [
            {
                "id": "sh_1",
                "type": "shell_call",
                "status": "completed",
                "call_id": "call_1",
                "action": {"commands": ["ls"], "timeout_ms": 1000, "max_output_length": None},
                "environment": None,
            }
        ],
    ),
    "patch": (
        [ToolCall("patch", {"type": "delete_file", "path": "a"})],
        PLAIN,
        [
            {
                "id": "apc_1",
                "type": "apply_patch_call",
                "status": "completed",
                "call_id": "call_1",
                "operation": {"type": "delete_file", "path": "a"},
            }
        ],
    ),
    "image": (
        [Image("image/png", "AAAA")],
        PLAIN,
        [{"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "AAAA"}],
    ),
    "row 39: a thought is one part, however it came": (
        [ReasoningDelta("**A**\n\nb"), ReasoningDelta("**C**\n\nd"), TextDelta("e")],
        EVERYTHING,
        [reasoning(1, "**A**\n\nb**C**\n\nd"), message(1, text_part("e"))],
    ),
    "a thought that nobody asked for": (
        [ReasoningDelta("T"), TextDelta("a")],
        PLAIN,
        [message(1, text_part("a"))],
    ),
    "text after a call is another message": (
        [TextDelta("a"), ToolCall("f", {}), TextDelta("b")],
        PLAIN,
        [message(1, text_part("a")), function_call(1, "f", "{}"), message(2, text_part("b"))],
    ),
    "search before the text: no sources yet": (
        [SEARCH, TextDelta("hello"), CITED],
        PLAIN,
        [
            search(["who", "where"]),
            message(1, text_part("hello", [citation(0, 5), citation(2, 4)])),
        ],
    ),
    "search after the text: with its sources": (
        [TextDelta("hello"), SEARCH, CITED],
        PLAIN,
        [
            message(1, text_part("hello", [citation(0, 5), citation(2, 4)])),
            search(["who", "where"], sources=[{"type": "url", "url": "https://e.x/1"}]),
        ],
    ),
    "search without queries": ([Searched(())], PLAIN, [search([])]),
    "citations count from the start of their message": (
        [TextDelta("abc"), ToolCall("f", {}), TextDelta("hello"), Cited((Citation(2, 6, "https://e.x/1", "T1"),))],
        PLAIN,
        [
            message(1, text_part("abc")),
            function_call(1, "f", "{}"),
            message(2, text_part("hello", [citation(0, 3)])),
        ],
    ),
    "citations of another message": (
        [TextDelta("abc"), ToolCall("f", {}), TextDelta("hello"), Cited((Citation(0, 3, "https://e.x/1", "T1"),))],
        PLAIN,
        [message(1, text_part("abc")), function_call(1, "f", "{}"), message(2, text_part("hello"))],
    ),
    "logprobs": ([TextDelta("é"), LOGPROBS], EVERYTHING, [message(1, text_part("é", logprobs=[RATED]))]),
    "logprobs that nobody asked for": ([TextDelta("é"), LOGPROBS], PLAIN, [message(1, text_part("é"))]),
}  # fmt: skip


@pytest.mark.parametrize(("events", "form", "expected"), ITEMS.values(), ids=ITEMS)
def test_items(events: list[TurnEvent], form: AnswerForm, expected: list[Json]) -> None:
    stream = streamed([*events, finished()], form)
    understood(stream)
    assert items_done(stream) == expected
    assert frames(stream)[-1]["response"]["output"] == expected


ENDS: dict[str, tuple[list[TurnEvent], list[Json], Json]] = {
    "row 55: withheld": (
        [finished("content_filter", refusal="No.")],
        [message(1, refusal("No."))],
        ("completed", None),
    ),
    "row 55: withheld after text, without a word": (
        [TextDelta("a"), finished("content_filter")],
        [message(1, text_part("a"), refusal("The answer was withheld."))],
        ("completed", None),
    ),
    "row 55: withheld after a call": (
        [ToolCall("f", {}), finished("content_filter", refusal="No.")],
        [function_call(1, "f", "{}"), message(1, refusal("No."))],
        ("completed", None),
    ),
    "row 56, C76: out of tokens": (
        [TextDelta("a"), finished("length")],
        [message(1, text_part("a"), status="incomplete")],
        ("incomplete", {"reason": "max_output_tokens"}),
    ),
    "out of tokens after a call": (
        [ToolCall("f", {}), finished("length")],
        [function_call(1, "f", "{}")],
        ("incomplete", {"reason": "max_output_tokens"}),
    ),
    "out of tokens while thinking": (
        [ReasoningDelta("T"), finished("length")],
        [reasoning(1, "T", status="incomplete")],
        ("incomplete", {"reason": "max_output_tokens"}),
    ),
    "out of tokens at once": (
        [finished("length")],
        [message(1, text_part(""), status="incomplete")],
        ("incomplete", {"reason": "max_output_tokens"}),
    ),
    "nothing": ([finished()], [message(1, text_part(""))], ("completed", None)),
    "nothing but a thought": (
        [ReasoningDelta("T"), finished()],
        [reasoning(1, "T"), message(1, text_part(""))],
        ("completed", None),
    ),
}


@pytest.mark.parametrize(("events", "output", "end"), ENDS.values(), ids=ENDS)
def test_ends(events: list[TurnEvent], output: list[Json], end: Json) -> None:
    stream = new_stream(EVERYTHING)
    written = b"".join(map(stream.begin().feed, events)) + stream.finish()
    understood(written)
    last = frames(written)[-1]["response"]
    assert last["output"] == items_done(written) == output
    assert (stream.status, last["incomplete_details"]) == end
    assert last["completed_at"] == (1_795_379_859 if stream.status == "completed" else None)
    assert (stream.status, json.loads(stream.response)) == (last["status"], last)


# --- signatures -------------------------------------------------------------------------------------------------


def test_row_40_the_item_ahead_of_a_call_carries_its_signature() -> None:
    events = [ReasoningDelta("T"), ToolCall("f", {}, "u1", "c2ln"), ToolCall("f", {}), TextDelta("a", "bmF0")]
    output = whole([*events, finished()], EVERYTHING)["output"]
    encrypted = output[0]["encrypted_content"]
    assert decode(encrypted) == Carried(of="call", content="c2ln", upstream_id="u1")
    assert output == [
        reasoning(1, "T", encrypted_content=encrypted),
        function_call(1, "f", "{}"),
        function_call(2, "f", "{}"),
        message(1, text_part("a")),
    ]


def test_row_40_without_a_thought_the_item_is_there_for_the_signature_alone() -> None:
    events = [TextDelta("a"), ToolCall("f", {}, signature="c2ln"), finished("tool_calls")]
    output = whole(events, AnswerForm(encrypts=True))["output"]
    encrypted = output[1]["encrypted_content"]
    assert decode(encrypted) == Carried(of="call", content="c2ln")
    assert output[1] == reasoning(1, encrypted_content=encrypted)


def test_a_client_that_carries_nothing_is_given_nothing_to_carry() -> None:
    events = [ReasoningDelta("T"), ToolCall("f", {}, signature="c2ln"), finished("tool_calls")]
    output = whole(events, AnswerForm(shows_reasoning=True))["output"]
    assert output == [reasoning(1, "T"), function_call(1, "f", "{}")]


def test_signatures_are_kept_by_the_ids_that_come_back() -> None:
    stream = new_stream()
    turn = stream.begin()
    for event in (ToolCall("f", {}, "u1", "c2ln"), ToolCall("f", {}), TextDelta("a"), TextDelta("", "bmF0")):
        turn.feed(event)
    assert stream.signatures == {"call_1": Signature("c2ln", "u1"), "msg_1": Signature("bmF0")}


# --- the response object ----------------------------------------------------------------------------------------

UNASKED = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 0.95,
    "truncation": "disabled",
    "user": None,
}
ASKED = UNASKED | {
    "instructions": "Be kind.",
    "metadata": {"a": "b"},
    "conversation": {"id": "conv_1"},
    "parallel_tool_calls": False,
    "store": False,
    "tools": [{"type": "function", "name": "f", "parameters": None, "strict": None}],
    "user": "ü",
}
ECHOES: dict[str, tuple[Echo, Json]] = {
    "rows 61 and 63: what was not sent": (Echo(), UNASKED),
    "what was": (
        Echo(
            instructions="Be kind.",
            metadata={"a": "b"},
            conversation=ConversationReference(id="conv_1"),
            parallel_tool_calls=False,
            store=False,
            tools=({"type": "function", "name": "f", "parameters": None, "strict": None},),
            user="ü",
        ),
        ASKED,
    ),
}


@pytest.mark.parametrize(("echo", "expected"), ECHOES.values(), ids=ECHOES)
def test_c70_the_response_object(echo: Echo, expected: Json) -> None:
    builder = new_builder(echo=echo)
    turn = builder.begin()
    turn.feed(TextDelta("a-b"))
    turn.feed(finished(usage=Usage(5, 3, 2, 1)))
    answer = json.loads(builder.finish())
    # C70 has no `choices`: our users' documentation promises them, and reads the answer's text there
    assert answer.pop("choices") == [
        {"index": 0, "message": {"role": "assistant", "content": "a-b"}, "finish_reason": "stop"}
    ]
    assert_strict(answer)
    assert json.loads(builder.response) == answer == {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_795_379_857,
        "status": "completed",
        "background": False,
        "completed_at": 1_795_379_859,
        "error": None,
        "incomplete_details": None,
        "model": "gpt-4o",
        "output": [message(1, text_part("a-b"))],
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        # row 62: all three details
        "usage": {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 7,
        },
        **expected,
    }  # fmt: skip


def test_row_43_the_first_events_have_the_response_as_it_is_then() -> None:
    created, in_progress, *_, completed = frames(streamed([TextDelta("a"), finished()]))
    assert_strict(created["response"])
    assert created["response"] == in_progress["response"] == completed["response"] | {
        "status": "in_progress",
        "completed_at": None,
        "output": [],
        "usage": None,
    }  # fmt: skip


def test_row_34_what_openai_accumulates_is_the_final_response() -> None:
    events = [TextDelta("Hello"), TextDelta("!"), ToolCall("get_weather", {"city": "Paris"})]
    response = accumulated(streamed([*events, finished("tool_calls")]))
    assert response.output_text == "Hello!"
    (call,) = [item for item in response.output if item.type == "function_call"]
    assert (call.name, call.arguments, call.call_id) == ("get_weather", '{"city":"Paris"}', "call_1")


CHOICES: dict[str, tuple[list[TurnEvent], Json, str]] = {
    "text of all messages": (
        [TextDelta("a"), ToolCall("f", {}), TextDelta("b"), finished("tool_calls")],
        "ab",
        "tool_calls",
    ),
    "calls alone": ([ToolCall("f", {}), finished("tool_calls")], None, "tool_calls"),
    "withheld": ([finished("content_filter", refusal="No.")], None, "content_filter"),
    "nothing": ([finished("length")], "", "length"),
}


@pytest.mark.parametrize(("events", "content", "reason"), CHOICES.values(), ids=CHOICES)
def test_choices_of_a_whole_answer(events: list[TurnEvent], content: Json, reason: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reason}
    assert whole(events)["choices"] == [choice]


def test_what_is_left_for_the_store() -> None:
    stream = new_stream(EVERYTHING)
    turn = stream.begin()
    assert (stream.status, stream.response, stream.output_items) == ("in_progress", b"", ())
    for event in (ReasoningDelta("T"), TextDelta("a"), ToolCall("f", {}), finished("tool_calls")):
        turn.feed(event)
    stream.finish()
    kept = {item_id: json.loads(item) for item_id, item in stream.output_items}
    assert kept == {
        "rs_1": reasoning(1, "T"),
        "msg_1": message(1, text_part("a")),
        "fc_1": function_call(1, "f", "{}"),
    }
    assert list(kept) == ["rs_1", "msg_1", "fc_1"]
    assert json.loads(stream.response)["output"] == list(kept.values())


# --- compaction -------------------------------------------------------------------------------------------------


def test_row_69_a_summary_is_one_item_to_carry() -> None:
    events = [ReasoningDelta("T"), TextDelta("We "), TextDelta("met."), finished()]
    (item,) = whole(events, COMPACTION)["output"]
    assert decode(item["encrypted_content"]) == Carried(of="summary", content="We met.")
    assert item == {"id": "cmp_1", "type": "compaction", "encrypted_content": item["encrypted_content"]}


def test_a_summary_that_was_withheld_is_a_refusal() -> None:
    events = [TextDelta("We"), finished("content_filter", refusal="No.")]
    assert whole(events, COMPACTION)["output"] == [message(1, refusal("No."))]


def test_the_answer_to_a_request_for_compaction() -> None:
    builder = new_builder(COMPACTION)
    turn = builder.begin()
    turn.feed(TextDelta("We met."))
    turn.feed(finished(usage=Usage(5, 0, 2, 0)))
    body = json.loads(builder.compacted())
    CompactedResponse.model_validate(body, strict=True)
    (item,) = body["output"]
    assert body == {
        "id": "resp_1",
        "object": "response.compaction",
        "created_at": 1_795_379_857,
        "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": item["encrypted_content"]}],
        "usage": {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 7,
        },
    }


# --- what goes wrong, and what merely takes long ----------------------------------------------------------------


def test_row_41_c79_a_stream_that_breaks(golden: Callable[[str, str], None]) -> None:
    stream = streamed(
        [ToolCall("f", {}), TextDelta("Bon")], failure=StreamTruncated("The upstream's answer ended early.")
    )
    understood(stream)
    golden("c79-broken.sse", stream.decode())
    assert types_of(stream) == [*OPEN, *CALL, *TEXT, "error", "failed"]
    failed = frames(stream)[-1]["response"]
    assert (failed["status"], failed["usage"], failed["completed_at"]) == ("failed", None, None)
    assert failed["output"] == [
        function_call(1, "f", "{}"),
        message(1, text_part("Bon"), status="incomplete"),
    ]


def refused(code: str) -> UpstreamRefused:
    failure = UpstreamRefused("No.", code=code)
    failure.upstream_status = 400
    return failure


FAILURES: dict[str, tuple[GatewayError, Json, str]] = {
    "the limit of requests, which Codex waits for": (
        RateLimited("Please try again in 1.5s."),
        {"type": "rate_limit_error", "code": "rate_limit_exceeded"},
        "rate_limit_exceeded",
    ),
    "quota, after which Codex stops": (
        QuotaExhausted("Gone."),
        {"type": "insufficient_quota", "code": "insufficient_quota"},
        "insufficient_quota",
    ),
    "overload, after which Codex stops": (
        Overloaded("Busy."),
        {"type": "server_error", "code": "server_is_overloaded"},
        "server_is_overloaded",
    ),
    "too long, which Codex compacts": (
        refused("context_length_exceeded"),
        {"type": "invalid_request_error", "code": "context_length_exceeded", "upstream_status": 400},
        "context_length_exceeded",
    ),
    "any other fault of the request": (
        refused("invalid_argument"),
        {"type": "invalid_request_error", "code": "invalid_argument", "upstream_status": 400},
        "invalid_prompt",
    ),
    "what nobody reads": (
        AccountsExhausted("None left."),
        {"type": "server_error", "code": "no_account_available"},
        "server_error",
    ),
}


@pytest.mark.parametrize(("failure", "expected", "code"), FAILURES.values(), ids=FAILURES)
def test_row_41_failures(failure: GatewayError, expected: Json, code: str) -> None:
    created, in_progress, error, failed = frames(streamed([], failure=failure))
    assert (created["type"], in_progress["type"]) == ("response.created", "response.in_progress")
    assert error == {
        "type": "error",
        "sequence_number": 2,
        "code": expected["code"],
        "message": failure.message,
        "param": None,
        "error": {"message": failure.message, "param": None, **expected},
    }
    assert failed["response"] == in_progress["response"] | {
        "status": "failed",
        "error": {"code": code, "message": failure.message},
    }


def test_row_44_keep_alives_are_events_and_counted() -> None:
    stream = new_stream()
    written = stream.keep_alive() + stream.keep_alive()
    turn = stream.begin()
    written += turn.feed(TextDelta("a")) + stream.keep_alive() + turn.feed(finished()) + stream.finish()
    understood(written)
    assert types_of(written) == [*OPEN, "in_progress", *TEXT, "in_progress", *TEXT_DONE, "completed"]
    assert frames(written)[2] == frames(written)[1] | {"sequence_number": 2}


NOT_TO_BE_FILLED = '"text":"" "output":[] "arguments":"" "content":[] "part":null \\'


def test_what_looks_like_a_place_to_fill_is_none() -> None:
    """What is said several times is put as JSON into JSON, and clients and models name things as they please."""
    events = [
        ReasoningDelta(NOT_TO_BE_FILLED),
        TextDelta(NOT_TO_BE_FILLED),
        Cited((Citation(0, 3, "https://x.test", NOT_TO_BE_FILLED),)),
        ToolCall(NOT_TO_BE_FILLED, {"a": NOT_TO_BE_FILLED}),
        finished(),
    ]
    written = streamed(events, EVERYTHING)
    understood(written)
    *_, last = frames(written)
    thought, said, called = last["response"]["output"]
    assert [thought, said, called] == items_done(written)
    assert thought["summary"][0]["text"] == said["content"][0]["text"] == called["name"] == NOT_TO_BE_FILLED
    assert said["content"][0]["annotations"][0]["title"] == NOT_TO_BE_FILLED
    assert json.loads(called["arguments"]) == {"a": NOT_TO_BE_FILLED}
    assert whole(events, EVERYTHING)["choices"][0]["message"]["content"] == NOT_TO_BE_FILLED


def test_an_attempt_begun_again_leaves_nothing_of_the_first() -> None:
    stream, events = new_stream(), [TextDelta("whole answer"), finished()]
    first = stream.begin()
    first.feed(TextDelta("half an ans"))
    first.feed(ToolCall("f", {}, signature="c2ln"))
    written = b"".join(map(stream.begin().feed, events)) + stream.finish()
    assert types_of(written) == [*OPEN, *MESSAGE, "completed"]
    assert (items_done(written), stream.signatures) == ([message(2, text_part("whole answer"))], {})


def test_a_turn_that_did_not_end_is_no_answer() -> None:
    stream, builder = new_stream(), new_builder()
    stream.begin().feed(TextDelta("a"))
    builder.begin().feed(TextDelta("a"))
    for finish in (stream.finish, builder.finish, builder.compacted):
        with pytest.raises(StreamTruncated):
            finish()
