"""What goes wrong with the file while it is in use, and what is forgotten when it is full."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from antigravity_addon.state.memory import KeptConversation, KeptItem, KeptResponse, KeptSignature, StateError
from antigravity_addon.state.sqlite import SqliteMemory, bytes_in
from antigravity_addon.state.sqlite_file import SqliteFile, migrate

from .test_memory import ANA, BO, DAY, Clock, item, names, response

SIGNATURE = {"call_1": KeptSignature("s", "m", None)}
ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(path: Path) -> SqliteFile:
    return SqliteFile(path)


@pytest.fixture
async def memory(file: SqliteFile, clock: Clock) -> AsyncGenerator[SqliteMemory]:
    memory = SqliteMemory(file, clock=clock, max_age=30 * DAY, max_bytes=1_000_000)
    yield memory
    await memory.aclose()


def signature_of(size: int) -> KeptSignature:
    return KeptSignature("x" * size, "m", None)


def size_of(path: Path) -> int:
    return path.stat().st_size


def damage(path: Path) -> None:
    """All but the first page, which is the only one that opening looks at."""
    page = 4096
    path.write_bytes(path.read_bytes()[:page] + b"\xa5" * (size_of(path) - page))


def files_beside(path: Path) -> list[Path]:
    return [each for each in path.parent.iterdir() if each != path]


# --- the file ---------------------------------------------------------------------------------------------


async def test_damage_that_shows_only_in_use_puts_the_file_aside(
    path: Path, memory: SqliteMemory, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        await memory.keep_response(ANA, response(f"r{number}"))
    await memory.aclose()
    damage(path)
    again = SqliteMemory(SqliteFile(path), clock=Clock(), max_age=DAY, max_bytes=10**6)
    assert await again.response(ANA, "r1") is None
    await again.keep_signatures(ANA, SIGNATURE)
    assert await again.signatures(ANA, ["call_1"]) == SIGNATURE
    await again.aclose()
    assert [each.name for each in files_beside(path)] == ["state.sqlite.broken"]
    assert "is broken" in caplog.text


async def test_an_opening_that_failed_is_tried_again(tmp_path: Path, memory: SqliteMemory) -> None:
    in_the_way = tmp_path / "state.sqlite"
    in_the_way.mkdir()
    with pytest.raises(StateError, match=r"state\.sqlite is no file"):
        await memory.keep_signatures(ANA, SIGNATURE)
    in_the_way.rmdir()
    await memory.keep_signatures(ANA, SIGNATURE)
    assert await memory.signatures(ANA, ["call_1"]) == SIGNATURE


async def test_reading_does_not_wait_for_another_gateway_s_write(path: Path, memory: SqliteMemory) -> None:
    await memory.keep_signatures(ANA, SIGNATURE)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    # or it would be told that the file is locked
    assert await memory.signatures(ANA, ["call_1"]) == SIGNATURE
    other.close()


async def test_a_full_disk_refuses_a_write_as_a_whole_and_still_reads(
    file: SqliteFile, memory: SqliteMemory
) -> None:
    await memory.keep_response(ANA, response("r1"))
    # the connection's own bound stands for the disk's
    await file.run(lambda connection: connection.execute("PRAGMA max_page_count = 35").fetchall())
    items = (item("small"), KeptItem("large", is_input=False, content=b"x" * 200_000))
    with pytest.raises(StateError, match="full"):
        await memory.keep_response(ANA, KeptResponse("r2", 7, "r1", b"{}", items))
    assert await memory.response(ANA, "r2") is None
    assert await memory.items(ANA, ["small"]) == {}
    assert await memory.response(ANA, "r1") == response("r1")
    await memory.keep_signatures(ANA, SIGNATURE)


async def test_after_the_end_everything_is_refused(memory: SqliteMemory) -> None:
    await memory.open()
    await memory.aclose()
    await memory.aclose()
    with pytest.raises(StateError, match="closed"):
        await memory.keep_signatures(ANA, SIGNATURE)


async def test_text_that_is_not_unicode_is_refused(memory: SqliteMemory) -> None:
    with pytest.raises(StateError, match="not Unicode"):
        await memory.response(ANA, "resp_\udcff")


async def test_an_id_with_a_nul_is_another_id(memory: SqliteMemory) -> None:
    await memory.keep_signatures(ANA, SIGNATURE)
    assert await memory.signatures(ANA, ["call_1\0", "call_1\0x"]) == {}


OPENER = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from antigravity_addon.state.memory import KeptSignature
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import SqliteFile

async def write() -> None:
    memory = SqliteMemory(SqliteFile(Path(sys.argv[1])), clock=lambda: 1e9, max_age=1e6, max_bytes=10**8)
    print("ready", flush=True)
    sys.stdin.readline()
    await memory.keep_signatures("ana", {f"{sys.argv[3]}": KeptSignature("s", "m", None)})
    await memory.aclose()

asyncio.run(write())
"""


