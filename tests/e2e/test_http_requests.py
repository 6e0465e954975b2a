"""What a client may send as a request, good and bad, byte for byte: a status, an OpenAI error object, and nothing upstream."""

import gzip
import zlib
from pathlib import Path

import brotli
import zstandard

from tests.e2e.raw_http import CHAT, HEALTH, POST, chunked, connected, sized
from tests.e2e.test_chat import gateway_and_simulator

GOOD: dict[str, bytes] = {
    "a length": POST + sized(CHAT),
    "chunks": POST + chunked(CHAT),
    "many chunks": POST + chunked(*(bytes([byte]) for byte in CHAT)),
    "chunks with extensions": POST
    + b"transfer-encoding: chunked\r\n\r\n%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(CHAT), CHAT),
    "trailers": POST + chunked(CHAT, end=b"0\r\nx-checksum: 1\r\n\r\n"),
    "empty lines in front": b"\r\n\r\n" + POST + sized(CHAT),
    "the host in the target": POST.replace(b" /v1", b" http://localhost/v1") + sized(CHAT),
    "an upgrade to HTTP/2": POST
    + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: \r\n"
    + sized(CHAT),
    "gzip": POST + b"content-encoding: gzip\r\n" + sized(gzip.compress(CHAT)),
    "deflate": POST + b"content-encoding: deflate\r\n" + sized(zlib.compress(CHAT)),
    "brotli": POST + b"content-encoding: br\r\n" + sized(brotli.compress(CHAT)),
    "zstandard in chunks": POST + b"content-encoding: zstd\r\n" + chunked(zstandard.compress(CHAT)),
    "two encodings": POST + b"content-encoding: gzip, br\r\n" + sized(brotli.compress(gzip.compress(CHAT))),
    "an expectation that HTTP does not know": POST + b"expect: the-best\r\n" + sized(CHAT),
}


async def test_a_request_is_understood_however_it_is_framed_and_its_connection_goes_on(
    tmp_path: Path,
) -> None:
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        for case, request in GOOD.items():
            asked = len(simulator.requests)
            async with connected(gateway) as client:
                await client.send(request + HEALTH)
                answer = await client.answer()
                assert (answer.status, b'"content":"hello"' in answer.body) == (200, True), (case, answer)
                assert "connection" not in answer.headers
                assert (await client.answer()).body == b'{"status":"ok"}', case
            assert len(simulator.requests) == asked + 1, case


LARGE = 200_000
BOMB = gzip.compress(bytes(2 * LARGE))
SMUGGLED = HEALTH.replace(b"healthz", b"v1/models")
REFUSED: dict[str, tuple[bytes, int, str | None, str | None]] = {
    # heads; tests/wire/test_http1_head.py has all of them
    "HTTP/0.9": (b"GET /healthz\r\n\r\n", 400, "invalid_http", None),
    "a version to come": (
        b"GET /healthz HTTP/4.0\r\nhost: localhost\r\n\r\n",
        505,
        "http_version_not_supported",
        None,
    ),
    "bytes of nothing": (bytes(range(256)), 400, "invalid_http", None),
    "a tunnel": (b"CONNECT other:443 HTTP/1.1\r\nhost: other\r\n\r\n", 405, "method_not_supported", None),
    "another server's": (
        b"GET http://other/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
        400,
        "invalid_http",
        None,
    ),
    "two hosts": (HEALTH[:-2] + b"host: 127.0.0.1\r\n\r\n", 400, "invalid_http", "host"),
    "a length and chunks": (
        POST + b"content-length: 4\r\n" + chunked(end=b"0\r\n\r\n" + SMUGGLED),
        400,
        "invalid_http",
        "transfer-encoding",
    ),
    "two lengths": (POST + b"content-length: 0\r\n" + sized(SMUGGLED), 400, "invalid_http", "content-length"),
    "a coding in disguise": (
        POST + b"transfer-encoding: \x0bchunked\r\n" + sized(b"0\r\n\r\n" + SMUGGLED),
        400,
        "invalid_http",
        None,
    ),
    "a value that goes on": (POST + b"x-a: b\r\n " + sized(SMUGGLED), 400, "invalid_http", None),
    "a line that ends with LF": (
        b"GET /healthz HTTP/1.1\nhost: localhost\n\n" + SMUGGLED,
        400,
        "invalid_http",
        None,
    ),
    "a line without an end": (b"GET /" + b"a" * LARGE, 414, "uri_too_long", None),
    "a field without an end": (HEALTH[:-2] + b"x-a: " + b"a" * LARGE, 431, "headers_too_large", None),
    "many fields": (HEALTH[:-2] + b"x-a: b\r\n" * 300 + b"\r\n", 431, "headers_too_large", None),
    # bodies
    "a chunk of no size": (POST + chunked(end=b"zz\r\n"), 400, "invalid_http", None),
    "a chunk of a negative size": (POST + chunked(end=b"-1\r\n"), 400, "invalid_http", None),
    "a chunk longer than it says": (POST + chunked(end=b"1\r\nab\r\n0\r\n\r\n"), 400, "invalid_http", None),
    "a chunk whose line has a CR": (
        POST + chunked(end=b"1;\ra\r\nb\r\n0\r\n\r\n" + SMUGGLED),
        400,
        "invalid_http",
        None,
    ),
    "trailers that end with LF": (POST + chunked(CHAT, end=b"0\r\n\n" + SMUGGLED), 400, "invalid_http", None),
    "a chunk's size without an end": (POST + chunked(end=b"1" * LARGE), 400, "invalid_http", None),
    "trailers without an end": (POST + chunked(end=b"0\r\nx: " + b"a" * LARGE), 400, "invalid_http", None),
    "a body too long by its length": (
        POST + b"content-length: 100001\r\n\r\n",
        413,
        "request_too_large",
        None,
    ),
    "a body too long as it comes": (POST + chunked(bytes(LARGE), end=b""), 413, "request_too_large", None),
    "an encoding of its own": (
        POST + b"content-encoding: rot13\r\n" + sized(CHAT),
        415,
        "unsupported_encoding",
        "content-encoding",
    ),
    "a bomb": (
        POST + b"content-encoding: gzip\r\n" + sized(BOMB),
        413,
        "request_too_large",
        "content-encoding",
    ),
    "a bomb in a bomb": (
        POST + b"content-encoding: gzip, zstd\r\n" + chunked(zstandard.compress(BOMB)),
        413,
        "request_too_large",
        "content-encoding",
    ),
    "not what it says": (
        POST + b"content-encoding: zstd\r\n" + sized(CHAT),
        400,
        "invalid_value",
        "content-encoding",
    ),
    # heads that need no body to be refused
    "a path that nobody serves": (
        POST.replace(b"chat/completions", b"nothing") + b"content-length: 99999\r\n\r\n",
        404,
        None,
        None,
    ),
    "a web page": (
        POST + b"origin: https://x.test\r\n" + chunked(b"{", end=b""),
        403,
        "origin_refused",
        None,
    ),
}
GOES_ON = {"an encoding of its own", "a bomb", "a bomb in a bomb", "not what it says"}
"""The request was read to its end."""


