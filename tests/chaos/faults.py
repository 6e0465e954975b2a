"""What an upstream can do to an answer, byte by byte, in one table; and what a client is to get of it.

The simulator's faults speak HTTP. These need not: each is the steps that are taken on the naked connection.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

import brotli
import zstandard

from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.faults import FAULTS as SIMULATED
from antigravity_addon.simulator.faults import Refusal

# --- steps -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


class End(Enum):
    """The last step. Without any, the connection is kept for the next request."""

    CLOSE = auto()
    RESET = auto()
    SILENCE = auto()
    """Nothing more, until the other side goes."""
    RESET_NEXT = auto()
    """The next request on this connection is answered with a reset."""


type Step = bytes | Pause | End
"""Bytes are one write."""


class Fate(Enum):
    """What becomes of a request whose first attempt meets the fault, while the next would be answered."""

    ANSWERED = auto()
    """The answer is sound, odd as it may be, and the client gets it."""
    LIMITED = auto()
    """It is shorter, and says so in its finish reason."""
    AGAIN = auto()
    """Nothing of it has reached the client: another attempt serves."""
    CUT = auto()
    """A stream ends in an error; where the whole is wanted, another attempt serves."""
    REFUSED = auto()
    """The client gets an error at once."""
    LATE = auto()
    """It goes on until the request's time is up: the client gets an error then."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A sound one: what it would say, in pieces."""

    pieces: tuple[str, ...]
    is_enveloped: bool = False
    """As Code Assist has it. What a fault says in its own words is not: the gateway takes both."""

    def chunks(self) -> tuple[bytes, ...]:
        """As Gemini says them: the finish reason and the counts with the last."""
        *before, last = self.pieces
        bare = (*(chunk(piece) for piece in before), chunk(last, finish="STOP"))
        return tuple(b'{"response": %b}' % each for each in bare) if self.is_enveloped else bare


def chunk(text: str | None = None, *, finish: str | None = None, **fields: object) -> bytes:
    candidate: dict[str, object] = {"index": 0}
    if text is not None:
        candidate["content"] = {"role": "model", "parts": [{"text": text}]}
    if finish is not None:
        candidate["finishReason"] = finish
        fields["usageMetadata"] = {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18}
    return json.dumps({"candidates": [candidate], "modelVersion": "chaos", **fields}).encode()


@dataclass(frozen=True, slots=True)
class Fault:
    fate: Fate
    steps: Callable[[Answer], Iterable[Step]]
    is_early: bool = False
    """The steps are taken before the request's body was read to its end."""
    is_heavy: bool = False
    """It takes so much work, or time, that it is to be met seldom."""
    is_of_account: bool = False
    """From then on the account fails like this."""
    spoils_connection: bool = False
    """Whoever asks next on the same connection may meet a consequence."""

    @property
    def is_silent(self) -> bool:
        """It takes somebody's patience to end it."""
        if self.is_heavy:
            return False
        *_, last = self.steps(Answer(("a", "b", "c", "d")))
        return last is End.SILENCE


# --- framing ---------------------------------------------------------------------------------------------

SSE = "text/event-stream"
_CRLF = b"\r\n"


def head(
    status: str = "200 OK", *lines: str, kind: str = SSE, framing: str = "Transfer-Encoding: chunked"
) -> bytes:
    fields = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *lines, *([framing] if framing else [])]
    return "\r\n".join(fields).encode("latin-1") + b"\r\n\r\n"


def framed(*pieces: bytes) -> tuple[bytes, ...]:
    return tuple(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)


LAST = b"0\r\n\r\n"


def event(data: bytes) -> bytes:
    return b"data: %b\r\n\r\n" % data


def events(answer: Answer) -> tuple[bytes, ...]:
    return tuple(event(each) for each in answer.chunks())


def streamed(*pieces: bytes, lines: tuple[str, ...] = (), kind: str = SSE) -> Iterator[Step]:
    """A sound chunked response of these pieces."""
    yield head("200 OK", *lines, kind=kind)
    yield from framed(*pieces)
    yield LAST


