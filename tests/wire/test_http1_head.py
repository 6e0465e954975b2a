"""Heads of HTTP/1 requests: what one server could read otherwise than another is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import GatewayError
from antigravity_addon.wire import http1_head
from antigravity_addon.wire.http1_head import FIELDS, HEAD_BYTES, LINE_BYTES, head_size, read_head

GOOD: dict[str, bytes] = {
    "the shortest": b"GET / HTTP/1.1\r\nhost:\r\n\r\n",
    "an old client needs no host": b"GET / HTTP/1.0\r\n\r\n",
    "names in any case, values with tabs around": b"GET /?a=b HTTP/1.1\r\nHoSt:\tx:80\t\r\nX-A:b\r\n\r\n",
    "bytes beyond ASCII in a value": b"GET / HTTP/1.1\r\nhost: x\r\nx-a: \xc3\xa4\xff\r\n\r\n",
    "chunks": b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: Chunked\r\n\r\n",
    "a length": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n",
    "an empty body": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
    "every header that may be there twice": b"GET / HTTP/1.1\r\nhost: x\r\naccept: a\r\naccept: b\r\n\r\n",
    "letters beyond ASCII in a path": b"GET /\xc3\xa4\xe2\x82\xac\xff HTTP/1.1\r\nhost: x\r\n\r\n",
    "of no resource": b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    "the host twice": b"GET http://X:80/a HTTP/1.1\r\nhost: x:80\r\n\r\n",
    "as long as it may be": b"GET / HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * (HEAD_BYTES - 35) + b"\r\n\r\n",
}


BODY_SIZES = {"a length": 5, "chunks": None}


@pytest.mark.parametrize("name", GOOD)
def test_a_head_that_is_read_in_one_way_is_taken(name: str) -> None:
    head = GOOD[name]
    assert head_size(head + b"GET \0") == len(head)
    read = read_head(head)
    assert b" ".join([read.method, read.target, read.version]) == read.line
    written = [read.line, *(b"%b:%b" % field for field in read.fields)]
    assert read.body_size == BODY_SIZES.get(name, 0)
    assert written == [re.sub(rb":[ \t]*(.*?)[ \t]*$", rb":\1", line) for line in head[:-4].split(b"\r\n")]


def with_fields(fields: bytes, version: bytes = b"1.1") -> bytes:
    return b"POST / HTTP/" + version + b"\r\nhost: x\r\n" + fields + b"\r\n\r\n"


BAD: dict[str, tuple[bytes, int, str | None]] = {
    # request lines
    "HTTP/0.9": (b"GET /\r\n\r\n", 400, None),
    "two spaces": (b"GET  / HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    "a space in the target": (b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    "a version of one digit": (b"GET / HTTP/1\r\nhost: x\r\n\r\n", 400, None),
    "lower case": (b"GET / http/1.1\r\nhost: x\r\n\r\n", 400, None),
    "a version to come": (b"GET / HTTP/3.0\r\nhost: x\r\n\r\n", 505, None),
    "HTTP/2 in words of HTTP/1": (b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", 505, None),
    "a tunnel": (b"CONNECT other:443 HTTP/1.1\r\nhost: other:443\r\n\r\n", 405, None),
    "another server's": (b"GET http://other/ HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    "another protocol's": (b"GET ftp://x/ HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    "no path": (b"GET x HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    "a star": (b"GET * HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    "a terminal's control character": (b"GET /\xc2\x9b2J HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    "one in a method": (b"G\xc2\x9b2JET / HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    "a text that is turned around": (b"GET /\xe2\x80\xaeabc HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    # hosts
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, "host"),
    "two hosts": (with_fields(b"Host: x"), 400, "host"),
    "two hosts of an old client": (with_fields(b"Host: x", b"1.0"), 400, "host"),
    "a host that is a path": (b"GET / HTTP/1.1\r\nhost: x/y\r\n\r\n", 400, "host"),
    # fields
    "a field without a colon": (with_fields(b"nonsense"), 400, None),
    "a field without a name": (with_fields(b": a"), 400, None),
    "a space in front of the colon": (with_fields(b"transfer-encoding : chunked"), 400, None),
    "a value that goes on": (with_fields(b"x-a: b\r\n c"), 400, None),
    "a first field that goes on": (b"GET / HTTP/1.1\r\n x: y\r\nhost: x\r\n\r\n", 400, None),
    "a line that ends with LF": (with_fields(b"x-a: b\ntransfer-encoding: chunked"), 400, None),
    "a CR in a value": (with_fields(b"x-a: b\rc: d"), 400, None),
    "a NUL": (with_fields(b"x-a: \0"), 400, None),
    "an escape": (with_fields(b"x-a: \x1b[31m"), 400, None),
    # where the body ends
    "a length and chunks": (
        with_fields(b"content-length: 5\r\ntransfer-encoding: chunked"),
        400,
        "transfer-encoding",
    ),
    "two lengths": (with_fields(b"content-length: 5\r\ncontent-length: 6"), 400, "content-length"),
    "the same length twice": (with_fields(b"content-length: 5\r\ncontent-length: 5"), 400, "content-length"),
    "two lengths in one": (with_fields(b"content-length: 5, 5"), 400, "content-length"),
    "a length with a sign": (with_fields(b"content-length: +5"), 400, "content-length"),
    "a negative length": (with_fields(b"content-length: -5"), 400, "content-length"),
    "a length in base 16": (with_fields(b"content-length: 0x5"), 400, "content-length"),
    "an empty length": (with_fields(b"content-length:"), 400, "content-length"),
    "a length beyond counting": (with_fields(b"content-length: " + b"9" * 30), 400, "content-length"),
    "another coding": (with_fields(b"transfer-encoding: xchunked"), 400, "transfer-encoding"),
    "one more coding": (with_fields(b"transfer-encoding: gzip, chunked"), 400, "transfer-encoding"),
    "chunks twice": (with_fields(b"transfer-encoding: chunked, chunked"), 400, "transfer-encoding"),
    "chunks in two fields": (
        with_fields(b"transfer-encoding: chunked\r\ntransfer-encoding: chunked"),
        400,
        "transfer-encoding",
    ),
    "identity": (with_fields(b"transfer-encoding: identity"), 400, "transfer-encoding"),
    "a coding that is quoted": (with_fields(b'transfer-encoding: "chunked"'), 400, "transfer-encoding"),
    "a coding with a vertical tab": (with_fields(b"transfer-encoding: \x0bchunked"), 400, None),
    "chunks of an old client": (with_fields(b"transfer-encoding: chunked", b"1.0"), 400, "transfer-encoding"),
    # floods
    "many fields": (with_fields(b"\r\n".join(b"x-%d: a" % n for n in range(FIELDS))), 431, None),
}


@pytest.mark.parametrize(("head", "status", "param"), BAD.values(), ids=BAD)
def test_a_head_that_could_be_read_otherwise_is_refused(head: bytes, status: int, param: str | None) -> None:
    with pytest.raises(GatewayError) as refused:
        _ = head_size(head), read_head(head)
    assert (refused.value.status, refused.value.param) == (status, param)


FLOODS: dict[str, tuple[bytes, int]] = {
    "a line": (b"GET /" + b"a" * LINE_BYTES, 414),
    "a line that ends": (b"GET /" + b"a" * LINE_BYTES + b" HTTP/1.1\r\n", 414),
    "a field": (b"GET / HTTP/1.1\r\nx-a: " + b"a" * HEAD_BYTES, 431),
    "a head that ends": (b"GET / HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * HEAD_BYTES + b"\r\n\r\n", 431),
}


@pytest.mark.parametrize(("received", "status"), FLOODS.values(), ids=FLOODS)
def test_a_flood_is_refused_before_it_ends(received: bytes, status: int) -> None:
    with pytest.raises(GatewayError) as refused:
        head_size(received)
    assert refused.value.status == status


@pytest.mark.parametrize("head", GOOD.values(), ids=GOOD)
def test_a_head_that_comes_byte_by_byte_is_waited_for(head: bytes) -> None:
    lengths = range(len(head)) if len(head) < 200 else (1, 100, len(head) - 1)
    assert {head_size(head[:length]) for length in lengths} == {None}


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\t", b"\0", b"\x7f", b"\xff"])).map(b"".join))
def test_what_is_found_quickly_is_what_is_found(text: bytes) -> None:
    assert http1_head._has_clean_lines(text) == (http1_head._FORBIDDEN.search(text) is None)
