"""Which of two attempts is heard."""

import asyncio

from antigravity_addon.errors import UpstreamTimeout
from antigravity_addon.gateway.race import Race


async def test_a_loser_that_failed_before_it_could_be_cancelled_is_not_heard_of() -> None:
    race = Race[str]()

    async def loses() -> bytes:
        raise UpstreamTimeout("too late")

    async def wins() -> bytes:
        race.claim("winner")
        await asyncio.sleep(0)
        return b"answer"

    race.enter("loser", loses())
    race.enter("winner", wins())
    assert await race.result() == b"answer"
    await race.end()
