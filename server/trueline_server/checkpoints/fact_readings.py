"""Reads a cell's value from facts that others put in: of one subject, or of all that some of its facts choose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from trueline_rules.checkpoint_model import CellSource, Taken
from trueline_rules.checkpoints.results import Reading

from trueline_server.errors import TruelineError
from trueline_server.facts.store import FactRow

# Facts of one cell, those that it is chosen by included.
MOST_FACTS = 100_000


class FactsAsOf(Protocol):
    """Reads facts that others put in; their store."""

    def as_of(
        self,
        tenant: str,
        subject: str,
        at_us: int,
        *,
        names: Sequence[str] = (),
        ids: Sequence[str] = (),
        most: int = ...,
    ) -> list[FactRow]:
        """The facts of a kind of subject as they were at an instant."""
        ...


class FactReadings:
    """Reads facts for cells. Methods block; thread-safe.

    A value that was observed before the period says nothing about it; what a subject is chosen by may be older.
    """

    def __init__(self, facts: FactsAsOf) -> None:
        self._facts = facts

    def read(self, tenant: str, subject: str, source: CellSource, start_us: int, end_us: int) -> Reading:
        """What a fact was at `end_us`, if it was observed after `start_us` (µs since 1970, UTC).

        Raises:
            TruelineError: TOO_MANY_POINTS.

        """
        names = [source.name, *source.labels, *filter(None, (source.observations,))]
        rows = self._facts.as_of(
            tenant, subject, end_us, names=names, ids=[source.of] if source.of else [], most=MOST_FACTS + 1
        )
        if len(rows) > MOST_FACTS:
            raise TruelineError(
                "INVALID_ARGUMENT",
                "TOO_MANY_POINTS",
                f"fact {source.name} and those it is chosen by have more than {MOST_FACTS} values; put in one that "
                "sums them up, or take a KPI",
                metadata={"points": f"> {MOST_FACTS}", "limit": str(MOST_FACTS)},
            )
        if source.of:
            return _of_one(subject, source, rows, start_us, end_us)
        return _of_many(subject, source, rows, start_us, end_us)


def _of_one(subject: str, source: CellSource, rows: Sequence[FactRow], start_us: int, end_us: int) -> Reading:
    found = {row.name: row for row in rows if row.value is not None}
    row = found.get(source.name)
    behind = found.get(source.observations)
    missing = ""
    if row is None:
        missing = f"{subject} {source.of} has no value for fact {source.name}; put it in (trueline facts put)"
    elif row.observed_at_us <= start_us:
        observed = f"is of {_day(row.observed_at_us)}, before the period"
        missing = f"fact {source.name} of {subject} {source.of} {observed}; put it in anew"
    elif source.observations and behind is None:
        missing = (
            f"{subject} {source.of} has no value for fact {source.observations}, which tells how many are behind it"
        )
    observations: int | None = 0 if row is None else 1
    if row is not None and behind is not None:
        observations = max(0, int(_number(behind)))
    return Reading(
        value=None if missing or row is None else _number(row),
        missing=missing,
        observations=observations,
        period_start_us=start_us,
        period_end_us=end_us if row is None else row.observed_at_us,
        source=f"{source}" + ("" if row is None else f", observed {_day(row.observed_at_us)}"),
    )


def _of_many(subject: str, source: CellSource, rows: Sequence[FactRow], start_us: int, end_us: int) -> Reading:
    facts: dict[str, dict[str, FactRow]] = {}
    for row in rows:
        if row.value is not None:
            facts.setdefault(row.subject_id, {})[row.name] = row
    chosen = [
        own
        for own in facts.values()
        if all(name in own and own[name].value == value for name, value in source.labels.items())
    ]
    there = [own[source.name] for own in chosen if source.name in own]
    values = [_number(row) for row in there if row.observed_at_us > start_us]
    missing = ""
    if not chosen:
        told = " and ".join(f"{name} '{value}'" for name, value in source.labels.items())
        missing = f"no {subject} has {told}; put such facts in (trueline facts put)"
    elif not values:
        old = f"; {len(there)} are older than the period" if there else ""
        missing = f"of {len(chosen)} {subject}s chosen none has a value for fact {source.name}{old}; put it in"
    return Reading(
        value=None if missing else _together(source.agg, values),
        missing=missing,
        observations=len(values),
        period_start_us=start_us,
        period_end_us=end_us,
        source=f"{source.agg} of {source}, {len(values)} of {len(chosen)} {subject}s",
    )


def _together(agg: Taken, values: Sequence[float]) -> float:
    match agg:
        case Taken.SUM:
            return math.fsum(values)
        case Taken.MIN:
            return min(values)
        case Taken.MAX:
            return max(values)
    return math.fsum(values) / len(values)


def _number(row: FactRow) -> float:
    """The value; the fact type is a number or a decimal."""
    value = row.value
    return float(value) if isinstance(value, int | float | Decimal) else math.nan


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).date().isoformat()
