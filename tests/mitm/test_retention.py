"""What stays in mitmweb's list: a real view with the addon in front of it."""

import gc
import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from mitmproxy import hooks, http
from mitmproxy.addons.clientplayback import ClientPlayback
from mitmproxy.addons.view import View
from mitmproxy.flow import Error
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook, HttpRequestHeadersHook, HttpResponseHook
from mitmproxy.test import taddons, tflow, tutils

from antigravity_addon.gateway.settings import Settings
from antigravity_addon.mitm.annotate import ATTEMPT_KEY, MARKERS
from antigravity_addon.mitm.retention import Retention, size_of

MEGABYTE = 1_000_000


@dataclass
class Flows:
    """mitmweb's list, and mitmproxy, which fires hooks."""

    view: View
    retention: Retention
    context: taddons.context

    def fire(self, hook: hooks.Hook) -> None:
        """With what follows each that is about a flow."""
        self.context.master.addons.trigger(hook)
        self.context.master.addons.trigger(hooks.UpdateHook([hook.args()[0]]))

    def begin(self, client: http.HTTPFlow | None = None) -> http.HTTPFlow:
        """A request's head is there: a client's, or that of an attempt for this client."""
        flow = tflow.tflow(live=True)
        if client is not None:
            flow.metadata[ATTEMPT_KEY] = {"client_flow": client.id, "attempt": 1}
        self.fire(HttpRequestHeadersHook(flow))
        return flow

    def end(self, flow: http.HTTPFlow, *, size: int = 0, fails: bool = False) -> None:
        if fails:
            flow.error = Error("the client is gone")
            self.fire(HttpErrorHook(flow))
        else:
            flow.response = tutils.tresp(content=b"." * size)
            self.fire(HttpResponseHook(flow))
        flow.live = False

    def serve(self, *, attempts: int = 0, size: int = 0) -> list[http.HTTPFlow]:
        client = self.begin()
        tries = [self.begin(client) for _ in range(attempts)]
        for flow in (*tries, client):
            self.end(flow, size=size)
        return [client, *tries]

    def replay(self, flow: http.HTTPFlow) -> None:
        """From the operator's click to the head of the new request."""
        ClientPlayback().start_replay([flow])
        flow.live = True
        self.fire(HttpRequestHeadersHook(flow))

    def load(self) -> http.HTTPFlow:
        """From a file: all hooks, and an answer before the first of them."""
        flow = tflow.tflow(resp=True, live=False)
        for hook in (HttpRequestHeadersHook(flow), HttpResponseHook(flow)):
            self.fire(hook)
        return flow

    def mark(self, flow: http.HTTPFlow, marker: str) -> None:
        """As mitmweb does."""
        flow.marked = marker
        self.view.update([flow])

    def shown(self) -> list[http.HTTPFlow]:
        return list(self.view)


@contextmanager
def keeping(flows: int = 0, megabytes: int = 0, *, view: View | None = None) -> Generator[Flows]:
    with keeping_as_settings_say(Settings(keep_flows=flows, keep_megabytes=megabytes), view) as kept:
        yield kept


@contextmanager
def keeping_as_settings_say(settings: Settings, view: View | None = None) -> Generator[Flows]:
    view = View() if view is None else view
    retention = Retention(lambda: settings)
    with taddons.context(retention, view) as context:
        context.master.addons.trigger(hooks.RunningHook())
        yield Flows(view, retention, context)
        context.master.addons.trigger(hooks.DoneHook())


def test_the_newest_stay() -> None:
    with keeping(flows=3) as flows:
        served = [flow for _ in range(5) for flow in flows.serve()]
        assert flows.shown() == served[2:]


def test_an_exchange_goes_as_a_whole() -> None:
    with keeping(flows=5) as flows:
        _, second, third = (flows.serve(attempts=count) for count in (1, 1, 2))
        assert flows.shown() == second + third
        fourth = flows.serve()
        assert flows.shown() == third + fourth, "not one flow of the second alone"


def test_the_size_of_all_is_bounded_too() -> None:
    with keeping(megabytes=3) as flows:
        served = [flows.serve(size=MEGABYTE)[0] for _ in range(5)]
        assert flows.shown() == served[3:], "a flow takes more than its body"


