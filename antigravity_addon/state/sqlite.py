"""The memory in the SQLite file. Uses are noted with the next write, so that reading never waits for a writer."""

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from .memory import KeptConversation, KeptItem, KeptResponse, KeptSignature
from .sqlite_file import SqliteFile, page_size, pages_in, reading, writing

logger = logging.getLogger(__name__)

_TICK = 60
"""Seconds. Uses are noted to the minute: most of them then need no write."""

_ROOM = 16
"""What is forgotten for want of room makes room for a sixteenth of it, so that not every write has to."""


class SqliteMemory:
    """State: the uses that are not written down yet, and the connection that they were found on. Both belong to the
    file's thread.
    """

    def __init__(
        self, file: SqliteFile, *, clock: Callable[[], float], max_age: float, max_bytes: int
    ) -> None:
        """`clock` gives Unix time. What was not used for `max_age` seconds is forgotten."""
        self._share = file.share()
        self._clock = clock
        self._max_age = max_age
        self._max_bytes = max_bytes
        self._noted_on: sqlite3.Connection | None = None
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

    async def change_metadata(self, owner: str, conversation_id: str, metadata: bytes) -> bool:
        return await self._write(lambda store: store.change_metadata(owner, conversation_id, metadata))

    async def delete_conversation(self, owner: str, conversation_id: str) -> bool:
        return await self._write(lambda store: store.delete_conversation(owner, conversation_id))

    async def append_items(self, owner: str, conversation_id: str, items: Sequence[KeptItem]) -> bool:
        return await self._write(lambda store: store.append_items(owner, conversation_id, items))

    async def conversation_items(self, owner: str, conversation_id: str) -> tuple[KeptItem, ...] | None:
        return await self._read(lambda store: store.conversation_items(owner, conversation_id))

    async def delete_item(self, owner: str, conversation_id: str, item_id: str) -> bool:
        return await self._write(lambda store: store.delete_item(owner, conversation_id, item_id))

    async def aclose(self) -> None:
        await self._share.aclose(self._note_last_uses)

    async def open(self) -> None:
        """Open the file now, for whoever wants to know at the start. Raises: StateError."""
        await self._read(lambda _: None)

    # --- the thread -------------------------------------------------------------------------------------

    async def _read[T](self, work: "Callable[[_Store], T]") -> T:
        return await self._share.run(lambda connection: self._one_read(connection, work))

    async def _write[T](self, work: "Callable[[_Store], T]") -> T:
        return await self._share.run(lambda connection: self._one_write(connection, work))

    def _one_read[T](self, connection: sqlite3.Connection, work: "Callable[[_Store], T]") -> T:
        self._forget_another_file_s(connection)
        with reading(connection):
            return work(_Store(connection, self._now(), self._uses))

    def _one_write[T](self, connection: sqlite3.Connection, work: "Callable[[_Store], T]") -> T:
        self._forget_another_file_s(connection)
        now = self._now()
        with writing(connection):
            done = work(_Store(connection, now, self._uses))
            self._note_uses(connection)
            if now != self._aged_at:
                connection.execute("DELETE FROM kept WHERE used < ?", (now - self._max_age,))
            make_room(connection, self._max_bytes)
        self._aged_at = now
        self._uses.clear()
        return done

    def _forget_another_file_s(self, connection: sqlite3.Connection) -> None:
        """Another connection is one to a new file: in it, the numbers are others'."""
        if connection is not self._noted_on:
            self._uses.clear()
            self._noted_on = connection

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

    def _note_last_uses(self, connection: sqlite3.Connection) -> None:
        self._forget_another_file_s(connection)
        if not self._uses:
            return
        try:
            with writing(connection):
                self._note_uses(connection)
        except sqlite3.Error as error:
            logger.warning("%s: the last uses of what is kept are lost: %s.", self._share.path, error)


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

    def change_metadata(self, owner: str, conversation_id: str, metadata: bytes) -> bool:
        number = self._find(owner, _CONVERSATION, conversation_id)
        changed = self._sql.execute("UPDATE conversation SET metadata = ? WHERE kept = ?", (metadata, number))
        return changed.rowcount > 0

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
    """Forget what was used longest ago if the memory takes more than `max_bytes` of the file. Looking costs three
    header fields and one row.
    """
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
    """Without the pages that are free, and without the pool's, which nothing in here could make room in."""
    (of_the_pool,) = connection.execute("SELECT pages FROM pool_size").fetchone()
    return (pages_in(connection) - of_the_pool) * page_size(connection)
