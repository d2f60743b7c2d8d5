"""Checks the events of a batch, a column at a time, and says of each bad event what is wrong first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from trueline_stores.event_schema import LARGEST_VALUE

from trueline_server.ingest.batch import (
    Codes,
    EventBatch,
    Kind,
    Mask,
    PropertyColumn,
    Rejection,
    TextColumn,
    text_lengths,
)

MAX_TEXT_BYTES = 128
MAX_CURRENCY_BYTES = 8
_LAST_US = 253_402_300_799_999_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Where Python's calendar begins.
_FIRST_DAY_US = -62_135_596_800_000_000


@dataclass(frozen=True, slots=True)
class EventLimits:
    """What one event may be.

    Attributes:
        max_properties: properties of an event.
        max_property_bytes: bytes of a property's text.
        max_future_s: seconds that an event may be later than its acceptance.

    """

    max_properties: int = 64
    max_property_bytes: int = 8192
    max_future_s: int = 3600


class _Findings:
    """The first finding of each event."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._found: dict[int, Rejection] = {}

    def add(self, bad: Mask | None, field: str, reason: str, message: str | Callable[[int], str]) -> None:
        """Refuse events (a mask over the batch); the message may depend on the row."""
        if bad is not None and bad.any():
            for row in np.flatnonzero(bad).tolist():
                if row not in self._found:
                    told = message if isinstance(message, str) else message(row)
                    self._found[row] = Rejection(row, field, reason, told)

    def add_all(self, flaws: Iterable[Rejection]) -> None:
        """Refuse events for what was found while reading."""
        for flaw in flaws:
            self._found.setdefault(flaw.index, flaw)

    def spread(self, column: PropertyColumn, bad: Mask) -> Mask | None:
        """A mask over a property's values as one over the batch."""
        if column.rows is None or not bad.any():
            return bad if column.rows is None else None
        mask = np.zeros(self._count, dtype=bool)
        mask[column.rows[bad]] = True
        return mask

    def in_order(self) -> list[Rejection]:
        """By place in the batch."""
        return [self._found[row] for row in sorted(self._found)]


def find_rejections(batch: EventBatch, limits: EventLimits, now_us: int) -> list[Rejection]:
    """The events to refuse, by place in the batch, each with the first field at fault.

    Args:
        batch: what was read.
        limits: what one event may be.
        now_us: the time of acceptance, microseconds since 1970 (UTC).

    """
    findings = _Findings(batch.count)
    lengths = text_lengths(batch.ids)
    findings.add(lengths == 0, "id", "MISSING_FIELD", _missing("id"))
    _check_length(findings, lengths, "id", MAX_TEXT_BYTES)
    for field in ("source", "name"):
        findings.add(batch.texts[field].codes < 0, field, "MISSING_FIELD", _missing(field))
        _check_text(findings, batch.texts[field], field, MAX_TEXT_BYTES)
    _check_times(findings, batch, limits, now_us)
    for field in ("user_id", "account_id", "anonymous_id", "device_id"):
        _check_text(findings, batch.texts[field], field, MAX_TEXT_BYTES)
    _check_values(findings, batch)
    _check_text(findings, batch.texts["currency"], "currency", MAX_CURRENCY_BYTES)
    findings.add_all(batch.flaws)
    _check_properties(findings, batch, limits)
    return findings.in_order()


def _missing(field: str) -> str:
    return f"{field} is missing: every event needs one"


def _check_text(findings: _Findings, column: TextColumn, field: str, limit: int) -> None:
    # The dictionary is looked at first: most often none of it is over the limit.
    if text_lengths(column.texts).max(initial=0) > limit:
        _check_length(findings, column.lengths(), field, limit)


def _check_length(findings: _Findings, lengths: Codes, field: str, limit: int) -> None:
    findings.add(
        lengths > limit,
        field,
        "FIELD_TOO_LARGE",
        lambda row: f"{field} has {lengths[row]} bytes; at most {limit} are allowed",
    )


