"""Chunks of a body, whole and in pieces."""

import pytest

from antigravity_addon.errors import InvalidHttp
from antigravity_addon.wire.http1_chunks import LINE_BYTES, ChunkReader

READ: dict[str, tuple[bytes, bytes, bytes]] = {
    # the body, its content, and what comes after it
    "one": (b"3\r\nabc\r\n0\r\n\r\n", b"abc", b""),
    "several": (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc", b""),
    "none": (b"0\r\n\r\nGET", b"", b"GET"),
    "zeros in front": (b"003\r\nabc\r\n000\r\n\r\n", b"abc", b""),
    "either case": (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2, b""),
    "extensions": (b'3;a=b;c="d"\r\nabc\r\n0;e\r\n\r\n', b"abc", b""),
    "a space that RFC 9112 allows": (b"3 ;a\r\nabc\r\n0\r\n\r\n", b"abc", b""),
    "line ends that are content": (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", b""),
    "trailers": (b"0\r\nx-a: b\r\nx-c:\r\n\r\nGET", b"", b"GET"),
    "a line of the longest": (b"0;" + b"a" * (LINE_BYTES - 4) + b"\r\n\r\n", b"", b""),
}
BROKEN: dict[str, bytes] = {
    "no number": b"x\r\n",
    "no size": b"\r\n",
    "a sign": b"+3\r\nabc\r\n",
    "a prefix": b"0x3\r\nabc\r\n",
    "digits in groups": b"1_0\r\n",
    "more than 64 bits": b"1" * 17 + b"\r\n",
    "a space in front": b" 3\r\nabc\r\n",
    "LF alone after the size": b"3\nabc\r\n0\r\n\r\n",
    "LF alone after each": b"3\nabc\n0\n\n",
    "LF alone at the end": b"3\r\nabc\r\n0\r\n\n",
    "LF in an extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "CR in an extension": b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "NUL in an extension": b"3;\x00\r\nabc\r\n0\r\n\r\n",
    "longer than its size": b"3\r\nabcd\r\n0\r\n\r\n",
    "LF alone after its content": b"3\r\nabc\n0\r\n\r\n",
    "LF alone in place of trailers": b"0\r\n\nGET / HTTP/1.1\r\n\r\n",
    "LF alone after a trailer": b"0\r\nx: y\nz: a\r\n\r\n",
    "a trailer without a colon": b"0\r\nx\r\n\r\n",
    "a trailer that goes on": b"0\r\nx: y\r\n z\r\n\r\n",
    "a line that is too long": b"0;" + b"a" * (LINE_BYTES - 3) + b"\r\n\r\n",
    "a line without an end": b"1" * LINE_BYTES,
    "trailers that are too long": b"0\r\n" + b"x: y\r\n" * LINE_BYTES,
    "trailers that are too long and all there": b"0\r\n" + b"x: y\r\n" * LINE_BYTES + b"\r\n",
}
SIZES = (1, 2, 7, 100_000)


def read_in_pieces(body: bytes, size: int) -> tuple[bytes, bytes, bool]:
    """Its content, what is left, and whether it was all there."""
    reader = ChunkReader()
    content, left = b"", b""
    for start in range(0, len(body), size):
        left += body[start : start + size]
        piece, used = reader.read(left)
        content, left = content + piece, left[used:]
    return content, left, reader.is_over


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", READ)
def test_it_is_read_in_one_way_however_it_comes(case: str, size: int) -> None:
    body, content, rest = READ[case]
    assert read_in_pieces(body, size) == (content, rest, True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", BROKEN)
def test_what_could_be_read_in_two_ways_is_refused_however_it_comes(case: str, size: int) -> None:
    with pytest.raises(InvalidHttp):
        read_in_pieces(BROKEN[case], size)


@pytest.mark.parametrize("case", READ)
def test_without_its_end_it_is_waited_for(case: str) -> None:
    body, _, rest = READ[case]
    for length in range(len(body) - len(rest)):
        assert not read_in_pieces(body[:length], 100_000)[2]
