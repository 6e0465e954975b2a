"""One heap for all threads."""

import ctypes
import platform

import pytest

from antigravity_addon.mitm.one_heap import share_one_heap


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="Only glibc has a heap for each thread.")
def test_glibc_takes_it() -> None:
    assert share_one_heap()


def test_without_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: None) -> object:
        return object()

    monkeypatch.setattr(ctypes, "CDLL", nothing)
    assert not share_one_heap()
