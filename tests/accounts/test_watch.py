"""Watching files: whatever is done to one is noticed, and the watch ends when it is told to."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from pathlib import Path

import pytest

from antigravity_addon.accounts.watch import changes


class Watched:
    """A watch that has begun; each step gives up after ten seconds."""

    def __init__(self, stream: AsyncGenerator[frozenset[Path]]) -> None:
        self._stream = stream

    async def next(self) -> frozenset[Path]:
        async with asyncio.timeout(60):
            return await anext(self._stream)


async def test_the_first_time_comes_at_once_and_names_all(tmp_path: Path) -> None:
    paths = frozenset({tmp_path / "a.yaml", tmp_path / "absent"})
    async with aclosing(changes(lambda: paths)) as stream:
        assert await Watched(stream).next() == paths


def _write(path: Path) -> None:
    path.write_text("accounts: [new]")


def _write_another_and_rename(path: Path) -> None:
    new = path.with_name(".accounts.yaml.swp")
    new.write_text("accounts: [new]")
    new.replace(path)


def _remove(path: Path) -> None:
    path.unlink()


def _rename(path: Path) -> None:
    path.rename(path.with_suffix(".old"))


EDITS: dict[str, Callable[[Path], None]] = {
    "written over": _write,
    "another put in its place": _write_another_and_rename,
    "removed": _remove,
    "renamed": _rename,
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
async def test_a_change_is_noticed(tmp_path: Path, edit: Callable[[Path], None]) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text("accounts: []")
    async with aclosing(changes(lambda: {path})) as stream:
        watched = Watched(stream)
        await watched.next()
        edit(path)
        assert await watched.next() == {path}


async def test_what_happens_while_nobody_asks_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "accounts.yaml"
    async with aclosing(changes(lambda: {path})) as stream:
        watched = Watched(stream)
        await watched.next()
        path.write_text("a")
        assert await watched.next() == {path}
        path.write_text("ab")
        assert await watched.next() == {path}


async def test_other_files_of_the_folder_are_no_news(tmp_path: Path) -> None:
    path, other = tmp_path / "accounts.yaml", tmp_path / "notes.txt"
    async with aclosing(changes(lambda: {path})) as stream:
        watched = Watched(stream)
        await watched.next()
        news = asyncio.create_task(watched.next())  # noqa: TID251  awaited below
        other.write_text("x")
        _write_another_and_rename(path)
        assert await news == {path}


async def test_a_file_in_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "accounts.yaml"
    async with aclosing(changes(lambda: {path})) as stream:
        watched = Watched(stream)
        await watched.next()
        path.parent.mkdir(parents=True)
        path.write_text("accounts: []")
        assert await watched.next() == {path}


async def test_a_name_that_no_file_can_have_ends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "accounts.yaml"
    impossible = {tmp_path / "a\0b", tmp_path / ("n" * 5_000) / "key.json"}
    async with aclosing(changes(lambda: {path, *impossible})) as stream:
        watched = Watched(stream)
        assert await watched.next() == {path, *impossible}
        path.write_text("accounts: []")
        assert await watched.next() == {path}


async def test_a_folder_goes_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "accounts.yaml"
    path.parent.mkdir()
    path.write_text("accounts: []")
    async with aclosing(changes(lambda: {path})) as stream:
        watched = Watched(stream)
        await watched.next()
        path.unlink()
        path.parent.rmdir()
        assert await watched.next() == {path}
        path.parent.mkdir()
        path.write_text("accounts: [new]")
        assert await watched.next() == {path}
        path.write_text("accounts: [newer]")
        assert await watched.next() == {path}


async def test_a_link_is_turned(tmp_path: Path) -> None:
    """So do Kubernetes' mounted secrets change."""
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "accounts.yaml").write_text(version)
    (tmp_path / "current").symlink_to("one")
    path = tmp_path / "accounts.yaml"
    path.symlink_to("current/accounts.yaml")
    async with aclosing(changes(lambda: {path})) as stream:
        watched = Watched(stream)
        await watched.next()
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(tmp_path / "current")
        assert await watched.next() == {path}
        (tmp_path / "two" / "accounts.yaml").write_text("twice")
        assert await watched.next() == {path}


async def test_the_list_of_files_may_change(tmp_path: Path) -> None:
    path, key = tmp_path / "accounts.yaml", tmp_path / "keys" / "key.json"
    key.parent.mkdir()
    paths: Collection[Path] = {path}
    async with aclosing(changes(lambda: paths)) as stream:
        watched = Watched(stream)
        await watched.next()
        path.write_text("a")
        assert await watched.next() == {path}
        paths = {path, key}
        news = asyncio.create_task(watched.next())  # noqa: TID251  awaited below
        path.write_text("ab")
        assert await news == {path, key}
        key.write_text("{}")
        assert await watched.next() == {key}


async def test_a_system_that_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """inotify's watches are few, and shared by all of a user's programs."""

    def refuse(*_: object, **__: object) -> AsyncGenerator[set[tuple[object, str]]]:
        async def none_left() -> AsyncGenerator[set[tuple[object, str]]]:
            raise OSError("no watches left")
            yield set()

        return none_left()

    monkeypatch.setattr("antigravity_addon.accounts.watch.awatch", refuse)
    monkeypatch.setattr("antigravity_addon.accounts.watch._NOT_TOLD", 0.01)
    path = tmp_path / "accounts.yaml"
    async with aclosing(changes(lambda: {path})) as stream:
        watched = Watched(stream)
        await watched.next()
        path.write_text("a")
        assert await watched.next() == {path}


async def test_it_ends_when_its_reader_is_cancelled(tmp_path: Path) -> None:
    began = asyncio.Event()

    async def read() -> None:
        async with aclosing(changes(lambda: {tmp_path / "accounts.yaml"})) as stream:
            async for _ in stream:
                began.set()

    reader = asyncio.create_task(read())  # noqa: TID251  awaited below
    async with asyncio.timeout(60):
        await began.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
    assert asyncio.all_tasks() == {asyncio.current_task()}


PROGRAM = """
import asyncio, pathlib, sys
from contextlib import aclosing
from antigravity_addon.accounts.watch import changes

async def read(began):
    async with aclosing(changes(lambda: {pathlib.Path(sys.argv[1])})) as stream:
        async for _ in stream:
            began.set()

async def main():
    asyncio.get_running_loop().set_task_factory(FACTORY)
    began = asyncio.Event()
    reader = asyncio.create_task(read(began))
    await began.wait()
    for _ in range(3):
        await asyncio.sleep(0)
    ENDING

asyncio.run(main())
print("over")
"""


ENDINGS: dict[str, tuple[str, str]] = {
    "cancelled": ("None", "reader.cancel()"),
    "left to the loop, with tasks as mitmproxy has them": ("asyncio.eager_task_factory", "pass"),
}


@pytest.mark.parametrize(("factory", "ending"), ENDINGS.values(), ids=ENDINGS.keys())
def test_the_interpreter_ends_with_the_watch(tmp_path: Path, factory: str, ending: str) -> None:
    program = PROGRAM.replace("FACTORY", factory).replace("ENDING", ending)
    arguments = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "x")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("over\n", "", 0)


def test_no_thread_is_left(tmp_path: Path) -> None:
    async def watch() -> None:
        async with aclosing(changes(lambda: {tmp_path / "x"})) as stream:
            await anext(stream)

    before = set(threading.enumerate())
    asyncio.run(watch())
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert set(threading.enumerate()) <= before
