"""Files that somebody edits while the gateway runs.

What the system tells of folders only says when to look; whether a file has changed is seen from the file. So an editor
that puts a new file in the old one's place, a link that is turned, a folder that goes and comes back, and a disk whose
system tells nothing are one case.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing, suppress
from importlib import import_module
from pathlib import Path

from watchfiles import (
    Change,
    awatch,  # pyright: ignore[reportUnknownVariableType]  trio, which it knows too, is not installed
)

from .credential_files import is_folder

logger = logging.getLogger(__name__)

_QUIET = 100
"""Milliseconds without a change in the folders, after which whoever writes is taken to be done."""
_RESTLESS = 1_000
"""Milliseconds after which one looks, even if it does not become quiet."""
_LOOK_ANYWAY = 5_000
"""Milliseconds; for disks whose system tells nothing, those of other machines for one."""
_NOT_TOLD = 1.0
"""Seconds between looks where the system refuses to tell."""

type _Look = tuple[int, int, int, int] | None
"""Device, number, time of the last change in nanoseconds, and size in bytes; `None` if there is no such file."""


async def changes(paths: Callable[[], Collection[Path]]) -> AsyncGenerator[frozenset[Path]]:
    """Those of the files that have changed, come or gone since the last time, and those that are new to it: what was
    read before may have changed before it was watched. So the first time comes at once and names them all.

    `paths` is asked again after each time. To be closed with `aclosing`; ends when its reader is cancelled.
    """
    await asyncio.to_thread(_import_what_awatch_imports)
    seen: Mapping[Path, _Look] = {}
    while True:
        folders = await asyncio.to_thread(_folders, paths())
        async with aclosing(_wakes(folders)) as wakes:
            async for _ in wakes:
                now = await asyncio.to_thread(_look, paths())
                before, seen = seen, now
                changed = frozenset(path for path in now if path not in before or before[path] != now[path])
                if changed:
                    yield changed
                if await asyncio.to_thread(_folders, paths()) != folders:
                    break


async def _wakes(folders: frozenset[Path]) -> AsyncGenerator[None]:
    """Once it listens, and then whenever there is reason to look. Ends when it has to listen anew.

    watchfiles listens in a thread, which is asked to end, and waited for, when this is closed.
    """
    enough = asyncio.Event()
    events = awatch(
        *folders,
        watch_filter=None,
        debounce=_RESTLESS,
        step=_QUIET,
        stop_event=enough,
        rust_timeout=_LOOK_ANYWAY,
        yield_on_timeout=True,
        recursive=False,
        ignore_permission_denied=True,
    )
    lost = False
    try:
        async with aclosing(events):
            while not lost:
                hearing = asyncio.create_task(_hear(events), name="listen")  # noqa: TID251  ends below
                try:
                    # by then the task has run to its first wait, which is for what it hears
                    await asyncio.sleep(0)
                    yield
                    lost = _are_gone(folders, await asyncio.shield(hearing))
                finally:
                    if not hearing.done():
                        enough.set()
                    await asyncio.gather(hearing, return_exceptions=True)
    except (OSError, RuntimeError) as error:
        # a folder that went meanwhile; a system that has no more watches to give, which watchfiles calls either
        logger.debug("No word of changes in %s: %s", ", ".join(map(str, folders)), error)
        await asyncio.sleep(_NOT_TOLD)


def _import_what_awatch_imports() -> None:
    """When it is first used, on the event loop: 20 to 60 ms in which nobody would be served."""
    with suppress(ModuleNotFoundError):  # of anyio 4.15, and none of its promises
        import_module("anyio._backends._asyncio")


type _Events = set[tuple[Change, str]]


async def _hear(events: AsyncGenerator[_Events]) -> _Events | None:
    return await anext(events, None)


def _are_gone(folders: frozenset[Path], events: _Events | None) -> bool:
    """True if a folder itself is among what happened: it may be another one that has its name now."""
    return events is None or any(Path(path) in folders for _, path in events)


def _look(paths: Collection[Path]) -> Mapping[Path, _Look]:
    return {path: _look_at(path) for path in paths}


def _look_at(path: Path) -> _Look:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _folders(paths: Collection[Path]) -> frozenset[Path]:
    """Where files are, and where they are linked from; for a folder that does not exist, the nearest above it."""
    places = {place for path in paths for place in (path.absolute(), _resolved(path))}
    return frozenset(_nearest(place) for place in places)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except ValueError:
        return path.absolute()  # no file can have such a name


def _nearest(place: Path) -> Path:
    return next((folder for folder in place.parents if is_folder(folder)), Path(place.anchor))
