"""An exchange is ended from outside."""

import asyncio

import pytest

from antigravity_addon.errors import GatewayStopping
from antigravity_addon.gateway.ending import Ending

STOP = GatewayStopping("Over.")


async def test_it_is_raised_where_the_exchange_waits() -> None:
    ending = Ending()

    async def exchange() -> None:
        async with ending.heard():
            await asyncio.Event().wait()

    task = asyncio.get_running_loop().create_task(exchange())
    await asyncio.sleep(0)
    ending.now(STOP)
    with pytest.raises(GatewayStopping, match="Over"):
        await task


async def test_between_two_stretches_it_waits_for_the_next() -> None:
    ending = Ending()
    async with ending.heard():
        pass
    ending.now(STOP)
    await asyncio.sleep(0)
    with pytest.raises(GatewayStopping):
        async with ending.heard():
            pytest.fail("it has ended by now")


async def test_a_time_limit_of_the_exchange_s_own_stays_one() -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with Ending().heard():
            raise TimeoutError("mine")
