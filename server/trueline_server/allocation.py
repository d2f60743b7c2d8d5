"""Has the C library keep memory that was freed: batches come one after the other, and each needs what the last had."""

from __future__ import annotations

import ctypes

# <malloc.h> of glibc.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# Freed memory at the top of a heap that is kept, and the size from which memory is mapped on its own (the most that
# glibc takes). By default arrays beyond 128 KiB are mapped and unmapped each time, and each page is cleared anew.
KEPT_BYTES = 128 << 20
MAPPED_FROM_BYTES = 32 << 20


def keep_freed_memory() -> bool:
    """Set it for this process; whether the C library knows how (glibc does, others need not)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))
