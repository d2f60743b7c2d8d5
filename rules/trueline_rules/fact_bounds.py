"""What values of a fact can be at all, as its type says: bounds of numbers, and instants that have been."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from trueline_rules.alert_model import FactType
from trueline_rules.expressions.showing import show_value

# Clocks of those who tell facts may go ahead by so much.
AHEAD = timedelta(hours=1)


def out_of_bounds(fact: FactType, value: object, at: datetime) -> str | None:
    """What a value must be that it is not, with the value; None if it can be. Nothing is wrong with no value.

    Args:
        fact: its type.
        value: of that type.
        at: when it is observed, aware.

    """
    if isinstance(value, datetime):
        if fact.past and value > at + AHEAD:
            return f"must have been by {show_value(at)}, is {show_value(value)}"
        return None
    if isinstance(value, bool) or not isinstance(value, float | int | Decimal):
        return None
    if fact.least is not None and value < fact.least:
        return f"must be at least {show_value(fact.least)}, is {show_value(value)}"
    if fact.most is not None and value > fact.most:
        return f"must be at most {show_value(fact.most)}, is {show_value(value)}"
    return None