def test_the_newest_exchange_stays_though_it_is_too_large() -> None:
    with keeping(flows=1, megabytes=1) as flows:
        flows.serve()
        large = flows.serve(attempts=2, size=MEGABYTE)
        assert flows.shown() == large
        # by now mitmproxy is through with it, and it could be removed
        flows.retention.configure({"gateway_keep_flows"})
        assert flows.shown() == large
        assert flows.serve() == flows.shown()


def test_without_bounds_everything_stays() -> None:
    with keeping() as flows:
        served = [flows.serve(size=MEGABYTE)[0] for _ in range(20)]
        assert flows.shown() == served


def test_what_the_operator_marked_stays_with_all_of_its_exchange() -> None:
    with keeping(flows=2) as flows:
        marked = flows.serve(attempts=1)
        flows.mark(marked[1], ":grapes:")
        later = [flow for _ in range(3) for flow in flows.serve()]
        assert flows.shown() == marked + later[1:]
        flows.mark(marked[1], "")
        assert flows.shown() == marked + later[1:], "nothing vanishes under the operator's hands"
        latest = flows.serve()
        assert flows.shown() == latest, "the two that were unmarked are newer than the others, and too many"


def test_a_mark_counts_that_nobody_told_of() -> None:
    with keeping(flows=1) as flows:
        [marked] = flows.serve()
        marked.marked = ":grapes:"
        served = flows.serve()
        assert flows.shown() == [marked, *served]


@pytest.mark.parametrize("marker", sorted(MARKERS))
def test_the_gateways_own_markers_protect_nothing(marker: str) -> None:
    with keeping(flows=1) as flows:
        flows.mark(flows.serve()[0], marker)
        assert flows.serve() == flows.shown()


def test_what_is_under_way_stays_with_what_belongs_to_it() -> None:
    with keeping(flows=1) as flows:
        client = flows.begin()
        attempt = flows.begin(client)
        flows.end(attempt)
        latest = [flows.serve()[0] for _ in range(3)][-1]
        assert flows.shown() == [client, attempt, latest]
        assert client.error is None, "to remove it would have killed it"


def test_a_flow_is_not_removed_before_mitmproxy_is_through_with_it() -> None:
    with keeping(flows=1) as flows:
        first = flows.begin()
        first.response = tutils.tresp()
        flows.fire(HttpResponseHook(first))
        [second] = flows.serve()
        assert flows.shown() == [first, second]
        first.live = False
        assert flows.serve() == flows.shown()
        assert first.error is None


def test_what_is_intercepted_stays() -> None:
    with keeping(flows=1) as flows:
        [held] = flows.serve()
        held.intercept()
        flows.view.update([held])
        [second] = flows.serve()
        assert flows.shown() == [held, second]
        held.resume()
        flows.view.update([held])
        [third] = flows.serve()
        assert flows.shown() == [third]


def test_what_was_loaded_or_duplicated_stays_and_does_not_count() -> None:
    with keeping(flows=2) as flows:
        loaded = [flows.load() for _ in range(5)]
        [served] = flows.serve()
        flows.view.duplicate([served])
        later = [flows.serve()[0] for _ in range(2)]
        [copy] = [flow for flow in flows.shown() if flow not in (*loaded, *later)]
        assert copy.timestamp_created == served.timestamp_created
        assert len(flows.shown()) == 5 + 1 + 2


def test_a_replay_of_what_was_loaded_leaves_it_the_operators() -> None:
    with keeping(flows=1) as flows:
        loaded = flows.load()
        flows.replay(loaded)
        flows.end(flows.begin(loaded))
        flows.end(loaded)
        [latest] = flows.serve()
        assert flows.shown() == [loaded, latest], "but not the attempt, which was made here"


def test_a_replay_makes_a_flow_new() -> None:
    with keeping(flows=2) as flows:
        first, second = flows.serve()[0], flows.serve()[0]
        flows.replay(first)
        third = flows.serve()[0]
        assert first in flows.shown()
        flows.end(first)
        assert set(flows.shown()) == {first, third}
        assert second not in flows.shown()


def test_a_replay_that_waits_in_line_is_under_way() -> None:
    with keeping(flows=1) as flows:
        [first] = flows.serve()
        ClientPlayback().start_replay([first])
        [second] = flows.serve()
        assert flows.shown() == [first, second]


