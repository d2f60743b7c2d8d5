"""Times as files write them, to microseconds since 1970 in UTC."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from trueline_cli.files.parquets import Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_NO_OFFSET = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?")
_EPOCH_UNITS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
# 64 bits of microseconds; what lies outside the years that the server takes is the server's to tell.
_LARGEST = 2**62


def reader_of(written: str) -> Callable[[Any], int]:
    """The function that reads times written in a format: "" and rfc3339, epoch_s, epoch_ms, epoch_us, or strptime.

    It raises ValueError with a message that follows the field's name.
    """
    if written in ("", "rfc3339"):
        return _rfc3339
    if written in _EPOCH_UNITS:
        factor = _EPOCH_UNITS[written]
        return lambda cell: _epoch(cell, factor, written)
    return lambda cell: _pattern(cell, written)


def _rfc3339(cell: Any) -> int:
    if type(cell) is str:
        if _RFC3339.fullmatch(cell):
            try:
                return (datetime.fromisoformat(cell.upper()) - _EPOCH) // _MICROSECOND
            except ValueError as error:
                raise ValueError(f"'{cell}' is no time: {error}") from error
        if _NO_OFFSET.fullmatch(cell):
            raise ValueError(
                f"'{cell}' has no offset from UTC; write 2024-05-06T07:00:00Z, or give the mapping a format"
            )
        raise ValueError(f"{shown(cell)} is not a time like 2024-05-06T07:00:00Z")
    if type(cell) is Instant:
        return int(cell)
    raise ValueError(f"{shown(cell)} is not a time like 2024-05-06T07:00:00Z")


def _epoch(cell: Any, factor: int, written: str) -> int:
    if type(cell) is Instant:
        return int(cell)
    if type(cell) not in (int, float, str):
        raise ValueError(f"{shown(cell)} is not a number of {written}")
    try:
        # Through its digits, so that a float does not lose a microsecond.
        microseconds = int(Decimal(str(cell)) * factor)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise ValueError(f"{shown(cell)} is not a number of {written}") from error
    if abs(microseconds) > _LARGEST:
        raise ValueError(f"{shown(cell)} is beyond all times")
    return microseconds


def _pattern(cell: Any, written: str) -> int:
    if type(cell) is Instant:
        return int(cell)
    try:
        read = datetime.strptime(cell if type(cell) is str else str(cell), written)  # noqa: DTZ007  see below
    except ValueError as error:
        raise ValueError(f"{shown(cell)} does not fit the format '{written}'") from error
    # A pattern without an offset means UTC.
    return ((read.replace(tzinfo=UTC) if read.tzinfo is None else read) - _EPOCH) // _MICROSECOND


def written_instant(microseconds: int) -> str:
    """An instant in RFC 3339, in UTC; one that no calendar of Python holds as the number that it is."""
    try:
        return (_EPOCH + int(microseconds) * _MICROSECOND).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return str(int(microseconds))


def shown(cell: Any) -> str:
    """A cell as a message shows it: cut, quoted if it is text."""
    if cell is None:
        return "null"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dict):
        return "an object"
    if isinstance(cell, list):
        return "a list"
    text = str(cell) if not isinstance(cell, float) else json.dumps(cell)
    text = text if len(text) <= 40 else text[:39] + "…"
    return f"'{text}'" if isinstance(cell, str) else text
