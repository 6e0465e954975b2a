"""mitmproxy's events, brought to the addons that listen to them and no others.

mitmproxy (12.2.3) asks each of its some fifty addons at every event whether it has a function of that name, and for a flow
once more, for the news that it has changed. For one streamed chat and its upstream request that was a fifth of the
gateway's time. Who listens to what changes when addons come and go, not in between.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import cache
from typing import Any

from mitmproxy.addonmanager import AddonManager, safecall
from mitmproxy.exceptions import AddonHalt
from mitmproxy.flow import Flow
from mitmproxy.hooks import Hook, UpdateHook

type _Listener = Callable[..., Any]
type _Listeners = tuple[tuple[_Listener, ...], ...]
"""To one event, by addon of the chain: its own function, and those of the addons inside of it."""


class Dispatch:
    """Stands in for what brings an `AddonManager`'s events to its addons, to the same effect.

    State: who listens to what, for as long as the addons stay the same.
    """

    def __init__(self, manager: AddonManager) -> None:
        self._manager = manager
        self._chain: list[Any] = []
        self._with_others_inside: list[Any] = []
        self._inside: list[list[Any]] = []
        """Of each of them."""
        self._listeners: dict[str, _Listeners] = {}

    def install(self) -> None:
        self._manager.handle_lifecycle = self.handle_lifecycle
        self._manager.trigger_event = self.trigger_event
        self._manager.trigger = self.trigger

    def remove(self) -> None:
        for name in ("handle_lifecycle", "trigger_event", "trigger"):
            vars(self._manager).pop(name, None)

    async def handle_lifecycle(self, event: Hook) -> None:
        await self.trigger_event(event)
        subject = getattr(event, _names_of_arguments(type(event))[0])
        if isinstance(subject, Flow):
            await self.trigger_event(UpdateHook([subject]))

    async def trigger_event(self, event: Hook) -> None:
        arguments = [getattr(event, name) for name in _names_of_arguments(type(event))]
        for listeners in self._listening_to(event):
            try:
                for listener in listeners:
                    result = listener(*arguments)
                    if result is not None and inspect.isawaitable(result):
                        await result
            except AddonHalt:
                return
            except Exception:
                with safecall():  # tells of it as mitmproxy does
                    raise

    def trigger(self, event: Hook) -> None:
        """For events that cannot wait, such as a line of the log."""
        if self._listening_to(event):
            AddonManager.trigger(self._manager, event)

    def _listening_to(self, event: Hook) -> _Listeners:
        if self._has_changed():
            self._listeners.clear()
            self._chain = list(self._manager.chain)
            self._with_others_inside = list(_with_others_inside(self._chain))
            self._inside = [list(addon.addons) for addon in self._with_others_inside]
        if event.name not in self._listeners:
            found = (tuple(self._listeners_in(addon, event)) for addon in self._chain)
            self._listeners[event.name] = tuple(filter(None, found))
        return self._listeners[event.name]

    def _listeners_in(self, addon: Any, event: Hook) -> Iterator[_Listener]:  # noqa: ANN401  as mitmproxy has it
        for _, listener in self._manager._iter_hooks(addon, event):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            yield listener

    def _has_changed(self) -> bool:
        return (
            self._chain != self._manager.chain
            or [addon.addons for addon in self._with_others_inside] != self._inside
        )


@cache
def _names_of_arguments(kind: type[Hook]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))  # pyright: ignore[reportArgumentType]  hooks are data classes, as their base sees to


def _with_others_inside(addons: Iterable[Any]) -> Iterator[Any]:
    for addon in addons:
        if hasattr(addon, "addons"):
            yield addon
            yield from _with_others_inside(addon.addons)
