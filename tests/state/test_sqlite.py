"""The file: its mode, its version, what becomes of a broken one, and of a process that is killed."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
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
    path.write_bytes(b"this was never a database" * 100)
    memory = opened(path)
    with caplog.at_level(logging.WARNING):
        await memory.keep_signatures(ANA, SIGNATURE)
    assert await memory.signatures(ANA, ["call_1"]) == SIGNATURE
    assert path.with_name("state.sqlite.broken").read_bytes().startswith(b"this was never")
    assert "state.sqlite.broken" in caplog.text
    await memory.aclose()


async def test_a_newer_gateway_s_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    memory = opened(path)
    with pytest.raises(StateError, match="newer gateway"):
        await memory.signatures(ANA, ["call_1"])
    await memory.aclose()


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = opened(tmp_path / "file" / "state.sqlite")
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
