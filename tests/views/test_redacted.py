"""Bodies without what was said in them: what stays, what goes, and that nothing long survives."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.translate.readable_json import DEEPEST
from antigravity_addon.views.redacted import LONGEST_KEPT, redacted_body
from antigravity_addon.wire.openai_audio.multipart import read_form
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder

JSON, SSE = "application/json", "text/event-stream; charset=utf-8"

DOCUMENTS: dict[str, tuple[Any, Any]] = {
    "a chat request": (
        {
            "model": "gpt-4o",
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "name": "Ana", "content": [{"type": "text", "text": "What is it?"}]},
                {"role": "tool", "tool_call_id": "call_1", "content": "22 degrees"},
            ],
            "temperature": 0.5,
            "max_tokens": 100,
            "stream": True,
            "stop": ["END"],
            "user": "ana",
        },
        {
            "model": "gpt-4o",
            "messages": [
                {"role": "system", "content": "[redacted 8 characters]"},
                {
                    "role": "user",
                    "name": "[redacted 3 characters]",
                    "content": [{"type": "text", "text": "[redacted 11 characters]"}],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "[redacted 10 characters]"},
            ],
            "temperature": 0.5,
            "max_tokens": 100,
            "stream": True,
            "stop": ["[redacted 3 characters]"],
            "user": "[redacted 3 characters]",
        },
    ),
    "calls of tools keep the names of their arguments": (
        {
            "tool_calls": [
                {"id": "c", "function": {"name": "f", "arguments": '{"city": "Rome", "n": [1, 2]}'}}
            ]
        },
        {
            "tool_calls": [
                {
                    "id": "c",
                    "function": {
                        "name": "f",
                        "arguments": '{"city":"[redacted 4 characters]","n":"[redacted 2 numbers]"}',
                    },
                }
            ]
        },
    ),
    "a piece of arguments is a string": (
        {"arguments": '{"city": "Ro'},
        {"arguments": "[redacted 12 characters]"},
    ),
    "a tool's declaration": (
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Tells.",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"city": {"type": "STRING", "enum": ["Rome"]}},
                        "required": ["city"],
                    },
                }
            ]
        },
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "[redacted 6 characters]",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"city": {"type": "STRING", "enum": ["[redacted 4 characters]"]}},
                        "required": ["city"],
                    },
                }
            ]
        },
    ),
    "Gemini's call and its answer": (
        {
            "contents": [
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"id": "x", "n": 7}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"id": "x"}}}]},
            ]
        },
        {
            "contents": [
                {
                    "role": "model",
                    "parts": [
                        {
                            "functionCall": {
                                "name": "f",
                                "args": {"id": "[redacted 1 character]", "n": "[redacted 1 number]"},
                            }
                        }
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"name": "f", "response": {"id": "[redacted 1 character]"}}}
                    ],
                },
            ]
        },
    ),
    "Gemini's answer, in Code Assist's envelope": (
        {
            "response": {
                "candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP", "index": 0}],
                "usageMetadata": {"promptTokenCount": 8},
                "modelVersion": "gemini-2.5-flash",
                "responseId": "abc",
            },
            "traceId": "t",
        },
        {
            "response": {
                "candidates": [
                    {
                        "content": {"parts": [{"text": "[redacted 2 characters]"}]},
                        "finishReason": "STOP",
                        "index": 0,
                    }
                ],
                "usageMetadata": {"promptTokenCount": 8},
                "modelVersion": "gemini-2.5-flash",
                "responseId": "abc",
            },
            "traceId": "t",
        },
    ),
    "media": (
        {
            "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="},
            "inlineData": {"mimeType": "image/png", "data": "iVBO"},
        },
        {
            "image_url": {"url": "data:image/png;base64,[redacted 12 characters]"},
            "inlineData": {"mimeType": "image/png", "data": "[redacted 4 characters]"},
        },
    ),
    "text as numbers": (
        {"prompt": [[1, 2], [3]], "token": "he", "bytes": [104, 101], "tokenId": 7, "logprob": -0.5},
        {
            "prompt": ["[redacted 2 numbers]", "[redacted 1 number]"],
            "token": "[redacted 2 characters]",
            "bytes": "[redacted 2 numbers]",
            "tokenId": "[redacted 1 number]",
            "logprob": -0.5,
        },
    ),
    "a refusal": (
        {
            "error": {
                "code": 429,
                "message": "You said: hello",
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "metadata": {"service": "g.com"}},
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"},
                ],
            }
        },
        {
            "error": {
                "code": 429,
                "message": "[redacted 15 characters]",
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "metadata": {"service": "g.com"}},
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"},
                ],
            }
        },
    ),
    "code is a program, unless it stands beside a message": (
        [{"executableCode": {"code": "1+1"}}, {"code": "rate_limit", "message": "m", "param": "messages[0]"}],
        [
            {"executableCode": {"code": "[redacted 3 characters]"}},
            {"code": "rate_limit", "message": "[redacted 1 character]", "param": "messages[0]"},
        ],
    ),
    "words of the protocol are words": (
        {"id": "my secret is long", "type": "x" * (LONGEST_KEPT + 1)},
        {"id": "[redacted 17 characters]", "type": f"[redacted {LONGEST_KEPT + 1} characters]"},
    ),
    "names of fields that are content": (
        {"args": {"Ana Smith": 1, "Bob Brown": 2}},
        {
            "args": {
                "[redacted 9 characters]": "[redacted 1 number]",
                "[redacted 9 characters] 2": "[redacted 1 number]",
            }
        },
    ),
    "numbers that are no figures": ({"a": 10**40, "b": 1.5}, {"a": "[redacted 1 number]", "b": 1.5}),
    "nothing said": ({"content": "", "refusal": None}, {"content": "", "refusal": None}),
}


@pytest.mark.parametrize(("document", "kept"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_the_shape_of_a_document_stays(document: Any, kept: Any) -> None:
    redacted = redacted_body(json.dumps(document).encode(), JSON)
    assert json.loads(redacted) == kept
    assert json.loads(redacted_body(redacted, JSON)) == kept, "once is enough"


UNREADABLE = {
    "no JSON": b"<html>Bad gateway</html>",
    "half of it": b'{"content": "he',
    "a bare string": b'"hello"',
    "a bare number": b"31415926535",
    "no UTF-8": b'{"a": "\xff"}',
    "too deep": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_replaced_whole(body: bytes) -> None:
    whole = f"[redacted {len(body)} bytes]".encode()
    assert redacted_body(body, JSON) == whole
    assert redacted_body(whole, JSON) == whole


STREAMS = {
    "Gemini's": (
        b'data: {"candidates": [{"content": {"role": "model"}}]}\r\n\r\n',
        b'data: {"candidates":[{"content":{"role":"model"}}]}\r\n\r\n',
    ),
    "OpenAI's, with its end": (
        b'event: response.output_text.delta\ndata: {"delta":"Hi"}\n\ndata: [DONE]\n\n',
        b'event: response.output_text.delta\ndata: {"delta":"[redacted 2 characters]"}\n\ndata: [DONE]\n\n',
    ),
    "data over several lines": (
        b'data: {"text":\ndata: "Hi"}\n\n',
        b'data: {"text":"[redacted 2 characters]"}\n\n',
    ),
    "one that was cut off": (b'data: {"text": "secr', b"data: [redacted 14 bytes]"),
    "an error between the events": (
        b'data: {}\n\n{\n"message": "secret"\n}\n',
        b"data: {}\n\n: [redacted 1 byte]\n: [redacted 19 bytes]\n: [redacted 1 byte]\n",
    ),
    "comments": (
        b": keep-alive\n\n: said by somebody\n\n",
        b": keep-alive\n\n: [redacted 16 bytes]\n\n",
    ),
    "a mark at the beginning": (b"\xef\xbb\xbfdata: {}\n\n", b"\xef\xbb\xbfdata: {}\n\n"),
    "none": (b"", b""),
}


@pytest.mark.parametrize(("body", "kept"), STREAMS.values(), ids=STREAMS)
def test_a_stream_keeps_its_events(body: bytes, kept: bytes) -> None:
    assert redacted_body(body, SSE) == kept


def test_a_form_keeps_its_fields() -> None:
    boundary = "simple boundary"
    content_type = f'multipart/form-data; boundary="{boundary}"'
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nAbout Ana\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="my divorce.mp3"\r\n'
        f"Content-Type: audio/mpeg\r\n\r\nID3\0spoken\r\n--{boundary}--\r\n"
    ).encode()
    redacted = redacted_body(body, content_type)
    assert [
        (part.name, part.filename, part.mime_type, part.content) for part in read_form(redacted, content_type)
    ] == [
        ("model", None, "text/plain", b"whisper-1"),
        ("prompt", None, "text/plain", b"[redacted 9 bytes]"),
        ("file", "[redacted 14 characters]", "audio/mpeg", b"[redacted 10 bytes]"),
    ]
    assert redacted_body(body, "multipart/form-data") == f"[redacted {len(body)} bytes]".encode()


# --- laws --------------------------------------------------------------------------------------------------

MARKED = "Zq"
"""What is said, by which it is known again; no field is called so."""

said = st.text(max_size=LONGEST_KEPT * 2).map(lambda text: f"{MARKED}{text}{MARKED}")
long = st.text(min_size=LONGEST_KEPT + 1, max_size=3 * LONGEST_KEPT)
fields = st.sampled_from(
    ("id", "type", "content", "arguments", "args", "response", "name", "data", "code", "metadata")
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | long,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(fields | long, inner, max_size=4),
    max_leaves=20,
)
content_types = st.sampled_from((JSON, SSE, "text/plain", "multipart/form-data; boundary=x", ""))


def strings_in(value: Any) -> set[str]:
    match value:
        case dict():
            inside: list[Any] = [*value.keys(), *value.values()]
            return {each for part in inside for each in strings_in(part)}
        case list():
            return {each for part in value for each in strings_in(part)}
        case str():
            return {value}
        case _:
            return set()


@given(documents)
def test_no_long_string_survives(document: Any) -> None:
    redacted = redacted_body(json.dumps([document]).encode(), JSON)
    assert all(
        len(each) <= LONGEST_KEPT or each not in strings_in(document)
        for each in strings_in(json.loads(redacted))
    )
    for each in strings_in(document):
        assert len(each) <= LONGEST_KEPT or json.dumps(each)[1:-1].encode() not in redacted


@given(said, st.sampled_from(("content", "text", "data", "arguments", "delta", "thoughtSignature", "x")))
def test_nothing_that_was_said_survives(text: str, field: str) -> None:
    data = json.dumps({field: text, "parts": [{field: [text]}], "args": {"id": text}}).encode()
    for body, content_type in (
        (data, JSON),
        (b"data: %b\n\n" % data, SSE),
        (data[:-1], SSE),
        (data[:-1], JSON),
    ):
        assert MARKED.encode() not in redacted_body(body, content_type)


@given(
    st.binary(max_size=400) | st.text(alphabet='{}[]":,datx \r\n\\u0', max_size=80).map(str.encode),
    content_types,
)
def test_any_bytes_are_redacted(body: bytes, content_type: str) -> None:
    redacted = redacted_body(body, content_type)
    assert redacted_body(redacted, content_type) == redacted


def count_events(body: bytes) -> int:
    decoder = SseDecoder()
    items = [*decoder.feed(body), *decoder.finish()]
    return sum(isinstance(item, ServerSentEvent) for item in items)


lines = st.sampled_from(
    (b'data: {"text":"Hi"}', b"data:", b"", b": x y", b"event: a b", b"{", b"data: half {", b"id: 1")
)
endings = st.sampled_from((b"\n", b"\r\n"))


@given(st.lists(lines, max_size=20), endings)
def test_a_stream_has_as_many_events_as_before(some: list[bytes], ending: bytes) -> None:
    body = ending.join(some)
    assert count_events(redacted_body(body, SSE)) == count_events(body)


def test_as_deep_as_a_payload_can_be() -> None:
    document: Any = "said"
    for _ in range(DEEPEST):
        document = {"args": [document]}
    assert b"said" not in redacted_body(json.dumps(document).encode(), JSON)


def test_names_that_look_alike_are_told_apart_at_once() -> None:
    """A name was once made longer until no other had it: a body of 64 KB took half a minute, in which nobody is served."""
    count = 20_000
    names = [f"a name {number:05}" for number in range(count)]
    body = json.dumps(
        {"[redacted 12 characters] 3": 0, "free": dict.fromkeys(names, 0), **dict.fromkeys(names, "x")}
    )
    redacted = json.loads(redacted_body(body.encode(), "application/json"))
    assert len(redacted) == count + 2
    assert len(redacted["free"]) == count
    assert list(redacted)[:5] == [
        "[redacted 12 characters] 3",
        "free",
        "[redacted 12 characters]",
        "[redacted 12 characters] 2",
        "[redacted 12 characters] 4",
    ]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"model":["said"' + b',{"a":"said"}' * 100_000 + b"]}", JSON),
        (b'data: {"model":["said"' + b',{"a":"said"}' * 100_000 + b"]}\n\n", SSE),
        (b'data: {"model": "said"}\n\n' * 30_000, SSE),
        (b": said\r" * 60_000, SSE),
    ],
    ids=["values", "values in an event", "events", "comments"],
)
def test_what_would_hold_everybody_up_is_replaced_whole(body: bytes, content_type: str) -> None:
    redacted = redacted_body(body, content_type)
    said = b"[redacted %d bytes]" % len(body)
    assert redacted == (said if content_type == JSON else b": %b\n" % said)
    assert redacted_body(redacted, content_type) == redacted
