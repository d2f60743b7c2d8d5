"""Values as a sentence shows them: as the language writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

LONGEST_SHOWN = 80


def show_value(value: object) -> str:
    """A value in the language's notation; "missing" for None. Long ones are cut."""
    match value:
        case None:
            shown = "missing"
        case bool():
            shown = "true" if value else "false"
        case int() | float():
            # The shortest text that reads as this number.
            shown = repr(float(value)).removesuffix(".0")
        case Decimal():
            shown = str(value)
        case datetime():
            shown = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            shown = str(value)
        case frozenset() | set():
            shown = f"[{', '.join(sorted(repr(member) for member in value))}]"
        case _:
            shown = repr(value)
    return shown if len(shown) <= LONGEST_SHOWN else shown[: LONGEST_SHOWN - 3] + "..."
