"""What gives itself away only in pieces, or in JSON's other spellings."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.views.masked_body import masked_body
from antigravity_addon.views.masks import Masks

JSON, SSE = "application/json", "text/event-stream"
SECRET = "hush-hush-hush"
MASKS = Masks({"ana@example.com": "account-1"}, secrets=[SECRET])


def stream(*documents: Any) -> bytes:
    return b"".join(b"event: e\ndata: %b\n\n" % json.dumps(each).encode() for each in documents)


def chat(*pieces: str, index: int = 0) -> list[Any]:
    return [{"choices": [{"index": index, "delta": {"content": piece}}]} for piece in pieces]


def gemini(*parts: dict[str, Any]) -> Any:
    return {"candidates": [{"content": {"parts": list(parts)}}]}


STREAMS: dict[str, tuple[bytes, bytes]] = {
    "in one event": (stream(*chat(f"so {SECRET}", "x")), stream(*chat("so [redacted]", "x"))),
    "over two": (stream(*chat("so hush-h", "ush-hush!")), stream(*chat("so [redacted]!", ""))),
    "letter by letter": (
        stream(*chat(*"of ana@example.com")),
        stream(*chat("of account-1", *("" for _ in "f ana@example.com"))),
    ),
    "between other texts": (
        stream(*chat("hush-h"), *chat("one", index=1), *chat("ush-hush"), *chat("two", index=1)),
        stream(*chat("[redacted]"), *chat("one", index=1), *chat(""), *chat("two", index=1)),
    ),
    "Gemini's, in other places": (
        stream(gemini({"text": "I", "thought": True}, {"text": "hush-h"}), gemini({"text": "ush-hush"})),
        stream(gemini({"text": "I", "thought": True}, {"text": "[redacted]"}), gemini({"text": ""})),
    ),
    "nothing": (b": c\ndata: {\ndata: }\n\ndata: [DONE]\n\n", b": c\ndata: { }\n\ndata: [DONE]\n\n"),
}


@pytest.mark.parametrize(("body", "masked"), STREAMS.values(), ids=STREAMS)
def test_a_stream_is_looked_at_as_a_whole(body: bytes, masked: bytes) -> None:
    found = masked_body(body, SSE, MASKS)
    documents = [line for line in found.splitlines() if line.startswith(b"data: {")]
    assert len(found.split(b"\n\n")) == len(body.split(b"\n\n"))
    expected = [line for line in masked.splitlines() if line.startswith(b"data: {")]
    assert [json.loads(line[6:]) for line in documents] == [json.loads(line[6:]) for line in expected]


DOCUMENTS: dict[str, tuple[bytes, Any]] = {
    "spelt otherwise": (rb'{"a": "hush\u002dhush\u002dhush"}', {"a": "[redacted]"}),
    "in tokens": (
        json.dumps(
            {
                "logprobs": {
                    "content": [{"token": t, "bytes": list(t.encode())} for t in ("hush-", "hush-hush")]
                }
            }
        ).encode(),
        {
            "logprobs": {
                "content": [
                    {"token": "[redacted]", "bytes": list(b"[redacted]")},
                    {"token": "", "bytes": []},
                ]
            }
        },
    ),
    "said by two": (
        b'{"messages": [{"content": "hush-h"}, {"content": "ush-hush"}]}',
        {"messages": [{"content": "hush-h"}, {"content": "ush-hush"}]},
    ),
}


@pytest.mark.parametrize(("body", "masked"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_is_looked_at_as_it_is_read(body: bytes, masked: Any) -> None:
    assert json.loads(masked_body(body, JSON, MASKS)) == masked


def test_what_has_nothing_to_hide_stays_to_the_byte() -> None:
    body = b'{ "a" : [1.0, "x\\u002d"] }'
    assert masked_body(body, JSON, MASKS) == body
    assert masked_body(b"\xff\0", "", MASKS) == b"\xff\0"


@given(st.lists(st.integers(1, 60), max_size=8), st.sampled_from((SECRET, "ana@example.com")))
def test_however_a_text_is_cut(places: list[int], hidden: str) -> None:
    text = f"I know that {hidden} is what it is, and nothing more"
    cuts = sorted({0, len(text), *(place for place in places if place < len(text))})
    pieces = [text[start:end] for start, end in pairwise(cuts)]
    masked = masked_body(stream(*chat(*pieces)), SSE, MASKS)
    said = "".join(
        json.loads(line[6:])["choices"][0]["delta"]["content"]
        for line in masked.splitlines()
        if line.startswith(b"data: ")
    )
    assert said == MASKS.text(text)


@given(st.binary(max_size=200), st.sampled_from((JSON, SSE)))
def test_any_bytes(body: bytes, content_type: str) -> None:
    masked_body(body, content_type, MASKS)
