"""The pool store in the SQLite file. What is there for the next start costs one write a save; to ask for orders,
no more than a look at an index.
"""

import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass

from .pool_rules import BOUNDS, Bounds, first_usage_day, next_number, outliving
from .pool_store import (
    Action,
    Changes,
    CooldownKey,
    KeptBinding,
    KeptCooldown,
    KeptDisabled,
    KeptPool,
    Order,
    UsageKey,
    UsageSum,
)
from .sqlite_file import SqliteFile, pages_in, reading, writing


class SqlitePoolStore:
    def __init__(self, file: SqliteFile, *, unix_time: Callable[[], float], bounds: Bounds = BOUNDS) -> None:
        self._share = file.share()
        self._reads_only = file.reads_only
        self._unix_time = unix_time
        self._bounds = bounds

    async def load(self) -> KeptPool:
        return await self._share.run(self._load)

    async def sync(self, changes: Changes, *, orders_after: int) -> tuple[Order, ...]:
        if changes.is_empty:
            return await self._share.run(lambda connection: _orders(connection, orders_after))
        return await self._share.run(lambda connection: self._sync(connection, changes, orders_after))

    async def give_order(self, action: Action, *, account: str, scope: str, reason: str, now: float) -> int:
        given = _Given(action, account, scope, reason, now)
        return await self._share.run(lambda connection: self._give(connection, given))

    async def usage(self, *, first_day: str, last_day: str) -> Mapping[UsageKey, UsageSum]:
        return await self._share.run(lambda connection: _usage(connection, first_day, last_day))

    async def aclose(self) -> None:
        await self._share.aclose()

    # --- the thread -------------------------------------------------------------------------------------

    def _load(self, connection: sqlite3.Connection) -> KeptPool:
        if self._reads_only:
            with reading(connection):
                return self._kept(connection)
        with _saving(connection):
            self._tidy(connection)
            return self._kept(connection)

    def _kept(self, connection: sqlite3.Connection) -> KeptPool:
        """Without what is only there still since nothing was saved for some time."""
        now, bounds = self._unix_time(), self._bounds
        cooldowns = connection.execute(
            "SELECT scope, model, until, failures, reason FROM pool_cooldown WHERE until > ?", (now,)
        )
        disabled = connection.execute("SELECT account, reason, since, fingerprint FROM pool_disabled")
        bindings = connection.execute(
            "SELECT conversation, account, used FROM pool_binding WHERE used >= ?"
            " ORDER BY used DESC, conversation DESC LIMIT ?",
            (now - bounds.binding_seconds, bounds.bindings),
        )
        return KeptPool(
            {CooldownKey(scope, model): KeptCooldown(*kept) for scope, model, *kept in cooldowns},
            {account: KeptDisabled(*kept) for account, *kept in disabled},
            {conversation: KeptBinding(*kept) for conversation, *kept in bindings},
            _last_order(connection),
        )

    def _sync(self, connection: sqlite3.Connection, changes: Changes, orders_after: int) -> tuple[Order, ...]:
        with _saving(connection):
            orders = _orders(connection, orders_after)
            _save(connection, outliving(orders, changes))
            self._tidy(connection)
        return orders

    def _give(self, connection: sqlite3.Connection, given: "_Given") -> int:
        with _saving(connection):
            number = next_number(_last_order(connection), given.now)
            connection.execute(
                "INSERT INTO pool_order (number, action, account, scope, reason, given) VALUES (?, ?, ?, ?, ?, ?)",
                (number, given.action.value, given.account, given.scope, given.reason, self._unix_time()),
            )
            _follow(connection, given)
            self._tidy(connection)
        return number

    def _tidy(self, connection: sqlite3.Connection) -> None:
        now, bounds = self._unix_time(), self._bounds
        connection.execute("DELETE FROM pool_cooldown WHERE until <= ?", (now,))
        connection.execute("DELETE FROM pool_binding WHERE used < ?", (now - bounds.binding_seconds,))
        connection.execute(
            "DELETE FROM pool_binding WHERE conversation IN (SELECT conversation FROM pool_binding"
            " ORDER BY used DESC, conversation DESC LIMIT -1 OFFSET ?)",
            (bounds.bindings,),
        )
        connection.execute("DELETE FROM pool_usage WHERE day < ?", (first_usage_day(now, bounds),))
        connection.execute("DELETE FROM pool_order WHERE given < ?", (now - bounds.order_seconds,))


@dataclass(frozen=True, slots=True)
class _Given:
    """An order that has no number yet."""

    action: Action
    account: str
    scope: str
    reason: str
    now: float


