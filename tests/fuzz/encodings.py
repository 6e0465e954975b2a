"""Bodies with a content encoding, sound and spoiled. An input is the header's value in a line, and the body."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from random import Random

import brotli
import zstandard

from antigravity_addon.errors import GatewayError, RequestTooLarge, UnsupportedEncoding
from antigravity_addon.wire.content_encoding import decoded, decoded_size, encodings_in

from .in_process import InProcess
from .laws import Broken
from .spoiling import any_bytes, spoiled_bytes, spoiled_text

LIMIT = 100_000


def headless(body: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(body) + deflate.flush()


_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "x-gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "identity": bytes,
}
_LONG = (b"", b"a", b"x" * 70_000, bytes(LIMIT), bytes(LIMIT + 1), b"\x1f\x8b\x08\x00", b"\x78\x9c")


def generate(random: Random) -> bytes:
    chosen = [random.choice(tuple(_ENCODERS)) for _ in range(random.randrange(4))]
    body = random.choice(_LONG) if not random.randrange(3) else any_bytes(random)
    for encoding in chosen:
        encoder = headless if encoding == "deflate" and random.randrange(2) else _ENCODERS[encoding]
        body = encoder(body)
        if not random.randrange(8):
            body = spoiled_bytes(random, body)
    header = ", ".join(chosen)
    if not random.randrange(8):
        header = spoiled_text(random, header)
    return header.encode("utf-8", "replace").replace(b"\n", b"") + b"\n" + body


async def check(_gateway: InProcess, content: bytes) -> None:
    line, _, body = content.partition(b"\n")
    header = line.decode("latin-1")
    whole = _outcome(body, header)
    try:
        named = encodings_in(header)
    except UnsupportedEncoding:
        if whole != 415:
            raise Broken("what is not known is refused", whole) from None
        return
    by_steps: bytes | int = body
    for encoding in reversed(named):
        by_steps = _outcome(by_steps, encoding) if isinstance(by_steps, bytes) else by_steps
    # which of two refusals comes first is no matter
    if by_steps != whole and isinstance(by_steps, bytes) | isinstance(whole, bytes):
        raise Broken("encodings are undone one after the other", (header, by_steps, whole))
    _check_there_and_back(body, header, named)


def _outcome(body: bytes, header: str) -> bytes | int:
    """What is decoded, or the status of the refusal."""
    try:
        found = decoded(body, header, limit=LIMIT)
        size = decoded_size(body, header, limit=LIMIT)
    except GatewayError as error:
        if error.param != "content-encoding":
            raise Broken("a refusal names the header", error) from error
        return error.status
    except Exception as error:
        raise Broken(f"no exception that nobody foresaw ({type(error).__name__})", error) from error
    if size != len(found):
        raise Broken("what is not kept is counted", (size, len(found)))
    if header and encodings_in(header) and size > LIMIT:
        raise Broken("nothing is longer than allowed", len(found))
    return found


def _check_there_and_back(body: bytes, header: str, named: tuple[str, ...]) -> None:
    """What is encoded in this way comes back, and without its end it does not."""
    encoded = body
    longest = 0
    for encoding in named:
        longest = max(longest, len(encoded))
        encoded = _ENCODERS[encoding](encoded)
    expected = body if longest <= LIMIT else RequestTooLarge.status
    if (found := _outcome(encoded, header)) != expected:
        raise Broken("what was encoded comes back", (header, found, body))
    if named and isinstance(cut := _outcome(encoded[:-1], header), bytes):
        raise Broken("what lacks its end is refused", (header, cut))
