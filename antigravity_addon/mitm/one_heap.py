"""One heap for all threads of this process, where glibc would have one for each.

Bodies of megabytes are worked on in threads, and glibc keeps tens of megabytes at the end of each thread's heap, which it
gives back to nobody, not even where it is told to (`malloc_trim`): after images of 20 MB the process had 300 MB, and with one
heap 140. Threads that wait for each other there lose nothing, since Python lets one at a time run.
"""

import ctypes

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's `malloc.h`."""


def share_one_heap() -> bool:
    """For threads that begin from now on. `False`: there is no glibc, and nothing changes."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_ARENA_MAX, 1))
