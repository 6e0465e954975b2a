"""The memory of this process in pages of 2 MB, where Linux has them.

What one request touches lies all over the 60 MB that imports have made. In pages of 4 KiB the processor has to look most
of it up anew each time. See docs/decisions/large-pages.md.
"""

import ctypes
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

_OWN_MAPPINGS = Path("/proc/self/maps")
_COLLAPSE = 25
"""`MADV_COLLAPSE`, since Linux 6.1: what is there now, and nothing for later. Not among those of Python 3.13's `mmap`."""


def move_into_large_pages() -> None:
    """Takes some 100 ms, in which other threads go on. Where Linux cannot, or there is no Linux, nothing changes."""
    try:
        mappings = _OWN_MAPPINGS.read_text().splitlines()
        madvise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    moved = sum(size for start, size in own_memory(mappings) if madvise(start, size, _COLLAPSE) == 0)
    logger.debug("%.0f MB of memory were moved into large pages.", moved / 2**20)


def own_memory(mappings: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Address and size of each mapping that is written to, and neither shared nor a file's. `mappings`: see proc_pid_maps(5)."""
    for mapping in mappings:
        addresses, permissions, _offset, _device, inode = mapping.split(maxsplit=5)[:5]
        if permissions == "rw-p" and inode == "0":
            start, _, end = addresses.partition("-")
            yield int(start, 16), int(end, 16) - int(start, 16)
