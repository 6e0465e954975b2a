"""An upstream that begins each answer at once and ends it when it is told to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import web

BEGUN = b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"One"}]}}]}\n\n'
ENDED = (
    b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":" two."}]},"finishReason":"STOP"}],'
    b'"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,"totalTokenCount":3}}\n\n'
)


class HeldUpstream:
    """State: whether answers may end, and how many were asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.may_end = asyncio.Event()
        self.asked = 0
        self._changed = asyncio.Condition()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(BEGUN)
        async with self._changed:
            self.asked += 1
            self._changed.notify_all()
        await self.may_end.wait()
        await answer.write(ENDED)
        return answer

    async def wait(self, count: int) -> None:
        """Until so many answers have begun."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.asked >= count)


@asynccontextmanager
async def held_upstream() -> AsyncGenerator[HeldUpstream]:
    held = HeldUpstream()
    runner = web.ServerRunner(
        web.Server(held.answer, handler_cancellation=True, access_log=None), shutdown_timeout=0.1
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    held.url = site.name
    try:
        yield held
    finally:
        held.may_end.set()
        await runner.cleanup()
