"""The chunks of an HTTP/1 body, read as strictly as RFC 9112 allows.

h11 (0.16) takes a CR in the middle of a chunk's line, and lines of trailers that end with LF alone: what two servers could
read in two ways. It also takes as long for a chunk of one byte as for a large one, which let a client make all others wait.
"""

import re

from antigravity_addon.errors import InvalidHttp

LINE_BYTES = 4096
"""A chunk's size with its extensions may have so many; all trailers together, too."""

_LINE_END = b"\r\n"
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_LF_ALONE = re.compile(rb"(?<!\r)\n")
_TRAILERS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n")


class ChunkReader:
    """State: what is left of the chunk that was begun, and of its line's end; and whether trailers are all that is to come."""

    def __init__(self) -> None:
        self._left = 0
        self._owes_line_end = False
        self._had_last = False
        self.is_over = False

    def read(self, received: bytes) -> tuple[bytes, int]:
        """The content in it, and how many of its bytes are done with. The others have to come again, with what follows them.

        Raises: InvalidHttp.
        """
        pieces: list[bytes] = []
        at = 0
        while not self.is_over:
            if self._left:
                piece = received[at : at + self._left]
                pieces.append(piece)
                size = len(piece)
                self._left -= size
                self._owes_line_end = True
            elif self._owes_line_end:
                size = self._line_end(received, at)
            elif self._had_last:
                size = self._trailers(received, at)
            else:
                at = _whole_chunks(received, at, pieces)
                size = self._size(received, at)
            if not size:
                break
            at += size
        return b"".join(pieces), at

    def _line_end(self, received: bytes, at: int) -> int:
        found = received[at : at + len(_LINE_END)]
        if not _LINE_END.startswith(found):
            raise InvalidHttp("A chunk is longer than its size says.")
        if found != _LINE_END:
            return 0
        self._owes_line_end = False
        return len(found)

    def _size(self, received: bytes, at: int) -> int:
        found = _SIZE.match(received, at)
        if found is None or found.end() - at > LINE_BYTES:
            _check_rest(received, at, end=_LINE_END)
            return 0
        self._left = int(found[1], 16)
        self._had_last = not self._left
        return found.end() - at

    def _trailers(self, received: bytes, at: int) -> int:
        found = _TRAILERS.match(received, at)
        if found is None or found.end() - at > LINE_BYTES:
            _check_rest(received, at, end=2 * _LINE_END)
            return 0
        self.is_over = True
        return found.end() - at


def _whole_chunks(received: bytes, at: int, pieces: list[bytes]) -> int:
    """Where those end that are all there and not the last: a client may send ten thousand at once."""
    while (found := _SIZE.match(received, at)) is not None and found.end() - at <= LINE_BYTES:
        begin = found.end()
        end = begin + int(found[1], 16)
        if end == begin or received[end : end + len(_LINE_END)] != _LINE_END:
            break
        pieces.append(received[begin:end])
        at = end + len(_LINE_END)
    return at


def _check_rest(received: bytes, at: int, *, end: bytes) -> None:
    """Raises: InvalidHttp: nothing that may follow makes it good."""
    if len(received) - at >= LINE_BYTES:
        raise InvalidHttp(f"A chunk's size, or the trailers, are longer than {LINE_BYTES} bytes.")
    if received.find(end, at) >= 0 or _LF_ALONE.search(received, at):
        raise InvalidHttp("A chunk's size, or a trailer, is none.")
