"""Bytes of an HTTP/1 client at the door: what they are read as, whole and in pieces, and beside what h11 reads."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

import h11
from mitmproxy import http
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    ResponseEndOfMessage,
    ResponseHeaders,
)

from antigravity_addon.errors import GatewayError
from antigravity_addon.mitm.http1_door import Http1Door
from antigravity_addon.wire.http1_head import head_size

from .in_process import InProcess
from .laws import Broken
from .spoiling import spoiled_bytes

_METHODS = (b"GET", b"POST", b"DELETE", b"OPTIONS", b"CONNECT", b"get", b"G\xff", b"")
_TARGETS = (b"/", b"/v1/models?x=1", b"*", b"http://x/v1", b"http://y/", b"x:443", b"/\xff", b"/a b", b"")
_VERSIONS = (b"HTTP/1.1",) * 6 + (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.2", b"http/1.1", b"HTTP/1.1 ")
_FIELDS = (
    *(
        b"host: x",
        b"Host:x",
        b"host: x,y",
        b"host:",
        b"accept: */*",
        b"x-a: \xff",
        b"x-a:\tb\t",
        b" x: folded",
    ),
    *(
        b"x a: b",
        b"x-a : b",
        b": b",
        b"x-a",
        b"connection: close",
        b"connection: Keep-Alive",
        b"expect: 100-continue",
    ),
    *(
        b"content-length: 3",
        b"content-length: 3",
        b"content-length: +3",
        b"content-length: 3, 3",
        b"Content-Length: 0",
    ),
    *(b"content-length: \xb2", b"content-length: 99999999999999999999", b"content-length:3\x0b"),
    *(b"transfer-encoding: chunked", b"transfer-encoding: chunked", b"Transfer-Encoding: Chunked"),
    *(
        b"transfer-encoding: gzip, chunked",
        b"transfer-encoding: chunked, chunked",
        b"transfer-encoding: \x0bchunked",
    ),
    *(b"transfer-encoding: identity", b"upgrade: h2c", b"trailer: x", b"content-encoding: gzip"),
)
_BODIES = (
    *(b"", b"abc", b"abcd", b"3\r\nabc\r\n0\r\n\r\n", b"3;x=y\r\nabc\r\n0\r\nx: y\r\n\r\n", b"\r\n"),
    *(b"0003\r\nabc\r\n0\r\n\r\n", b"0x3\r\nabc\r\n0\r\n\r\n", b"3 \r\nabc\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n"),
    *(b"3\nabc\n0\n\n", b"3\r\nabcd\r\n0\r\n\r\n", b"ffffffffffffffffffff\r\nabc"),
)  # fmt: skip
_HOST = re.compile("^https?://x(?=[/?#]|$)", re.IGNORECASE)
_PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b"0\r\n\r\n",
    b"\x0b",
    b"\x85",
    b"\xff",
)


def generate(random: Random) -> bytes:
    content = b"".join(_request(random) for _ in range(random.choice((1, 1, 1, 2, 3))))
    return spoiled_bytes(random, content, _PIECES) if not random.randrange(3) else content


def _request(random: Random) -> bytes:
    if random.randrange(4):
        framing, body = random.choice(
            (
                ((b"content-length: 3",), b"abc"),
                ((b"transfer-encoding: chunked",), random.choice(_BODIES)),
                ((), b""),
            )
        )
        strange = (random.choice(_FIELDS),) if not random.randrange(3) else ()
        return b"\r\n".join((b"POST /v1 HTTP/1.1", b"host: x", *framing, *strange, b"", body))
    line = b" ".join((random.choice(_METHODS), random.choice(_TARGETS), random.choice(_VERSIONS)))
    fields = [random.choice(_FIELDS) for _ in range(random.randrange(5))]
    return b"\r\n".join((line, *fields, b"", random.choice(_BODIES)))


@dataclass(slots=True)
class Read:
    """A request as it was understood."""

    head: tuple[str, str, str, tuple[tuple[bytes, bytes], ...]]
    body: bytes = b""
    is_whole: bool = False


@dataclass(slots=True)
class Visit:
    """What comes of a client's bytes."""

    requests: list[Read] = field(default_factory=list[Read])
    refused: tuple[int, str] | None = None
    """Status and code."""
    is_closed: bool = False


