"""What outlives the process: the pool's state and the usage, kept twice a second; and orders that come back with it.

A crash loses what happened since the last time. A store that fails costs nothing but that: the gateway serves on, and
what could not be kept is kept when it can be again.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.state.memory import StateError
from antigravity_addon.state.pool_store import Action, PoolStore, UsageKey, UsageSum

from .tasks import spawn
from .usage import UsageLedger

logger = logging.getLogger(__name__)

SECONDS = 0.5
"""Between two saves."""
_SAVES_PER_LOOK = 60
"""How often what other gateways have spent is looked up: budgets are for all of them together."""


class Keeper:
    """State: whether it is known what was kept, the last order that was followed, and whether the store fails."""

    def __init__(
        self,
        store: PoolStore,
        pool: AccountPool,
        ledger: UsageLedger,
        *,
        unix_time: Callable[[], float],
        seconds: float = SECONDS,
    ) -> None:
        self._store = store
        self._pool = pool
        self._ledger = ledger
        self._unix_time = unix_time
        self._seconds = seconds
        self._is_restored = False
        self._last_order = 0
        self._is_failing = False
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Give back what was kept, or as soon as it can be read, and go on keeping until `aclose`."""
        await self.sync()
        self._task = spawn(self._keep_on(), name="keep what the pool knows")

    async def _keep_on(self) -> None:
        for saves in itertools.count(1):
            await asyncio.sleep(self._seconds)
            await self.sync(looks=saves % _SAVES_PER_LOOK == 0)

    async def sync(self, *, looks: bool = False) -> None:
        """Keep what is new, and follow the orders that have come. `looks` for what others have spent, too.

        What fails is logged, and tried again with the next call. Goes on to its end if the caller is cancelled: what the
        store made of the changes has to be known, or they count twice.
        """
        await asyncio.shield(spawn(self._sync(looks=looks), name="keep what is new"))

    async def _sync(self, *, looks: bool) -> None:
        async with self._one_at_a_time:
            try:
                if not self._is_restored:
                    await self._restore()
                await self._save()
            except Exception as error:  # noqa: BLE001  whatever it was, the next save may succeed
                self._tell(error)
                return
            self._is_failing = False
            if looks:
                with contextlib.suppress(StateError):  # the next save will tell
                    self._ledger.restore(await self._spent_today())

    async def _restore(self) -> None:
        """Before anything is saved: orders that are older than what was kept must not be followed again."""
        kept = await self._store.load()
        usage = await self._spent_today()
        self._last_order = kept.last_order
        self._is_restored = True
        self._ledger.restore(usage)
        served = Counter[str]()
        for key, used in usage.items():
            served[key.account] += used.attempts
        self._pool.restore(kept, served=served)

    async def _save(self) -> None:
        changes = replace(self._pool.take_changes(), usage=self._ledger.take())
        try:
            orders = await self._store.sync(changes, orders_after=self._last_order)
        except Exception:
            self._pool.give_back(changes)
            self._ledger.give_back(changes.usage)
            raise
        for order in orders:
            self._last_order = order.number
            self._pool.obey(order)

    def _tell(self, error: Exception) -> None:
        """Once, until it works again."""
        if self._is_failing:
            return
        self._is_failing = True
        what = (
            "Cooldowns and usage cannot be kept at the moment"
            if self._is_restored
            else "Cooldowns and usage of before are not known yet"
        )
        unexpected = None if isinstance(error, StateError) else error
        logger.warning("%s: %s", what, error, exc_info=unexpected)

    async def _spent_today(self) -> Mapping[UsageKey, UsageSum]:
        """Raises: StateError."""
        today = self._ledger.today
        return await self._store.usage(first_day=today, last_day=today)

    async def order(self, action: Action, email: str = "", *, reason: str = "") -> None:
        """For this gateway and all that share the store. An empty `email` means every account.

        Raises: StateError. KeyError: there is no such account.
        """
        if not self._is_restored:
            await self.sync()  # or the order would be among those that were followed before
        groups = {account.email: account.quota_group for account in self._pool.accounts}
        scope = groups[email] if email else ""
        await self._store.give_order(action, account=email, scope=scope, reason=reason, now=self._unix_time())
        await self.sync()

    async def usage(self, *, first_day: str, last_day: str) -> Mapping[UsageKey, UsageSum]:
        """Of these days, both included; up to this moment. Raises: StateError."""
        await self.sync()
        return await self._store.usage(first_day=first_day, last_day=last_day)

    async def aclose(self) -> None:
        """Keep what is left, if it has begun. The store is somebody else's to close."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        await self.sync()
