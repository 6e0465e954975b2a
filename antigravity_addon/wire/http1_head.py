"""Heads of HTTP/1 requests, read as strictly as RFC 9112 allows.

What two servers could read in two ways is refused: a proxy in front of this gateway that reads a head otherwise would let
requests pass that it has never seen ("request smuggling").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from antigravity_addon.errors import (
    HeadTooLarge,
    InvalidHttp,
    RequestLineTooLong,
    VersionNotSupported,
    WrongMethod,
)

LINE_BYTES = 16 * 1024
"""A request line may have so many."""
HEAD_BYTES = 64 * 1024
FIELDS = 200
"""Header fields of one request."""

_END = b"\r\n\r\n"
# the last CR may be the first half of CRLF
_FORBIDDEN = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ALLOWED = bytes(byte for byte in range(256) if byte in b"\t\r\n" or (byte >= 0x20 and byte != 0x7F))
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# in UTF-8: control characters of Latin-1, line ends, and what turns the direction of a text around
_UNSEEN = re.compile(rb"\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
# methods are shown to clients that invent one: whatever has no space in it is one
_LINE = re.compile(rb"([^ \t]+) ([^ \t]+) (HTTP/[0-9]\.[0-9])")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOST = re.compile(rb"[^\s/?#@,\\]*")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Http1Head:
    """A request's head, as it was sent."""

    line: bytes = field(repr=False)
    """The request line."""
    method: bytes
    target: bytes = field(repr=False)
    version: bytes
    fields: Sequence[tuple[bytes, bytes]] = field(repr=False)
    """Names in the client's own case, and values without the blanks around them."""
    body_size: int | None
    """Bytes; `None` if the body comes in chunks."""


def no_proxy() -> WrongMethod:
    return WrongMethod("This gateway is no proxy: CONNECT is not served.", allowed=("GET", "POST", "DELETE"))


def head_size(received: bytes) -> int | None:
    """How many of the bytes are a request's head with its empty line; `None` if more of it is to come.

    Raises: RequestLineTooLong, HeadTooLarge, InvalidHttp: no head can begin like this.
    """
    end = received.find(_END, 0, HEAD_BYTES + len(_END))
    size = end + len(_END) if end >= 0 else len(received)
    line = received.find(b"\r\n", 0, size)
    if (line if line >= 0 else size) > LINE_BYTES:
        raise RequestLineTooLong(f"The request line is longer than {LINE_BYTES} bytes.")
    if size > HEAD_BYTES:
        raise HeadTooLarge(f"The request's head is longer than {HEAD_BYTES} bytes.")
    if not _has_clean_lines(received[:size]) and (found := _FORBIDDEN.search(received, 0, size)):
        raise InvalidHttp(f"The request's head has the byte {found[0][:1]!r} where it must not be.")
    return size if end >= 0 else None


def _has_clean_lines(text: bytes) -> bool:
    """In a thirtieth of the time in which the expression says what is wrong."""
    line_ends = text.count(b"\r\n")
    return (
        not text.translate(None, _ALLOWED)
        and text.count(b"\n") == line_ends
        and text.count(b"\r") == line_ends + text.endswith(b"\r")
    )


