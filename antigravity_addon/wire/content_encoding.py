"""Content encodings of bodies (RFC 9110, section 8.4), undone piece by piece, and no further than allowed.

A few kilobytes may stand for gigabytes. What comes out is counted after each encoding, also in between: a body can be made
to swell up there and to vanish again.
"""
# brotli has no types
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import brotli
import zstandard

from antigravity_addon.errors import InvalidRequest, RequestTooLarge, UnsupportedEncoding

from .inflating import CODINGS, Inflating

ACCEPTED = ("gzip", "deflate", "br", "zstd")

_PIECE = 64 * 1024
_MOST_ENCODINGS = 4
"""One on top of the other; nobody uses two."""
_ZSTD_WINDOW = 8 * 1024 * 1024
"""What RFC 9659 allows in HTTP; the format itself has no bound."""

_END_MARK = b"so ends this body"
_ZSTD_END = zstandard.ZstdCompressor(write_checksum=True).compress(_END_MARK)
"""A frame of our own behind a body's last: zstandard (0.25) says nothing of a frame that lacks its end, but takes this one for
the rest of it. The mark then does not come out, and not by chance either, with a checksum behind it.
"""

type _Decoder = Callable[[Iterable[bytes]], Iterator[bytes]]


def encodings_in(header: str) -> tuple[str, ...]:
    """Those that `content-encoding` names, in the order in which they were applied.

    Raises: UnsupportedEncoding: one of them is not known, or there are too many.
    """
    named = tuple(each for each in (each.strip().lower() for each in header.split(",")) if each)
    for each in named:
        if each not in _DECODERS:
            raise UnsupportedEncoding(
                f"The body has the content-encoding {each[:60]!r}: use {', '.join(ACCEPTED)}, or none."
            )
    if len(named) > _MOST_ENCODINGS:
        raise UnsupportedEncoding(
            f"The body has more than {_MOST_ENCODINGS} encodings, one on top of the other."
        )
    return tuple(each for each in named if each != "identity")


def decoded(body: bytes, header: str, *, limit: int) -> bytes:
    """`body` as it was before it was encoded.

    Raises: UnsupportedEncoding. RequestTooLarge: it would be longer than `limit` bytes. InvalidRequest: it is not what
    `content-encoding` says.
    """
    encodings = encodings_in(header)
    return b"".join(_pieces(body, encodings, limit)) if encodings else body


def decoded_size(body: bytes, header: str, *, limit: int) -> int:
    """How long `decoded` would be. Raises what it would, and keeps nothing."""
    return sum(map(len, _pieces(body, encodings_in(header), limit)))


def _pieces(body: bytes, encodings: tuple[str, ...], limit: int) -> Iterator[bytes]:
    # what a decoder does not take yet it copies, each time
    pieces: Iterable[bytes] = (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))
    for encoding in reversed(encodings):
        pieces = _counted(_DECODERS[encoding](pieces), limit)
    try:
        yield from pieces
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
        raise InvalidRequest(
            f"The body cannot be decoded as content-encoding {', '.join(encodings)!r}.",
            param="content-encoding",
        ) from error


def _counted(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise RequestTooLarge(
                f"The body is longer than {limit} bytes once its content-encoding is undone.",
                param="content-encoding",
            )
        yield piece


def _inflated(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Raises: EOFError: the end is missing."""
    inflating = Inflating(coding)
    for piece in pieces:
        yield from inflating.feed(piece)
    yield from inflating.finish()


def _unbrotlied(pieces: Iterable[bytes]) -> Iterator[bytes]:
    decompressor = brotli.Decompressor()
    for piece in pieces:
        rest = piece
        # until nothing comes: its word that it can take more is about its input alone (brotli 1.2)
        while out := decompressor.process(rest, output_buffer_limit=_PIECE):
            yield out
            rest = b""
    if not decompressor.is_finished():
        raise EOFError


def _unzstandarded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Raises: EOFError: the end is missing."""
    source = _Source(_with_end_mark(pieces))
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    held = b""
    with decompressor.stream_reader(source, read_across_frames=True) as reader:  # pyright: ignore[reportArgumentType]  it needs no more than `read`
        while piece := reader.read(_PIECE):
            held += piece
            yield held[: -len(_END_MARK)]
            held = held[-len(_END_MARK) :]
    if held != _END_MARK:
        raise EOFError


def _with_end_mark(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """In one piece with the last: zstandard forgets half a head that a whole frame follows in a piece of its own."""
    last = b""
    for piece in filter(None, pieces):
        if last:
            yield last
        last = piece
    if not last:
        raise EOFError
    yield last + _ZSTD_END


class _Source:
    """Pieces as a file of which somebody reads."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int) -> bytes:
        while not self._rest:
            if (piece := next(self._pieces, None)) is None:
                return b""
            self._rest = piece
        read, self._rest = self._rest[:size], self._rest[size:]
        return read


def _unchanged(pieces: Iterable[bytes]) -> Iterator[bytes]:
    return iter(pieces)


_DECODERS: dict[str, _Decoder] = {
    "identity": _unchanged,
    **{coding: partial(_inflated, coding=coding) for coding in CODINGS},
    "br": _unbrotlied,
    "zstd": _unzstandarded,
}
