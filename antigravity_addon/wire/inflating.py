"""gzip and deflate (RFC 9110, section 8.4.1), undone as it comes in, in pieces that have a bound."""

import zlib
from collections.abc import Iterator

CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
PIECE_BYTES = 64 * 1024
"""What comes out at once at the most, however much a few bytes stand for."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
"""zlib looks which of the two it is."""
_HEADLESS = -zlib.MAX_WBITS
_GZIP_HEAD = b"\x1f\x8b"


class Inflating:
    """One body's decoder. Whoever feeds it counts what comes out.

    State: what zlib has read so far; before that, the first two bytes, which tell whether there is a head.
    """

    def __init__(self, coding: str) -> None:
        """`coding` is one of `CODINGS`."""
        self._may_be_headless = coding == "deflate"
        self._wbits = _GZIP_OR_ZLIB
        self._first = b""
        self._zlib = zlib.decompressobj(self._wbits)

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Raises: zlib.error: it is none of the two."""
        if self._may_be_headless:
            packed = self._first = self._first + packed
            if len(packed) < 2:
                return
            self._look_for_head(packed)
        rest = packed
        while rest:
            if self._zlib.eof:  # gzip allows several, one after the other
                self._zlib = zlib.decompressobj(self._wbits)
            if piece := self._zlib.decompress(rest, PIECE_BYTES):
                yield piece
            rest = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail

    def finish(self) -> Iterator[bytes]:
        """What zlib held back. Raises: EOFError: the end is missing. zlib.error."""
        while not self._zlib.eof:
            if not (piece := self._zlib.decompress(b"", PIECE_BYTES)):
                raise EOFError
            yield piece

    def _look_for_head(self, first: bytes) -> None:
        """Some send what zlib makes, as the RFC has it, and some leave its head out."""
        self._may_be_headless = False
        self._first = b""
        is_zlib = first[0] & 0x0F == 8 and (first[0] << 8 | first[1]) % 31 == 0
        if not is_zlib and not first.startswith(_GZIP_HEAD):
            self._wbits = _HEADLESS
            self._zlib = zlib.decompressobj(self._wbits)
