"""How long an upstream may be silent, in virtual time."""

import asyncio

import pytest

from antigravity_addon.gateway.deadline import Deadline, SilenceLimit
from benchmarks.pool.virtual_time import run


def test_silence_is_counted_anew_once_people_have_looked() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def silence() -> None:
            async with SilenceLimit(10.0, Deadline.after(1000.0)) as limit:
                await asyncio.sleep(8.0)
                with limit.held():
                    await asyncio.sleep(100.0)
                await asyncio.sleep(1000.0)

        with pytest.raises(TimeoutError):
            await silence()
        assert loop.time() - began == pytest.approx(118.0)

    run(main())
