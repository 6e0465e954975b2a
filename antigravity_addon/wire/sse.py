"""Server-sent events, both ways, and the raw JSON that Google strews between them.

Bytes from end to end: a line ends at LF, CR or CRLF and nowhere else (U+2028, U+2029 and U+0085 are ordinary
characters of a JSON string), and a character cut in two by the network is put together with its line.

An error in the middle of a stream comes as JSON over several lines without `data:`, bare or in an array; and
without `alt=sse` the whole stream is one such array. Both come out as `StrayJson`, object by object.
"""

import re
from collections.abc import Iterator
from typing import Self

from msgspec import Struct

from antigravity_addon.errors import StreamTruncated

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment: every parser skips it, and no proxy takes the connection for idle."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DATA, _GOOGLES_END = b"data: ", b"\r\n\r\n"
_LF, _CR = b"\n\r"
_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?(?:data|event|id|retry)?:")
_ENOUGH_FOR_A_FIELD = 9
"""Bytes, of which one can say whether such a line has a field in it."""
_STRING_OR_BRACE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{}]', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)

_LONGEST_NAME = 1000
"""Of an event, in bytes."""
MOST_EVENT_BYTES = 48 * 1024 * 1024
"""Of one event of an upstream. The largest picture that Gemini makes takes two thirds of it."""
_LINE_BYTES = 64
"""What a line of an event takes beside its bytes."""
MOST_LINES = 250_000
"""And stray objects, of one upstream's answer: each token of the longest one can be an event of its own, and three lines."""
_AT_AN_END = (0, 501)
"""How many objects are open at the end of the outermost one; parsers go no deeper than half of these, so nobody counts on."""


class ServerSentEvent(Struct, frozen=True):
    data: bytes
    """The `data:` lines joined by LF. Bytes, as the JSON parser wants them."""
    event: str | None = None


class StrayJson(Struct, frozen=True):
    """What stood between braces outside any `data:` line; unbalanced if the body ended inside it."""

    data: bytes


type SseItem = ServerSentEvent | StrayJson


def encode_event(*data: bytes | memoryview, event: bytes = b"") -> bytes:
    """`data`: one line in pieces, of which each is copied once, however large. JSON as it is written here is one line."""
    name = (b"event: ", event, b"\n") if event else ()
    return b"".join((*name, b"data: ", *data, b"\n\n"))


def json_objects(text: bytes) -> Iterator[bytes]:
    """The outermost JSON objects in a text, whatever stands around them; an unbalanced one last."""
    objects = _JsonObjects()
    yield from objects.feed(text[text.find(b"{") :] if b"{" in text else b"")
    yield from objects.finish()


