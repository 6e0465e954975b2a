"""Content encodings are undone within bounds."""

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial

import brotli
import pytest
import zstandard
from hypothesis import given, strategies

from antigravity_addon.errors import GatewayError, InvalidRequest, RequestTooLarge, UnsupportedEncoding
from antigravity_addon.wire.content_encoding import decoded, decoded_size

LIMIT = 1_000_000


def headless(body: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(body) + deflate.flush()


def twice(body: bytes) -> bytes:
    return brotli.compress(gzip.compress(body))


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    "deflate": zlib.compress,
    " Deflate ": headless,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "identity": bytes,
    "": bytes,
    "gzip, br": twice,
    "zstd,identity,deflate": lambda body: zlib.compress(zstandard.compress(body)),
}


@pytest.mark.parametrize("encoding", ENCODERS, ids=str)
@given(body=strategies.binary(max_size=200) | strategies.just(b"many words " * 50_000))
def test_what_was_encoded_comes_back(encoding: str, body: bytes) -> None:
    encoded = ENCODERS[encoding](body)
    assert decoded(encoded, encoding, limit=LIMIT) == body
    assert decoded_size(encoded, encoding, limit=LIMIT) == len(body)


def test_gzip_may_have_several_members() -> None:
    assert decoded(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", limit=2) == b"ab"


BOMB = bytes(50_000_000)
BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(BOMB, 1),
    "deflate": lambda: zlib.compress(BOMB, 1),
    "br": partial(brotli.compress, BOMB, quality=1),
    "zstd": lambda: zstandard.compress(BOMB),
    "gzip, gzip": lambda: gzip.compress(gzip.compress(BOMB, 1)),
    # swells in between, and comes to nothing
    "gzip,deflate": lambda: zlib.compress(gzip.compress(b"") * 500_000),
}


@pytest.mark.parametrize("encoding", BOMBS)
def test_a_bomb_is_refused_without_the_memory_for_it(encoding: str) -> None:
    bomb = BOMBS[encoding]()
    tracemalloc.start()
    with pytest.raises(RequestTooLarge):
        decoded_size(bomb, encoding, limit=LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LIMIT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_what_is_still_to_be_decoded_is_not_copied_for_every_piece(encoding: str) -> None:
    encoded = ENCODERS[encoding](random.Random(1).randbytes(4 * LIMIT))
    tracemalloc.start()
    decoded_size(encoded, encoding, limit=5 * LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LIMIT


@pytest.mark.parametrize("encoding", ["rot13", "base64", "gzip;q=1", "gzip, undefined", "gzip" + ",gzip" * 4])
def test_an_encoding_that_is_none_of_ours_is_named(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding) as refused:
        decoded(b"", encoding, limit=LIMIT)
    assert (refused.value.status, refused.value.param) == (415, "content-encoding")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd,identity,deflate"])
def test_an_encoded_body_that_lacks_its_end_is_refused(encoding: str) -> None:
    encoded = ENCODERS[encoding](b"x" * 1000)
    for length in range(len(encoded)):
        with pytest.raises(InvalidRequest):
            decoded(encoded[:length], encoding, limit=LIMIT)


@pytest.mark.parametrize("encoding", ["deflate, br", "deflate, zstd", "deflate, gzip", "deflate, deflate"])
def test_a_bad_encoding_around_deflate_is_refused_in_our_words(encoding: str) -> None:
    with pytest.raises(InvalidRequest):
        decoded(b"nothing of the kind", encoding, limit=LIMIT)


@pytest.mark.parametrize("encode", [zlib.compress, headless])
def test_deflate_is_known_by_its_head_however_little_comes_first(encode: Callable[[bytes], bytes]) -> None:
    body = b"some words"
    members = (gzip.compress(bytes([byte])) for byte in encode(body))
    assert decoded(b"".join(members), "deflate, gzip", limit=LIMIT) == body


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "br, zstd"])
@given(body=strategies.binary())
def test_any_bytes_are_refused_in_our_words_or_are_some_body(encoding: str, body: bytes) -> None:
    try:
        decoded(body, encoding, limit=LIMIT)
    except GatewayError as error:
        assert error.status in {400, 413}
