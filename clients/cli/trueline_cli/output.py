"""Results as JSON and CSV, which scripts read, or as a verb shows them."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

# A header, and rows below it.
Table = tuple[Sequence[str], Iterable[Sequence[object]]]


def jsonable(value: Any) -> Any:
    """A result as plain values for JSON.

    Dataclasses become objects, times RFC 3339 in UTC, spans seconds, decimals text, sets sorted lists, and numbers that
    JSON lacks null.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: jsonable(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return rfc3339(value)
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return f"{value:f}"
        case frozenset():
            return sorted(value)
        case float() if not math.isfinite(value):
            return None
    return value


def print_json(value: Any) -> None:
    """Print a result as an indented object."""
    print(json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_line(value: Any) -> None:
    """Print a result as one line, at once."""
    print(json.dumps(jsonable(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")), flush=True)


def print_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as CSV (RFC 4180, but lines end as the system's do)."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)


def print_found(output: str, found: object, flat: Callable[[], Table], show: Callable[[], object]) -> None:
    """Print a result in the form that was asked for: "json", "csv" as `flat` has it, else as `show` shows it."""
    if output == "json":
        print_json(found)
    elif output == "csv":
        print_csv(*flat())
    else:
        show()


def rfc3339(instant: datetime) -> str:
    """A time in UTC, with as many digits as it has."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
