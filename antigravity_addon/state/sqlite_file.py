"""One SQLite file for all that is kept, on one machine. Several gateways may share it.

sqlite3 blocks, so all of it happens on one thread of its own; that thread also gives calls their order. WAL and
`synchronous=NORMAL`: a crash of the process loses nothing that was kept, a crash of the machine the last moments,
and neither harms the file. Reading never waits for a writer.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from .memory import StateError
from .migrations import MIGRATIONS

logger = logging.getLogger(__name__)

IN_MEMORY = ":memory:"

_APPLICATION = int.from_bytes(b"AGst")
"""`PRAGMA application_id` of our files: another program's database is not to be written into."""

_MAGIC = b"SQLite format 3\0"
_APPLICATION_AT = slice(68, 72)
"""Where a file's first page has `_APPLICATION`. https://www.sqlite.org/fileformat.html#the_database_header"""

_BUSY_SECONDS = 5.0
"""For which a write waits for another gateway's, from when it is asked for: those in line wait together, and not each
for so long behind the other."""
_LEAST_BUSY_SECONDS = 0.05
"""For one that stood in line for longer: another gateway's write takes less."""

type Work[T] = Callable[[sqlite3.Connection], T]
"""What is done on the thread, in transactions of its own. It is done again if the file turns out to be broken."""


