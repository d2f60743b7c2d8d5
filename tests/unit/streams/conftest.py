"""Lets the shared assertions of these tests say what differs."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.unit.streams.support")
