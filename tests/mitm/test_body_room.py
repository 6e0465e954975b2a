"""Room for bodies, counted. What becomes of requests is in tests/e2e/test_body_room.py."""

import gc

import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons

from antigravity_addon.errors import NoRoomForBody
from antigravity_addon.mitm.body_room import LARGEST_BODIES, BodyRoom
from antigravity_addon.mitm.door import BODY_BYTES


class Request:
    pass


def test_what_is_taken_is_the_sum_of_what_is_there() -> None:
    with taddons.context(Proxyserver()):
        room, requests = BodyRoom(), [Request() for _ in range(3)]
        for number in range(3):
            room.take(requests[number], 10 + number)
        room.take(requests[0], 100)
        assert room.taken == 100 + 11 + 12
        room.give_back(requests[1])
        room.give_back(requests[1])
        assert (room.taken, requests[1] in room, requests[2] in room) == (112, False, True)
        room.take(requests[2], 0)
        assert room.taken == 100
        requests.clear()
        gc.collect()
        assert room.taken == 0


def test_who_finds_no_room_keeps_none() -> None:
    with taddons.context(Proxyserver()):
        room, large, other = BodyRoom(), Request(), Request()
        room.take(large, LARGEST_BODIES * BODY_BYTES)
        room.take(other, 1000)
        with pytest.raises(NoRoomForBody):
            room.take(other, 100_000)
        assert (room.taken, other in room) == (LARGEST_BODIES * BODY_BYTES, False)
