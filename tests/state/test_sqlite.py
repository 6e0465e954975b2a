"""The file: its mode, its version, what becomes of a broken one, and of a process that is killed."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from antigravity_addon.state.memory import KeptSignature, StateError
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import SqliteFile

from .test_memory import ANA, response

SIGNATURE = {"call_1": KeptSignature("s", "m", None)}


def opened(path: Path) -> SqliteMemory:
    return SqliteMemory(SqliteFile(path), clock=time.time, max_age=1e6, max_bytes=10**8)  # noqa: TID251  as in the gateway


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        memory = opened(tmp_path / "state.sqlite")
        await memory.keep_signatures(ANA, SIGNATURE)
        await memory.keep_response(ANA, response("r1"))
        await memory.aclose()
    memory = opened(tmp_path / "state.sqlite")
    assert await memory.signatures(ANA, ["call_1"]) == SIGNATURE
    assert await memory.response(ANA, "r1") == response("r1")
    await memory.aclose()


async def test_two_gateways_share_a_file(tmp_path: Path) -> None:
    one, two = opened(tmp_path / "state.sqlite"), opened(tmp_path / "state.sqlite")
    await one.keep_signatures(ANA, SIGNATURE)
    assert await two.signatures(ANA, ["call_1"]) == SIGNATURE
    await one.aclose()
    await two.aclose()


async def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.sqlite"
    memory = opened(path)
    await memory.keep_signatures(ANA, SIGNATURE)
    modes = {each.name: oct(each.stat().st_mode & 0o777) for each in path.parent.iterdir()}
    assert modes == {"state.sqlite": "0o600", "state.sqlite-wal": "0o600", "state.sqlite-shm": "0o600"}
    assert oct(path.parent.stat().st_mode & 0o777) == "0o700"
    await memory.aclose()


async def test_a_broken_file_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "state.sqlite"
    memory = opened(path)
    await memory.keep_signatures(ANA, SIGNATURE)
    await memory.aclose()
    broken = path.read_bytes()[:100] + b"\xa5" * 5_000
    path.write_bytes(broken)
    memory = opened(path)
    with caplog.at_level(logging.WARNING):
        await memory.keep_signatures(ANA, SIGNATURE)
    assert await memory.signatures(ANA, ["call_1"]) == SIGNATURE
    assert path.with_name("state.sqlite.broken").read_bytes() == broken
    assert "state.sqlite.broken" in caplog.text
    await memory.aclose()


# --- what is not ours -------------------------------------------------------------------------------------


def _a_folder(path: Path) -> None:
    path.mkdir()


def _a_text(path: Path) -> None:
    path.write_text("notes of mine\n" * 100)


def _a_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def _an_empty_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def _a_broken_database(path: Path) -> None:
    _a_database(path)
    path.write_bytes(path.read_bytes()[:100] + b"\xa5" * 5_000)


def _a_newer_gateway_s(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {int.from_bytes(b'AGst')}")
        connection.execute("PRAGMA user_version = 99")
    connection.close()


NOT_OURS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a folder": (_a_folder, "is no file"),
    "a text": (_a_text, "is no state file"),
    "another program's": (_a_database, "is another program's"),
    "another program's, without tables": (_an_empty_database, "is another program's"),
    "another program's that is broken": (_a_broken_database, "is another program's"),
    "a newer gateway's": (_a_newer_gateway_s, "was written by a newer gateway"),
}


@pytest.mark.parametrize("reads_only", [False, True], ids=["to be used", "to be read"])
@pytest.mark.parametrize(("make", "sentence"), NOT_OURS.values(), ids=NOT_OURS.keys())
async def test_what_is_not_ours_is_told_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], sentence: str, *, reads_only: bool
) -> None:
    path = tmp_path / "state.sqlite"
    make(path)
    # the newer gateway's is ours to protect
    path.chmod(0o600 if "newer" in sentence else 0o755)
    before = _seen(path)
    file = SqliteFile(path, reads_only=reads_only)
    memory = SqliteMemory(file, clock=lambda: 1e9, max_age=1e6, max_bytes=10**8)
    for _ in range(2):
        with pytest.raises(StateError, match=sentence):
            await memory.signatures(ANA, ["call_1"])
    await memory.aclose()
    assert _seen(path) == before
    assert _files_in(tmp_path) == [path]


def _files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _seen(path: Path) -> tuple[int, int, bytes]:
    found = path.stat()
    return found.st_mode, found.st_mtime_ns, path.read_bytes() if path.is_file() else b""


async def test_a_link_to_a_file_that_is_still_to_be_made_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.symlink_to(tmp_path / "real.sqlite")
    memory = opened(path)
    await memory.keep_signatures(ANA, SIGNATURE)
    await memory.aclose()
    assert path.is_symlink()
    assert oct((tmp_path / "real.sqlite").stat().st_mode & 0o777) == "0o600"


# --- to be read -------------------------------------------------------------------------------------------


async def test_a_file_that_is_read_only_is_not_changed_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    memory = opened(path)
    await memory.keep_signatures(ANA, SIGNATURE)
    await memory.aclose()
    before = _seen(path)
    reader = SqliteMemory(SqliteFile(path, reads_only=True), clock=lambda: 1e9, max_age=1e6, max_bytes=10**8)
    assert await reader.signatures(ANA, ["call_1"]) == SIGNATURE
    with pytest.raises(StateError, match="readonly"):
        await reader.keep_signatures(ANA, SIGNATURE)
    await reader.aclose()
    assert _seen(path) == before
    assert _files_in(tmp_path) == [path]


async def test_a_broken_file_that_is_only_to_be_read_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    memory = opened(path)
    await memory.keep_signatures(ANA, SIGNATURE)
    await memory.aclose()
    path.write_bytes(path.read_bytes()[:100] + b"\xa5" * 5_000)
    before = _seen(path)
    reader = SqliteMemory(SqliteFile(path, reads_only=True), clock=lambda: 1e9, max_age=1e6, max_bytes=10**8)
    with pytest.raises(StateError, match=r"state\.sqlite cannot be used"):
        await reader.signatures(ANA, ["call_1"])
    await reader.aclose()
    assert _seen(path) == before


async def test_an_older_gateway_s_file_is_not_brought_up_to_date_by_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {int.from_bytes(b'AGst')}")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    file = SqliteFile(path, reads_only=True)
    reader = SqliteMemory(file, clock=lambda: 1e9, max_age=1e6, max_bytes=10**8)
    with pytest.raises(StateError, match="was written by an older gateway"):
        await reader.signatures(ANA, ["call_1"])
    await reader.aclose()


# --- places -----------------------------------------------------------------------------------------------


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = opened(tmp_path / "file" / "state.sqlite")
    with pytest.raises(StateError, match="cannot be made"):
        await memory.keep_signatures(ANA, SIGNATURE)
    await memory.aclose()


@pytest.mark.parametrize("name", ["n" * 5_000, "a\0b", "a\ud800b"], ids=["long", "nul", "no Unicode"])
async def test_a_name_that_no_file_can_have_is_told(tmp_path: Path, name: str) -> None:
    memory = opened(tmp_path / name)
    with pytest.raises(StateError, match="cannot be made"):
        await memory.keep_signatures(ANA, SIGNATURE)
    await memory.aclose()


WRITER = """
import asyncio, sys, time
sys.path[:0] = sys.argv[2:]
from antigravity_addon.state.memory import KeptItem, KeptResponse
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import SqliteFile

async def write() -> None:
    memory = SqliteMemory(SqliteFile(sys.argv[1]), clock=time.time, max_age=1e6, max_bytes=10**8)
    for number in range(100_000):
        items = tuple(KeptItem(f"{number}-{i}", is_input=True, content=b"x" * 5_000) for i in range(5))
        await memory.keep_response("ana", KeptResponse(str(number), 7, None, b"{}", items))
        print(number, flush=True)

asyncio.run(write())
"""


async def test_a_killed_process_leaves_whole_records_only(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    root = str(Path(__file__).parents[2])
    for kept in (3, 17):
        path.unlink(missing_ok=True)
        with subprocess.Popen(  # noqa: ASYNC220  its output is what the test waits for
            [sys.executable, "-c", WRITER, str(path), root], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            last = [writer.stdout.readline() for _ in range(kept)][-1]
            os.kill(writer.pid, signal.SIGKILL)
        memory = opened(path)
        for number in range(int(last) + 1):
            found = await memory.response("ana", str(number))
            assert found is not None
            assert len(found.items) == 5
        beyond = await memory.response("ana", str(int(last) + 1))
        assert beyond is None or len(beyond.items) == 5
        await memory.aclose()
