"""What the local AWS's process takes of the system's memory beyond what it holds, and how it gives that back.

Each thread would have a heap of its own, and what is freed between things that stay is kept for later: after many
requests a third of the process was nobody's. glibc can be told otherwise; another C library has no such functions, and
is left as it is.
"""

import ctypes
from functools import cache
from typing import Any

# malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE = 128 * 1024


@cache
def _glibc() -> Any:
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def share_one_heap() -> None:
    """Let all threads share one heap, and give large things back as soon as they are freed. Before threads begin."""
    if library := _glibc():
        for option, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE)):
            library.mallopt(option, value)


def give_back() -> None:
    """Give back all that is free; others run meanwhile."""
    if library := _glibc():
        library.malloc_trim(ctypes.c_size_t(0))
