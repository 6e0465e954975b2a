"""What all pool stores have in common: for how long things are kept, and what an order leaves of older changes."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

from .pool_store import Action, Changes, Order

_DAY = 86_400
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What keeps a store small. What is beyond them is deleted with the next save."""

    bindings: int = 20_000
    """Beyond it, those go that were used longest ago; of equally old ones the alphabet's first."""
    binding_seconds: float = _DAY
    """Since its last use."""
    usage_days: int = 400
    order_seconds: float = 30 * _DAY


BOUNDS = Bounds()


def first_usage_day(now: float, bounds: Bounds) -> str:
    """The oldest that is kept. `now` is Unix time."""
    return date.fromordinal(_EPOCH.toordinal() + int(now // _DAY) - bounds.usage_days).isoformat()


def next_number(last: int, now: float) -> int:
    """Of an order. It begins with Unix time, so that a new file's orders come after those of one that was lost."""
    return max(last + 1, int(now))


def outliving(orders: Collection[Order], changes: Changes) -> Changes:
    """What is left of changes that were made before their maker knew of these orders.

    DISABLE is about an account alone: it says nothing of its quota group's cooldowns.
    """
    accounts = {order.account for order in orders}
    ending = [order for order in orders if order.action is not Action.DISABLE]
    scopes = {scope for order in ending for scope in (order.scope, order.account)}
    return replace(
        changes,
        cooldowns={
            key: kept for key, kept in changes.cooldowns.items() if scopes.isdisjoint((key.scope, ""))
        },
        disabled={
            email: kept for email, kept in changes.disabled.items() if accounts.isdisjoint((email, ""))
        },
    )