def unframed(*pieces: bytes, end: End = End.CLOSE, kind: str = SSE) -> Iterator[Step]:
    """A response that ends with the connection."""
    yield head(framing="Connection: close", kind=kind)
    yield from pieces
    yield end


def measured(
    body: bytes, *lines: str, status: str = "200 OK", kind: str = SSE, length: int | None = None
) -> bytes:
    length = len(body) if length is None else length
    return head(status, *lines, framing=f"Content-Length: {length}", kind=kind) + body


def _as_simulated(exchange: Exchange) -> bytes:
    body = b"".join(piece for _, piece in exchange.pieces)
    lines = [f"{name}: {value}" for name, value in exchange.headers.items() if name.lower() != "content-type"]
    return measured(body, *lines, status=f"{exchange.status} x", kind=exchange.headers["Content-Type"])


# --- ways to say it --------------------------------------------------------------------------------------

type Steps = Callable[[Answer], Iterable[Step]]


def plain(answer: Answer) -> Iterable[Step]:
    return streamed(*events(answer))


def _fixed(*steps: Step) -> Steps:
    return lambda _: steps


def _first_then(*steps: Step) -> Steps:
    """A sound head and the first two events, then these."""
    return lambda answer: (head(), *framed(*events(answer)[:2]), *steps)


def _body(make: Callable[[tuple[bytes, ...]], Iterable[bytes]], **how: str) -> Steps:
    """Another body made of the sound events, in a sound response."""
    return lambda answer: streamed(*make(events(answer)), **how)  # pyright: ignore[reportArgumentType]


def _said(make: Callable[[tuple[str, ...]], Iterable[bytes]]) -> Steps:
    """Other chunks made of the sound text."""
    return lambda answer: streamed(*map(event, make(answer.pieces)))


def _headed(*lines: str) -> Steps:
    """A sound answer with these lines in its head."""
    return lambda answer: streamed(*events(answer), lines=lines)


def _status(status: str, body: bytes = b"", *lines: str, kind: str = "application/json") -> Steps:
    return _fixed(measured(body, *lines, status=status, kind=kind))


def _preceded(*informational: bytes) -> Steps:
    return lambda answer: (*informational, *plain(answer))


def _with_inserted(*inserted: bytes) -> Steps:
    """Something more behind the second event."""
    return _body(lambda sound: (*sound[:2], *inserted, *sound[2:]))


def _one_write(answer: Answer) -> Iterable[Step]:
    return (b"".join(step for step in plain(answer) if isinstance(step, bytes)),)


_TRICKLE = 400


def _trickle(answer: Answer) -> Iterator[Step]:
    """Head and first event byte by byte; what follows has nothing new in it."""
    (step,) = _one_write(answer)
    assert isinstance(step, bytes)
    for index in range(_TRICKLE):
        yield step[index : index + 1]
    yield step[_TRICKLE:]


def _encoded(compress: Callable[[bytes], bytes], coding: str) -> Steps:
    return lambda answer: (measured(compress(b"".join(events(answer))), f"Content-Encoding: {coding}"),)


def _gzip_in_pieces(answer: Answer) -> tuple[bytes, ...]:
    compressor = zlib.compressobj(wbits=31)
    pieces = [compressor.compress(each) + compressor.flush(zlib.Z_SYNC_FLUSH) for each in events(answer)]
    return (*pieces, compressor.flush())


def _gzip_cut(answer: Answer) -> Iterable[Step]:
    return streamed(*_gzip_in_pieces(answer)[:2], lines=("Content-Encoding: gzip",))


def _gzip_spoilt(answer: Answer) -> Iterable[Step]:
    first, second, *others = _gzip_in_pieces(answer)
    return streamed(first, second[:-9] + b"\xff" * 9, *others, lines=("Content-Encoding: gzip",))


ZEROS = 160 * 1024 * 1024


