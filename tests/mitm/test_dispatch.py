"""What reaches addons by our dispatch, beside what mitmproxy's own brings them."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import hooks, http
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons.disable_h2c import DisableH2C
from mitmproxy.addons.maplocal import MapLocal
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.addons.update_alt_svc import UpdateAltSvc
from mitmproxy.exceptions import AddonHalt, OptionsError
from mitmproxy.log import LegacyLogEvents, LogEntry
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook, HttpResponseHeadersHook
from mitmproxy.test import taddons, tflow

from antigravity_addon.mitm.dispatch import Dispatch

type Heard = list[str]


class Listens:
    def __init__(self, name: str, heard: Heard, *inside: Any) -> None:
        self.name = name
        self.addons = list(inside)
        self._heard = heard

    def request(self, flow: http.HTTPFlow) -> None:
        self._heard.append(f"{self.name} {flow.request.path}")

    def update(self, flows: list[http.HTTPFlow]) -> None:
        self._heard.append(f"{self.name} hears of {len(flows)}")


class Waits(Listens):
    async def request(self, flow: http.HTTPFlow) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  as addons may
        self._heard.append(f"{self.name} begins")
        super().request(flow)


class Fails(Listens):
    def request(self, flow: http.HTTPFlow) -> None:
        super().request(flow)
        raise ValueError("no good")


class Halts(Listens):
    def request(self, flow: http.HTTPFlow) -> None:
        super().request(flow)
        raise AddonHalt


class IsDeaf:
    name = "deaf"


class HasAModule:
    """As a script that imports something by the name of an event."""

    name = "module"
    request = logging


def chain(heard: Heard) -> list[Any]:
    return [
        IsDeaf(),
        Listens("first", heard, Waits("inside", heard, Listens("deepest", heard)), IsDeafToo()),
        HasAModule(),
        Fails("fails", heard, Listens("behind a failure", heard)),
        Waits("waits", heard),
        Halts("halts", heard),
        Listens("never", heard),
    ]


def installed(way: str) -> Callable[[AddonManager], Callable[[hooks.Hook], Awaitable[None]]]:
    def bring(addons: AddonManager) -> Callable[[hooks.Hook], Awaitable[None]]:
        Dispatch(addons).install()
        return getattr(addons, way)

    return bring


class IsDeafToo(IsDeaf):
    name = "deaf too"


async def fired(bring: Callable[[AddonManager], Callable[[hooks.Hook], Awaitable[None]]]) -> Heard:
    heard: Heard = []
    with taddons.context(*chain(heard), loadcore=False) as context:
        fire = bring(context.master.addons)
        await fire(HttpRequestHook(tflow.tflow()))
    return heard


@pytest.mark.parametrize("way", ["trigger_event", "handle_lifecycle"])
async def test_it_brings_what_mitmproxy_brings_in_the_same_order(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = await fired(lambda addons: getattr(addons, way))
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    ours = await fired(installed(way))
    assert ours == theirs
    assert ("first hears of 1" in ours) == (way == "handle_lifecycle")
    assert "halts /path" in ours
    assert "never /path" not in ours
    assert [record.getMessage() for record in caplog.records] == said == ["Addon error: no good"]


@pytest.mark.parametrize("places", [range(7), (0, 2, 3, 5, 6), (4,), ()])
async def test_what_cannot_wait_is_brought_as_mitmproxy_brings_it(
    places: Sequence[int], caplog: pytest.LogCaptureFixture
) -> None:
    """Also where somebody wants to be waited for, which mitmproxy says is not possible."""

    def brought(to_manager: Callable[[AddonManager], Callable[[hooks.Hook], None]]) -> tuple[Heard, Heard]:
        heard: Heard = []
        caplog.clear()
        addons = chain(heard)
        with taddons.context(*(addons[place] for place in places), loadcore=False) as context:
            to_manager(context.master.addons)(HttpRequestHook(tflow.tflow()))
        return heard, [record.getMessage().partition(" (")[0] for record in caplog.records]

    theirs = brought(lambda addons: addons.trigger)
    assert brought(lambda addons: Dispatch(addons).trigger) == theirs
    assert bool(theirs[0] or theirs[1]) == bool(places)


async def test_options_that_cannot_be_are_for_the_caller() -> None:
    class Refuses(IsDeaf):
        def configure(self, updated: set[str]) -> None:
            if "x" in updated:
                raise OptionsError("no")

    with taddons.context(Refuses(), loadcore=False) as context:
        for trigger in (context.master.addons.trigger_event, Dispatch(context.master.addons).trigger_event):
            with pytest.raises(OptionsError):
                await trigger(hooks.ConfigureHook({"x"}))


async def test_addons_that_come_and_go_are_noticed_wherever_they_are() -> None:
    heard: Heard = []
    outer = Listens("outer", heard)
    inner = Listens("inner", heard)
    with taddons.context(outer, loadcore=False) as context:
        addons = context.master.addons
        dispatch = Dispatch(addons)
        event = HttpRequestHook(tflow.tflow())
        steps: list[tuple[Callable[[], object], Heard]] = [
            (lambda: None, ["outer /path"]),
            (lambda: outer.addons.append(inner), ["outer /path", "inner /path"]),
            (lambda: inner.addons.append(Listens("new", heard)), ["outer /path", "inner /path", "new /path"]),
            (outer.addons.clear, ["outer /path"]),
            (lambda: addons.add(Listens("last", heard)), ["outer /path", "last /path"]),
            (lambda: addons.remove(outer), ["last /path"]),
        ]
        for step, expected in steps:
            step()
            heard.clear()
            await dispatch.trigger_event(event)
            assert heard == expected


def test_it_takes_the_place_of_mitmproxys_own_and_gives_it_back() -> None:
    heard: Heard = []
    with taddons.context(Listens("addon", heard), loadcore=False) as context:
        addons = context.master.addons
        dispatch = Dispatch(addons)
        dispatch.install()
        assert addons.trigger == dispatch.trigger
        addons.trigger(HttpRequestHook(tflow.tflow()))
        assert heard == ["addon /path"]
        dispatch.remove()
        assert addons.trigger_event.__func__ is AddonManager.trigger_event
        assert addons.trigger.__func__ is AddonManager.trigger
        dispatch.remove()


async def test_what_maps_to_files_is_asked_when_something_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Heard = []

    def request(_: MapLocal, flow: http.HTTPFlow) -> None:
        asked.append(flow.request.path)

    monkeypatch.setattr(MapLocal, "request", request)
    maps = MapLocal()
    with taddons.context(maps, loadcore=False) as context:
        dispatch = Dispatch(context.master.addons)
        for mapped in ([], [f"|/path|{tmp_path}"], []):
            context.configure(maps, map_local=mapped)
            await dispatch.trigger_event(HttpRequestHook(tflow.tflow()))
    assert asked == ["/path"]


def _of_another(flow: http.HTTPFlow, addon: Any) -> None:
    """What an addon of mitmproxy's acts on."""
    match addon:
        case DisableH2C():
            flow.request.headers["Upgrade"] = "h2c"
        case TlsConfig():
            flow.request.path = "/mitmproxy-1.crl"
        case _:
            assert flow.response is not None
            flow.response.headers["Alt-Svc"] = 'h3=":443"'