def _check_times(findings: _Findings, batch: EventBatch, limits: EventLimits, now_us: int) -> None:
    times = batch.occurred_at_us
    findings.add(batch.unset_times, "occurred_at", "MISSING_FIELD", _missing("occurred_at"))
    findings.add(
        (times < 0) | (times > _LAST_US),
        "occurred_at",
        "INVALID_TIMESTAMP",
        lambda row: (
            f"occurred_at is {_instant(int(times[row]))}, not between the years 1970 and 9999 (UTC): correct the time, "
            "or the unit that it was read with"
        ),
    )
    # What a message cannot mean is no number to compare.
    findings.add_all(flaw for flaw in batch.flaws if flaw.field == "occurred_at")
    findings.add(
        times > now_us + limits.max_future_s * 1_000_000,
        "occurred_at",
        "FAR_FUTURE",
        lambda row: (
            f"occurred_at is {_instant(int(times[row]))}, more than {limits.max_future_s} s after the server's clock, "
            f"{_instant(now_us)}: correct the time or the sender's clock"
        ),
    )


def _instant(time_us: int) -> str:
    if _FIRST_DAY_US <= time_us <= _LAST_US:
        return (_EPOCH + timedelta(microseconds=time_us)).isoformat()
    return f"{time_us} µs since 1970"


def _check_values(findings: _Findings, batch: EventBatch) -> None:
    values = batch.values
    # A comparison with NaN is false, so NaN is caught, too.
    findings.add(
        batch.has_value & ~(np.abs(values) <= LARGEST_VALUE),
        "value",
        "VALUE_OUT_OF_RANGE",
        lambda row: f"value is {float(values[row])!r}; send a finite number between -1e18 and 1e18, or none",
    )


def _check_properties(findings: _Findings, batch: EventBatch, limits: EventLimits) -> None:
    counts = np.zeros(batch.count, dtype=np.int64)
    by_key: dict[str, list[PropertyColumn]] = {}
    for column in batch.properties:
        counts[slice(None) if column.rows is None else column.rows] += 1
        by_key.setdefault(column.key, []).append(column)
        _check_property(findings, column, limits)
    findings.add(
        counts > limits.max_properties,
        "properties",
        "FIELD_TOO_LARGE",
        lambda row: f"properties are {counts[row]}; at most {limits.max_properties} are allowed",
    )
    for key, columns in by_key.items():
        if len(columns) > 1:
            findings.add(
                _twice(columns, batch.count),
                f"properties[{key}]",
                "INVALID_FIELD",
                f"properties[{key}] stands twice in the event: send one of them",
            )


def _check_property(findings: _Findings, column: PropertyColumn, limits: EventLimits) -> None:
    values = column.values
    key_bytes = len(column.key.encode())
    every = np.ones(len(values), dtype=bool)
    if not key_bytes:
        field = "properties[]"
        findings.add(findings.spread(column, every), field, "MISSING_FIELD", "properties has an empty key")
    if key_bytes > MAX_TEXT_BYTES:
        start = column.key[:32]
        findings.add(
            findings.spread(column, every),
            f"properties[{start}…]",
            "FIELD_TOO_LARGE",
            f"the key {start}… of a property has {key_bytes} bytes; at most {MAX_TEXT_BYTES} are allowed",
        )
        return
    field = f"properties[{column.key}]"
    if column.kind is Kind.DOUBLE:
        findings.add(
            findings.spread(column, ~np.isfinite(values.astype(np.float64))),
            field,
            "VALUE_OUT_OF_RANGE",
            f"{field} is not a finite number: send a finite one, a text, or leave it out",
        )
    elif column.kind is Kind.STRING and text_lengths(column.texts).max(initial=0) > limits.max_property_bytes:
        findings.add(
            findings.spread(column, column.lengths() > limits.max_property_bytes),
            field,
            "FIELD_TOO_LARGE",
            f"{field} has more than {limits.max_property_bytes} bytes, which is the most allowed",
        )


def _twice(columns: Iterable[PropertyColumn], count: int) -> Mask:
    seen = np.zeros(count, dtype=np.int64)
    for column in columns:
        seen[slice(None) if column.rows is None else column.rows] += 1
    return seen > 1
