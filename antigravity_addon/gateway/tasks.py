"""Tasks that are named and kept: asyncio itself holds only weak references to them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable

from antigravity_addon.errors import GatewayError, forget_frames

logger = logging.getLogger(__name__)

LARGE = 128 * 1024
"""Bytes, of which the work takes up to 25 ms, if they are tools that nobody has sent lately: others are to have their turn
meanwhile. Of smaller ones a thread would cost each request more than it spares others.
"""

_kept: set[asyncio.Task[None]] = set()


def spawn(coroutine: Coroutine[object, object, None], *, name: str) -> asyncio.Task[None]:
    """Start a task. Under an eager task factory, as mitmproxy sets, it runs to its first wait at once.

    That it fails is logged: who waits for it, if anybody does, may not ask for more than its end.
    """
    task = asyncio.create_task(coroutine, name=name)  # noqa: TID251  the one place that keeps the reference
    if task.done():
        _end(task)
    else:
        _kept.add(task)
        task.add_done_callback(_end)
    return task


def _end(task: asyncio.Task[None]) -> None:
    _kept.discard(task)
    if task.cancelled() or (error := task.exception()) is None:
        return
    # mitmproxy ends the process like this where it cannot write flows that it is to save, and has said so
    if not isinstance(error, SystemExit):
        logger.error("The task %r ended with an error.", task.get_name(), exc_info=error)


def somebody_waits() -> bool:
    """For this task, and could go on at once."""
    # asyncio says it nowhere else; a loop that has no such list is one that nobody is known to wait for
    return bool(getattr(asyncio.get_running_loop(), "_ready", ()))


async def others_first() -> None:
    """Between two stages of a request's work: whoever waits goes first, and if nobody does it goes on at once.

    Requests that are there at the same time then go through each stage one after the other, with its code and its data
    in the processor's caches, and their bytes leave in one go: with 16 clients a stream takes a seventh less of the
    gateway's time, with 64 a quarter, and nobody waits for all of another's stages. See docs/decisions/work-in-stages.md.
    """
    if somebody_waits():
        await asyncio.sleep(0)


async def beside_the_loop[T](work: Callable[[], T], *, size: int) -> T:
    """What `work` gives; in a thread if it is on something large, of `size` bytes or characters.

    The loop has its turn then between one call into C and the next. `work` goes on if nobody waits for it any more.
    """
    return work() if size < LARGE else await asyncio.to_thread(work)


async def all_of[A, T](work: Callable[[A], Awaitable[T]], each: Iterable[A]) -> list[T]:
    """What `work` gives for each, in order, all at the same time. The first to fail ends the others.

    Raises: GatewayError: as that one did, and not in a group.
    """

    async def work_on(argument: A) -> T:
        # mitmproxy's tasks start at once, and a group that one of them has failed takes no more
        await asyncio.sleep(0)
        return await work(argument)

    tasks: list[asyncio.Task[T]] = []
    first: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(work_on(argument)) for argument in each]
    except ExceptionGroup as failures:
        # a task group does not nest what its tasks raise
        first = failures.exceptions[0]
        if not isinstance(first, GatewayError):
            raise
        forget_frames(failures)
    if first is not None:
        # here, where the group is not its context: the two would refer to each other
        raise first
    return [task.result() for task in tasks]