@pytest.mark.parametrize("filtered", ["", "~c 404"], ids=["in the view", "hidden by its filter"])
def test_what_is_removed_is_free(filtered: str) -> None:
    with keeping(flows=3) as flows:
        flows.view.set_filter_cmd(filtered)
        served = {flow.id for _ in range(4) for flow in flows.serve(attempts=1)}
        assert len(flows.view._store) == 2
        assert flows.view.settings.keys() <= flows.view._store.keys()
        gc.collect()
        alive = [each for each in gc.get_objects() if isinstance(each, http.HTTPFlow)]
        assert {flow.id for flow in alive} & served == flows.view._store.keys()


def test_what_the_operator_deletes_counts_no_more() -> None:
    with keeping(flows=3) as flows:
        first, second, third = (flows.serve()[0] for _ in range(3))
        flows.view.remove([second])
        [fourth] = flows.serve()
        assert flows.shown() == [first, third, fourth]
        flows.mark(third, ":grapes:")
        flows.view.clear_not_marked()
        later = [flows.serve()[0] for _ in range(3)]
        assert flows.shown() == [third, *later]
        flows.view.clear()
        later = [flows.serve()[0] for _ in range(4)]
        assert flows.shown() == later[1:]


def test_what_is_left_of_a_marked_exchange_counts_once_the_marked_flow_is_deleted() -> None:
    with keeping(flows=1) as flows:
        client, attempt = flows.serve(attempts=1)
        flows.mark(client, ":grapes:")
        flows.view.remove([client])
        assert flows.shown() == [attempt]
        assert flows.serve() == flows.shown()


def test_the_list_outlives_a_reload_of_the_addon() -> None:
    view = View()
    with keeping(flows=2, view=view) as flows:
        loaded, served = flows.load(), flows.serve()[0]
    with keeping(flows=2, view=view) as flows:
        later = [flows.serve()[0] for _ in range(2)]
        assert served not in flows.shown()
        assert flows.shown() == [loaded, *later]


def test_removals_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with keeping(flows=2) as flows:
        for _ in range(3):
            flows.serve(attempts=1)
    assert not caplog.records


def test_mitmdump_has_no_list() -> None:
    retention = Retention(lambda: Settings(keep_flows=1))
    with taddons.context(retention) as context:
        context.master.addons.trigger(hooks.RunningHook())
        for _ in range(3):
            flow = tflow.tflow(live=True)
            for hook in (HttpRequestHeadersHook(flow), HttpResponseHook(flow)):
                context.master.addons.trigger(hook)
        assert not tuple(retention._served.ids())
        context.master.addons.trigger(hooks.DoneHook())


def test_a_flow_is_as_large_as_what_it_holds() -> None:
    flow = tflow.tflow(resp=True)
    before = size_of(flow)
    flow.request.raw_content = (flow.request.raw_content or b"") + b"." * 1000
    flow.request.headers["x-long"] = "v" * 94
    assert size_of(flow) == before + 1000 + 100
    flow.metadata["gateway_attempt"] = {"rhythm": [[number, 100] for number in range(1000)]}
    assert size_of(flow) > before + 100_000


# --- whatever happens, in whatever order --------------------------------------------------------------------


@dataclass
class _Expected:
    """An exchange, as somebody would note it down who counts everything anew each time."""

    flows: list[http.HTTPFlow] = field(default_factory=list[http.HTTPFlow])
    under_way: set[str] = field(default_factory=set[str])
    marked: set[str] = field(default_factory=set[str])

    @property
    def counts(self) -> bool:
        return not self.under_way and not self.marked


