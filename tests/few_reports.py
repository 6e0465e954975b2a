"""Reports that tell nothing are not sent: of each test that passes, pytest-xdist would send three.

They are a tenth of what a short test costs, here and in the process that reports.
"""

import pytest
from _pytest.runner import runtestprotocol


class FewReports:
    """A plugin for pytest, in a worker of pytest-xdist."""

    @pytest.hookimpl
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """As pytest's own, but for the preparation and the end of a test, unless one failed or was skipped."""
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            if report.when == "call" or not report.passed:
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True
