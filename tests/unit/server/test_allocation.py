"""Memory that was freed is kept for the next batch, and cycles are seldom searched."""

from __future__ import annotations

import gc
import platform

import pytest
from trueline_server.allocation import SEARCHED_FROM_OBJECTS, collect_seldom, keep_freed_memory, leave_out_what_stays


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no mallopt, or takes no notice")
def test_glibc_takes_the_settings() -> None:
    """Both thresholds are within what glibc accepts."""
    assert keep_freed_memory()


def test_what_is_there_is_left_out_of_the_search() -> None:
    """The objects of the start are frozen, and the threshold is the server's."""
    before = gc.get_threshold()
    try:
        collect_seldom()
        leave_out_what_stays()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] == SEARCHED_FROM_OBJECTS
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
