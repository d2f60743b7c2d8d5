"""What a KPI statement answered: one row with `value` and what stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from trueline_stores.errors import StatementRefusedError

COLUMNS = frozenset({"value", "numerator", "denominator", "period_start", "period_end", "missing"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """The one row of a statement, as it came: `value` may be NaN or infinite. Instants in µs since 1970 (UTC)."""

    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    period_start_us: int | None = None
    period_end_us: int | None = None
    missing: str = ""


def read_answer(rows: Sequence[Mapping[str, Any]]) -> Answer:
    """The row of a statement; no row is an answer without a value.

    Raises:
        StatementRefusedError: more than one row, no column `value`, other columns than COLUMNS, or odd types.

    """
    if not rows:
        return Answer(None, missing="the statement answered no row")
    if len(rows) > 1:
        raise StatementRefusedError("the statement answers more than one row; aggregate to one")
    row = rows[0]
    if "value" not in row:
        raise StatementRefusedError(f"the statement answers no column 'value' but: {', '.join(row)}")
    strange = sorted(set(row) - COLUMNS)
    if strange:
        raise StatementRefusedError(f"the statement answers '{strange[0]}'; allowed are: {', '.join(sorted(COLUMNS))}")
    return Answer(
        _number(row, "value"),
        _number(row, "numerator"),
        _number(row, "denominator"),
        _microseconds(row, "period_start"),
        _microseconds(row, "period_end"),
        str(row.get("missing") or ""),
    )


def _number(row: Mapping[str, Any], column: str) -> float | None:
    value = row.get(column)
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise StatementRefusedError(f"'{column}' is {value!r} and not a number") from error


def _microseconds(row: Mapping[str, Any], column: str) -> int | None:
    value = row.get(column)
    if value is None:
        return None
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return (aware - _EPOCH) // timedelta(microseconds=1)
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    raise StatementRefusedError(f"'{column}' is {value!r} and not an instant")