@pytest.mark.parametrize(
    ("kind", "hook"),
    [(DisableH2C, HttpRequestHook), (TlsConfig, HttpRequestHook), (UpdateAltSvc, HttpResponseHeadersHook)],
)
async def test_what_mitmproxy_does_for_few_flows_is_done_for_those(
    kind: type, hook: Callable[[http.HTTPFlow], hooks.Hook], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[http.HTTPFlow] = []

    def listen(_: object, flow: http.HTTPFlow) -> None:
        asked.append(flow)

    ordinary, special = tflow.tflow(resp=True), tflow.tflow(resp=True)
    monkeypatch.setattr(kind, hook(ordinary).name, listen)
    addon = kind()
    _of_another(special, addon)
    with taddons.context(addon, loadcore=False) as context:
        dispatch = Dispatch(context.master.addons)
        for flow in (ordinary, special):
            await dispatch.trigger_event(hook(flow))
    assert asked == [special]


class ReadsTheLog:
    name = "reads the log"

    def add_log(self, entry: LogEntry) -> None:
        pass


def test_lines_of_the_log_are_made_into_events_for_those_who_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    made: Heard = []

    def emit(_: LegacyLogEvents, record: logging.LogRecord) -> None:
        made.append(record.getMessage())

    monkeypatch.setattr(LegacyLogEvents, "emit", emit)
    with taddons.context(loadcore=False) as context:
        addons = context.master.addons
        log, reader, dispatch = logging.getLogger("a test"), ReadsTheLog(), Dispatch(addons)
        for step in (
            dispatch.install,
            lambda: addons.add(reader),
            lambda: addons.remove(reader),
            dispatch.remove,
        ):
            step()
            log.warning("after %s", getattr(step, "__name__", step))
    assert made == ["after <lambda>", "after remove"]
