from itertools import chain, pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from antigravity_addon.errors import StreamTruncated
from antigravity_addon.wire.base import write_json
from antigravity_addon.wire.sse import (
    KEEP_ALIVE,
    ServerSentEvent,
    SseDecoder,
    SseItem,
    StrayJson,
    encode_event,
    json_objects,
)


def decode(*chunks: bytes) -> list[SseItem]:
    decoder = SseDecoder()
    items = [item for chunk in chunks for item in decoder.feed(chunk)]
    return [*items, *decoder.finish()]


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


ERROR = b'{"error": {"code": 503, "message": "no {way}"}}'

CASES: dict[str, tuple[bytes, list[SseItem]]] = {
    "LF": (b"data: a\n\ndata: b\n\n", [ServerSentEvent(b"a"), ServerSentEvent(b"b")]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [ServerSentEvent(b"a"), ServerSentEvent(b"b")]),
    "CR": (b"data: a\r\rdata: b\r\r", [ServerSentEvent(b"a"), ServerSentEvent(b"b")]),
    "no space after the colon": (b"data:a\n\n", [ServerSentEvent(b"a")]),
    "only one space is framing": (b"data:  a\n\n", [ServerSentEvent(b" a")]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [ServerSentEvent(b"a")]),
    "a byte order mark before JSON": (b'\xef\xbb\xbf[{"a": 1}]', [StrayJson(b'{"a": 1}')]),
    "no final blank line": (b"data: a\n", [ServerSentEvent(b"a")]),
    "no final line end": (b"data: a", [ServerSentEvent(b"a")]),
    "several data lines are one event": (b"data: a\ndata: b\n\n", [ServerSentEvent(b"a\nb")]),
    "empty data": (b"data\n\ndata:\n\n", [ServerSentEvent(b""), ServerSentEvent(b"")]),
    "comments are skipped": (b": hello\ndata: a\n:\n\n", [ServerSentEvent(b"a")]),
    "an event's name": (b"event: ping\ndata: a\n\ndata: b\n\n", [ServerSentEvent(b"a", "ping"), ServerSentEvent(b"b")]),
    "a name without data is no event": (b"event: ping\n\ndata: b\n\n", [ServerSentEvent(b"b")]),
    "id and retry mean nothing here": (b"id: 7\nretry: 10\ndata: a\n\n", [ServerSentEvent(b"a")]),
    "unknown fields are skipped": (b"foo: {bar\ndata: a\n\n", [ServerSentEvent(b"a")]),
    "half a character is held": (b'data: "\xc3\xa9"\n\n', [ServerSentEvent('"é"'.encode())]),
    "U+2028, U+2029 and U+0085 end no line": (
        "data: a\u2028b\u2029c\u0085d\n\n".encode(),
        [ServerSentEvent("a\u2028b\u2029c\u0085d".encode())],
    ),
    "form feed and friends end no line": (b"data: a\x0b\x0c\x1c\x1db\n\n", [ServerSentEvent(b"a\x0b\x0c\x1c\x1db")]),
    "stray JSON on one line": (b"data: a\n\n" + ERROR, [ServerSentEvent(b"a"), StrayJson(ERROR)]),
    "stray JSON over lines": (b'data: a\n\n{\n  "e": {\n  }\n}\n', [ServerSentEvent(b"a"), StrayJson(b'{\n  "e": {\n  }\n}')]),
    "stray JSON in an array": (b"[{\n}]\n", [StrayJson(b"{\n}")]),
    "stray JSON with blank lines inside": (b'{\n\n"a": 1}\n', [StrayJson(b'{\n"a": 1}')]),
    "an array of chunks": (b'[{"a":1}\r\n,\r\n{"b":2}\r\n]\r\n', [StrayJson(b'{"a":1}'), StrayJson(b'{"b":2}')]),
    "a comma too many": (b'{"a":1},,{"b":2}', [StrayJson(b'{"a":1}'), StrayJson(b'{"b":2}')]),
    "braces and quotes in strings": (rb'{"a":"}\"}{"}', [StrayJson(rb'{"a":"}\"}{"}')]),
    "a brace too many": (b'}{"a":1}\n]}{}', [StrayJson(b'{"a":1}'), StrayJson(b"{}")]),
    "stray JSON that ends unfinished": (b'{"a":\n', [StrayJson(b'{"a":')]),
    "an event ends unfinished stray JSON": (
        b'{"a":\ndata: b\n\n{"c":1}\n',
        [StrayJson(b'{"a":'), ServerSentEvent(b"b"), StrayJson(b'{"c":1}')],
    ),
    "nothing": (b"", []),
    "blank lines": (b"\n\r\n\r", []),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize(("body", "items"), CASES.values(), ids=CASES.keys())
def test_decoding(body: bytes, items: list[SseItem], size: int) -> None:
    assert decode(*cut(body, size)) == items


STREAMS = st.lists(
    st.sampled_from([b"data: ", b"data", b":", b"event: x", b"\r", b"\n", b"\r\n", b'"', b"\\", b"{", b"}", b"[", b"]"])
    | st.binary(max_size=3),
    max_size=30,
).map(b"".join)  # fmt: skip


@given(body=STREAMS, cuts=st.lists(st.integers(0, 80)))
@example(body=b"data: a\r\n\r\n", cuts=[8, 9, 10])
def test_no_cutting_changes_the_items(body: bytes, cuts: list[int]) -> None:
    borders = sorted({0, *(min(each, len(body)) for each in cuts), len(body)})
    pieces = [body[start:end] for start, end in pairwise(borders)]
    assert decode(*pieces) == decode(body)
    assert decode(*cut(body, 1)) == decode(body)


@given(chunks=st.lists(st.binary(max_size=4)))
def test_an_empty_chunk_changes_nothing(chunks: list[bytes]) -> None:
    padded = [piece for chunk in chunks for piece in (b"", chunk, b"")]
    assert decode(*padded) == decode(b"".join(chunks))


def test_an_event_comes_out_with_its_last_byte() -> None:
    decoder = SseDecoder()
    assert list(decoder.feed(b"data: a\r\n\r")) == [ServerSentEvent(b"a")]
    assert list(decoder.feed(b"\ndata: b\r\n\r\n")) == [ServerSentEvent(b"b")]


def test_a_line_of_megabytes_costs_linear_time() -> None:
    body = b"data: " + b"x" * (4 << 20) + b"\n\n"
    # rescanning would look at 2 GiB here and run into the timeout of the test
    assert decode(*cut(body, 4096)) == [ServerSentEvent(b"x" * (4 << 20))]


def test_a_stray_string_of_megabytes_costs_linear_time() -> None:
    body = b'{"a":"' + b"\\n" * (1 << 20) + b'"}'
    assert decode(*cut(body, 4096)) == [StrayJson(body)]


def test_a_stray_line_without_an_end_is_looked_at_as_it_comes() -> None:
    decoder = SseDecoder()
    found = [item for chunk in cut(b'[{"a":1},' * 1000, 100) for item in decoder.feed(chunk)]
    assert len(found) == 1000
    assert list(decoder.finish()) == []


def test_nobody_counts_braces_deeper_than_a_parser_goes() -> None:
    assert decode(*cut(b"{" * 501_000, 4096)) == [StrayJson(b"{" * 501)] * 1000


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"data: ", b"x"),
        (b"data: x\n", b"data: x\n"),
        (b"", b"data:\n"),
        (b":", b"x"),
        (b"event: ", b"x"),
        (b"[{", b"1,"),
        (b'{"a": "', b"x"),
        (b'{"a": "', b'\\"'),
        (b"{", b"\n1"),
    ],
    ids=repr,
)
def test_an_item_that_is_longer_than_allowed_breaks_the_answer_off(begin: bytes, piece: bytes) -> None:
    decoder = SseDecoder(most_bytes=10_000)
    list(decoder.feed(begin))
    with pytest.raises(StreamTruncated, match="longer than 10,000 bytes"):
        list(chain.from_iterable(decoder.feed(piece * (5000 // len(piece))) for _ in range(5)))
    # nothing of it is kept
    assert list(decoder.finish()) == []


@pytest.mark.parametrize("line", [b"\n", b":\n", b"x\n", b"data:\n\n", b"{}"], ids=repr)
def test_an_answer_of_more_lines_than_allowed_breaks_off(line: bytes) -> None:
    decoder = SseDecoder(most_lines=1000)
    list(decoder.feed(line * 400))
    with pytest.raises(StreamTruncated, match="more than 1,000 lines"):
        list(decoder.feed(line * 700))


def test_the_lines_of_an_object_are_not_counted() -> None:
    decoder = SseDecoder(most_lines=1000)
    pretty = b"{\n" + b'"a": 1,\n' * 5000 + b'"b": 2\n}\n'
    assert list(decoder.feed(pretty)) == [StrayJson(pretty.rstrip())]


def test_only_one_item_counts_against_what_is_allowed() -> None:
    decoder = SseDecoder(most_bytes=10_000)
    for _ in range(100):
        for body in (b"data: %b\n\n" % (b"x" * 2000), b": x\n" * 500, b'{"a":1}\n' * 500, b"x" * 5000):
            list(decoder.feed(body))


def test_a_text_begins_with_one_byte_order_mark_at_most() -> None:
    assert decode(b"\xef\xbb\xbf" * 100_000 + b"data: a\n\ndata: b\n\n") == [ServerSentEvent(b"b")]


@pytest.mark.parametrize("size", [1, 7, 64, 1_000_000])
def test_recorded_streams_decode_the_same_however_they_are_cut(recorded: Path, size: int) -> None:
    for path in sorted(recorded.glob("*.sse")):
        body = path.read_bytes()
        events = [
            ServerSentEvent(block.removeprefix(b"data: ")) for block in body.split(b"\r\n\r\n") if block
        ]
        assert decode(*cut(body, size)) == events, path.name


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_recorded_streams_with_other_line_ends_and_an_error_after_them(
    recorded: Path, line_end: bytes
) -> None:
    for path in sorted(recorded.glob("*.sse")):
        body = path.read_bytes()
        tail = b"[" + ERROR.replace(b": {", b": {\r\n") + b"\r\n]"
        changed = (body + tail).replace(b"\r\n", line_end)
        *events, error = decode(*cut(changed, 64))
        assert events == decode(body), path.name
        assert error == StrayJson(ERROR.replace(b": {", b": {\n")), path.name


@pytest.mark.parametrize("size", [1, 7, 64, 1_000_000])
def test_the_recorded_array_stream_decodes_too(recorded: Path, size: int) -> None:
    items = decode(*cut((recorded / "35-b-json-array-stream-2.5-flash-tools.json").read_bytes(), size))
    assert [type(item) for item in items] == [StrayJson, StrayJson]


@pytest.mark.parametrize(
    ("data", "event", "encoded"),
    [
        ([b"{}"], b"", b"data: {}\n\n"),
        ([b"{}"], b"response.created", b"event: response.created\ndata: {}\n\n"),
        ([b'{"a":', memoryview(b"[1]")[1:2], b"}"], b"", b'data: {"a":1}\n\n'),
        ([b""], b"", b"data: \n\n"),
    ],
    ids=["unnamed", "named", "in pieces", "empty"],
)
def test_encoding(data: list[bytes | memoryview], event: bytes, encoded: bytes) -> None:
    assert encode_event(*data, event=event) == encoded


@given(pieces=st.lists(st.text().map(write_json), min_size=1))
def test_what_is_encoded_decodes_to_itself(pieces: list[bytes]) -> None:
    assert decode(encode_event(*pieces, event=b"x")) == [ServerSentEvent(b"".join(pieces), "x")]


def test_a_keep_alive_is_no_item() -> None:
    assert decode(KEEP_ALIVE, b"data: a\n\n", KEEP_ALIVE) == [ServerSentEvent(b"a")]


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        (b'got status: 429. {"a": {"b": 1}} and {"c": 2}.', [b'{"a": {"b": 1}}', b'{"c": 2}']),
        (b"it's {not} an object", [b"{not}"]),
        (b"prose", []),
        (b'cut {"a": "b', [b'{"a": "b']),
    ],
)
def test_objects_in_prose(text: bytes, objects: list[bytes]) -> None:
    assert list(json_objects(text)) == objects
