"""Server-sent events, both ways, and the raw JSON that Google strews between them.

Bytes from end to end: a line ends at LF, CR or CRLF and nowhere else (U+2028, U+2029 and U+0085 are ordinary
characters of a JSON string), and a character cut in two by the network is put together with its line.

An error in the middle of a stream comes as JSON over several lines without `data:`, bare or in an array; and
without `alt=sse` the whole stream is one such array. Both come out as `StrayJson`, object by object.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment: every parser skips it, and no proxy takes the connection for idle."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
_STRING_OR_BRACE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    data: bytes
    """The `data:` lines joined by LF. Bytes, as the JSON parser wants them."""
    event: str | None = None


@dataclass(frozen=True, slots=True)
class StrayJson:
    """What stood between braces outside any `data:` line; unbalanced if the body ended inside it."""

    data: bytes


type SseItem = ServerSentEvent | StrayJson


def encode_event(data: bytes | str, event: str | None = None) -> bytes:
    payload = data.encode() if isinstance(data, str) else data
    name = b"" if event is None else b"event: %b\n" % event.encode()
    return name + b"".join([b"data: %b\n" % line for line in _LINE_BREAK.split(payload)]) + b"\n"


def json_objects(text: bytes) -> Iterator[bytes]:
    """The outermost JSON objects in a text, whatever stands around them; an unbalanced one last."""
    objects = _JsonObjects()
    yield from objects.feed(text[text.find(b"{") :] if b"{" in text else b"")
    yield from objects.finish()


class SseDecoder:
    """Bytes of a body -> items. Chunks end anywhere, hence it holds the line, the event and the stray JSON
    object that are not complete yet. Pieces of a line are joined once, so lines of megabytes cost linear time.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._after_carriage_return = False
        self._data: list[bytes] = []
        self._event: str | None = None
        self._stray = _JsonObjects()

    def feed(self, chunk: bytes) -> Iterator[SseItem]:
        for line in self._lines(chunk):
            yield from self._read(line)

    def finish(self) -> Iterator[SseItem]:
        """The body's end also ends a last line and a last event that lack theirs."""
        if self._line:
            line = b"".join(self._line)
            self._line.clear()
            yield from self._read(line)
        yield from self._dispatch()
        yield from self._stray_json(self._stray.finish())

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if not chunk:
            return
        if self._after_carriage_return:
            # the second half of a CRLF that was cut: its line is out already
            chunk = chunk.removeprefix(b"\n")
        self._after_carriage_return = chunk.endswith(b"\r")
        for piece in chunk.splitlines(keepends=True):
            whole = piece.rstrip(b"\r\n")
            if len(whole) == len(piece):
                self._line.append(piece)
            elif self._line:
                yield b"".join([*self._line, whole])
                self._line.clear()
            else:
                yield whole

    def _read(self, line: bytes) -> Iterator[SseItem]:
        if not line:
            yield from self._dispatch()
            return
        name_end = line.find(b":")
        # one copy of what may be megabytes, with or without the blank in front
        value = line[name_end + 1 + line.startswith(b" ", name_end + 1) :] if name_end >= 0 else b""
        match line[:name_end] if name_end >= 0 else line:
            case b"data":
                # JSON that is still open was cut off: later JSON must not be taken for the rest of it
                yield from self._stray_json(self._stray.finish())
                self._data.append(value)
            case b"event":
                self._event = value.decode(errors="replace")
            case b"" | b"id" | b"retry":
                pass
            case _ if line.startswith(_BYTE_ORDER_MARK):
                # some begin a text with it, and it is no part of the first field's name
                yield from self._read(line.removeprefix(_BYTE_ORDER_MARK))
            case _:
                yield from self._stray_json(self._stray.feed(line))

    def _dispatch(self) -> Iterator[ServerSentEvent]:
        event, self._event = self._event, None
        if self._data:
            joined = b"\n".join(self._data)
            self._data.clear()
            yield ServerSentEvent(joined, event)

    def _stray_json(self, objects: Iterator[bytes]) -> Iterator[StrayJson]:
        return (StrayJson(each) for each in objects)


class _JsonObjects:
    """Lines -> the JSON objects in them, by counting braces outside strings. An object spans lines, a string
    of valid JSON never does. Brackets and commas between objects are skipped, and so is an enclosing array.
    """

    def __init__(self) -> None:
        self._open: list[bytes] = []
        self._depth = 0

    def feed(self, line: bytes) -> Iterator[bytes]:
        if not self._depth and not line.lstrip().startswith((b"{", b"}", b"[", b"]", b",")):
            return
        begin = 0
        for token in _STRING_OR_BRACE.finditer(line):
            match token[0]:
                case b"{":
                    if not self._depth:
                        begin = token.start()
                    self._depth += 1
                case b"}" if self._depth:
                    self._depth -= 1
                    if not self._depth:
                        self._open.append(line[begin : token.end()])
                        yield from self._take()
                case _:
                    pass
        if self._depth:
            self._open.append(line[begin:])

    def finish(self) -> Iterator[bytes]:
        self._depth = 0
        if self._open:
            yield from self._take()

    def _take(self) -> Iterator[bytes]:
        taken = b"\n".join(self._open)
        self._open.clear()
        yield taken