async def check(_gateway: InProcess, content: bytes) -> None:
    whole = _visited([content])
    for size in (1, 3, 17):
        found = _visited(content[start : start + size] for start in range(0, len(content), size))
        if _compared(found) != _compared(whole):
            raise Broken("boundaries carry no meaning", (size, found, whole))
    _check_prefixes(content)
    _check_beside_h11(content, [request for request in whole.requests if request.is_whole])


def _visited(pieces: Iterable[bytes]) -> Visit:
    try:
        return visit(pieces)
    except Exception as error:
        raise Broken(f"no exception that nobody foresaw ({type(error).__name__})", error) from error


def _compared(visited: Visit) -> tuple[list[Read], object, bool]:
    """Of a body that breaks, as much is handed on as came with the last piece."""
    whole = [request for request in visited.requests if request.is_whole]
    return whole, visited.refused, visited.is_closed


def visit(pieces: Iterable[bytes]) -> Visit:
    """Every request is answered as soon as it is there."""
    client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), state=ConnectionState.OPEN)
    door = Http1Door(Context(client, Options()))
    visited = Visit()
    waiting: list[events.Event] = [events.Start()]
    for piece in (b"", *pieces):
        waiting += [events.DataReceived(client, piece)] if piece else []
        while waiting:
            for command in door.handle_event(waiting.pop(0)):
                waiting += _taken(command, visited)
    return visited


def _taken(command: commands.Command, visited: Visit) -> list[events.Event]:
    """What is said to the door in turn."""
    match command:
        case ReceiveHttp(event=RequestHeaders(request=request)):
            fields = request.headers.fields
            visited.requests.append(Read((request.method, request.path, request.http_version, fields)))
        case ReceiveHttp(event=RequestData(data=data)):
            visited.requests[-1].body += data
        case ReceiveHttp(event=RequestEndOfMessage(stream_id=stream_id)):
            visited.requests[-1].is_whole = True
            response = http.Response.make(200, b"", {"x-answer": "1"})
            return [ResponseHeaders(stream_id, response), ResponseEndOfMessage(stream_id)]
        case commands.SendData(data=data) if b"\r\nx-answer: 1\r\n" not in data:
            head, _, body = data.partition(b"\r\n\r\n")
            visited.refused = int(head.split()[1]), json.loads(body)["error"]["code"]
        case commands.CloseConnection():
            visited.is_closed = True
        case _:
            pass
    return []


def _check_prefixes(content: bytes) -> None:
    """A head that is found is the same one for ever, and what no head can begin with stays so."""
    found = [_size(content[:length]) for length in range(1, len(content) + 1, max(1, len(content) // 50))]
    settled = [each for each in found if each is not None]
    if any(each != settled[0] for each in settled):
        raise Broken("a head does not change with what follows", settled)
    if None in found[len(found) - len(settled) :]:
        raise Broken("a head does not vanish again", found)


def _size(received: bytes) -> int | str | None:
    try:
        return head_size(received)
    except GatewayError as error:
        return error.label


def _check_beside_h11(content: bytes, requests: list[Read]) -> None:
    """What two servers understand in two ways lets requests pass that one of them has never seen."""
    for ours, theirs in zip(requests, _by_h11(content), strict=False):
        if theirs is None:
            return  # h11 refuses it, and all that follows
        if (ours.head[1], ours.body) != theirs:
            raise Broken("h11 reads the same", (ours, theirs))


def _by_h11(content: bytes) -> Iterable[tuple[str, bytes] | None]:
    """Target and body of each request; `None` for the first one that is refused."""
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=1_000_000)
    server.receive_data(content.lstrip(b"\r\n"))
    target, body = "", b""
    while True:
        try:
            event = server.next_event()
        except h11.RemoteProtocolError:
            yield None
            return
        match event:
            case h11.Request():
                # the host may stand in front, which is then ours
                target = _HOST.sub("", event.target.decode("utf-8", "surrogateescape"))
                body = b""
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage():
                yield target, body
                if server.their_state is not h11.DONE:
                    return
                server.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                server.send(h11.EndOfMessage())
                if server.our_state is not h11.DONE:
                    return
                server.start_next_cycle()
            case _:
                return
