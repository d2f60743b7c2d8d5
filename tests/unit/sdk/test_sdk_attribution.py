"""What the SDK refuses of questions about attribution before it asks a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from trueline import InvalidRequestError, TruelineClient

START = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_dimension_that_is_none() -> None:
    """The error names the argument, the value and those that there are."""
    known = "by has 'weekday'; known: channel, campaign, day, segment"
    with TruelineClient("127.0.0.1:1") as client, pytest.raises(InvalidRequestError, match=known):
        client.attribute_conversions(START, START + timedelta(days=1), by=["weekday"])
