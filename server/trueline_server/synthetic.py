"""How synthetic events are known, and how few a business has; apart from the generator, which takes long to load."""

from __future__ import annotations

import argparse

# With fewer events or days some of its users have no history that a KPI could be told from.
FEWEST_EVENTS = 1_000
FEWEST_DAYS = 14
# Sources of generated events begin with this; it is how synthetic data stays labelled.
_PREFIX = "synthetic"


def is_synthetic(source: str) -> bool:
    """Whether a source was made by the generator."""
    return source.startswith(_PREFIX)


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