class SseDecoder:
    """Bytes of a body -> items. Chunks end anywhere, hence it holds the line, the event and the stray JSON
    object that are not complete yet. A line is searched for its end once, so lines of megabytes cost linear time.

    Stray JSON is looked at as it comes, however long its lines are: no chunk takes longer than its own bytes do.
    """

    def __init__(self, *, most_bytes: int | None = None, most_lines: int | None = None) -> None:
        """`most_bytes`: of one item. `None`: whatever comes is here already."""
        self._most_bytes = most_bytes
        self._most_lines = most_lines
        self._lines = 0
        """And stray objects, so far."""
        # not in pieces: a heap full of them is not given back to the system
        self._line = bytearray()
        self._is_stray_line = False
        """It is under way, and what was there of it has gone to `_stray`."""
        self._after_carriage_return = False
        self._data: list[bytes] = []
        self._data_size = 0
        self._event: str | None = None
        self._stray = _JsonObjects()

    @classmethod
    def of_upstream(cls) -> Self:
        """Whose answer may be anything."""
        return cls(most_bytes=MOST_EVENT_BYTES, most_lines=MOST_LINES)

    def feed(self, chunk: bytes) -> Iterator[SseItem]:
        """Raises: StreamTruncated: an item is larger than allowed, or there are too many."""
        begin = 0
        if not self._is_between_events:
            # the rest of an event that was cut in two
            end = chunk.find(_GOOGLES_END)
            begin = end + len(_GOOGLES_END) if end >= 0 else len(chunk)
            yield from self._feed(chunk[:begin])
        if self._is_between_events:
            # nearly all come whole, on a line of their own, and take a third of the time like this
            while chunk.startswith(_DATA, begin) and (end := chunk.find(_GOOGLES_END, begin)) > 0:
                data = chunk[begin + len(_DATA) : end]
                if _LF in data or _CR in data:
                    break
                begin = end + len(_GOOGLES_END)
                self._lines += 2
                yield ServerSentEvent(data)
        yield from self._feed(chunk[begin:])

    def finish(self) -> Iterator[SseItem]:
        """The body's end also ends a last line and a last event that lack theirs."""
        yield from self._end_line()
        yield from self._dispatch()
        yield from self._stray_json(self._stray.finish())

    @property
    def _is_between_events(self) -> bool:
        """Nothing is held that what comes could belong to."""
        is_in_line = self._line or self._is_stray_line or self._after_carriage_return
        return not (is_in_line or self._data or self._event is not None or self._stray.size)

    def _feed(self, chunk: bytes) -> Iterator[SseItem]:
        if not chunk:
            self._check()
            return
        if self._after_carriage_return:
            # the second half of a CRLF that was cut: its line is out already
            chunk = chunk.removeprefix(b"\n")
        self._after_carriage_return = chunk.endswith(b"\r")
        for piece in chunk.splitlines(keepends=True):
            part = piece.rstrip(b"\r\n")
            if len(part) == len(piece):
                yield from self._hold(part)
            elif self._line or self._is_stray_line:
                yield from self._hold(part)
                yield from self._end_line()
            else:
                yield from self._read(part)
        self._check()

    def let_go(self) -> None:
        """Of everything that is held: no more will come."""
        self._line.clear()
        self._data.clear()
        self._data_size = 0
        self._stray = _JsonObjects()

    def _check(self) -> None:
        size = len(self._line) + self._data_size + self._stray.size
        if self._most_bytes is not None and size > self._most_bytes:
            self.let_go()
            raise StreamTruncated(
                f"A piece of the upstream's answer is longer than {self._most_bytes:,} bytes."
            )
        if self._most_lines is not None and self._lines > self._most_lines:
            self.let_go()
            raise StreamTruncated(f"The upstream's answer has more than {self._most_lines:,} lines.")

    def _hold(self, part: bytes) -> Iterator[SseItem]:
        """Of a line whose end is not there yet."""
        if self._is_stray_line:
            yield from self._stray_json(self._stray.feed(part))
            return
        was_decided = len(self._line) >= _ENOUGH_FOR_A_FIELD
        self._line += part
        if was_decided or len(self._line) < _ENOUGH_FOR_A_FIELD or _FIELD.match(self._line):
            return
        begun = bytes(self._line).removeprefix(_BYTE_ORDER_MARK)
        self._line.clear()
        self._is_stray_line = True
        yield from self._stray_json(self._stray.feed(begun))

    def _end_line(self) -> Iterator[SseItem]:
        if self._is_stray_line:
            self._is_stray_line = False
            self._stray.end_line()
        elif self._line:
            line, self._line = self._line, bytearray()
            yield from self._read(line)

    def _read(self, line: bytes | bytearray, *, may_be_marked: bool = True) -> Iterator[SseItem]:
        self._lines += 1
        if not line:
            yield from self._dispatch()
            return
        name_end = line.find(b":")
        # one copy of what may be megabytes, with or without the blank in front
        value = _behind(line, name_end + 1 + line.startswith(b" ", name_end + 1)) if name_end >= 0 else b""
        match line[:name_end] if name_end >= 0 else line:
            case b"data":
                # JSON that is still open was cut off: later JSON must not be taken for the rest of it
                yield from self._stray_json(self._stray.finish())
                self._data.append(value)
                self._data_size += len(value) + _LINE_BYTES
            case b"event":
                self._event = value[:_LONGEST_NAME].decode(errors="replace")
            case b"" | b"id" | b"retry":
                pass
            case _ if may_be_marked and line.startswith(_BYTE_ORDER_MARK):
                # some begin a text with it, and it is no part of the first field's name
                yield from self._read(line.removeprefix(_BYTE_ORDER_MARK), may_be_marked=False)
            case _:
                yield from self._stray_json(self._stray.feed(bytes(line)))
                self._stray.end_line()
                # those of an open object have a bound in its bytes
                self._lines -= self._stray.size > 0

    def _dispatch(self) -> Iterator[ServerSentEvent]:
        event, self._event = self._event, None
        if self._data:
            joined = b"\n".join(self._data)
            self._data.clear()
            self._data_size = 0
            yield ServerSentEvent(joined, event)

    def _stray_json(self, objects: Iterator[bytes]) -> Iterator[StrayJson]:
        for each in objects:
            self._lines += 1
            yield StrayJson(each)


