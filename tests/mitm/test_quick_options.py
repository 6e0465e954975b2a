"""Tests' own options are mitmproxy's."""

from pathlib import Path

import pytest
from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options
from mitmproxy.tools.dump import DumpMaster

from tests.quick_options import QuickOptions


async def test_they_have_the_same_names_and_values(tmp_path: Path) -> None:
    masters = [
        DumpMaster(kind(confdir=str(tmp_path)), with_termlog=False) for kind in (Options, QuickOptions)
    ]
    theirs, ours = (dict(master.options.items()) for master in masters)
    assert {name: repr(option) for name, option in ours.items()} == {
        name: repr(option) for name, option in theirs.items()
    }


async def test_a_change_that_is_refused_is_taken_back(tmp_path: Path) -> None:
    options = QuickOptions(confdir=str(tmp_path))
    DumpMaster(options, with_termlog=False)
    options.update(ignore_hosts=["a"])
    with pytest.raises(OptionsError):
        options.update(ignore_hosts=["b"], stream_large_bodies="many", view_filter=None)
    assert (options.ignore_hosts, options.stream_large_bodies) == (["a"], None)
