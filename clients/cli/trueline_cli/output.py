"""Results as JSON: the form that scripts read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any


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


def rfc3339(instant: datetime) -> str:
    """A time in UTC, with as many digits as it has."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
