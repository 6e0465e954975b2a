"""Answers of every dialect, whole, streamed, broken off and wrong: name -> (path, body)."""

from pathlib import Path

from pydantic import JsonValue
from pydantic_core import to_json

from antigravity_addon.wire.sse import encode_event
from tests.views.conversations import (
    CHAT,
    CODE_ASSIST,
    COMPLETIONS,
    GEMINI,
    PIXEL,
    RESPONSES,
    SIGNATURE,
    Case,
    body,
)

_STREAMS = Path(__file__).parents[1] / "translate" / "streams"
"""Gemini's, of every kind."""
_DONE = encode_event(b"[DONE]")


def chunk(index: int = 0, finish: str | None = None, **delta: JsonValue) -> bytes:
    choice: JsonValue = {"index": index, "delta": delta, "finish_reason": finish}
    return encode_event(
        body(id="chatcmpl-1", object="chat.completion.chunk", model="gpt-6", choices=[choice])
    )


def piece_of_call(index: int, arguments: str, **call: JsonValue) -> bytes:
    name = call.pop("name", None)
    function: JsonValue = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return chunk(tool_calls=[{"index": index, **call, "function": function}])


def usage(**fields: JsonValue) -> bytes:
    return encode_event(body(id="chatcmpl-1", choices=[], usage=fields))


def event(type_: str, **fields: JsonValue) -> bytes:
    return encode_event(to_json({"type": type_, "sequence_number": 1, **fields}), event=type_.encode())


def _piece_of_call(call: JsonValue) -> bytes:
    """Of Gemini's streamed ones."""
    return encode_event(body(candidates=[{"content": {"parts": [{"functionCall": call}]}}]))


_CITATION: JsonValue = {
    "type": "url_citation",
    "url_citation": {"start_index": 0, "end_index": 5, "url": "https://a.example", "title": "Hello"},
}
_CREATED = event(
    "response.created", response={"id": "resp_1", "model": "gpt-6", "status": "in_progress", "output": []}
)
_MESSAGE: JsonValue = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
_CALL: JsonValue = {
    "id": "fc_1",
    "type": "function_call",
    "name": "write",
    "call_id": "call_1",
    "arguments": "",
}
_TEXT = event("response.output_text.delta", item_id="msg_1", output_index=1, content_index=0, delta="Hel")

