"""What a synthetic business has at least; apart from the generator, which takes long to load, for --help to say so."""

from __future__ import annotations

import argparse

# With fewer events or days some of its users have no history that a KPI could be told from.
FEWEST_EVENTS = 1_000
FEWEST_DAYS = 14


def event_count(text: str) -> int:
    """A number of events on the command line; 200_000 and 200,000 are read too."""
    return _whole(text, FEWEST_EVENTS, "events")


def day_count(text: str) -> int:
    """A number of days on the command line."""
    return _whole(text, FEWEST_DAYS, "days")


def _whole(text: str, least: int, what: str) -> int:
    try:
        number = int(text.replace(",", ""))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None
    if number < least:
        raise argparse.ArgumentTypeError(f"{what} must be at least {least:,}, got {text}")
    return number