class SqliteFile:
    """State: the connection, which belongs to the thread, and how many stores there are to share it."""

    def __init__(
        self, path: Path | str, *, reads_only: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`path` may be `IN_MEMORY`. With `reads_only`, it names a file that is there, and nothing is changed in it.
        `clock` is in seconds and never goes back.

        Nothing is opened before the first use; one that fails leaves the next to try again.
        """
        self._path = path
        self._reads_only = reads_only
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._connection: sqlite3.Connection | None = None
        self._shares = 0
        self._closed = False

    @property
    def path(self) -> Path | str:
        return self._path

    @property
    def reads_only(self) -> bool:
        return self._reads_only

    def share(self) -> "Share":
        """For one store. With the last of them, the file is closed for good."""
        self._shares += 1
        return Share(self)

    async def run[T](self, work: Work[T]) -> T:
        """Raises: StateError."""
        if self._closed:
            raise closed(self._path)
        busy_until = self._clock() + _BUSY_SECONDS
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._attempt, work, busy_until)

    async def leave(self, last_work: Work[None] | None) -> None:
        """One store fewer. `last_work` is done before, if the file is open; it raises nothing."""
        if self._closed:
            return
        self._shares -= 1
        self._closed = self._shares == 0
        leaving = asyncio.get_running_loop().run_in_executor(
            self._thread, self._leave, last_work, self._closed
        )
        if self._closed:
            self._thread.shutdown(wait=False)
        await leaving

    # --- the thread -------------------------------------------------------------------------------------

    def _attempt[T](self, work: Work[T], busy_until: float) -> T:
        """Once more with a new file if this one turns out to be broken. Raises: StateError."""
        try:
            try:
                return work(self._connected(busy_until))
            except sqlite3.DatabaseError as error:
                if self._reads_only or not _tells_of_damage(error):
                    raise
                self._disconnect()
                put_aside_if_broken(Path(self._path))
                return work(self._connected(busy_until))
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"{self._path} cannot be used: {error}.") from error
        except UnicodeEncodeError:
            raise StateError(f"{self._path} cannot hold it: some text in it is not Unicode.") from None
        except OverflowError:
            raise StateError(f"{self._path} cannot hold it: some number in it is too large.") from None

    def _leave(self, last_work: Work[None] | None, is_last: bool) -> None:  # noqa: FBT001  an executor has no keywords
        if self._connection is not None and last_work is not None:
            last_work(self._connection)
        if is_last:
            self._disconnect()

    def _connected(self, busy_until: float) -> sqlite3.Connection:
        seconds = max(busy_until - self._clock(), _LEAST_BUSY_SECONDS)
        if self._connection is None:
            opened = open_to_read if self._reads_only else open_file
            self._connection = opened(self._path, busy_seconds=seconds)
        self._connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Share:
    """One store's part in a file. Two on the same file are closed each for itself."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._closed = False

    @property
    def path(self) -> Path | str:
        return self._file.path

    async def run[T](self, work: Work[T]) -> T:
        """Raises: StateError."""
        if self._closed:
            raise closed(self.path)
        return await self._file.run(work)

    async def aclose(self, last_work: Work[None] | None = None) -> None:
        """`last_work` is done before, if the file is open; it raises nothing."""
        if self._closed:
            return
        self._closed = True
        await self._file.leave(last_work)


def closed(path: Path | str) -> StateError:
    return StateError(f"{path} was closed.")


# --- transactions -----------------------------------------------------------------------------------------


@contextmanager
def reading(connection: sqlite3.Connection) -> Generator[None]:
    """All that is read is of one moment."""
    with connection:
        connection.execute("BEGIN")
        yield


@contextmanager
def writing(connection: sqlite3.Connection) -> Generator[None]:
    """As a whole or not at all. Waits for other gateways' writes at its beginning, so that it cannot fail for them
    later on.
    """
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


# --- size -------------------------------------------------------------------------------------------------


def pages_in(connection: sqlite3.Connection) -> int:
    """Without those that are free."""
    return _pragma(connection, "page_count") - _pragma(connection, "freelist_count")


def page_size(connection: sqlite3.Connection) -> int:
    """In bytes."""
    return _pragma(connection, "page_size")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


# --- opening ----------------------------------------------------------------------------------------------


def open_file(path: Path | str, *, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    """The file, ready for use, made if there is none.

    Raises: StateError: it cannot be made, or is a newer gateway's or another program's; it is then as it was.
        sqlite3.Error.
    """
    if path != IN_MEMORY:
        _make_private(Path(path))
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
    try:
        _refuse_newer(connection, path, MIGRATIONS)
        if _pragma(connection, "page_count") == 0:
            _begin(connection)
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, path, MIGRATIONS)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path | str, *, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    """A file that is there, as it is.

    Raises: StateError: it cannot be read, or is another gateway's or another program's. sqlite3.Error.
    """
    place = Path(path).resolve()
    _refuse_others(place)
    # SQLite's own mode=ro would leave the files beside it behind
    connection = sqlite3.connect(
        f"{place.as_uri()}?mode=rw", timeout=busy_seconds, isolation_level=None, uri=True
    )
    try:
        connection.execute("PRAGMA query_only = ON")
        _refuse_newer(connection, path, MIGRATIONS)
        _refuse_older(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _begin(connection: sqlite3.Connection) -> None:
    """The file's first page, which says from the first moment whose the file is."""
    with connection:
        connection.execute("BEGIN")
        # before there is a page, or it has no effect
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")


def _use_wal(connection: sqlite3.Connection) -> None:
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            # for this, SQLite does not wait while another gateway writes; for a transaction it does
            with writing(connection):
                pass
        else:
            return


def _make_private(path: Path) -> None:
    """Ahead of SQLite, which has modes of its own; the files that it puts beside this one take this one's.

    Raises: StateError: it cannot be made, or is another program's; it is then as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            # a link to a file that is still to be made stays one
            path.resolve().touch(mode=0o600, exist_ok=False)
        _refuse_others(path)
        path.chmod(0o600)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StateError(f"{path} cannot be made: {why}.") from error


def _refuse_others(path: Path) -> None:
    """What is empty may become ours. Raises: StateError: it is no file of ours. OSError."""
    if path.exists() and not path.is_file():
        raise StateError(f"{path} is no file: name another in gateway_state.")
    with path.open("rb") as file:
        header = file.read(_APPLICATION_AT.stop)
    if header and not header.startswith(_MAGIC):
        raise StateError(f"{path} is no state file: name another in gateway_state.")
    if header and int.from_bytes(header[_APPLICATION_AT]) != _APPLICATION:
        raise StateError(f"{path} is another program's: name another file in gateway_state.")


def _refuse_newer(
    connection: sqlite3.Connection, path: Path | str, migrations: Sequence[Sequence[str]]
) -> None:
    """Raises: StateError."""
    if _pragma(connection, "user_version") > len(migrations):
        raise StateError(
            f"{path} was written by a newer gateway: update this one, or name another file in gateway_state."
        )


def _refuse_older(connection: sqlite3.Connection, path: Path | str) -> None:
    """Raises: StateError."""
    if _pragma(connection, "user_version") < len(MIGRATIONS):
        raise StateError(f"{path} was written by an older gateway: start the new one, and try again.")


def migrate(connection: sqlite3.Connection, path: Path | str, migrations: Sequence[Sequence[str]]) -> None:
    """Raises: StateError: the file is a newer gateway's."""
    with connection:
        # the version is only certain once nobody else can change it
        connection.execute("BEGIN IMMEDIATE")
        _refuse_newer(connection, path, migrations)
        for migration in migrations[_pragma(connection, "user_version") :]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _tells_of_damage(error: sqlite3.DatabaseError) -> bool:
    # sqlite3's own complaints have no code
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def put_aside_if_broken(path: Path) -> None:
    """To NAME.broken, in place of an earlier one. Looked at afresh: another gateway may have done it already.

    Raises: StateError: it does not even say any more that it is ours. OSError, sqlite3.Error.
    """
    if not path.exists():
        return
    _refuse_others(path)
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
