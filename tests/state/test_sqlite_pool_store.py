"""The pool store's file: shared with the memory and with other gateways, brought up to date, full, broken."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import pytest

from antigravity_addon.state.memory import (
    KeptConversation,
    KeptItem,
    KeptResponse,
    KeptSignature,
    StateError,
)
from antigravity_addon.state.migrations import MIGRATIONS
from antigravity_addon.state.pool_store import Action, Changes, KeptBinding, KeptDisabled, KeptPool, UsageSum
from antigravity_addon.state.sqlite import SqliteMemory, bytes_in
from antigravity_addon.state.sqlite_file import SqliteFile, page_size, pages_in
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore

from .test_memory import ANA as OWNER
from .test_memory import DAY, Clock, response
from .test_pool_store import ANA, BINDING, NOTHING, SWITCHED_OFF, USED, all_usage, key, order, save
from .test_sqlite_faults import damage

SIGNATURE = {"call_1": KeptSignature("s", "m", None)}
CHANGES = Changes(bindings={"1": BINDING}, usage={key(): USED})
ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def file(path: Path) -> SqliteFile:
    return SqliteFile(path)


@pytest.fixture
async def store(file: SqliteFile) -> AsyncGenerator[SqlitePoolStore]:
    store = SqlitePoolStore(file, unix_time=Clock())
    yield store
    await store.aclose()


@pytest.fixture
async def memory(file: SqliteFile) -> AsyncGenerator[SqliteMemory]:
    memory = SqliteMemory(file, clock=Clock(), max_age=30 * DAY, max_bytes=1_000_000)
    yield memory
    await memory.aclose()


async def execute(file: SqliteFile, statement: str) -> list[tuple[object, ...]]:
    return await file.run(lambda connection: connection.execute(statement).fetchall())


def open_to_all(path: Path) -> None:
    path.touch()
    path.chmod(0o666)


def read(path: Path) -> bytes:
    return path.read_bytes()


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


# --- shared -----------------------------------------------------------------------------------------------


async def test_what_was_saved_is_there_after_a_restart(path: Path, store: SqlitePoolStore) -> None:
    await save(store, CHANGES)
    number = await order(store, Action.DISABLE)
    await store.aclose()
    later = SqlitePoolStore(SqliteFile(path), unix_time=Clock())
    assert await later.load() == KeptPool({}, {ANA: SWITCHED_OFF}, {"1": BINDING}, last_order=number)
    assert await all_usage(later) == {key(): USED}
    await later.aclose()


async def test_gateways_that_share_a_file_see_each_other_s_orders_and_add_up_their_usage(
    path: Path, store: SqlitePoolStore
) -> None:
    other = SqlitePoolStore(SqliteFile(path), unix_time=Clock())
    await asyncio.gather(*(save(each, CHANGES) for _ in range(10) for each in (store, other)))
    assert await all_usage(store) == await all_usage(other)
    assert (await all_usage(store))[key()].requests == 20 * USED.requests
    numbers: list[int] = []
    for given_by in (store, other):
        numbers.append(await order(given_by, Action.DISABLE))
        for seen_by in (store, other):
            assert [each.number for each in await seen_by.sync(Changes(), orders_after=0)] == numbers
    await other.aclose()


async def test_two_stores_on_one_file_end_each_for_itself(
    path: Path, store: SqlitePoolStore, memory: SqliteMemory
) -> None:
    await memory.keep_signatures(OWNER, SIGNATURE)
    await memory.aclose()
    with pytest.raises(StateError, match="closed"):
        await memory.signatures(OWNER, ["call_1"])
    await save(store, CHANGES)
    await store.aclose()
    assert [each.name for each in path.parent.iterdir()] == ["state.sqlite"]


async def test_a_file_that_its_stores_have_left_is_not_opened_again(
    file: SqliteFile, store: SqlitePoolStore
) -> None:
    await save(store, CHANGES)
    await store.aclose()
    late = SqlitePoolStore(file, unix_time=Clock())
    with pytest.raises(StateError, match="closed"):
        await late.load()
    await late.aclose()


async def test_nobody_else_can_read_it(path: Path, store: SqlitePoolStore, memory: SqliteMemory) -> None:
    open_to_all(path)
    await save(store, CHANGES)
    await memory.keep_signatures(OWNER, SIGNATURE)
    modes = {each.name: oct(each.stat().st_mode & 0o777) for each in path.parent.iterdir()}
    assert modes == {"state.sqlite": "0o600", "state.sqlite-wal": "0o600", "state.sqlite-shm": "0o600"}


async def test_asking_for_orders_waits_for_no_writer_and_writes_nothing(
    path: Path, file: SqliteFile, store: SqlitePoolStore
) -> None:
    number = await order(store, Action.DISABLE)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        written = await execute(file, "SELECT total_changes()")
        # or it would be told that the file is locked
        assert len(await store.sync(Changes(), orders_after=0)) == 1
        assert await store.sync(Changes(), orders_after=number) == ()
        assert await execute(file, "SELECT total_changes()") == written


# --- the memory's bound -----------------------------------------------------------------------------------


async def test_the_memory_s_bound_neither_deletes_the_pool_s_rows_nor_counts_them(
    file: SqliteFile, store: SqlitePoolStore, memory: SqliteMemory
) -> None:
    bindings = {f"{number:064}": BINDING for number in range(10_000)}
    await save(store, Changes(bindings={**bindings}, usage={key(): USED}))
    for number in range(60):
        await memory.keep_signatures(OWNER, {f"call_{number}": KeptSignature("x" * 50_000, "m", None)})
    assert (await store.load()).bindings == bindings
    assert await all_usage(store) == {key(): USED}
    assert 880_000 < await file.run(bytes_in) <= 1_000_000
    assert await file.run(lambda connection: pages_in(connection) * page_size(connection)) > 2_500_000
    ids = [f"call_{number}" for number in range(60)]
    assert len(await memory.signatures(OWNER, ids)) >= 16


async def test_pages_that_the_pool_gives_back_are_counted_too(
    file: SqliteFile, store: SqlitePoolStore, memory: SqliteMemory
) -> None:
    await memory.keep_signatures(OWNER, SIGNATURE)
    before = await file.run(bytes_in)
    names = [f"{number:064}" for number in range(2_000)]
    for kept in (BINDING, None, BINDING, None):
        await save(store, Changes(bindings=dict.fromkeys(names, kept)))
        assert await file.run(bytes_in) == before
    assert await execute(file, "SELECT pages FROM pool_size") == [(0,)]


# --- what goes wrong --------------------------------------------------------------------------------------


async def test_a_broken_file_is_put_aside(path: Path, store: SqlitePoolStore) -> None:
    before = SqlitePoolStore(SqliteFile(path), unix_time=Clock())
    await save(before, CHANGES)
    await before.aclose()
    damage(path)
    assert await store.load() == NOTHING
    await save(store, CHANGES)
    assert (await store.load()).bindings == {"1": BINDING}
    assert read(path.with_name("state.sqlite.broken")).endswith(b"\xa5" * 4096)


async def test_a_store_that_only_reads_leaves_out_what_is_over_and_changes_nothing(
    path: Path, store: SqlitePoolStore
) -> None:
    await save(store, CHANGES)
    loaded = await store.load()
    await store.aclose()
    before = read(path)
    clock = Clock()
    reader = SqlitePoolStore(SqliteFile(path, reads_only=True), unix_time=clock)
    assert await reader.load() == loaded
    clock.now += 2 * DAY
    assert await reader.load() == NOTHING
    assert await all_usage(reader) == {key(): USED}
    await reader.aclose()
    assert read(path) == before
    assert names_in(path.parent) == ["state.sqlite"]


async def test_damage_that_the_pool_store_finds_costs_the_memory_no_wrong_uses(
    path: Path, store: SqlitePoolStore, file: SqliteFile
) -> None:
    clock = Clock()
    memory = SqliteMemory(file, clock=clock, max_age=30 * DAY, max_bytes=10**7)
    await memory.keep_response(OWNER, response("r1"))
    await save(store, Changes(bindings={f"{number:064}": BINDING for number in range(500)}))
    await execute(file, "PRAGMA wal_checkpoint(TRUNCATE)")
    clock.now += 60
    await memory.history(OWNER, "r1")
    damage(path)
    # what is cached would hide it
    await execute(file, "PRAGMA shrink_memory")
    assert await store.load() == NOTHING
    other = SqliteMemory(SqliteFile(path), clock=Clock(), max_age=30 * DAY, max_bytes=10**7)
    await other.keep_response(OWNER, response("r2"))
    await other.aclose()
    kept = await execute(file, "SELECT number, id, used FROM kept")
    await memory.keep_signatures(OWNER, SIGNATURE)
    assert await execute(file, "SELECT number, id, used FROM kept WHERE id = 'r2'") == kept
    assert await memory.response(OWNER, "r1") is None
    await memory.aclose()


FAULTS = {
    # the connection's own bound stands for the disk's, and its own refusal for a disk that is read-only
    "full": ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "full"),
    "read-only": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF", "readonly"),
}


@pytest.mark.parametrize(("fault", "mended", "message"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_disk_that_takes_nothing_refuses_a_save_as_a_whole(
    file: SqliteFile, store: SqlitePoolStore, fault: str, mended: str, message: str
) -> None:
    await save(store, CHANGES)
    number = await order(store, Action.DISABLE)
    before = await store.load()
    many = Changes(
        disabled={"new": KeptDisabled("x", 1.0, "f")},
        bindings={f"{number:064}": BINDING for number in range(500)},
        usage={key(): USED},
    )
    await execute(file, fault)
    with pytest.raises(StateError, match=message):
        await store.sync(many, orders_after=number)
    assert len(await store.sync(Changes(), orders_after=0)) == 1
    assert await all_usage(store) == {key(): USED}
    await execute(file, mended)
    assert await store.load() == before
    await store.sync(many, orders_after=number)
    assert (await all_usage(store))[key()] == USED + USED
    assert len((await store.load()).bindings) == 501


FILLER = """
import asyncio, resource, sys
sys.path[:0] = sys.argv[2:]
from antigravity_addon.state.memory import StateError
from antigravity_addon.state.pool_store import Changes, KeptBinding, UsageKey, UsageSum
from antigravity_addon.state.sqlite_file import SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore

async def write() -> None:
    store = SqlitePoolStore(SqliteFile(sys.argv[1]), unix_time=lambda: 1e9)
    usage = {UsageKey("2001-09-09", "a", "m", "c"): UsageSum(requests=1)}
    for number in range(100_000):
        bindings = {f"{number}-{each}": KeptBinding("a", 1e9) for each in range(50)}
        try:
            await store.sync(Changes(bindings=bindings, usage=usage), orders_after=0)
        except StateError as error:
            print(number, error)
            return

resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
asyncio.run(write())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits")
async def test_a_file_that_the_system_lets_grow_no_further_is_sound(path: Path) -> None:
    filled = subprocess.run(  # noqa: ASYNC221  its end is what the test waits for
        [sys.executable, "-S", "-c", FILLER, str(path), ROOT], capture_output=True, text=True, check=True
    )
    saved, _, message = filled.stdout.partition(" ")
    assert "cannot be used" in message
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = SqlitePoolStore(SqliteFile(path), unix_time=lambda: 1e9)
    assert [each.requests for each in (await all_usage(store)).values()] == [int(saved)]
    assert len((await store.load()).bindings) == 50 * int(saved)
    await save(store, CHANGES)
    await store.aclose()


async def test_what_sqlite_cannot_hold_is_refused(store: SqlitePoolStore) -> None:
    with pytest.raises(StateError, match="not Unicode"):
        await save(store, Changes(bindings={"\udcff": BINDING}))
    with pytest.raises(StateError, match="too large"):
        await save(store, Changes(bindings={"1": BINDING}, usage={key(): UsageSum(requests=2**63)}))
    with pytest.raises(StateError, match="NOT NULL constraint failed"):
        await save(store, Changes(bindings={"1": KeptBinding(ANA, float("nan"))}))
    assert await store.load() == NOTHING