def test_gateways_that_start_together_make_one_file(path: Path) -> None:
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(path), ROOT, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for gateway in starting:
        assert gateway.stdout is not None
        assert gateway.stdout.readline() == "ready\n"
    for gateway in starting:
        assert gateway.stdin is not None
        gateway.stdin.write("\n")
        gateway.stdin.flush()
    for gateway in starting:
        gateway.communicate()
    assert [gateway.returncode for gateway in starting] == [0, 0, 0]
    with sqlite3.connect(path) as connection:
        kept = connection.execute("SELECT id FROM kept ORDER BY id").fetchall()
    connection.close()
    assert kept == [("0",), ("1",), ("2",)]


# --- versions ---------------------------------------------------------------------------------------------

FIRST, SECOND = ("CREATE TABLE a (x)",), ("ALTER TABLE a ADD y",)


def version_and_columns(connection: sqlite3.Connection) -> tuple[int, list[str]]:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version, [row[1] for row in connection.execute("PRAGMA table_info (a)")]


def test_an_older_file_is_brought_up_to_date_and_keeps_what_is_in_it() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "x", (FIRST,))
    connection.execute("INSERT INTO a VALUES (1)")
    migrate(connection, "x", (FIRST, SECOND))
    assert version_and_columns(connection) == (2, ["x", "y"])
    assert connection.execute("SELECT * FROM a").fetchall() == [(1, None)]
    connection.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "x", (FIRST,))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, "x", (FIRST, (*SECOND, "no SQL")))
    assert version_and_columns(connection) == (1, ["x"])
    connection.close()


# --- forgetting -------------------------------------------------------------------------------------------


async def test_the_file_is_no_larger_than_its_bound_and_no_emptier_than_it_must_be(
    path: Path, file: SqliteFile, memory: SqliteMemory, clock: Clock
) -> None:
    for number in range(60):
        clock.now += 60
        await memory.keep_signatures(ANA, {f"call_{number}": signature_of(50_000)})
    ids = [f"call_{number}" for number in range(60)]
    kept = list(await memory.signatures(ANA, ids))
    assert kept == ids[-len(kept) :]
    size = await file.run(bytes_in)
    assert 880_000 < size <= 1_000_000
    await memory.aclose()
    assert size_of(path) <= 1_000_000


async def test_room_is_made_by_what_was_used_longest_ago_of_whatever_kind(
    memory: SqliteMemory, clock: Clock
) -> None:
    large = KeptItem("large", is_input=True, content=b"x" * 280_000)
    await memory.keep_response(ANA, KeptResponse("r1", 7, None, b"{}", (large,)))
    clock.now += 60
    await memory.keep_signatures(ANA, {"call_1": signature_of(280_000)})
    clock.now += 60
    await memory.keep_conversation(ANA, KeptConversation("c1", 7, b"{}"))
    await memory.append_items(ANA, "c1", [large])
    clock.now += 60
    await memory.history(ANA, "r1")
    await memory.keep_signatures(ANA, {"call_2": signature_of(280_000)})
    assert await memory.history(ANA, "r1") == (large,)
    assert list(await memory.signatures(ANA, ["call_1", "call_2"])) == ["call_2"]
    assert await memory.conversation_items(ANA, "c1") == (large,)


async def test_a_beginning_that_had_to_make_room_leaves_no_shorter_history(memory: SqliteMemory) -> None:
    for number in range(4):
        large = KeptItem("large", is_input=True, content=b"x" * 280_000)
        previous = f"r{number - 1}" if number else None
        await memory.keep_response(ANA, KeptResponse(f"r{number}", 7, previous, b"{}", (large,)))
    assert await memory.response(ANA, "r0") is None
    assert await memory.response(ANA, "r3") is not None
    assert await memory.history(ANA, "r3") is None


