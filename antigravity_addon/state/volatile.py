"""The pool store in plain memory: gone with the process, and never waiting."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .memory import StateError
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


@dataclass(frozen=True, slots=True)
class _GivenOrder:
    order: Order
    given: float


class VolatilePoolStore:
    """State: everything that is kept. For one event loop, on which each call is one step."""

    def __init__(self, *, unix_time: Callable[[], float], bounds: Bounds = BOUNDS) -> None:
        self._unix_time = unix_time
        self._bounds = bounds
        self._closed = False
        self._cooldowns: dict[CooldownKey, KeptCooldown] = {}
        self._disabled: dict[str, KeptDisabled] = {}
        self._bindings: dict[str, KeptBinding] = {}
        self._usage: dict[UsageKey, UsageSum] = {}
        self._orders: tuple[_GivenOrder, ...] = ()
        self._last_order = 0

    async def load(self) -> KeptPool:
        self._refuse_if_closed()
        self._tidy()
        return KeptPool(
            dict(self._cooldowns), dict(self._disabled), dict(self._bindings), last_order=self._last_order
        )

    async def sync(self, changes: Changes, *, orders_after: int) -> tuple[Order, ...]:
        self._refuse_if_closed()
        orders = tuple(each.order for each in self._orders if each.order.number > orders_after)
        if not changes.is_empty:
            self._save(outliving(orders, changes))
            self._tidy()
        return orders

    async def give_order(self, action: Action, *, account: str, scope: str, reason: str, now: float) -> int:
        self._refuse_if_closed()
        self._last_order = next_number(self._last_order, now)
        order = Order(self._last_order, action, account, scope, reason)
        self._orders = (*self._orders, _GivenOrder(order, self._unix_time()))
        match action:
            case Action.DISABLE:
                self._disabled[account] = KeptDisabled(reason, now, fingerprint="")
            case Action.ENABLE:
                self._end_cooldowns(scope, account)
                self._end_disabled(account, refused_only=False)
            case Action.RESET:
                self._end_cooldowns(scope, account)
                self._end_disabled(account, refused_only=True)
        self._tidy()
        return order.number

    async def usage(self, *, first_day: str, last_day: str) -> Mapping[UsageKey, UsageSum]:
        self._refuse_if_closed()
        return {key: used for key, used in self._usage.items() if first_day <= key.day <= last_day}

    async def aclose(self) -> None:
        self._closed = True

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StateError("The store in memory was closed.")

    def _save(self, changes: Changes) -> None:
        _apply(changes.cooldowns, self._cooldowns)
        _apply(changes.disabled, self._disabled)
        _apply(changes.bindings, self._bindings)
        for key, used in changes.usage.items():
            self._usage[key] = self._usage.get(key, UsageSum()) + used

    def _end_cooldowns(self, scope: str, account: str) -> None:
        self._cooldowns = {
            key: kept for key, kept in self._cooldowns.items() if scope and key.scope not in {scope, account}
        }

    def _end_disabled(self, account: str, *, refused_only: bool) -> None:
        self._disabled = {
            email: kept
            for email, kept in self._disabled.items()
            if (account and email != account) or (refused_only and not kept.fingerprint)
        }

    def _tidy(self) -> None:
        now, bounds = self._unix_time(), self._bounds
        self._cooldowns = {key: kept for key, kept in self._cooldowns.items() if kept.until > now}
        latest = sorted(self._bindings.items(), key=lambda each: (each[1].used, each[0]), reverse=True)
        self._bindings = {
            name: kept
            for name, kept in latest[: bounds.bindings]
            if kept.used >= now - bounds.binding_seconds
        }
        first_day = first_usage_day(now, bounds)
        self._usage = {key: used for key, used in self._usage.items() if key.day >= first_day}
        self._orders = tuple(each for each in self._orders if each.given >= now - bounds.order_seconds)


def _apply[K, V](changes: Mapping[K, V | None], kept: dict[K, V]) -> None:
    for key, change in changes.items():
        if change is None:
            kept.pop(key, None)
        else:
            kept[key] = change
