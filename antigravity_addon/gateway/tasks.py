"""Tasks that are named and kept: asyncio itself holds only weak references to them."""

import asyncio
from collections.abc import Coroutine

_kept: set[asyncio.Task[None]] = set()


def spawn(coroutine: Coroutine[object, object, None], *, name: str) -> asyncio.Task[None]:
    """Start a task. Under an eager task factory, as mitmproxy sets, it runs to its first wait at once."""
    task = asyncio.create_task(coroutine, name=name)  # noqa: TID251  the one place that keeps the reference
    if not task.done():
        _kept.add(task)
        task.add_done_callback(_kept.discard)
    return task