# --- version 1 --------------------------------------------------------------------------------------------

VERSION_1 = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE kept (
    number INTEGER PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, id TEXT, used INTEGER NOT NULL,
    previous INTEGER REFERENCES kept ON DELETE SET NULL
);
CREATE UNIQUE INDEX kept_id ON kept (owner, kind, id);
CREATE INDEX kept_used ON kept (used);
CREATE INDEX kept_previous ON kept (previous);
CREATE TABLE signature (
    kept INTEGER PRIMARY KEY REFERENCES kept ON DELETE CASCADE,
    model TEXT NOT NULL, upstream_id TEXT, signature TEXT NOT NULL
);
CREATE TABLE response (
    kept INTEGER PRIMARY KEY REFERENCES kept ON DELETE CASCADE,
    created INTEGER NOT NULL, previous_id TEXT, response BLOB NOT NULL
);
CREATE TABLE conversation (
    kept INTEGER PRIMARY KEY REFERENCES kept ON DELETE CASCADE,
    created INTEGER NOT NULL, metadata BLOB NOT NULL
);
CREATE TABLE item (
    number INTEGER PRIMARY KEY, kept INTEGER NOT NULL REFERENCES kept ON DELETE CASCADE,
    id TEXT NOT NULL, is_input INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE INDEX item_kept ON item (kept);
CREATE INDEX item_id ON item (id);
PRAGMA application_id = 1095201652;
PRAGMA user_version = 1;
INSERT INTO kept VALUES (1, 'owner-ana', 'signature', 'call_1', 1794999960, NULL);
INSERT INTO signature VALUES (1, 'm', NULL, 's');
INSERT INTO kept VALUES (2, 'owner-ana', 'response', NULL, 1794999960, NULL);
INSERT INTO response VALUES (2, 7, NULL, x'');
INSERT INTO item VALUES (1, 2, 'r1-in', 1, CAST('{}' AS BLOB));
INSERT INTO kept VALUES (3, 'owner-ana', 'response', 'r2', 1794999960, 2);
INSERT INTO response VALUES (3, 7, 'r1', CAST('{"id":"r2"}' AS BLOB));
INSERT INTO item VALUES (2, 3, 'r2-out', 0, CAST('{}' AS BLOB));
INSERT INTO kept VALUES (4, 'owner-ana', 'conversation', 'c1', 1794999960, NULL);
INSERT INTO conversation VALUES (4, 7, CAST('{"a":1}' AS BLOB));
INSERT INTO item VALUES (3, 4, 'c1-item', 1, CAST('{}' AS BLOB));
COMMIT;
"""
"""What version 1 wrote."""


async def test_a_file_of_version_1_is_brought_up_to_date_without_loss(
    path: Path, file: SqliteFile, store: SqlitePoolStore, memory: SqliteMemory
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(VERSION_1)
        before = tuple(connection.iterdump())
    assert await store.load() == NOTHING
    assert await execute(file, "PRAGMA user_version") == [(2,)]
    with closing(sqlite3.connect(path)) as connection:
        after = tuple(connection.iterdump())
    assert set(before) <= set(after)
    assert await memory.signatures(OWNER, ["call_1"]) == SIGNATURE
    old, new = (
        KeptItem("r1-in", is_input=True, content=b"{}"),
        KeptItem("r2-out", is_input=False, content=b"{}"),
    )
    assert await memory.response(OWNER, "r2") == KeptResponse("r2", 7, "r1", b'{"id":"r2"}', (new,))
    assert await memory.history(OWNER, "r2") == (old, new)
    assert await memory.conversation(OWNER, "c1") == KeptConversation("c1", 7, b'{"a":1}')
    assert list(await memory.items(OWNER, ["c1-item"])) == ["c1-item"]
    await save(store, CHANGES)
    assert (await store.load()).bindings == {"1": BINDING}


def test_version_1_is_still_made_as_it_was() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as was:
        was.executescript(VERSION_1)
        expected = was.execute("SELECT name, sql FROM sqlite_schema").fetchall()
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as now:
        for statement in MIGRATIONS[0]:
            now.execute(statement)
        made = now.execute("SELECT name, sql FROM sqlite_schema").fetchall()
    assert [(name, " ".join(str(sql).split())) for name, sql in made] == [
        (name, " ".join(str(sql).split())) for name, sql in expected
    ]