CASES: dict[str, Case] = {
    "chat, streamed": (
        CHAT,
        b": keep-alive\n\n"
        + chunk(role="assistant", content="")
        + chunk(reasoning_content="I thi")
        + chunk(reasoning_content="nk.\nSo.")
        + chunk(content="Hello, ")
        + chunk(content="world.\n")
        + piece_of_call(0, '{"path": ', id="call_1", type="function", name="write")
        + piece_of_call(1, '{"path": "b"}', id="call_2", type="function", name="write")
        + piece_of_call(0, '"a", "content": "1\\n2"}')
        + chunk(annotations=[_CITATION])
        + chunk(finish="tool_calls")
        + usage(prompt_tokens=8, completion_tokens=9, prompt_tokens_details={"cached_tokens": 4, "audio_tokens": 0})
        + _DONE,
    ),
    "chat, three choices": (
        CHAT,
        chunk(1, content="B")
        + chunk(content="A")
        + chunk(2, refusal="No")
        + chunk(1, content="b", finish="length")
        + chunk(2, refusal="!", finish="content_filter")
        + chunk(content="a", finish="stop")
        + _DONE,
    ),
    "chat, cut off": (CHAT, chunk(content="Hello, wo")),
    "chat, cut off in a chunk": (CHAT, chunk(content="Hello, ") + chunk(content="world")[:-30]),
    "chat, without DONE": (CHAT, chunk(content="Hello.", finish="stop")),
    "chat, ended by an error": (
        CHAT,
        chunk(content="Hello, ")
        + encode_event(body(error={"message": "The upstream failed.", "type": "server_error", "code": "upstream"})),
    ),
    "chat, whole": (
        CHAT,
        body(
            id="chatcmpl-1",
            model="gpt-6",
            choices=[
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {
                        "role": "assistant",
                        "content": f"See ![a dot](data:image/png;base64,{PIXEL}).",
                        "reasoning": "Draw.",
                        "audio": {"id": "audio_1", "data": "AAAA", "transcript": "See."},
                    },
                }
            ],
            usage={"prompt_tokens": 3},
        ),
    ),
    "an error": (
        CHAT,
        body(error={"message": "No such model.", "type": "invalid_request_error", "param": "model", "code": None}),
    ),
    "a page of some front end": (RESPONSES, b"<html>502 Bad Gateway</html>"),
    "an answer that is none": (CHAT, b"[1, null]"),
    "empty": (GEMINI, b""),
    "completions, streamed": (
        COMPLETIONS,
        encode_event(body(id="cmpl-1", model="m", choices=[{"index": 0, "text": "pa", "finish_reason": None}]))
        + encode_event(body(id="cmpl-1", model="m", choices=[{"index": 0, "text": "ss", "finish_reason": "stop"}]))
        + _DONE,
    ),
    "responses, streamed": (
        RESPONSES,
        _CREATED
        + event("response.output_item.added", output_index=0, item={"id": "rs_1", "type": "reasoning", "summary": []})
        + event("response.reasoning_summary_text.delta", output_index=0, item_id="rs_1", delta="I think.")
        + event(
            "response.output_item.done",
            output_index=0,
            item={
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "I think."}],
                "encrypted_content": SIGNATURE,
            },
        )
        + event("response.output_item.added", output_index=1, item=_MESSAGE)
        + _TEXT
        + event("response.output_text.delta", item_id="msg_1", output_index=1, delta="lo.")
        + event("response.output_text.annotation.added", output_index=1, annotation=_CITATION)
        + event("response.output_item.added", output_index=2, item=_CALL)
        + event("response.function_call_arguments.delta", output_index=2, delta='{"path":')
        + event("response.function_call_arguments.delta", output_index=2, delta='"a"}')
        + event(
            "response.incomplete",
            response={
                "id": "resp_1",
                "model": "gpt-6",
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
                "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
            },
        ),
    ),
    "responses, cut off": (
        RESPONSES,
        _CREATED + event("response.output_item.added", output_index=1, item=_MESSAGE) + _TEXT,
    ),
    "responses, failed": (
        RESPONSES,
        _CREATED
        + _TEXT
        + event("error", code="upstream", message="It failed.", param=None)
        + event(
            "response.failed",
            response={"id": "resp_1", "status": "failed", "error": {"code": "upstream", "message": "It failed."}},
        ),
    ),
    "responses, whole": (
        RESPONSES,
        body(
            id="resp_1",
            object="response",
            status="completed",
            model="gpt-6",
            instructions="Be brief.",
            output=[
                {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "dots"}},
                {"type": "image_generation_call", "id": "ig_1", "result": PIXEL},
                {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
                {"type": "invented_call", "payload": {"a": 1}},
            ],
            usage={"input_tokens": 3, "output_tokens": 4},
        ),
    ),
    "responses, deleted": (f"{RESPONSES}/resp_1", body(id="resp_1", object="response", deleted=True)),
    "images": ("/v1/images/generations", body(created=1, data=[{"b64_json": PIXEL}, {"url": "https://a.example"}])),
    "audio, streamed": (
        "/v1/audio/transcriptions",
        encode_event(body(type="transcript.text.delta", delta="Hel"))
        + encode_event(body(type="transcript.text.done", text="Hello.", usage={"input_tokens": 3})),
    ),
    "audio as subtitles": ("/v1/audio/transcriptions", b"1\n00:00:00,000 --> 00:00:01,000\nHello.\n"),
    "gemini, two candidates": (
        GEMINI,
        encode_event(
            body(
                candidates=[
                    {"index": 1, "content": {"parts": [{"text": "B"}]}},
                    {"content": {"parts": [{"text": "A"}]}},
                ]
            )
        )
        + encode_event(
            body(
                candidates=[
                    {"content": {"parts": [{"text": "a", "thoughtSignature": SIGNATURE}]}, "finishReason": "STOP"},
                    {"index": 1, "finishReason": "SAFETY", "safetyRatings": [{"category": "C", "blocked": True}]},
                ]
            )
        ),
    ),
    "gemini, a call in pieces": (
        GEMINI,
        _piece_of_call({"name": "write", "willContinue": True})
        + _piece_of_call({"partialArgs": [{"jsonPath": "$.path", "stringValue": "a", "willContinue": True}]})
        + _piece_of_call({"partialArgs": [{"jsonPath": "$.path", "stringValue": ".py"}]})
        + _piece_of_call({"partialArgs": [{"jsonPath": "$.lines", "numberValue": 2}]})
        + _piece_of_call({}),
    ),
    **{f"gemini, {path.stem}": (GEMINI, path.read_bytes()) for path in sorted(_STREAMS.glob("*.sse"))},
    "gemini, in Code Assist's envelope, whole": (
        CODE_ASSIST,
        body(response={"candidates": [{"content": {"parts": [{"text": "Hello."}]}}]}, traceId="t"),
    ),
    "gemini, an error": (
        GEMINI,
        body(
            error={
                "code": 429,
                "status": "RESOURCE_EXHAUSTED",
                "message": "Too many.",
                "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}],
            }
        ),
    ),
    "gemini, a page of some front end": (GEMINI, b"<html>502</html>"),
}  # fmt: skip