@contextmanager
def _saving(connection: sqlite3.Connection) -> Generator[None]:
    """A transaction that counts the pages it takes: they are not the memory's, whose bound leaves them out."""
    with writing(connection):
        before = pages_in(connection)
        yield
        if taken := pages_in(connection) - before:
            connection.execute("UPDATE pool_size SET pages = pages + ?", (taken,))


# --- reading ----------------------------------------------------------------------------------------------


def _last_order(connection: sqlite3.Connection) -> int:
    """Even if it was deleted."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'pool_order'").fetchone()
    return row[0] if row else 0


def _orders(connection: sqlite3.Connection, after: int) -> tuple[Order, ...]:
    rows = connection.execute(
        "SELECT number, action, account, scope, reason FROM pool_order WHERE number > ? ORDER BY number",
        (after,),
    )
    return tuple(Order(number, Action(action), *rest) for number, action, *rest in rows)


def _usage(connection: sqlite3.Connection, first_day: str, last_day: str) -> Mapping[UsageKey, UsageSum]:
    rows = connection.execute("SELECT * FROM pool_usage WHERE day BETWEEN ? AND ?", (first_day, last_day))
    return {
        UsageKey(day, account, model, client): UsageSum(*sums) for day, account, model, client, *sums in rows
    }


# --- writing ----------------------------------------------------------------------------------------------


def _save(connection: sqlite3.Connection, changes: Changes) -> None:
    for key, cooldown in changes.cooldowns.items():
        if cooldown is None:
            connection.execute("DELETE FROM pool_cooldown WHERE scope = ? AND model = ?", astuple(key))
        else:
            connection.execute(
                "INSERT OR REPLACE INTO pool_cooldown (scope, model, until, failures, reason)"
                " VALUES (?, ?, ?, ?, ?)",
                (*astuple(key), *astuple(cooldown)),
            )
    for account, disabled in changes.disabled.items():
        if disabled is None:
            connection.execute("DELETE FROM pool_disabled WHERE account = ?", (account,))
        else:
            _save_disabled(connection, account, disabled)
    for conversation, binding in changes.bindings.items():
        if binding is None:
            connection.execute("DELETE FROM pool_binding WHERE conversation = ?", (conversation,))
        else:
            connection.execute(
                "INSERT OR REPLACE INTO pool_binding (conversation, account, used) VALUES (?, ?, ?)",
                (conversation, *astuple(binding)),
            )
    _add_usage(connection, changes.usage)


def _save_disabled(connection: sqlite3.Connection, account: str, disabled: KeptDisabled) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO pool_disabled (account, reason, since, fingerprint) VALUES (?, ?, ?, ?)",
        (account, *astuple(disabled)),
    )


def _add_usage(connection: sqlite3.Connection, usage: Mapping[UsageKey, UsageSum]) -> None:
    connection.executemany(
        "INSERT INTO pool_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (day, account, model, client) DO UPDATE SET"
        " requests = requests + excluded.requests, errors = errors + excluded.errors,"
        " attempts = attempts + excluded.attempts, input_tokens = input_tokens + excluded.input_tokens,"
        " cached_tokens = cached_tokens + excluded.cached_tokens,"
        " output_tokens = output_tokens + excluded.output_tokens,"
        " reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,"
        " seconds = seconds + excluded.seconds,"
        " first_token_seconds = first_token_seconds + excluded.first_token_seconds,"
        " first_tokens = first_tokens + excluded.first_tokens",
        ((*astuple(key), *astuple(used)) for key, used in usage.items()),
    )


def _follow(connection: sqlite3.Connection, given: _Given) -> None:
    match given.action:
        case Action.DISABLE:
            _save_disabled(connection, given.account, KeptDisabled(given.reason, given.now, fingerprint=""))
        case Action.ENABLE:
            _end_cooldowns(connection, given.scope, given.account)
            _end_disabled(connection, given.account, refused_only=False)
        case Action.RESET:
            _end_cooldowns(connection, given.scope, given.account)
            _end_disabled(connection, given.account, refused_only=True)


def _end_cooldowns(connection: sqlite3.Connection, scope: str, account: str) -> None:
    connection.execute(
        "DELETE FROM pool_cooldown WHERE :scope = '' OR scope IN (:scope, :account)",
        {"scope": scope, "account": account},
    )


def _end_disabled(connection: sqlite3.Connection, account: str, *, refused_only: bool) -> None:
    connection.execute(
        "DELETE FROM pool_disabled WHERE :account IN ('', account) AND NOT (:refused_only AND fingerprint = '')",
        {"account": account, "refused_only": refused_only},
    )
