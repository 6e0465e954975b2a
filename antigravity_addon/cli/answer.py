"""What a command comes to, in both of its forms, and what it stands on."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from antigravity_addon.accounts.account import Account
from antigravity_addon.accounts.file import Unusable
from antigravity_addon.gateway.ground import GatewayFiles
from antigravity_addon.gateway.operator import Check, Operator
from antigravity_addon.state.memory import StateError
from antigravity_addon.state.pool_store import PoolStore
from antigravity_addon.state.sqlite_file import SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore
from antigravity_addon.state.volatile import VolatilePoolStore

from .documents import Document
from .places import Places, PlacesError


@dataclass(frozen=True, slots=True)
class Answer:
    document: Document
    """For `--json`."""
    lines: Sequence[str]
    """For people; says the same."""
    warnings: Sequence[str] = ()
    """For people, whichever form they asked for."""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a command takes place."""

    places: Places
    json: bool
    unix_time: Callable[[], float]


@dataclass(frozen=True, slots=True)
class ReadAccounts:
    """The accounts file, as a gateway would take it."""

    accounts: Collection[Account] = ()
    unusable: Sequence[Unusable] = ()
    places: Mapping[str, str] | None = None
    """Where accounts are disabled, by e-mail: `accounts.yaml:12`."""
    warnings: Sequence[str] = ()


NO_ACCOUNTS = ReadAccounts()


@asynccontextmanager
async def operating(
    scene: Scene, read: ReadAccounts, store: PoolStore, *, check: Check | None = None
) -> AsyncGenerator[Operator]:
    """An operator without a gateway; the store is closed behind it. Raises: StateError."""
    try:
        ground = GatewayFiles(
            read.accounts,
            read.unusable,
            store,
            kept=await store.load(),
            places=read.places or {},
            unix_time=scene.unix_time,
        )
        yield Operator(ground, scene.unix_time, check)
    finally:
        await store.aclose()


def find_store(scene: Scene, *, gives_orders: bool = False) -> PoolStore:
    """To be read, if it gives no orders. Blocks. Raises: StateError. PlacesError: orders would reach nobody."""
    path = scene.places.state
    if path is None and gives_orders:
        raise PlacesError(
            "Gateways with gateway_state: memory take orders from nobody outside: give the order there, with mitmproxy's "
            "command gateway.accounts.disable, .enable or .reset."
        )
    if path is None or (not gives_orders and not _is_begun(path)):
        # there is nothing to see, and no file to be made for it
        return VolatilePoolStore(unix_time=scene.unix_time)
    return SqlitePoolStore(SqliteFile(path, reads_only=not gives_orders), unix_time=scene.unix_time)


def state_warnings(path: Path | None) -> tuple[str, ...]:
    """To be asked before the file is used. Raises: StateError."""
    if path is None:
        return (
            "Gateways keep their state in memory (gateway_state: memory), which cannot be seen from here.",
        )
    if not _is_begun(path):
        return (
            f"No gateway has used {path} yet; if one keeps its state elsewhere, name the file: --state FILE",
        )
    return ()


def _is_begun(path: Path) -> bool:
    """A gateway has put something into it. Raises: StateError: nobody can say."""
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StateError(f"{path} cannot be read: {why}.") from None
