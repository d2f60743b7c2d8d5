"""Decisions as rows of the table `decisions`, and as the JSON that waits in the state database to become such rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from trueline_server.decisions.model import Decision
from trueline_server.decisions.values import read_value, write_value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = pa.timestamp("us", tz="UTC")
_TEXTS = pa.map_(pa.string(), pa.string())
SCHEMA = pa.schema(
    [
        ("tenant", pa.string()),
        ("id", pa.string()),
        ("kind", pa.string()),
        ("rule", pa.string()),
        ("labels", _TEXTS),
        ("revision", pa.string()),
        ("at", _INSTANT),
        ("decided_at", _INSTANT),
        ("watermark", _INSTANT),
        ("decision", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("facts", _TEXTS),
        ("facts_digest", pa.string()),
        ("truths", _TEXTS),
        ("compared", pa.string()),
    ]
)
NAMES = tuple(SCHEMA.names)

# One decision in the order of SCHEMA: instants in µs since 1970 (UTC), maps as dicts of texts.
Columns = tuple[Any, ...]


def columns_of(decision: Decision) -> Columns:
    """A decision as values of the columns."""
    return (
        decision.tenant,
        decision.id,
        decision.kind,
        decision.rule,
        dict(decision.labels),
        decision.revision,
        decision.at_us,
        decision.decided_at_us,
        decision.watermark_us,
        decision.decision,
        decision.before,
        decision.after,
        decision.reason,
        decision.message,
        {name: write_value(value) for name, value in decision.facts.items()},
        decision.facts_digest,
        dict(decision.truths),
        decision.compared,
    )


def decision_of(row: Mapping[str, Any]) -> Decision:
    """The decision of a row as the warehouse answers it."""
    watermark = row["watermark"]
    return Decision(
        id=row["id"],
        tenant=row["tenant"],
        kind=row["kind"],
        rule=row["rule"],
        labels=tuple(sorted(row["labels"].items())),
        revision=row["revision"],
        at_us=_microseconds(row["at"]),
        decided_at_us=_microseconds(row["decided_at"]),
        watermark_us=None if watermark is None else _microseconds(watermark),
        decision=row["decision"],
        before=row["before"],
        after=row["after"],
        reason=row["reason"],
        message=row["message"],
        facts={name: read_value(text) for name, text in row["facts"].items()},
        facts_digest=row["facts_digest"],
        truths=dict(row["truths"]),
        compared=row["compared"],
    )


def table_of(rows: Sequence[Columns]) -> pa.Table:
    """Rows as Arrow; at least one."""
    arrays = [
        # A dict is no map to Arrow; its pairs are.
        pa.array([list(each.items()) for each in column] if field.type == _TEXTS else column, field.type)
        for column, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def write_columns(columns: Columns) -> str:
    """A row as JSON."""
    return json.dumps(dict(zip(NAMES, columns, strict=True)), ensure_ascii=False, separators=(",", ":"))


def read_columns(content: str) -> Columns:
    """What `write_columns` wrote, by this version of Trueline or an older one."""
    written: dict[str, Any] = json.loads(content)
    return tuple(written.get(name, "") for name in NAMES)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
