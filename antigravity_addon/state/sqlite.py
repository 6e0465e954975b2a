"""The memory in one SQLite file, for one machine. Several gateways may share it.

sqlite3 blocks, so all of it happens on one thread of its own; that thread also gives calls their order. WAL and
`synchronous=NORMAL`: a crash of the process loses nothing that was kept, a crash of the machine the last moments,
and neither harms the file. Reading never waits for a writer: uses are written down with the next write.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from .memory import KeptConversation, KeptItem, KeptResponse, KeptSignature, StateError

logger = logging.getLogger(__name__)

IN_MEMORY = ":memory:"

_APPLICATION = int.from_bytes(b"AGst")
"""`PRAGMA application_id` of our files: another program's database is not to be written into."""

_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # what can be found and forgotten; `id` is null for a deleted response that others go on from
        """CREATE TABLE kept (
            number INTEGER PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, id TEXT, used INTEGER NOT NULL,
            previous INTEGER REFERENCES kept ON DELETE SET NULL
        )""",
        "CREATE UNIQUE INDEX kept_id ON kept (owner, kind, id)",
        "CREATE INDEX kept_used ON kept (used)",
        "CREATE INDEX kept_previous ON kept (previous)",
        # apart from what is large, so that noting a use is cheap
        """CREATE TABLE signature (
            kept INTEGER PRIMARY KEY REFERENCES kept ON DELETE CASCADE,
            model TEXT NOT NULL, upstream_id TEXT, signature TEXT NOT NULL
        )""",
        """CREATE TABLE response (
            kept INTEGER PRIMARY KEY REFERENCES kept ON DELETE CASCADE,
            created INTEGER NOT NULL, previous_id TEXT, response BLOB NOT NULL
        )""",
        """CREATE TABLE conversation (
            kept INTEGER PRIMARY KEY REFERENCES kept ON DELETE CASCADE,
            created INTEGER NOT NULL, metadata BLOB NOT NULL
        )""",
        # of a response or a conversation
        """CREATE TABLE item (
            number INTEGER PRIMARY KEY, kept INTEGER NOT NULL REFERENCES kept ON DELETE CASCADE,
            id TEXT NOT NULL, is_input INTEGER NOT NULL, content BLOB NOT NULL
        )""",
        "CREATE INDEX item_kept ON item (kept)",
        "CREATE INDEX item_id ON item (id)",
    ),
)
"""Each takes the file from one version to the next; the version is `PRAGMA user_version`."""

_BUSY_SECONDS = 5.0
"""For which a write waits for another gateway's."""

_TICK = 60
"""Seconds. Uses are noted to the minute: most of them then need no write."""

_ROOM = 16
"""What is forgotten for want of room makes room for a sixteenth of it, so that not every write has to."""


