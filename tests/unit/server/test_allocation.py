"""Memory that was freed is kept for the next batch."""

from __future__ import annotations

import platform

import pytest
from trueline_server.allocation import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no mallopt, or takes no notice")
def test_glibc_takes_the_settings() -> None:
    """Both thresholds are within what glibc accepts."""
    assert keep_freed_memory()
