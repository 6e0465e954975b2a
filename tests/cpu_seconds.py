"""What a test run costs: its seconds of CPU, and the files that spend the most of them.

Seconds of the clock say more about what else the machine does. A process that tests start counts once it has ended.
"""

import os
import time
from collections import defaultdict
from collections.abc import Generator, Mapping
from typing import Any

import pytest

BUDGET = 180
"""Of the whole suite: a minute and a half on each of two cores."""
_SHOWN = 10
_KEY = "cpu_seconds"
_IMPORTS = "start, imports and collection"
_REST = "pytest-xdist and reports"


class CpuSeconds:
    """A plugin for pytest, in the process that reports and in each worker of pytest-xdist.

    State: the seconds by test file, of this process or, if it has workers, of all.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._by_file: defaultdict[str, float] = defaultdict(float)
        self._has_workers = False

    def pytest_collection_finish(self) -> None:
        self._by_file[_IMPORTS] += _spent()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        before = _spent()
        try:
            return (yield)
        finally:
            self._by_file[item.nodeid.partition("::")[0]] += _spent() - before

    def pytest_sessionfinish(self) -> None:
        # of a process that has workers, they are the children
        own = time.process_time() if self._has_workers else _spent() - sum(self._by_file.values())
        self._by_file[_REST] += own
        if (output := getattr(self._config, "workeroutput", None)) is not None:
            output[_KEY] = dict(self._by_file)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """One of the workers has ended."""
        self._has_workers = True
        seconds: Mapping[str, float] = getattr(node, "workeroutput", {}).get(_KEY, {})
        for name, spent in seconds.items():
            self._by_file[name] += spent

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        total = sum(self._by_file.values())
        terminalreporter.section(f"{total:.0f} seconds of CPU, of {BUDGET} for the whole suite")
        dearest = sorted(self._by_file.items(), key=lambda entry: entry[1], reverse=True)
        for name, seconds in dearest[:_SHOWN]:
            terminalreporter.line(f"{seconds:6.1f} {name}")


def _spent() -> float:
    """By this process and those of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
