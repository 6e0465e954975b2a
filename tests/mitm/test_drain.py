"""Signals, one after the other, and what is under way meanwhile."""

import asyncio
import logging
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, ModuleType

import pytest
from mitmproxy.test import taddons, tflow

from antigravity_addon.gateway.client_stream import Head
from antigravity_addon.mitm.answer import to_response
from antigravity_addon.mitm.drain import MAIN, Drain, give_signals_back, take_signals

TERM, INT = signal.SIGTERM, signal.SIGINT


@dataclass
class Process:
    """State: what is under way, what time it is, and whether it was told to end."""

    left: int = 1
    now: float = 0.0
    gave_up: int = 0
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self) -> int:
        return self.left

    def give_up(self) -> None:
        self.gave_up, self.left = self.left, 0

    def clock(self) -> float:
        return self.now

    def drain(self) -> Drain:
        return Drain(self.stopped.set, self, clock=self.clock)


SIGNALS: dict[str, tuple[list[tuple[float, int]], bool]] = {
    "one": ([(0.0, TERM)], False),
    "the same, handed on": ([(0.0, TERM), (0.1, TERM)], False),
    "the same, but later": ([(0.0, TERM), (0.6, TERM)], True),
    "another": ([(0.0, TERM), (0.1, INT)], True),
}
"""When each comes -> whether the process ends with the last."""


@pytest.mark.parametrize(("signals", "stops"), SIGNALS.values(), ids=SIGNALS)
async def test_a_second_signal_stops_at_once(signals: list[tuple[float, int]], *, stops: bool) -> None:
    process = Process()
    drain = process.drain()
    for process.now, number in signals:
        drain.hear(number, seconds=60)
    assert process.stopped.is_set() is stops
    process.left = 0
    await asyncio.wait_for(process.stopped.wait(), 60)
    assert not process.gave_up


async def test_with_nothing_under_way_it_ends_at_once_and_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    process = Process(left=0)
    process.drain().hear(TERM, seconds=60)
    await asyncio.wait_for(process.stopped.wait(), 60)
    assert not caplog.text


async def test_what_takes_longer_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    process = Process(left=3)
    process.drain().hear(TERM, seconds=60)
    process.now = 60.0
    await asyncio.wait_for(process.stopped.wait(), 60)
    assert process.gave_up == 3
    assert caplog.messages == ["Gave up on 3 exchanges after 60.0 s."]


@pytest.mark.parametrize(("version", "sent"), [("HTTP/1.1", "close"), ("HTTP/2.0", None)])
def test_only_http_1_is_told_that_its_connection_ends(version: str, sent: str | None) -> None:
    request = tflow.tflow().request
    request.http_version = version
    response = to_response(Head(503, {"connection": "close"}), b"", request)
    assert response.headers.get("connection") == sent


# --- whose the signals are ----------------------------------------------------------------------------------


def nobody(_number: int, _frame: FrameType | None) -> None:
    """A handler of signals."""


@contextmanager
def term_is_handled() -> Generator[None]:
    before = signal.signal(TERM, nobody)
    try:
        yield
    finally:
        signal.signal(TERM, before)


async def test_a_program_that_has_mitmproxy_inside_keeps_its_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, MAIN, raising=False)
    with term_is_handled(), taddons.context():
        take_signals(lambda _: pytest.fail("it is not ours"))
        give_signals_back()
        assert signal.getsignal(TERM) is nobody


@pytest.mark.skipif(sys.platform == "win32", reason="loops take no signals there")
async def test_mitmproxy_s_signals_are_taken_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MAIN, ModuleType(MAIN))
    heard: asyncio.Queue[int] = asyncio.Queue()
    with term_is_handled(), taddons.context() as context:
        try:
            take_signals(heard.put_nowait)
            signal.raise_signal(INT)
            assert await asyncio.wait_for(heard.get(), 60) == INT
            give_signals_back()
            signal.raise_signal(TERM)
            await asyncio.wait_for(context.master.should_exit.wait(), 60)
            assert heard.empty()
        finally:
            for number in (TERM, INT):
                asyncio.get_running_loop().remove_signal_handler(number)


async def test_in_its_console_ctrl_c_stays_mitmproxy_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MAIN, ModuleType(MAIN))
    with term_is_handled(), taddons.context() as context:
        monkeypatch.setattr(context.master, "prompt_for_exit", lambda: None, raising=False)
        before = signal.getsignal(INT)
        try:
            take_signals(lambda _: None)
            assert signal.getsignal(INT) is before
        finally:
            asyncio.get_running_loop().remove_signal_handler(TERM)
