"""What stays in mitmweb's list: the newest flows that were served, up to a number and a size.

mitmweb and mitmproxy's console keep every flow until somebody clears them, so a day of traffic would fill the memory.
Flows go through the view's own way out, which tells browsers of it, each by itself: removing several at once is logged.

- An exchange goes as a whole: a client's flow with the flows of its attempts.
- What the operator has marked stays and is not counted, nor is what is under way or intercepted.
- What was loaded from a file or duplicated is the operator's: it stays, though replayed, and is not counted.
- An exchange is as new as its last end; one that is unmarked again is new once more. The newest one always stays.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http
from mitmproxy.addons.view import View
from mitmproxy.flow import Flow

from antigravity_addon.gateway.settings import Settings

from .annotate import ATTEMPT_KEY, MARKERS

_FLOW_BYTES = 5_000
"""What a flow takes beside its bodies, headers and metadata, with its place in the view: measured in mitmweb."""


class Retention:
    """An addon of its own, beside the hooks. It has to stand behind them: they put the answer into the flow."""

    name = "gateway_retention"

    def __init__(self, settings: Callable[[], Settings | None]) -> None:
        """`settings` gives those of the gateway of the day; `None` while there is none."""
        self._settings_of_the_day = settings
        self._view: View | None = None
        """mitmdump has none, and keeps nothing."""
        self._served = Served()

    def running(self) -> None:
        view = ctx.master.addons.get("view")
        if not isinstance(view, View):
            return
        self._view = view
        self._served = _served_in.setdefault(view, self._served)
        # edits in mitmweb come by these alone, those by commands as `update`, too
        view.sig_view_update.connect(self._look_at)
        view.sig_view_remove.connect(self._look_at_hidden)
        view.sig_store_remove.connect(self._forget)
        view.sig_store_refresh.connect(self._forget_what_is_gone)

    def done(self) -> None:
        if self._view is not None:
            self._view.sig_view_update.disconnect(self._look_at)
            self._view.sig_view_remove.disconnect(self._look_at_hidden)
            self._view.sig_store_remove.disconnect(self._forget)
            self._view.sig_store_refresh.disconnect(self._forget_what_is_gone)

    def configure(self, updated: set[str]) -> None:
        if updated & {"gateway_keep_flows", "gateway_keep_megabytes"}:
            self._trim()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._view is not None:
            self._served.begin(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        if self._view is not None:
            self._served.end(flow)
            self._trim()

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)

    def update(self, flows: Sequence[Flow]) -> None:
        for flow in flows:
            self._look_at(flow)

    def _trim(self) -> None:
        settings = self._settings_of_the_day()
        if self._view is None or settings is None:
            return
        for exchange in self._served.surplus(
            most_flows=settings.keep_flows or sys.maxsize,
            most_bytes=settings.keep_megabytes * 1_000_000 or sys.maxsize,
        ):
            self._served.drop(exchange)
            for flow in exchange.flows:
                self._view.remove([flow])

    # --- what the view tells ----------------------------------------------------------------------------

    def _look_at(self, flow: Flow) -> None:
        self._served.look_at(flow)

    def _look_at_hidden(self, flow: Flow, index: int) -> None:  # noqa: ARG002  as the signal has it
        self._served.look_at(flow)

    def _forget(self, flow: Flow) -> None:
        self._served.forget(flow.id)

    def _forget_what_is_gone(self) -> None:
        view = self._view
        for flow_id in tuple(self._served.ids()):
            if view is None or view.get_by_id(flow_id) is None:
                self._served.forget(flow_id)


@dataclass(slots=True)
class _Member:
    flow: http.HTTPFlow
    is_over: bool = False
    size: int = 0
    """Bytes, once it is over."""

    @property
    def is_at_rest(self) -> bool:
        """Not if it was marked, nor if its answer was taken away, which is how a replay begins."""
        flow = self.flow
        return (
            self.is_over
            and (flow.response is not None or flow.error is not None)
            and not flow.intercepted
            and not _is_marked(flow)
        )


@dataclass(slots=True, eq=False)
class Exchange:
    """A client's flow and the flows of its attempts, as far as they are served and kept."""

    id: str
    """Of the client's flow."""
    members: dict[str, _Member] = field(default_factory=dict[str, _Member])
    """By the flow's id."""

    @property
    def flows(self) -> Iterator[http.HTTPFlow]:
        return (member.flow for member in self.members.values())

    @property
    def is_at_rest(self) -> bool:
        return all(member.is_at_rest for member in self.members.values())

    @property
    def is_removable(self) -> bool:
        """At rest even now. mitmproxy calls a flow live until it has dealt with its last hook, and removing a live one
        kills it."""
        return self.is_at_rest and not any(flow.live for flow in self.flows)

    @property
    def size(self) -> int:
        return sum(member.size for member in self.members.values())


