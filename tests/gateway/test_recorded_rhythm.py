"""What a recording gives, and when, in virtual time."""

import asyncio

import pytest

from antigravity_addon.gateway.recordings import RecordedHop, Recording, _Tape
from benchmarks.pool.virtual_time import run

HOP = RecordedHop(200, {}, ((0.5, b"one"), (0.5, b"two"), (2.0, b"three")))
RECORDING = Recording(
    name="req_1",
    method="POST",
    path="/v1/chat/completions",
    request=b"",
    status=200,
    answer=b"",
    seed="",
    created=0,
    times=(),
    turns={},
)


async def arrivals(*, keeps_rhythm: bool) -> list[float]:
    """Seconds from the request to each piece, for a client that takes its time over the first."""
    clock = asyncio.get_running_loop().time
    began = clock()
    seen: list[float] = []
    async for _ in _Tape(RECORDING, keeps_rhythm=keeps_rhythm)._pieces(HOP):
        if not seen:
            await asyncio.sleep(0.25)
        seen.append(clock() - began)
    return seen


@pytest.mark.parametrize(
    ("keeps_rhythm", "seconds"),
    [(True, [0.75, 0.75, 2.0]), (False, [0.25, 0.25, 0.25])],
    ids=["recorded", "at once"],
)
def test_a_piece_comes_as_long_after_the_request_as_it_was_recorded(
    *, keeps_rhythm: bool, seconds: list[float]
) -> None:
    assert run(arrivals(keeps_rhythm=keeps_rhythm)) == pytest.approx(seconds)
