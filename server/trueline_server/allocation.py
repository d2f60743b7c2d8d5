"""How this process treats memory: batches come one after the other, each needs what the last had, and few objects of
Python are ever part of a cycle."""

from __future__ import annotations

import ctypes
import gc

import pyarrow as pa

# <malloc.h> of glibc.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# Freed memory at the top of a heap that is kept, and the size from which memory is mapped on its own (the most that
# glibc takes). By default arrays beyond 128 KiB are mapped and unmapped each time, and each page is cleared anew.
KEPT_BYTES = 128 << 20
MAPPED_FROM_BYTES = 32 << 20
# New containers from which the youngest are searched for cycles, and such searches from which older ones are. Python's
# own 700 suit programs with few containers: here a list may have the texts of a whole batch, and each search reads it.
SEARCHED_FROM_OBJECTS = 50_000
OLDER_EACH = 20


def keep_freed_memory() -> bool:
    """Set it for this process; whether the C library knows how (glibc does, others need not).

    Arrow takes its memory there, too: its own allocator gives pages back as soon as a batch is freed. All threads share
    one arena: a batch is freed by another thread than took its memory, and arenas of threads give whole heaps back.
    Call it before other threads start.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    pa.set_memory_pool(pa.system_memory_pool())
    options = ((_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES), (_M_TRIM_THRESHOLD, KEPT_BYTES), (_M_ARENA_MAX, 1))
    return all(mallopt(option, value) for option, value in options)


def collect_seldom() -> None:
    """Search for cycles seldom. Called before the server is imported, of which nearly all stays."""
    gc.set_threshold(SEARCHED_FROM_OBJECTS, OLDER_EACH, OLDER_EACH)


def leave_out_what_stays() -> None:
    """Leave what is there now out of the search for cycles. Called once the server is open.

    What nobody reaches any more by then stays, too: it is a few thousand objects, and looking for them takes a tenth of
    the start.
    """
    gc.freeze()