def _behind(line: bytes | bytearray, start: int) -> bytes:
    return line[start:] if isinstance(line, bytes) else bytes(memoryview(line)[start:])


class _JsonObjects:
    """Lines, in pieces -> the JSON objects in them, by counting braces outside strings. An object spans lines, a string
    of valid JSON never does. Brackets and commas between objects are skipped, and so is an enclosing array.
    """

    def __init__(self) -> None:
        self._open: list[bytes] = []
        self.size = 0
        """Of what is open, in bytes."""
        self._depth = 0
        self._is_json: bool | None = None
        """The line under way. `None`: nothing but blanks was there of it."""
        self._in_string = False
        self._is_escaped = False
        """The next byte, in a string."""
        self._line_ended = False
        """Since the last piece of what is open."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        if not piece or not (self._is_json or self._begins_as_json(piece)):
            return
        begin = 0
        if self._depth and self._line_ended:
            self._keep(b"\n")
        self._line_ended = False
        for token in _STRING_OR_BRACE.finditer(piece, self._string_end(piece)):
            if token[0] == b"{":
                begin = begin if self._depth else token.start()
                self._depth += 1
            elif token[0] != b"}":
                self._leave_string(token, piece)
                continue
            elif self._depth:
                self._depth -= 1
            else:
                continue
            if self._depth in _AT_AN_END:
                self._depth = 0
                self._keep(piece[begin : token.end()])
                yield from self._take()
        if self._depth:
            self._keep(piece[begin:])

    def end_line(self) -> None:
        self._is_json = None
        self._in_string = self._is_escaped = False
        self._line_ended = True

    def finish(self) -> Iterator[bytes]:
        self._depth = 0
        self.end_line()
        if self._open:
            yield from self._take()

    def _begins_as_json(self, piece: bytes) -> bool:
        if self._is_json is None and self._depth:
            self._is_json = True
        elif self._is_json is None and (begun := piece.lstrip()):
            self._is_json = begun.startswith((b"{", b"}", b"[", b"]", b","))
        return bool(self._is_json)

    def _string_end(self, piece: bytes) -> int:
        """Where the string ends in which the last piece did."""
        if not self._in_string:
            return 0
        rest = _REST_OF_STRING.match(piece, int(self._is_escaped))
        assert rest is not None  # noqa: S101  it matches nothing at all, too
        self._leave_string(rest, piece)
        return rest.end() if not self._in_string else len(piece)

    def _leave_string(self, string: re.Match[bytes], piece: bytes) -> None:
        """If it has an end; what stands behind one without is a backslash."""
        self._in_string = not string[1]
        self._is_escaped = self._in_string and string.end() < len(piece)

    def _keep(self, piece: bytes) -> None:
        self._open.append(piece)
        self.size += len(piece) + _LINE_BYTES

    def _take(self) -> Iterator[bytes]:
        taken = b"".join(self._open)
        self._open.clear()
        self.size = 0
        yield taken