class SqliteMemory:
    """State: the connection, and the uses that are not written down yet. Both belong to the thread."""

    def __init__(
        self, path: Path | str, *, clock: Callable[[], float], max_age: float, max_bytes: int
    ) -> None:
        """`path` may be `IN_MEMORY`; `clock` gives Unix time. What was not used for `max_age` seconds is forgotten.

        Nothing is opened before the first use; one that fails leaves the next to try again.
        """
        self._path = path
        self._clock = clock
        self._max_age = max_age
        self._max_bytes = max_bytes
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._uses: dict[int, int] = {}
        self._aged_at = 0

    # --- the port ---------------------------------------------------------------------------------------

    async def keep_signatures(self, owner: str, signatures: Mapping[str, KeptSignature]) -> None:
        await self._write(lambda store: store.keep_signatures(owner, signatures))

    async def signatures(self, owner: str, ids: Collection[str]) -> Mapping[str, KeptSignature]:
        return await self._read(lambda store: store.signatures(owner, ids))

    async def keep_response(self, owner: str, response: KeptResponse) -> None:
        await self._write(lambda store: store.keep_response(owner, response))

    async def response(self, owner: str, response_id: str) -> KeptResponse | None:
        return await self._read(lambda store: store.response(owner, response_id))

    async def delete_response(self, owner: str, response_id: str) -> bool:
        return await self._write(lambda store: store.delete_response(owner, response_id))

    async def history(self, owner: str, response_id: str) -> tuple[KeptItem, ...] | None:
        return await self._read(lambda store: store.history(owner, response_id))

    async def items(self, owner: str, ids: Collection[str]) -> Mapping[str, bytes]:
        return await self._read(lambda store: store.items(owner, ids))

    async def keep_conversation(self, owner: str, conversation: KeptConversation) -> None:
        await self._write(lambda store: store.keep_conversation(owner, conversation))

    async def conversation(self, owner: str, conversation_id: str) -> KeptConversation | None:
        return await self._read(lambda store: store.conversation(owner, conversation_id))

    async def delete_conversation(self, owner: str, conversation_id: str) -> bool:
        return await self._write(lambda store: store.delete_conversation(owner, conversation_id))

    async def append_items(self, owner: str, conversation_id: str, items: Sequence[KeptItem]) -> bool:
        return await self._write(lambda store: store.append_items(owner, conversation_id, items))

    async def conversation_items(self, owner: str, conversation_id: str) -> tuple[KeptItem, ...] | None:
        return await self._read(lambda store: store.conversation_items(owner, conversation_id))

    async def delete_item(self, owner: str, conversation_id: str, item_id: str) -> bool:
        return await self._write(lambda store: store.delete_item(owner, conversation_id, item_id))

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    async def open(self) -> None:
        """Open the file now, for whoever wants to know at the start. Raises: StateError."""
        await self._read(lambda _: None)

    # --- the thread -------------------------------------------------------------------------------------

    async def _read[T](self, work: "Callable[[_Store], T]") -> T:
        return await self._on_thread(lambda: self._one_read(work))

    async def _write[T](self, work: "Callable[[_Store], T]") -> T:
        return await self._on_thread(lambda: self._one_write(work))

    async def _on_thread[T](self, transaction: Callable[[], T]) -> T:
        if self._closed:
            raise StateError(f"{self._path} was closed.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._attempt, transaction)

    def _attempt[T](self, transaction: Callable[[], T]) -> T:
        """Once more with a new file if this one turns out to be broken. Raises: StateError."""
        try:
            try:
                return transaction()
            except sqlite3.DatabaseError as error:
                if not _tells_of_damage(error):
                    raise
                self._disconnect()
                put_aside_if_broken(Path(self._path))
                return transaction()
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"{self._path} cannot be used: {error}.") from error
        except UnicodeEncodeError:
            raise StateError(f"{self._path} cannot hold it: some text in it is not Unicode.") from None

    def _one_read[T](self, work: "Callable[[_Store], T]") -> T:
        connection = self._connected()
        with connection:
            connection.execute("BEGIN")
            return work(_Store(connection, self._now(), self._uses))

    def _one_write[T](self, work: "Callable[[_Store], T]") -> T:
        connection, now = self._connected(), self._now()
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            done = work(_Store(connection, now, self._uses))
            self._note_uses(connection)
            if now != self._aged_at:
                connection.execute("DELETE FROM kept WHERE used < ?", (now - self._max_age,))
            make_room(connection, self._max_bytes)
        self._aged_at = now
        self._uses.clear()
        return done

    def _note_uses(self, connection: sqlite3.Connection) -> None:
        """A use of a response is one of all that it goes on from: these are never older than it."""
        connection.executemany(
            "WITH RECURSIVE chain (number) AS (VALUES (:number) UNION SELECT kept.previous FROM kept"
            " JOIN chain ON kept.number = chain.number WHERE kept.previous IS NOT NULL)"
            " UPDATE kept SET used = :used WHERE number IN (SELECT number FROM chain) AND used < :used",
            [{"number": number, "used": used} for number, used in self._uses.items()],
        )

    def _now(self) -> int:
        return int(self._clock()) // _TICK * _TICK

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_file(self._path)
        return self._connection

    def _disconnect(self) -> None:
        self._uses.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _close(self) -> None:
        if self._connection is None:
            return
        try:
            with self._connection as connection:
                self._note_uses(connection)
        except sqlite3.Error as error:
            logger.warning("%s: the last uses of what is kept are lost: %s.", self._path, error)
        self._disconnect()


_SIGNATURE, _RESPONSE, _CONVERSATION = "signature", "response", "conversation"