def _bomb(status: str = "200 OK") -> Steps:
    def steps(_: Answer) -> Iterator[Step]:
        yield measured(gzip.compress(bytes(ZEROS), 1), "Content-Encoding: gzip", status=status)

    return steps


MUCH = 160 * 1024 * 1024
LARGE = 32 * 1024 * 1024
"""So many bytes may be one event."""
_BLOCK = 256 * 1024


def _trickling(*begin: bytes, piece: bytes, seconds: float, last: End) -> Steps:
    """Twenty pieces a second."""

    def steps(_: Answer) -> Iterator[Step]:
        yield from begin
        for _sent in range(int(seconds * 20)):
            yield piece
            yield Pause(0.05)
        yield last

    return steps


_COMMENT = b"".join(framed(b": ping\r\n\r\n"))
_LONG_TIME = 60.0
"""Seconds, more than a request has."""


def _endless(piece: bytes, *, behind: bytes = b"", status: str = "200 OK", kind: str = SSE) -> Steps:
    """As fast as it is taken, `MUCH` of it at most, and then silence."""

    def steps(_: Answer) -> Iterator[Step]:
        yield head(status, kind=kind)
        yield from framed(behind)
        block = piece * (_BLOCK // len(piece))
        for _sent in range(0, MUCH, _BLOCK):
            yield from framed(block)
        yield End.SILENCE

    return steps


def _second_answer(*between: Step) -> Steps:
    """A whole answer, and behind it another one that nobody has asked for."""
    stale = measured(event(chunk("0.0.0 an answer to nobody", finish="STOP")))
    return lambda answer: (*_one_write(answer), *between, stale)


def _in_one_write_with_second(answer: Answer) -> Iterable[Step]:
    (sound,) = _one_write(answer)
    assert isinstance(sound, bytes)
    return (sound + measured(event(chunk("0.0.0 an answer to nobody", finish="STOP"))),)


_PAGE = (
    b'<!DOCTYPE html>\n<html><title>Sign in</title><p>Accept the terms of this network {"a": 1}</p></html>\n'
)
_ERROR = json.dumps(
    {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
).encode()
_NOISE = bytes(range(256)) * 16
_ELSEWHERE = "Location: /elsewhere"

# --- the table -------------------------------------------------------------------------------------------

PLAIN = "plain"
"""No fault."""

_ODD: dict[str, Steps] = {
    "one write": _one_write,
    "byte by byte": _trickle,
    "a pause before the last event": lambda a: (head(), *framed(*events(a)[:-1]), Pause(0.05), *framed(events(a)[-1]), LAST),
    "a measured body": lambda a: (measured(b"".join(events(a))),),
    "a body that ends with the connection": lambda a: unframed(*events(a)),
    "HTTP/1.0": lambda a: (b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", *events(a), End.CLOSE),
    "a status line without a reason": lambda a: (b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", *framed(*events(a)), LAST),
    "no content type": lambda a: (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *framed(*events(a)), LAST),
    "chunk extensions and a trailer": lambda a: (
        head(), *(piece.replace(_CRLF, b";a=b\r\n", 1) for piece in framed(*events(a))), b"0\r\nX-Sum: 1\r\n\r\n",
    ),
    "100 Continue": _preceded(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103 Early Hints": _preceded(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"),
    "fifty informational responses": _preceded(*([b"HTTP/1.1 102 Processing\r\n\r\n"] * 50)),
    "cookies": _headed("Set-Cookie: a=b; Path=/", "Set-Cookie: c=d"),
    "a location": _headed(_ELSEWHERE, "Refresh: 0; url=/elsewhere"),
    "header bytes beyond ASCII": _headed("X-Odd: caf\xe9 \xff"),
    "a header folded over two lines": _headed("X-Odd: one\r\n two"),
    "labelled as a page": lambda a: streamed(*events(a), kind="text/html"),
    "labelled as plain text": lambda a: streamed(*events(a), kind="text/plain; charset=utf-16"),
    "a JSON array instead of events": lambda a: streamed(
        b"[" + b",\r\n".join(a.chunks()) + b"]", kind="application/json"
    ),
    "one JSON object instead of events": lambda a: (
        measured(chunk("".join(a.pieces), finish="STOP"), kind="application/json"),
    ),
    "lines end in LF": _body(lambda sound: [each.replace(b"\r\n", b"\n") for each in sound]),
    "lines end in CR": _body(lambda sound: [each.replace(b"\r\n", b"\r") for each in sound]),
    "line ends of all kinds": _body(
        lambda sound: [each.replace(b"\r\n", (b"\r", b"\n", b"\r\n")[i % 3]) for i, each in enumerate(sound)]
    ),
    "a byte order mark": _body(lambda sound: (b"\xef\xbb\xbf", *sound)),
    "comments, ids and other fields": _body(
        lambda sound: [b": ping\r\n\r\nid: 7\r\nretry: 9\r\nevent: message\r\nfoo: bar\r\n" + each for each in sound]
    ),
    "no blank line behind the last event": _body(lambda sound: (*sound[:-1], sound[-1].rstrip())),
    "no space behind the colon": _body(lambda sound: [each.replace(b"data: ", b"data:") for each in sound]),
    "JSON over several data lines": _body(
        lambda sound: [each.replace(b', "modelVersion"', b',\r\ndata: "modelVersion"') for each in sound]
    ),
    "[DONE] behind the last event": _body(lambda sound: (*sound, event(b"[DONE]"))),
    "empty events": _with_inserted(b"data:\r\n\r\n", b"data: {}\r\n\r\n", b"data: []\r\n\r\n"),
    "empty candidates": _with_inserted(event(b'{"candidates": []}'), event(b'{"candidates": [{"index": 0}]}')),
    "fields and enum values of the future": _with_inserted(
        event(b'{"candidates": [{"index": 0, "future": {"a": [1]}, "content": {"parts": [{"hologram": {}}]}}], "more": null}')
    ),
    "another candidate": _with_inserted(event(b'{"candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}}]}')),
    "the finish reason twice": _said(
        lambda p: (*map(chunk, p[:-1]), chunk(p[-1], finish="STOP"), chunk(finish="STOP"))
    ),
    "the finish reason alone": _said(lambda p: (*map(chunk, p), chunk(finish="STOP"))),
    "counts behind the finish reason": _said(
        lambda p: (*map(chunk, p[:-1]), chunk(p[-1], finish="STOP"), b'{"usageMetadata": {"promptTokenCount": 7}}')
    ),
    "an event of four megabytes": _said(
        lambda p: (*map(chunk, p[:-1]), chunk(p[-1], finish="STOP", padding="x" * 4_000_000))
    ),
    "gzip": lambda a: streamed(*_gzip_in_pieces(a), lines=("Content-Encoding: gzip",)),
    "deflate": _encoded(zlib.compress, "deflate"),
}  # fmt: skip

_UNHEARD: dict[str, Steps] = {
    "reset at once": _fixed(End.RESET),
    "closed at once": _fixed(End.CLOSE),
    "reset in the status line": _fixed(b"HTTP/1.1 20", End.RESET),
    "reset in the head": _fixed(b"HTTP/1.1 200 OK\r\nContent-Ty", End.RESET),
    "closed in the head": _fixed(b"HTTP/1.1 200 OK\r\nContent-Ty", End.CLOSE),
    "reset behind the head": _fixed(head(), End.RESET),
    "closed behind the head": _fixed(head(), End.CLOSE),
    "reset in the first event": lambda a: (head(), framed(*events(a))[0][:40], End.RESET),
    "silence": _fixed(End.SILENCE),
    "silence in the head": _fixed(b"HTTP/1.1 200 OK\r\nContent-Ty", End.SILENCE),
    "silence behind the head": _fixed(head(), End.SILENCE),
    "silence in the first event": lambda a: (head(), framed(*events(a))[0][:40], End.SILENCE),
    "comments alone": _trickling(head(), piece=_COMMENT, seconds=0.5, last=End.CLOSE),
    "no HTTP": _fixed(b"SSH-2.0-OpenSSH_9.9\r\n", End.CLOSE),
    "noise instead of HTTP": _fixed(_NOISE, End.CLOSE),
    "a TLS alert": _fixed(b"\x15\x03\x01\x00\x02\x02\x28", End.CLOSE),
    "HTTP/0.9": lambda a: (*events(a), End.CLOSE),
    "a version that nobody knows": lambda a: (b"HTTP/7.9 200 OK\r\n\r\n", *events(a), End.CLOSE),
    "a status that is no number": _fixed(b"HTTP/1.1 OK 200\r\nContent-Length: 0\r\n\r\n"),
    "informational responses without an end": lambda _: (
        *([b"HTTP/1.1 102 Processing\r\n\r\n"] * 2000), End.SILENCE,
    ),
    "101 Switching Protocols": _fixed(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chaos\r\nConnection: upgrade\r\n\r\n", _NOISE),
    "a header of 100 kilobytes": _headed("X-Much: " + "x" * 100_000),
    "ten thousand headers": _headed(*(f"X-{index}: y" for index in range(10_000))),
    "a header without a colon": _headed("X-Odd"),
    "a header with a NUL": _headed("X-Odd: a\x00b"),
    "two lengths": lambda a: (measured(b"".join(events(a)), "Content-Length: 12"),),
    "a length that is too short": lambda a: (measured(b"".join(events(a)), length=len(b"".join(events(a)[:2])) + 9),),
    "a length that is no number": _fixed(head(framing="Content-Length: many"), End.CLOSE),
    "a length below zero": _fixed(head(framing="Content-Length: -5"), End.CLOSE),
    "204": _fixed(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "201 with an answer": lambda a: (measured(b"".join(events(a)), status="201 Created"),),
    "206 with an answer": lambda a: (measured(b"".join(events(a)), "Content-Range: bytes 0-9/99", status="206 Part"),),
    "304": _fixed(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "301": _status("301 Moved", b"", _ELSEWHERE),
    "302": _status("302 Found", _PAGE, _ELSEWHERE, kind="text/html"),
    "303": _status("303 See Other", b"", _ELSEWHERE),
    "307": _status("307 Temporary Redirect", b"", _ELSEWHERE),
    "308": _status("308 Permanent Redirect", b"", _ELSEWHERE),
    "407": _status("407 Proxy Authentication Required", b"", "Proxy-Authenticate: Basic realm=x"),
    "999": _status("999 Denied", b""),
    "500 without a body": _status("500 x"),
    "500 with a page": _status("500 x", _PAGE, kind="text/html"),
    "502 with plain text": _status("502 x", b"upstream connect error or disconnect/reset before headers", kind="text/plain"),
    "503 cut off": _fixed(measured(_ERROR[:30], status="503 x", kind="application/json", length=4000), End.RESET),
    "503 without an end": _fixed(measured(_ERROR, status="503 x", kind="application/json", length=4000), End.SILENCE),
    "503 in noise": _status("503 x", _NOISE),
    "503 in an array": _status("503 x", b"[" + _ERROR + b"]"),
    "503 in a message, twice": _status(
        "503 x", json.dumps({"error": {"message": json.dumps({"error": {"message": _ERROR.decode()}})}}).encode()
    ),
    "503, compressed": _status("503 x", gzip.compress(_ERROR), "Content-Encoding: gzip"),
    "503, and not compressed as it says": _status("503 x", _ERROR, "Content-Encoding: gzip"),
    "429 without a body": _status("429 x"),
    "429 with a page": _status("429 x", _PAGE, kind="text/html"),
    "429 to wait for a year": _status("429 x", b"", "Retry-After: 31536000"),
    "429 to wait for nonsense": _status("429 x", b"{}", "Retry-After: -1e999"),
    "429 with details that are none": _status(
        "429 x", b'{"error": {"code": "x", "message": null, "details": {"a": [null]}, "status": 7}}'
    ),
    "400 with a page": _status("400 x", _PAGE, kind="text/html"),
    "403 with a page": _status("403 x", _PAGE, kind="text/html"),
    "404 with a page": _status("404 x", _PAGE, kind="text/html"),
    "a page instead of an answer": _fixed(measured(_PAGE, kind="text/html")),
    "noise instead of an answer": _fixed(measured(_NOISE)),
    "an empty body": _fixed(measured(b"")),
    "JSON that is no answer": _fixed(measured(b'{"hello": ["world"]}', kind="application/json")),
    "JSON that is nothing": _fixed(measured(b"null", kind="application/json")),
    "JSON that is cut off": lambda a: (measured(chunk("".join(a.pieces), finish="STOP")[:-9], kind="application/json"),),
    "deep JSON": _fixed(measured(event(b'{"candidates": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"))),
    "an error first": lambda _: streamed(event(_ERROR)),
    "an error first, without data": lambda _: streamed(b"[" + _ERROR + b"]\r\n"),
    "an error first, in a string": lambda _: streamed(event(json.dumps(_ERROR.decode()).encode())),
    "no UTF-8 in the first event": _body(lambda sound: (sound[0].replace(b'"text": "', b'"text": "\xff'), *sound[1:])),
    "the text is a number": _said(lambda p: (chunk(p[0]).replace(b'"text": "', b'"text": 7, "x": "'), *map(chunk, p[1:-1]), chunk(p[-1], finish="STOP"))),
    "no candidates at all": _said(lambda _: (b'{"usageMetadata": {"promptTokenCount": 7}}',)),
    "STOP and nothing said": _said(lambda _: (chunk(finish="STOP"),)),
    "a broken tool call": _said(lambda _: (chunk(finish="MALFORMED_FUNCTION_CALL"),)),
    "gzip twice": _encoded(lambda body: gzip.compress(gzip.compress(body)), "gzip, gzip"),
    "brotli": _encoded(brotli.compress, "br"),
    "zstd": _encoded(zstandard.ZstdCompressor().compress, "zstd"),
    "a coding that nobody knows": _headed("Content-Encoding: rot13"),
    "gzip that is none": lambda a: streamed(*events(a), lines=("Content-Encoding: gzip",)),
}  # fmt: skip

_BROKEN: dict[str, Steps] = {
    "reset between events": _first_then(End.RESET),
    "closed between events": _first_then(End.CLOSE),
    "reset in an event": lambda a: (head(), *framed(*events(a)[:2]), framed(events(a)[2])[0][:40], End.RESET),
    "closed in an event": lambda a: (head(), *framed(*events(a)[:2]), framed(events(a)[2])[0][:40], End.CLOSE),
    "silence between events": _first_then(End.SILENCE),
    "silence in an event": lambda a: (head(), *framed(*events(a)[:2]), framed(events(a)[2])[0][:40], End.SILENCE),
    "an end between events": _first_then(LAST),
    "a connection that ends between events": lambda a: unframed(*events(a)[:2]),
    "an end in an event": lambda a: streamed(*events(a)[:2], events(a)[2][:40]),
    "no finish reason": _said(lambda p: map(chunk, p)),
    "a finish reason that is none": _said(lambda p: (*map(chunk, p[:-1]), chunk(p[-1], finish=""))),
    "[DONE] without a finish reason": _first_then(*framed(event(b"[DONE]")), LAST),
    "a chunk size that is no number": _first_then(b"zz\r\nhello\r\n"),
    "a chunk size below zero": _first_then(b"-5\r\nhello\r\n"),
    "a chunk size beyond all bounds": _first_then(b"fffffffffffffffff\r\nhello\r\n"),
    "a chunk longer than its size": _first_then(b"3\r\nhello\r\n"),
    "a chunk size without an end": _first_then(b"1" * 100_000, End.CLOSE),
    "noise instead of a chunk": _first_then(_NOISE),
    "a length that is too long": lambda a: (measured(b"".join(events(a)[:2]), length=99_999), End.CLOSE),
    "an error in the middle": _first_then(*framed(event(_ERROR)), LAST),
    "an error in the middle, without data": _first_then(*framed(json.dumps(json.loads(_ERROR), indent=2).encode() + b"\n"), LAST),
    "an error in the middle, in an array": _first_then(*framed(b"[" + _ERROR + b"]\n"), LAST),
    "no UTF-8 in the middle": _body(lambda sound: (*sound[:2], sound[2].replace(b'"text": "', b'"text": "\xff'), *sound[3:])),
    "half a character in the middle": _body(lambda sound: (*sound[:2], sound[2].replace(b'"text": "', b'"text": "\xe2\x82'), *sound[3:])),
    "an event that lacks its end": _body(lambda sound: (*sound[:2], sound[2][:-9] + b"\r\n\r\n", *sound[3:])),
    "two objects in one event": _body(lambda sound: (*sound[:2], sound[2][:-2] + sound[3], *sound[4:])),
    "a tool call that is broken in the middle": _said(lambda p: (*map(chunk, p[:2]), chunk(finish="MALFORMED_FUNCTION_CALL"))),
    "gzip that is cut off": _gzip_cut,
    "gzip that is spoilt": _gzip_spoilt,
}  # fmt: skip

_LIMITED: dict[str, Steps] = {
    "MAX_TOKENS": _said(lambda p: (*map(chunk, p[:-2]), chunk(p[-2], finish="MAX_TOKENS"))),
    "SAFETY": _said(lambda p: (*map(chunk, p[:-1]), chunk(finish="SAFETY"))),
    "a blocked prompt": _said(lambda _: (b'{"promptFeedback": {"blockReason": "SAFETY"}}',)),
}

_SPOILING: dict[str, Steps] = {
    "the connection closes behind the answer": lambda a: (*plain(a), End.CLOSE),
    "the connection is reset by the next request": lambda a: (*plain(a), End.RESET_NEXT),
    "a second answer in the same write": _in_one_write_with_second,
    "a second answer a moment later": _second_answer(Pause(0.02)),
}  # fmt: skip


def _swollen(piece: bytes, *, before: bytes = b"", behind: bytes = b"") -> Steps:
    """An event of `LARGE` bytes."""

    def steps(_: Answer) -> Iterator[Step]:
        block = piece * (_BLOCK // len(piece))
        yield head()
        yield from framed(b"data: " + before)
        for _sent in range(0, LARGE, _BLOCK):
            yield from framed(block)
        yield from framed(behind + b"\r\n\r\n")
        yield LAST

    return steps


_HEAVY_STEPS: dict[str, Steps] = {
    "gzip of zeros": _bomb(),
    "500, gzip of zeros": _bomb("500 x"),
    "a line without an end": _endless(b"x"),
    "a line of braces without an end": _endless(b"{"),
    "a line of objects without an end": _endless(b'{"a":1},', behind=b"["),
    "a string without an end": _endless(b'\\"', behind=b'{"a":"'),
    "an event without an end": _endless(b"x", behind=b"data: "),
    "an event of lines without an end": _endless(b"data:\n"),
    "a name without an end": _endless(b"x", behind=b"event: "),
    "blank lines without an end": _endless(b"\n"),
    "comments without an end": _endless(b":\n"),
    "empty events without an end": _endless(b"data:{}\n\n"),
    "errors that are none, without an end": _endless(b"data:7\n\n"),
    "an error without an end": _endless(b"x", behind=b'{"error": {"message": "', status="503 x"),
    "an error of quotes": _endless(b'\\"', behind=b'"', status="503 x"),
    "an error of braces": _endless(b"{}", status="503 x"),
    "a refusal of details": _endless(b"{},", behind=b'{"error": {"details": [', status="503 x"),
    "an event of brackets": _swollen(b"["),
    "an event of numbers": _swollen(b"0,", before=b'{"x": [', behind=b"0]}"),
    "an event of candidates": _swollen(b"{},", before=b'{"candidates": [', behind=b"{}]}"),
    "an event of arguments": _swollen(
        b"[],",
        before=b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "a", "args": {"b": [',
        behind=b"[]]}}}]}}]}",
    ),
    "an error of details in the stream": _swollen(b"{},", before=b'{"error": {"details": [', behind=b"{}]}}"),
    "an error of quotes in the stream": _swollen(
        b'\\\\\\"', before=b'{"error": {"code": 503, "message": "\\"', behind=b'"}}'
    ),
}
_LATE_STEPS: dict[str, Steps] = {
    "comments now and then, without an end": _trickling(
        head(), piece=_COMMENT, seconds=_LONG_TIME, last=End.CLOSE
    ),
    "an event byte by byte, without an end": _trickling(
        head(), *framed(b"data: "), piece=b"1\r\nx\r\n", seconds=_LONG_TIME, last=End.CLOSE
    ),
    "a head byte by byte, without an end": _trickling(
        b"HTTP/1.1 200 OK\r\nX-Odd: ", piece=b"x", seconds=_LONG_TIME, last=End.CLOSE
    ),
}
_HEAVY = {
    **{name: Fault(Fate.AGAIN, steps, is_heavy=True) for name, steps in _HEAVY_STEPS.items()},
    **{name: Fault(Fate.LATE, steps, is_heavy=True) for name, steps in _LATE_STEPS.items()},
}

_EARLY: dict[str, Fault] = {
    "an answer before the request was read": Fault(Fate.ANSWERED, plain, is_early=True),
    "503 before the request was read": Fault(Fate.AGAIN, _status("503 x", _ERROR), is_early=True),
    "503 before the request was read, and closed": Fault(
        Fate.AGAIN, _fixed(measured(_ERROR, "Connection: close", status="503 x"), End.CLOSE), is_early=True
    ),
    "reset before the request was read": Fault(Fate.AGAIN, _fixed(End.RESET), is_early=True),
}

_REFUSED_AT_ONCE = {
    "bad-request", "bad-schema", "html-413", "not-found", "too-long", "tos", "validation-required",
}  # fmt: skip
_OF_ACCOUNTS = {
    "credits-spent", "dead-key", "dead-key-array", "iam", "leaked-key", "location", "no-licence", "permission", "quota-code-assist",
    "quota-day", "quota-zero", "scope", "service-disabled", "service-disabled-code-assist", "tos", "unauthenticated",
    "validation-required",
}  # fmt: skip


def _simulated() -> Iterator[tuple[str, Fault]]:
    """Every error of the API that the simulator knows."""
    for name, fault in SIMULATED.items():
        if isinstance(fault, Refusal):
            exchange = fault.respond("gemini-2.5-flash")
            if not exchange.headless and exchange.pieces:
                fate = Fate.REFUSED if name in _REFUSED_AT_ONCE else Fate.AGAIN
                yield name, Fault(fate, _fixed(_as_simulated(exchange)), is_of_account=name in _OF_ACCOUNTS)


FAULTS: Mapping[str, Fault] = {
    PLAIN: Fault(Fate.ANSWERED, plain),
    **{name: Fault(Fate.ANSWERED, steps) for name, steps in _ODD.items()},
    **{name: Fault(Fate.AGAIN, steps) for name, steps in _UNHEARD.items()},
    **{name: Fault(Fate.CUT, steps) for name, steps in _BROKEN.items()},
    **{name: Fault(Fate.LIMITED, steps) for name, steps in _LIMITED.items()},
    **{name: Fault(Fate.ANSWERED, steps, spoils_connection=True) for name, steps in _SPOILING.items()},
    **_EARLY,
    **_HEAVY,
    **dict(_simulated()),
}