async def test_one_record_that_is_too_large_is_not_kept(memory: SqliteMemory) -> None:
    await memory.keep_signatures(ANA, {"call_1": signature_of(1_100_000)})
    assert await memory.signatures(ANA, ["call_1"]) == {}


type Use = Callable[[SqliteMemory], Awaitable[object]]

USES: dict[str, tuple[Use, str]] = {
    "reading a signature": (lambda memory: memory.signatures(ANA, ["call_1"]), "signature"),
    "keeping it again": (lambda memory: memory.keep_signatures(ANA, SIGNATURE), "signature"),
    "reading a response": (lambda memory: memory.response(ANA, "r2"), "chain"),
    "reading its history": (lambda memory: memory.history(ANA, "r2"), "chain"),
    "referring to an item of it": (lambda memory: memory.items(ANA, ["r2-out"]), "chain"),
    "going on from it": (lambda memory: memory.keep_response(ANA, response("r3", "r2")), "chain"),
    "reading a conversation": (lambda memory: memory.conversation(ANA, "c1"), "conversation"),
    "reading its items": (lambda memory: memory.conversation_items(ANA, "c1"), "conversation"),
    "adding to it": (lambda memory: memory.append_items(ANA, "c1", [item("x")]), "conversation"),
}


@pytest.mark.parametrize(("use", "used"), USES.values(), ids=USES.keys())
async def test_a_use_renews_all_that_was_used_and_nothing_else(
    use: Use, used: str, memory: SqliteMemory, clock: Clock
) -> None:
    await memory.keep_signatures(ANA, SIGNATURE)
    await memory.keep_response(ANA, response("r1"))
    await memory.keep_response(ANA, response("r2", "r1"))
    await memory.keep_conversation(ANA, KeptConversation("c1", 7, b"{}"))
    clock.now += 20 * DAY
    await use(memory)
    clock.now += 20 * DAY
    await memory.keep_signatures(BO, SIGNATURE)
    found = {
        "signature": await memory.signatures(ANA, ["call_1"]),
        "chain": await memory.history(ANA, "r2"),
        "conversation": await memory.conversation(ANA, "c1"),
    }
    assert {name for name, each in found.items() if each} == {used}


async def test_uses_outlast_the_process_that_noted_them(
    path: Path, memory: SqliteMemory, clock: Clock
) -> None:
    await memory.keep_response(ANA, response("r1"))
    clock.now += 20 * DAY
    await memory.history(ANA, "r1")
    await memory.aclose()
    clock.now += 20 * DAY
    later = SqliteMemory(SqliteFile(path), clock=clock, max_age=30 * DAY, max_bytes=10**6)
    await later.keep_signatures(BO, SIGNATURE)
    assert names(await later.history(ANA, "r1")) == ["r1-in", "r1-out"]
    await later.aclose()


async def test_nothing_of_a_deleted_conversation_stays_once_its_last_response_is_deleted(
    path: Path, memory: SqliteMemory
) -> None:
    for number in range(4):
        await memory.keep_response(ANA, response(f"r{number}", f"r{number - 1}" if number else None))
    for number in range(3):
        await memory.delete_response(ANA, f"r{number}")
    assert len(await memory.history(ANA, "r3") or ()) == 8
    await memory.delete_response(ANA, "r3")
    with sqlite3.connect(path) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            for table in ("kept", "response", "item")
        ]
    connection.close()
    assert counts == [(0,), (0,), (0,)]


# --- somebody else has locked it ---------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds_in_line", "waits"), [(0.0, 5_000), (3.0, 2_000), (60.0, 50)])
async def test_who_stood_in_line_behind_another_waits_so_much_less(
    path: Path, clock: Clock, seconds_in_line: float, waits: int
) -> None:
    file, may_end = SqliteFile(path, clock=clock), threading.Event()

    async def the_first_ends() -> None:
        clock.now += seconds_in_line
        may_end.set()

    first = file.run(lambda _: may_end.wait(10))
    second = file.run(lambda connection: connection.execute("PRAGMA busy_timeout").fetchone()[0])
    assert await asyncio.gather(first, second, the_first_ends()) == [True, waits, None]
    await file.share().aclose()