class AnyOrder(RuleBasedStateMachine):
    """Law: of what is at rest and unmarked the newest whole exchanges are kept, as many as fit; nothing else goes."""

    under_way = Bundle[http.HTTPFlow]("under_way")
    clients = Bundle[http.HTTPFlow]("clients")

    def __init__(self) -> None:
        super().__init__()
        self.bounds = Settings(keep_flows=4, keep_megabytes=1)
        self.view = View()
        retention = Retention(lambda: self.bounds)
        self.context = taddons.context(retention, self.view)
        self.context.master.addons.trigger(hooks.RunningHook())
        self.flows = Flows(self.view, retention, self.context)
        self.exchanges: list[_Expected] = []
        """By their last end."""
        self.loaded: list[http.HTTPFlow] = []

    def teardown(self) -> None:
        self.context.master.addons.trigger(hooks.DoneHook())
        self.context.__exit__(None, None, None)

    def _of(self, flow: http.HTTPFlow) -> _Expected | None:
        return next((each for each in self.exchanges if flow in each.flows), None)

    def _make_newest(self, exchange: _Expected) -> None:
        self.exchanges.remove(exchange)
        self.exchanges.append(exchange)

    def _trim(self) -> None:
        while True:
            counted = [each for each in self.exchanges if each.counts]
            flows = [flow for each in counted for flow in each.flows]
            most, most_bytes = self.bounds.keep_flows, self.bounds.keep_megabytes * MEGABYTE
            fits = (not most or len(flows) <= most) and (
                not most_bytes or sum(map(size_of, flows)) <= most_bytes
            )
            if fits or len(counted) <= 1:
                return
            self.exchanges.remove(counted[0])

    @rule(target=clients)
    def a_client_asks(self) -> http.HTTPFlow:
        flow = self.flows.begin()
        self.exchanges.append(_Expected([flow], {flow.id}))
        return flow

    @rule(target=under_way, client=clients)
    def an_attempt_begins(self, client: http.HTTPFlow) -> http.HTTPFlow:
        exchange = self._of(client)
        if exchange is None or client.id not in exchange.under_way:
            return client
        flow = self.flows.begin(client)
        exchange.flows.append(flow)
        exchange.under_way.add(flow.id)
        return flow

    @rule(
        flow=consumes(under_way) | clients,
        kilobytes=st.sampled_from([0, 100, 400, 1200]),
        fails=st.booleans(),
    )
    def a_flow_ends(self, flow: http.HTTPFlow, kilobytes: int, *, fails: bool) -> None:
        exchange = self._of(flow)
        if exchange is None or flow.id not in exchange.under_way:
            return
        self.flows.end(flow, size=kilobytes * 1000, fails=fails)
        exchange.under_way.remove(flow.id)
        self._make_newest(exchange)
        self._trim()

    @rule(flow=clients)
    def a_client_is_replayed(self, flow: http.HTTPFlow) -> None:
        exchange = self._of(flow)
        if exchange is not None and not exchange.under_way:
            self.flows.replay(flow)
            exchange.under_way.add(flow.id)

    @rule(flow=clients, marker=st.sampled_from(["", ":grapes:", ":x:"]))
    def somebody_marks(self, flow: http.HTTPFlow, marker: str) -> None:
        exchange = self._of(flow)
        if exchange is None:
            return
        self.flows.mark(flow, marker)
        counted = exchange.counts
        exchange.marked = {flow.id} if marker == ":grapes:" else set()
        if exchange.counts and not counted:
            self._make_newest(exchange)

    @rule(flow=clients)
    def somebody_deletes(self, flow: http.HTTPFlow) -> None:
        exchange = self._of(flow)
        if exchange is None or exchange.under_way:
            return
        self.view.remove([flow])
        exchange.flows.remove(flow)
        exchange.marked.discard(flow.id)
        if exchange.flows:
            self._make_newest(exchange)
        else:
            self.exchanges.remove(exchange)

    @rule(keep_flows=st.integers(0, 6), keep_megabytes=st.integers(0, 2))
    def options_change(self, keep_flows: int, keep_megabytes: int) -> None:
        self.bounds = Settings(keep_flows=keep_flows, keep_megabytes=keep_megabytes)
        self.flows.retention.configure({"gateway_keep_flows"})
        self._trim()

    @rule()
    def a_file_is_loaded(self) -> None:
        self.loaded.append(self.flows.load())
        self._trim()  # any end is an occasion

    @rule()
    def somebody_clears_all(self) -> None:
        if not any(each.under_way for each in self.exchanges):
            self.view.clear()
            self.exchanges.clear()
            self.loaded.clear()

    @invariant()
    def the_list_is_as_expected(self) -> None:
        expected = {flow.id for each in self.exchanges for flow in each.flows}
        expected.update(flow.id for flow in self.loaded)
        assert {flow.id for flow in self.flows.shown()} == expected


TestAnyOrder = AnyOrder.TestCase
