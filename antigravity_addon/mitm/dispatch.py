"""mitmproxy's events, brought to the addons that listen to them and no others.

mitmproxy (12.2.3) asks each of its some fifty addons at every event whether it has a function of that name, and for a flow
once more, for the news that it has changed. For one streamed chat and its upstream request that was a fifth of the
gateway's time. Who listens to what changes when addons come and go, not in between.
"""

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import cache
from itertools import chain
from typing import Any

from mitmproxy.addonmanager import AddonManager, safecall
from mitmproxy.addons.disable_h2c import DisableH2C
from mitmproxy.addons.maplocal import MapLocal
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.addons.update_alt_svc import UpdateAltSvc
from mitmproxy.exceptions import AddonHalt
from mitmproxy.flow import Flow
from mitmproxy.hooks import Hook, UpdateHook
from mitmproxy.http import HTTPFlow, Message
from mitmproxy.log import AddLogHook, LegacyLogEvents, LogEntry

from .pauses import resumed

type _Listener = Callable[..., Any]
type _Listeners = tuple[tuple[_Listener, ...], ...]
"""To one event, by addon of the chain: its own function, and those of the addons inside of it."""


_LOGGED = AddLogHook(LogEntry("", "info"))
_UPDATED = UpdateHook([])


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
        for handler in self._legacy_log_handlers():
            handler.addFilter(self._is_log_listened_to)

    def remove(self) -> None:
        for name in ("handle_lifecycle", "trigger_event", "trigger"):
            vars(self._manager).pop(name, None)
        for handler in self._legacy_log_handlers():
            handler.removeFilter(self._is_log_listened_to)

    async def handle_lifecycle(self, event: Hook) -> None:
        await self.trigger_event(event)
        subject = getattr(event, _names_of_arguments(type(event))[0])
        if isinstance(subject, Flow):
            # who came while the event was brought hears of the next one
            await self._bring([[subject]], self._known_to_listen_to(_UPDATED))
            # mitmproxy would wait next, and for ever if the flow is killed
            await resumed(subject)

    async def trigger_event(self, event: Hook) -> None:
        await self._bring(_arguments_of(event), self._listening_to(event))

    async def _bring(self, arguments: Sequence[Any], to: _Listeners) -> None:
        for listeners in to:
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
        """For events that cannot wait, such as a line of the log, or news of an exchange that goes on."""
        listening = self._listening_to(event)
        if any(map(inspect.iscoroutinefunction, chain.from_iterable(listening))):
            AddonManager.trigger(self._manager, event)  # which refuses those
            return
        bringing = self._bring(_arguments_of(event), listening)
        with suppress(StopIteration):
            bringing.send(None)  # to its end, since there is nothing to wait for
        bringing.close()

    def _legacy_log_handlers(self) -> list[LegacyLogEvents]:
        handlers = logging.getLogger().handlers
        return [
            handler
            for handler in handlers
            if isinstance(handler, LegacyLogEvents) and handler.master is self._manager.master
        ]

    def _is_log_listened_to(self, _record: logging.LogRecord) -> bool:
        """By an event that mitmproxy calls deprecated, and that it makes of each line: 50 microseconds, and a call into the
        system to wake its own loop.
        """
        return bool(self._listening_to(_LOGGED))

    def _listening_to(self, event: Hook) -> _Listeners:
        if self._has_changed():
            self._listeners = {}
            self._chain = list(self._manager.chain)
            self._with_others_inside = list(_with_others_inside(self._chain))
            self._inside = [list(addon.addons) for addon in self._with_others_inside]
        return self._known_to_listen_to(event)

    def _known_to_listen_to(self, event: Hook) -> _Listeners:
        found = self._listeners.get(event.name)
        if found is None:
            each = (tuple(self._listeners_in(addon, event)) for addon in self._chain)
            found = self._listeners[event.name] = tuple(filter(None, each))
        return found

    def _listeners_in(self, addon: Any, event: Hook) -> Iterator[_Listener]:  # noqa: ANN401  as mitmproxy has it
        for inner, listener in self._manager._iter_hooks(addon, event):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            is_concerned = _IS_CONCERNED.get((type(inner), event.name))
            yield listener if is_concerned is None else _where_concerned(inner, listener, is_concerned)

    def _has_changed(self) -> bool:
        return (
            self._chain != self._manager.chain
            or [addon.addons for addon in self._with_others_inside] != self._inside
        )


type _Concern = Callable[[Any, HTTPFlow], bool]


def _where_concerned(addon: Any, listener: _Listener, is_concerned: _Concern) -> _Listener:  # noqa: ANN401  as mitmproxy has it
    def listen(flow: HTTPFlow) -> None:
        if is_concerned(addon, flow):
            listener(flow)

    return listen


def _has(message: Message | None, name: bytes) -> bool:
    return message is not None and any(each.lower() == name for each, _ in message.headers.fields)


_IS_CONCERNED: Mapping[tuple[type, str], _Concern] = {
    (MapLocal, "request"): lambda addon, _: bool(addon.replacements),
    (DisableH2C, "request"): lambda _, flow: (
        _has(flow.request, b"upgrade") or flow.request.data.method == b"PRI"
    ),
    (TlsConfig, "request"): lambda _, flow: flow.request.data.path.endswith(b".crl"),
    (UpdateAltSvc, "responseheaders"): lambda _, flow: _has(flow.response, b"alt-svc"),
}
"""Mitmproxy's own that look long at each flow, 5 to 25 microseconds, for what hardly any has."""


def _arguments_of(event: Hook) -> Sequence[Any]:
    return [getattr(event, name) for name in _names_of_arguments(type(event))]


@cache
def _names_of_arguments(kind: type[Hook]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))  # pyright: ignore[reportArgumentType]  hooks are data classes, as their base sees to


def _with_others_inside(addons: Iterable[Any]) -> Iterator[Any]:
    for addon in addons:
        if hasattr(addon, "addons"):
            yield addon
            yield from _with_others_inside(addon.addons)