class _Store:
    """What is done in one transaction. What it finds, it adds to `uses`: number -> when.

    One id at a time: SQLite is in the process, where a query costs microseconds and no list is too long.
    """

    def __init__(self, connection: sqlite3.Connection, now: int, uses: dict[int, int]) -> None:
        self._sql = connection
        self._now = now
        self._uses = uses

    # --- signatures -------------------------------------------------------------------------------------

    def keep_signatures(self, owner: str, signatures: Mapping[str, KeptSignature]) -> None:
        for key, kept in signatures.items():
            number = self._find_or_add(owner, _SIGNATURE, key)
            self._sql.execute(
                "INSERT OR REPLACE INTO signature (kept, model, upstream_id, signature) VALUES (?, ?, ?, ?)",
                (number, kept.model, kept.upstream_id, kept.signature),
            )

    def signatures(self, owner: str, ids: Collection[str]) -> Mapping[str, KeptSignature]:
        found = ((key, self._find(owner, _SIGNATURE, key)) for key in ids)
        return {key: self._signature(number) for key, number in found if number is not None}

    def _signature(self, number: int) -> KeptSignature:
        row = self._sql.execute(
            "SELECT signature, model, upstream_id FROM signature WHERE kept = ?", (number,)
        ).fetchone()
        return KeptSignature(*row)

    # --- responses --------------------------------------------------------------------------------------

    def keep_response(self, owner: str, response: KeptResponse) -> None:
        self.delete_response(owner, response.id)
        previous = None if response.previous is None else self._find(owner, _RESPONSE, response.previous)
        number = self._add(owner, _RESPONSE, response.id, previous=previous)
        self._sql.execute(
            "INSERT INTO response (kept, created, previous_id, response) VALUES (?, ?, ?, ?)",
            (number, response.created, response.previous, response.response),
        )
        self._add_items(number, response.items)

    def response(self, owner: str, response_id: str) -> KeptResponse | None:
        number = self._find(owner, _RESPONSE, response_id)
        if number is None:
            return None
        created, previous, response = self._sql.execute(
            "SELECT created, previous_id, response FROM response WHERE kept = ?", (number,)
        ).fetchone()
        return KeptResponse(response_id, created, previous, response, self._items_of(number))

    def delete_response(self, owner: str, response_id: str) -> bool:
        number = self._find(owner, _RESPONSE, response_id)
        if number is None:
            return False
        # its items are all that those need which go on from it
        self._sql.execute("UPDATE kept SET id = NULL WHERE number = ?", (number,))
        self._sql.execute("UPDATE response SET response = x'' WHERE kept = ?", (number,))
        self._drop_if_needless(number)
        return True

    def _drop_if_needless(self, number: int | None) -> None:
        """A deleted response that nothing goes on from, and then those before it for which the same is true."""
        while number is not None:
            row = self._sql.execute(
                "DELETE FROM kept WHERE number = ? AND id IS NULL AND NOT EXISTS"
                " (SELECT 1 FROM kept AS later WHERE later.previous = kept.number) RETURNING previous",
                (number,),
            ).fetchone()
            number = row[0] if row else None

    def history(self, owner: str, response_id: str) -> tuple[KeptItem, ...] | None:
        number = self._find(owner, _RESPONSE, response_id)
        if number is None:
            return None
        chain = self._chain(number)
        _, names_another = chain[-1]
        if names_another:
            return None
        return tuple(item for link, _ in reversed(chain) for item in self._items_of(link))

    def _chain(self, number: int) -> Sequence[tuple[int, bool]]:
        """The response and all that it goes on from, latest first, each with whether there should be another."""
        return self._sql.execute(
            "WITH RECURSIVE chain (number, depth) AS (VALUES (?, 0) UNION ALL"
            " SELECT kept.previous, depth + 1 FROM kept JOIN chain ON kept.number = chain.number"
            " WHERE kept.previous IS NOT NULL)"
            " SELECT chain.number, response.previous_id IS NOT NULL"
            " FROM chain JOIN response ON response.kept = chain.number ORDER BY depth",
            (number,),
        ).fetchall()

    def items(self, owner: str, ids: Collection[str]) -> Mapping[str, bytes]:
        found = ((key, self._item(owner, key)) for key in ids)
        return {key: content for key, content in found if content is not None}

    def _item(self, owner: str, item_id: str) -> bytes | None:
        row = self._sql.execute(
            "SELECT kept.number, kept.used, item.content FROM item JOIN kept ON kept.number = item.kept"
            " WHERE item.id = ? AND kept.owner = ? AND kept.id IS NOT NULL ORDER BY item.number DESC LIMIT 1",
            (item_id, owner),
        ).fetchone()
        if row is None:
            return None
        number, used, content = row
        self._use(number, last=used)
        return content

    # --- conversations ----------------------------------------------------------------------------------

    def keep_conversation(self, owner: str, conversation: KeptConversation) -> None:
        number = self._find_or_add(owner, _CONVERSATION, conversation.id)
        self._sql.execute(
            "INSERT OR REPLACE INTO conversation (kept, created, metadata) VALUES (?, ?, ?)",
            (number, conversation.created, conversation.metadata),
        )

    def conversation(self, owner: str, conversation_id: str) -> KeptConversation | None:
        number = self._find(owner, _CONVERSATION, conversation_id)
        if number is None:
            return None
        created, metadata = self._sql.execute(
            "SELECT created, metadata FROM conversation WHERE kept = ?", (number,)
        ).fetchone()
        return KeptConversation(conversation_id, created, metadata)

    def delete_conversation(self, owner: str, conversation_id: str) -> bool:
        number = self._find(owner, _CONVERSATION, conversation_id)
        return self._sql.execute("DELETE FROM kept WHERE number = ?", (number,)).rowcount > 0

    def append_items(self, owner: str, conversation_id: str, items: Sequence[KeptItem]) -> bool:
        number = self._find(owner, _CONVERSATION, conversation_id)
        if number is None:
            return False
        self._add_items(number, items)
        return True

    def conversation_items(self, owner: str, conversation_id: str) -> tuple[KeptItem, ...] | None:
        number = self._find(owner, _CONVERSATION, conversation_id)
        return None if number is None else self._items_of(number)

    def delete_item(self, owner: str, conversation_id: str, item_id: str) -> bool:
        number = self._find(owner, _CONVERSATION, conversation_id)
        return self._sql.execute("DELETE FROM item WHERE kept = ? AND id = ?", (number, item_id)).rowcount > 0

    # --- what they have in common -----------------------------------------------------------------------

    def _find(self, owner: str, kind: str, kept_id: str) -> int | None:
        row = self._sql.execute(
            "SELECT number, used FROM kept WHERE owner = ? AND kind = ? AND id = ?", (owner, kind, kept_id)
        ).fetchone()
        if row is None:
            return None
        number, used = row
        self._use(number, last=used)
        return number

    def _use(self, number: int, *, last: int) -> None:
        if last < self._now:
            self._uses[number] = self._now

    def _find_or_add(self, owner: str, kind: str, kept_id: str) -> int:
        number = self._find(owner, kind, kept_id)
        return self._add(owner, kind, kept_id) if number is None else number

    def _add(self, owner: str, kind: str, kept_id: str, *, previous: int | None = None) -> int:
        (number,) = self._sql.execute(
            "INSERT INTO kept (owner, kind, id, used, previous) VALUES (?, ?, ?, ?, ?) RETURNING number",
            (owner, kind, kept_id, self._now, previous),
        ).fetchone()
        return number

    def _add_items(self, number: int, items: Iterable[KeptItem]) -> None:
        self._sql.executemany(
            "INSERT INTO item (kept, id, is_input, content) VALUES (?, ?, ?, ?)",
            [(number, item.id, item.is_input, item.content) for item in items],
        )

    def _items_of(self, number: int) -> tuple[KeptItem, ...]:
        rows = self._sql.execute(
            "SELECT id, is_input, content FROM item WHERE kept = ? ORDER BY number", (number,)
        )
        return tuple(KeptItem(key, bool(is_input), content) for key, is_input, content in rows)


