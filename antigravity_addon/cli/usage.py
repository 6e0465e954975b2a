"""`antigravity usage`."""

import asyncio
from datetime import date

from antigravity_addon.gateway.operator import Dimension, OperatorError, UsageReport
from antigravity_addon.gateway.operator_words import usage_lines
from antigravity_addon.state.pool_store import PoolStore

from .answer import NO_ACCOUNTS, Answer, Scene, find_store, operating, state_warnings
from .commands import ShowUsage
from .documents import UsageList


def show_usage(command: ShowUsage, scene: Scene) -> Answer:
    """Raises: StateError. OperatorError: the days are in the wrong order."""
    warnings = state_warnings(scene.places.state)
    report = asyncio.run(_report(command, scene, find_store(scene)))
    return Answer(UsageList.of(report), tuple(usage_lines(report)), warnings)


async def _report(command: ShowUsage, scene: Scene, store: PoolStore) -> UsageReport:
    by = tuple(map(Dimension, command.by))
    async with operating(scene, NO_ACCOUNTS, store) as operator:
        last = command.last_day or operator.today
        # there is no day before the first of the calendar
        first = command.first_day or date.fromordinal(max(1, last.toordinal() - command.days + 1))
        if first > last:
            raise OperatorError(f"The first day, {first}, comes after the last one, {last}.")
        return await operator.usage(first, last, by=by)
