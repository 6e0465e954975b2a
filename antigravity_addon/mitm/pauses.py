"""Flows that people pause."""

import asyncio
from contextlib import suppress

from mitmproxy.flow import Flow

_GLANCE_SECONDS = 0.2
"""How often it is looked whether one was killed."""


async def resumed(flow: Flow) -> None:
    """Until nobody pauses it any more."""
    while flow.intercepted:
        # mitmproxy (12.2.3) wakes nobody when a paused flow is killed
        with suppress(TimeoutError):
            async with asyncio.timeout(_GLANCE_SECONDS):
                await flow.wait_for_resume()
