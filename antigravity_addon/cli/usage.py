"""`antigravity usage`."""

import asyncio

from antigravity_addon.gateway.operator import Dimension, OperatorError, UsageReport
from antigravity_addon.gateway.operator_words import usage_lines

from .answer import NO_ACCOUNTS, Answer, Scene, operating, state_warnings
from .arguments import ShowUsage
from .documents import UsageList


def show_usage(command: ShowUsage, scene: Scene) -> Answer:
    """Raises: StateError. OperatorError: the days are in the wrong order."""
    warnings = state_warnings(scene.places.state)
    report = asyncio.run(_report(command, scene))
    return Answer(UsageList.of(report), tuple(usage_lines(report)), warnings)


async def _report(command: ShowUsage, scene: Scene) -> UsageReport:
    by = tuple(map(Dimension, command.by))
    async with operating(scene, NO_ACCOUNTS) as operator:
        if command.first_day is None and command.last_day is None:
            return await operator.usage_of_days(command.days, by=by)
        last = command.last_day or operator.today
        first = command.first_day or last
        if first > last:
            raise OperatorError(f"The first day, {first}, comes after the last one, {last}.")
        return await operator.usage(first, last, by=by)
