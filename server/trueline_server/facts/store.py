"""Facts in the warehouse: written in one part, read as they were at an instant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol, cast

import pyarrow as pa

from trueline_server.facts import statements

# A value as its fact type has it; None = absent from then on.
FactContent = float | Decimal | str | bool | datetime | frozenset[str] | None

_INSTANT = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()),
        ("subject", pa.string()),
        ("name", pa.string()),
        ("subject_id", pa.string()),
        ("observed_at", _INSTANT),
        ("number", pa.float64()),
        ("decimal", pa.decimal128(38, 9)),
        ("text", pa.string()),
        ("flag", pa.bool_()),
        ("instant", _INSTANT),
        ("texts", pa.list_(pa.string())),
        ("has_texts", pa.bool_()),
        ("revision", pa.uint64()),
        ("recorded_at", _INSTANT),
    ]
)


@dataclass(frozen=True, slots=True)
class FactRow:
    """A fact of one subject as observed at an instant, and when the store took it (µs since 1970, UTC; 0 = not yet)."""

    subject: str
    subject_id: str
    name: str
    observed_at_us: int
    value: FactContent
    recorded_at_us: int = 0


@dataclass(frozen=True, slots=True)
class FactColumn:
    """Values of one fact, and whose each is."""

    name: str
    ids: Sequence[str]
    values: Sequence[object]


class FactTable(Protocol):
    """What is asked of the warehouse's client."""

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows by column name."""
        ...


class FactStore:
    """Writes and reads the table `facts`. Every method blocks and raises StoreError."""

    def __init__(self, warehouse: FactTable) -> None:
        self._warehouse = warehouse

    def write(self, tenant: str, rows: Sequence[FactRow], revision: int) -> None:
        """Keep facts, all or none, as recorded at `revision` (µs since 1970, UTC).

        Of facts with the same subject, name and instant the highest revision counts, within one call the last.
        """
        # The engine keeps the last of equal revisions by the order of the rows.
        latest = {(row.subject, row.name, row.subject_id, row.observed_at_us): row for row in rows}
        if latest:
            columns = [_columns(tenant, row, revision) for row in latest.values()]
            arrays = [
                pa.array(column, field.type) for column, field in zip(zip(*columns, strict=True), _SCHEMA, strict=True)
            ]
            self._warehouse.insert("facts", pa.Table.from_arrays(arrays, schema=_SCHEMA))

    def as_of(
        self,
        tenant: str,
        subject: str,
        at_us: int,
        *,
        names: Sequence[str] = (),
        ids: Sequence[str] = (),
        after: tuple[str, str] = ("", ""),
        most: int = 10_000,
        known_us: int | None = None,
    ) -> list[FactRow]:
        """Facts of one kind of subject as they were at an instant, by name and subject; absent ones have no value.

        Args:
            tenant: whose.
            subject: kind of subject.
            at_us: observed up to this instant (µs since 1970, UTC).
            names: only these; () = all.
            ids: only of these subjects; () = of all.
            after: name and subject behind which to go on.
            most: at most so many.
            known_us: recorded up to this instant; None = all that is known.

        """
        parameters = {
            "tenant": tenant,
            "subject": subject,
            "names": list(names),
            "ids": list(ids),
            "after_name": after[0],
            "after_id": after[1],
            "at_us": at_us,
            "most": most,
        }
        return self._rows(subject, *statements.as_known(statements.AS_OF, parameters, known_us))

    def between(
        self, tenant: str, subject: str, name: str, start_us: int, end_us: int, *, most: int = 10_000
    ) -> list[FactRow]:
        """What was observed of a fact in (start_us, end_us], by subject and instant; absent ones have no value.

        Args:
            tenant: whose.
            subject: kind of subject.
            name: of the fact.
            start_us: µs since 1970 (UTC), exclusive.
            end_us: inclusive.
            most: at most so many.

        """
        parameters = {
            "tenant": tenant,
            "subject": subject,
            "name": name,
            "start_us": start_us,
            "end_us": end_us,
            "most": most,
        }
        return self._rows(subject, statements.BETWEEN, parameters)

    def stamps(self, tenant: str, names: Sequence[str], at_us: int) -> dict[tuple[str, str], tuple[int, ...]]:
        """What tells the contents of facts at an instant (µs since 1970, UTC), by kind of subject and name.

        While a stamp is the same, so is what `as_of` answers. It may change without that: the engine drops rows that
        were replaced.
        """
        parameters = {"tenant": tenant, "names": list(names), "at_us": at_us}
        rows = self._warehouse.query(statements.STAMPS, parameters) if names else []
        return {(str(subject), str(name)): tuple(map(int, stamp)) for subject, name, *stamp in rows}

    def columns_as_of(
        self,
        tenant: str,
        subject: str,
        at_us: int,
        types: Mapping[str, str],
        ids: Sequence[str],
        *,
        known_us: int | None = None,
    ) -> list[FactColumn]:
        """Facts of subjects of one kind as they were at an instant (µs since 1970, UTC), column by column.

        Args:
            tenant: whose.
            subject: kind of subject.
            at_us: observed up to this instant.
            types: names of facts -> their types; values of another type are left out.
            ids: of which subjects.
            known_us: recorded up to this instant; None = all that is known.

        """
        parameters = {"tenant": tenant, "subject": subject, "names": list(types), "ids": list(ids), "at_us": at_us}
        columns = []
        for row in self._warehouse.query(*statements.as_known(statements.COLUMNS_AS_OF, parameters, known_us)):
            kind = types[row[0]]
            found, values = row[statements.PLACES[kind]], row[statements.PLACES[kind] + 1]
            if kind == "texts":
                values = [frozenset(value) for value in values]
            elif kind == "datetime":
                values = [value.astimezone(UTC) for value in values]
            columns.append(FactColumn(row[0], found, values))
        return columns

    def of_subjects(
        self,
        tenant: str,
        subjects: Collection[tuple[str, str]],
        at_us: int,
        types: Mapping[str, Mapping[str, str]],
        *,
        known_us: int | None = None,
    ) -> list[FactRow]:
        """Facts of a few subjects as they were at an instant (µs since 1970, UTC), unordered; absent ones are left out.

        Args:
            tenant: whose.
            subjects: kind and id of each.
            at_us: observed up to this instant.
            types: kind of subject -> names of facts -> their types; values of another type are left out.
            known_us: recorded up to this instant; None = all that is known.

        """
        kinds = sorted({kind for names in types.values() for kind in names.values()})
        if not kinds or not subjects:
            return []
        places = {kind: place for place, kind in enumerate(kinds, start=2)}
        parameters = {
            "tenant": tenant,
            "subjects": sorted({subject for subject, _ in subjects}),
            "ids": sorted({subject_id for _, subject_id in subjects}),
            "at_us": at_us,
        }
        sql = statements.of_subjects(kinds)
        found = []
        for row in self._warehouse.query(*statements.as_known(sql, parameters, known_us)):
            subject, subject_id, name, latest = row
            kind = types.get(subject, {}).get(name)
            # Each of the kinds with each of the ids was read.
            if kind is None or (subject, subject_id) not in subjects or latest[places[kind]] in (None, []):
                continue
            cell = latest[places[kind]]
            value = frozenset(cell[0]) if kind == "texts" else _plain(cell)
            found.append(FactRow(subject, subject_id, name, latest[0], value, latest[1]))
        return found

    def subjects(
        self,
        tenant: str,
        subject: str,
        at_us: int,
        *,
        after: str = "",
        most: int = 1000,
        known_us: int | None = None,
    ) -> list[str]:
        """Ids of the subjects of which anything was observed up to an instant (µs since 1970, UTC), sorted.

        With `known_us` only of what was recorded up to that one.
        """
        parameters = {"tenant": tenant, "subject": subject, "at_us": at_us, "after": after, "most": most}
        rows = self._warehouse.query(*statements.as_known(statements.SUBJECTS, parameters, known_us))
        return [str(subject_id) for (subject_id,) in rows]

    def count_subjects(self, tenant: str, subject: str, at_us: int, *, known_us: int | None = None) -> int:
        """How many subjects `subjects` has in all."""
        parameters = {"tenant": tenant, "subject": subject, "at_us": at_us}
        ((count,),) = self._warehouse.query(*statements.as_known(statements.COUNT_SUBJECTS, parameters, known_us))
        return int(count)

    def tenants(self, kinds: Sequence[str]) -> list[str]:
        """Tenants with facts about subjects of some kinds, sorted."""
        sql = "SELECT DISTINCT tenant FROM trueline.facts WHERE subject IN {kinds:Array(String)} ORDER BY tenant"
        return [str(tenant) for (tenant,) in self._warehouse.query(sql, {"kinds": list(kinds)})]

    def first_after(self, tenant: str, subject: str, name: str, at_us: int) -> int | None:
        """When a fact was observed first behind an instant (µs since 1970, UTC), of any subject; None = never."""
        parameters = {"tenant": tenant, "subject": subject, "name": name, "at_us": at_us}
        ((first_us, count),) = self._warehouse.query(statements.FIRST_AFTER, parameters)
        return int(first_us) if count else None

    def _rows(self, subject: str, sql: str, parameters: dict[str, Any]) -> list[FactRow]:
        return [
            FactRow(subject, subject_id, name, observed_at_us, _value(values), recorded_at_us)
            for name, subject_id, observed_at_us, recorded_at_us, *values in self._warehouse.query(sql, parameters)
        ]


def _columns(tenant: str, row: FactRow, revision: int) -> tuple[Any, ...]:
    value = row.value
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    return (
        tenant,
        row.subject,
        row.name,
        row.subject_id,
        row.observed_at_us,
        float(value) if is_number else None,  # type: ignore[arg-type]
        value if isinstance(value, Decimal) else None,
        value if isinstance(value, str) else None,
        value if isinstance(value, bool) else None,
        value if isinstance(value, datetime) else None,
        sorted(value) if isinstance(value, frozenset) else [],
        isinstance(value, frozenset),
        revision,
        revision,
    )


def _value(columns: Sequence[Any]) -> FactContent:
    *plain, texts, has_texts = columns
    if has_texts:
        return frozenset(texts)
    return _plain(next((value for value in plain if value is not None), None))


def _plain(cell: Any) -> FactContent:
    """A value as its column has it."""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC)
    # The column has nine digits behind the point, whatever was put in.
    if isinstance(cell, Decimal) and cell % 1:
        return Decimal(f"{cell:f}".rstrip("0").rstrip("."))
    return cast(FactContent, cell)