async def test_a_request_that_is_refused_is_told_why_and_nothing_is_done_for_it(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, body_size_limit="100000") as (gateway, simulator):
        for case, (request, status, code, param) in REFUSED.items():
            async with connected(gateway) as client:
                await client.send(request)
                answer = await client.answer()
                assert (answer.status, answer.error["code"], answer.error["param"]) == (
                    status,
                    code,
                    param,
                ), case
                assert answer.headers["x-request-id"], case
                if case in GOES_ON:
                    await client.send(HEALTH)
                    assert (await client.answer()).status == 200, case
                else:
                    assert answer.headers["connection"] == "close", case
                    assert await client.is_ended(), case
        assert not simulator.requests


async def test_the_answer_to_a_head_request_has_no_body_when_it_is_refused_either(tmp_path: Path) -> None:
    head = HEALTH.replace(b"GET", b"HEAD")[:-2]
    refused = {b"content-encoding: rot13\r\n\r\n": 415, b"origin: https://x.test\r\n\r\n": 403}
    async with gateway_and_simulator(tmp_path) as (gateway, _), connected(gateway) as client:
        for rest, status in refused.items():
            await client.send(head + rest + HEALTH)
            answer = await client.answer(has_body=False)
            assert (answer.status, int(answer.headers["content-length"]) > 0) == (status, True)
            assert (await client.answer()).body == b'{"status":"ok"}'


async def test_a_body_is_asked_for_only_where_it_is_wanted(tmp_path: Path) -> None:
    expects = POST + b"expect: 100-continue\r\n"
    options = {"gateway_api_key": "sk-right", "gateway_auth_mode": "strict"}
    async with gateway_and_simulator(tmp_path, **options) as (gateway, _):
        key = b"authorization: Bearer sk-right\r\n"
        async with connected(gateway) as client:
            await client.send(expects + key + b"content-length: %d\r\n\r\n" % len(CHAT))
            assert (await client.answer()).status == 100
            await client.send(CHAT)
            assert (await client.answer()).status == 200
        for refused, status in {
            b"content-length: 10\r\n\r\n": 401,
            key + b"content-length: 200000000\r\n\r\n": 413,
            key + b"content-encoding: rot13\r\ncontent-length: 10\r\n\r\n": 415,
        }.items():
            async with connected(gateway) as client:
                await client.send(expects + refused)
                answer = await client.answer()
                assert (answer.status, answer.headers["connection"]) == (status, "close")
                assert await client.is_ended()
        gateway.master.options.update(body_size_limit="1000")
        async with connected(gateway) as client:
            # too long after all: it was let in by its head
            await client.send(expects + key + b"transfer-encoding: chunked\r\n\r\n")
            assert (await client.answer()).status == 100
            await client.send(b"3e9\r\n" + bytes(1001))
            assert (await client.answer()).status == 413
        async with connected(gateway) as client:
            # nobody told an old client of it
            await client.send(expects.replace(b"1.1", b"1.0") + key + sized(CHAT))
            assert (await client.answer()).status == 200


async def test_what_is_refused_is_a_flow_with_its_answer_and_without_a_body_that_is_a_trap(
    tmp_path: Path,
) -> None:
    async with gateway_and_simulator(tmp_path, body_size_limit="100000") as (gateway, _):
        for request in (REFUSED["a bomb"][0], REFUSED["a body too long as it comes"][0]):
            async with connected(gateway) as client:
                await client.send(request)
                await client.answer()
        for number in (1, 2):
            flow = await gateway.recorder.wait(number)
            assert flow.response is not None
            assert flow.response.status_code == 413
            assert not flow.request.raw_content


async def test_an_answer_may_be_longer_than_a_request(tmp_path: Path) -> None:
    async with gateway_and_simulator(tmp_path, body_size_limit="300") as (gateway, _):
        async with connected(gateway) as client:
            await client.send(POST + sized(CHAT))
            answer = await client.answer()
        assert answer.status == 200
        assert len(answer.body) > 300