class Served:
    """The flows that were served here and are still in the view.

    State: exchanges, and of those at rest the order in which they ended and what they amount to. So each change costs
    the same, however many are kept.
    """

    def __init__(self) -> None:
        self._exchanges: dict[str, Exchange] = {}
        self._exchange_of: dict[str, Exchange] = {}
        """By the id of any flow in it."""
        self._at_rest: OrderedDict[str, Exchange] = OrderedDict()
        """By id, the one that ended last at the end."""
        self._flows = 0
        self._bytes = 0

    def ids(self) -> Iterable[str]:
        return self._exchange_of.keys()

    def begin(self, flow: http.HTTPFlow) -> None:
        """A request's head is there."""
        exchange = self._exchange_of.get(flow.id)
        if exchange is None:
            if flow.is_replay == "request" or not (flow.live or _is_open(flow)):
                return
            exchange_id = _exchange_id(flow)
            exchange = self._exchanges.setdefault(exchange_id, Exchange(exchange_id))
            self._exchange_of[flow.id] = exchange
        self._take(exchange)
        exchange.members[flow.id] = _Member(flow)

    def end(self, flow: http.HTTPFlow) -> None:
        """It has all that it will have."""
        if (exchange := self._exchange_of.get(flow.id)) is not None:
            self._take(exchange)
            exchange.members[flow.id] = _Member(flow, is_over=True, size=size_of(flow))
            self.look_at(flow)

    def look_at(self, flow: Flow) -> None:
        """It may have been marked since, or unmarked, or intercepted."""
        exchange = self._exchange_of.get(flow.id)
        if exchange is not None and exchange.is_at_rest != (exchange.id in self._at_rest):
            if exchange.id in self._at_rest:
                self._take(exchange)
            else:
                self._put(exchange)

    def forget(self, flow_id: str) -> None:
        """The flow with this id is gone."""
        exchange = self._exchange_of.pop(flow_id, None)
        if exchange is None:
            return
        self._take(exchange)
        del exchange.members[flow_id]
        if not exchange.members:
            del self._exchanges[exchange.id]
        elif exchange.is_at_rest:
            self._put(exchange)

    def drop(self, exchange: Exchange) -> None:
        """It is to be gone."""
        self._take(exchange)
        del self._exchanges[exchange.id]
        for flow_id in exchange.members:
            del self._exchange_of[flow_id]

    def surplus(self, *, most_flows: int, most_bytes: int) -> list[Exchange]:
        """What has to go, the oldest first, for so many flows and bytes to be left."""
        found: list[Exchange] = []
        flows, size = self._flows, self._bytes
        newest = next(reversed(self._at_rest.values()), None)
        for exchange in self._at_rest.values():
            if (flows <= most_flows and size <= most_bytes) or exchange is newest:
                break
            if exchange.is_removable:
                found.append(exchange)
                flows -= len(exchange.members)
                size -= exchange.size
        return found

    def _put(self, exchange: Exchange) -> None:
        self._at_rest[exchange.id] = exchange
        self._flows += len(exchange.members)
        self._bytes += exchange.size

    def _take(self, exchange: Exchange) -> None:
        """Before anything about it changes."""
        if self._at_rest.pop(exchange.id, None) is not None:
            self._flows -= len(exchange.members)
            self._bytes -= exchange.size


# Kept here, not in the addon: mitmproxy makes a new one when addon.py is saved, and the list stays.
_served_in: WeakKeyDictionary[View, Served] = WeakKeyDictionary()


def _exchange_id(flow: http.HTTPFlow) -> str:
    match flow.metadata.get(ATTEMPT_KEY):
        case {"client_flow": str(client_flow)}:
            return client_flow
        case _:
            return flow.id


def _is_open(flow: http.HTTPFlow) -> bool:
    """Nothing has come back. What was loaded from a file has its answer from the start."""
    return flow.response is None and flow.error is None


def _is_marked(flow: http.HTTPFlow) -> bool:
    """By the operator."""
    return bool(flow.marked) and flow.marked not in MARKERS


def size_of(flow: http.HTTPFlow) -> int:
    """Bytes that a flow takes, roughly. What it was before an edit or a replay is not counted."""
    messages = (flow.request,) if flow.response is None else (flow.request, flow.response)
    return _FLOW_BYTES + _size_of_plain(flow.metadata) + sum(_size_of_message(each) for each in messages)


def _size_of_message(message: http.Message) -> int:
    headers = sum(len(name) + len(value) for name, value in message.headers.fields)
    return len(message.raw_content or b"") + headers


def _size_of_plain(plain: object) -> int:
    """Of plain data, with what it holds."""
    size = sys.getsizeof(plain)
    match plain:
        case dict():
            return size + sum(_size_of_plain(key) + _size_of_plain(value) for key, value in plain.items())
        case list() | tuple():
            return size + sum(map(_size_of_plain, plain))
        case _:
            return size
