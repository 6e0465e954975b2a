"""Memory in large pages: which of it, and that it is the same afterwards."""

import logging
import mmap
import re
import sys
from pathlib import Path

import pytest

from antigravity_addon.mitm import large_pages
from antigravity_addon.mitm.large_pages import move_into_large_pages, own_memory

MEGABYTE = 2**20


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ("7f0000000000-7f0000400000 rw-p 00000000 00:00 0", [(0x7F0000000000, 4 * MEGABYTE)]),
        ("5600-5700 rw-p 00000000 00:00 0      [heap]", [(0x5600, 0x100)]),
        ("1000-2000 rw-p 00000000 00:00 0      [anon: a name, of several words]", [(0x1000, 0x1000)]),
        ("1000-2000 rw-p 00001000 fe:00 1234   /usr/lib/libc.so.6", []),
        ("1000-2000 r-xp 00000000 fe:00 1234   /usr/bin/a program", []),
        ("1000-2000 rw-s 00000000 00:00 0", []),
        ("1000-2000 ---p 00000000 00:00 0", []),
        ("1000-2000 r--p 00000000 00:00 0      [vvar]", []),
    ],
)
def test_only_what_is_written_to_and_ours_is_moved(mapping: str, expected: list[tuple[int, int]]) -> None:
    assert list(own_memory([mapping])) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has large pages of this kind.")
def test_memory_is_in_large_pages_and_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    before = _large()
    with mmap.mmap(-1, 8 * MEGABYTE, flags=mmap.MAP_PRIVATE) as memory:
        memory.write(content := bytes(range(256)) * (8 * MEGABYTE // 256))
        with caplog.at_level(logging.DEBUG, large_pages.__name__):
            move_into_large_pages()
        assert memory[:] == content
        moved = re.fullmatch(r"(\d+) MB of memory were moved into large pages\.", caplog.messages[-1])
        assert moved is not None
        if int(moved[1]) == 0:
            pytest.skip("This Linux has no large pages to give, or is older than 6.1.")
        assert _large() > before


@pytest.mark.parametrize("missing", ["/proc/self/no-such-file", "/"])
def test_where_memory_cannot_be_looked_at_nothing_is_done(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(large_pages, "_OWN_MAPPINGS", Path(missing))
    with caplog.at_level(logging.DEBUG, large_pages.__name__):
        move_into_large_pages()
    assert caplog.messages == []


def _large() -> int:
    """Bytes of this process in large pages."""
    rollup = Path("/proc/self/smaps_rollup").read_text()
    found = re.search(r"AnonHugePages: +(\d+) kB", rollup)
    return int(found[1]) * 1024 if found else 0