def check_unframed(method: bytes, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> None:
    """A head that came in another framing, by HTTP/2: the same bounds, and nothing that would be refused in HTTP/1.

    Raises: RequestLineTooLong, HeadTooLarge, InvalidHttp.
    """
    if len(target) > LINE_BYTES:
        raise RequestLineTooLong(f"The request's path is longer than {LINE_BYTES} bytes.")
    _check_count(len(fields))
    content_length(fields)
    if sum(len(name) + len(value) + len(b": \r\n") for name, value in fields) > HEAD_BYTES:
        raise HeadTooLarge(f"The request's header fields are longer than {HEAD_BYTES} bytes together.")
    if not _is_path(method, target):
        raise InvalidHttp(f"The path {target[:100]!r} does not begin with a slash.")
    for text in (method, target, *chain.from_iterable(fields)):
        if found := _CONTROL.search(text):
            raise InvalidHttp(f"The request's head has the byte {found[0]!r} where it must not be.")


def read_head(head: bytes) -> Http1Head:
    """Of a head that is all there.

    Raises: InvalidHttp, VersionNotSupported, HeadTooLarge, WrongMethod.
    """
    line, *lines = head.removesuffix(_END).split(b"\r\n")
    check_seen(line)
    if (found := _LINE.fullmatch(line)) is None:
        raise InvalidHttp(f"The request line {line[:100]!r} is none of HTTP/1.1: method, target, version.")
    method, target, version = found.groups()
    if version not in {b"HTTP/1.0", b"HTTP/1.1"}:
        raise VersionNotSupported(
            f"{version.decode()} is not spoken here: use HTTP/1.1, or HTTP/2 with its own preface."
        )
    _check_count(len(lines))
    fields = [_field(each) for each in lines]
    named = [(name.lower(), value) for name, value in fields]
    has_chunks = needs_host = version == b"HTTP/1.1"
    body_size = _body_size(named, has_chunks=has_chunks)
    hosts = [value for name, value in named if name == b"host"]
    _check_host(hosts, is_needed=needs_host)
    _check_target(method, target, hosts)
    return Http1Head(line, method, target, version, fields, body_size)


def check_seen(text: bytes) -> None:
    """Of what is listed on the operator's terminal, which may do what such a character says.

    Raises: InvalidHttp.
    """
    if found := _UNSEEN.search(text):
        raise InvalidHttp(f"The request line has the character {found[0]!r}, which nobody can see.")


def _field(line: bytes) -> tuple[bytes, bytes]:
    """A header's name and value. A value that goes on in the next line is refused like any bad name."""
    name, colon, value = line.partition(b":")
    if not colon or _NAME.fullmatch(name) is None:
        raise InvalidHttp(f"{line[:100]!r} is no header field.")
    return name, value.strip(b" \t")


def _check_count(fields: int) -> None:
    if fields > FIELDS:
        raise HeadTooLarge(f"The request has {fields} header fields: {FIELDS} is the most.")


def content_length(fields: Sequence[tuple[bytes, bytes]]) -> int | None:
    """Bytes of the body, as they are announced; `None` if they are not. Names are in lower case.

    Raises: InvalidHttp: by something else than one number.
    """
    lengths = [value for name, value in fields if name == b"content-length"]
    if len(lengths) > 1:
        raise InvalidHttp("The request has more than one content-length.", param="content-length")
    if lengths and _LENGTH.fullmatch(lengths[0]) is None:
        raise InvalidHttp(
            f"content-length {lengths[0][:60]!r} is no number of bytes.", param="content-length"
        )
    return int(lengths[0]) if lengths else None


def _body_size(fields: Sequence[tuple[bytes, bytes]], *, has_chunks: bool) -> int | None:
    """There is one way to tell where the body ends; `None`: by its chunks."""
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if codings and any(name == b"content-length" for name, _ in fields):
        raise InvalidHttp(
            "A request has content-length or transfer-encoding, and not both.", param="transfer-encoding"
        )
    if codings and (not has_chunks or [coding.lower() for coding in codings] != [b"chunked"]):
        raise InvalidHttp(
            f"transfer-encoding {b', '.join(codings)[:100]!r}: 'chunked' is the only one, in HTTP/1.1.",
            param="transfer-encoding",
        )
    return None if codings else content_length(fields) or 0


def _check_host(hosts: Sequence[bytes], *, is_needed: bool) -> None:
    if len(hosts) > 1 or (is_needed and not hosts):
        raise InvalidHttp(f"The request has {len(hosts) or 'no'} host headers: it must be one.", param="host")
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        raise InvalidHttp(f"{hosts[0][:100]!r} is no host.", param="host")


def _check_target(method: bytes, target: bytes, hosts: Sequence[bytes]) -> None:
    if method.upper() == b"CONNECT":
        raise no_proxy()
    if _is_path(method, target):
        return
    # as for a proxy, which this is not; the same host twice does no harm
    found = _ABSOLUTE.match(target)
    if found is None or [found[1].lower()] != [host.lower() for host in hosts]:
        raise InvalidHttp(
            f"The target {target[:100]!r} is another server's, or none: it begins with a slash, or repeats the host."
        )


def _is_path(method: bytes, target: bytes) -> bool:
    return target.startswith(b"/") or (target == b"*" and method.upper() == b"OPTIONS")