# --- forgetting -------------------------------------------------------------------------------------------


def make_room(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Forget what was used longest ago if the file holds more than `max_bytes`. Looking costs three header fields."""
    if bytes_in(connection) <= max_bytes:
        return
    enough = max_bytes - max_bytes // _ROOM
    while bytes_in(connection) > enough and _forget_one(connection):
        pass
    connection.execute("PRAGMA incremental_vacuum").fetchall()


def _forget_one(connection: sqlite3.Connection) -> bool:
    oldest = "DELETE FROM kept WHERE number = (SELECT number FROM kept ORDER BY used, number LIMIT 1)"
    return connection.execute(oldest).rowcount > 0


def bytes_in(connection: sqlite3.Connection) -> int:
    """Without the pages that are free."""
    used_pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return used_pages * _pragma(connection, "page_size")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


# --- the file ---------------------------------------------------------------------------------------------


def open_file(path: Path | str) -> sqlite3.Connection:
    """The file, ready for use, made if there is none.

    Raises: StateError: it cannot be made, or is a newer gateway's or another program's. sqlite3.Error.
    """
    if path != IN_MEMORY:
        _make_private(Path(path))
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        # before there is a page in the file, or it has no effect
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, path, _MIGRATIONS)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    """Ahead of SQLite, which has modes of its own; the files that it puts beside this one take this one's."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.chmod(0o600)
    except OSError as error:
        raise StateError(f"{path} cannot be made: {error.strerror}.") from error


def migrate(connection: sqlite3.Connection, path: Path | str, migrations: Sequence[Sequence[str]]) -> None:
    """Raises: StateError: the file is a newer gateway's or another program's."""
    with connection:
        # the version is only certain once nobody else can change it
        connection.execute("BEGIN IMMEDIATE")
        version = _pragma(connection, "user_version")
        if version > len(migrations):
            raise StateError(
                f"{path} was written by a newer gateway: update this one, or name another file in gateway_state."
            )
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and _pragma(connection, "application_id") != _APPLICATION:
            raise StateError(f"{path} is another program's: name another file in gateway_state.")
        for migration in migrations[version:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _tells_of_damage(error: sqlite3.DatabaseError) -> bool:
    # sqlite3's own complaints have no code
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def put_aside_if_broken(path: Path) -> None:
    """To NAME.broken, in place of an earlier one. Looked at afresh: another gateway may have done it already."""
    if _is_sound(path):
        return
    broken = path.with_name(f"{path.name}.broken")
    path.replace(broken)
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    logger.warning("%s is broken: it is %s now, and a new one was begun.", path, broken.name)


def _is_sound(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            return connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
    except sqlite3.DatabaseError as error:
        if _tells_of_damage(error):
            return False
        raise
