"""Decisions and their counts in the warehouse: written in one part, read by id, by span of time, and by the hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from trueline_rules.alerting.vectors import Labels

from trueline_server.decisions.columns import NAMES, Columns, decision_of, table_of
from trueline_server.decisions.model import Decision, DecisionCount, first_id

# Every id comes before it.
_BEYOND = "g"
HOUR_US = 3_600_000_000
_COUNT_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()),
        ("hour", pa.timestamp("s", tz="UTC")),
        ("rule", pa.string()),
        ("revision", pa.string()),
        ("unchanged", pa.uint64()),
        ("shadowed", pa.uint64()),
        ("different", pa.uint64()),
    ]
)
_FOUND = (
    "SELECT tenant, id FROM trueline.decisions WHERE tenant IN {tenants:Array(String)} AND id IN {ids:Array(String)}"
)
# Ids are in the order of instants; the state of a label set is what its last transition ended in.
_LAST_STATES = (
    "SELECT labels, argMax(after, id) FROM trueline.decisions WHERE tenant = {tenant:String} AND rule = {rule:String} "
    "AND kind = 'transition' AND id < {end:String} GROUP BY labels"
)
_INSTANT = "fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')"
_COUNTS = (
    "SELECT rule, revision, toInt64(toUnixTimestamp(hour)) * 1000000 AS hour_us, sum(number) AS unchanged, "
    "sum(kind = 'transition') AS transitions, sum(kind = 'request') AS requests, sum(kind = 'shadow') AS shadow, "
    "sum(in_shadow) AS shadowed, sum(other) AS different "
    "FROM (SELECT rule, revision, hour, unchanged AS number, shadowed AS in_shadow, different AS other, '' AS kind "
    "FROM trueline.decision_counts "
    "WHERE tenant = {{tenant:String}} AND hour >= toDateTime({start}) AND hour < toDateTime({end}){{rule}} "
    "UNION ALL SELECT rule, revision, toStartOfHour(toDateTime(decided_at, 'UTC')) AS hour, 0 AS number, 0, 0, kind "
    "FROM trueline.decisions FINAL "
    "WHERE tenant = {{tenant:String}} AND decided_at >= {start} AND decided_at < {end}{{rule}}) "
    "GROUP BY rule, revision, hour ORDER BY hour, rule, revision"
).format(start=_INSTANT.format(name="start_us"), end=_INSTANT.format(name="end_us"))

# (tenant, rule, revision, hour in µs since 1970, one of COUNTED) -> label sets that were judged.
Counts = Mapping[tuple[str, str, str, int, str], int]
# Without anything new; by the rules in the shadow, too; and otherwise by them.
UNCHANGED, SHADOWED, DIFFERENT = COUNTED = ("unchanged", "shadowed", "different")


class DecisionTables(Protocol):
    """What is asked of the warehouse's client."""

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...

    def query_named(self, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Rows of a query by column name."""
        ...

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows by column name."""
        ...


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decisions are asked for; what is left empty does not matter.

    Attributes:
        rule: its name.
        kind: one of `model.KINDS`.
        start_us: judged about this instant or later (µs since 1970, UTC).
        end_us: judged about an instant before.
        labels: that a decision has, among others.
        after: id of a decision; only those that come after it, i.e. are older.
        decided_since_us: made at this instant or later.

    """

    rule: str = ""
    kind: str = ""
    start_us: int | None = None
    end_us: int | None = None
    labels: Mapping[str, str] | None = None
    after: str = ""
    decided_since_us: int | None = None


class DecisionStore:
    """Writes and reads the tables `decisions` and `decision_counts`. Every method blocks and raises StoreError."""

    def __init__(self, warehouse: DecisionTables) -> None:
        self._warehouse = warehouse

    def write(self, rows: Sequence[Columns]) -> None:
        """Keep decisions, all or none."""
        if rows:
            self._warehouse.insert("decisions", table_of(rows))

    def found(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these decisions (tenant, id) are there."""
        parameters = {"tenants": sorted({tenant for tenant, _ in keys}), "ids": [one for _, one in keys]}
        return {(str(tenant), str(one)) for tenant, one in self._warehouse.query(_FOUND, parameters)} if keys else set()

    def get(self, tenant: str, decision_id: str) -> Decision | None:
        """A decision by its id."""
        rows = self._rows("tenant = {tenant:String} AND id = {id:String}", {"tenant": tenant, "id": decision_id}, 1)
        return rows[0] if rows else None

    def select(self, tenant: str, wanted: DecisionFilter, most: int) -> list[Decision]:
        """Decisions, those about the newest instants first."""
        conditions = ["tenant = {tenant:String}"]
        parameters: dict[str, Any] = {"tenant": tenant}
        for name, value in (("rule", wanted.rule), ("kind", wanted.kind)):
            if value:
                conditions.append(f"{name} = {{{name}:String}}")
                parameters[name] = value
        # Ids are in the order of instants, and they are what the table is sorted by.
        for sign, name, at_us in ((">=", "start", wanted.start_us), ("<", "end", wanted.end_us)):
            if at_us is not None:
                conditions.append(f"id {sign} {{{name}:String}}")
                parameters[name] = first_id(at_us)
        if wanted.decided_since_us is not None:
            conditions.append(f"decided_at >= {_INSTANT.format(name='decided_us')}")
            parameters["decided_us"] = wanted.decided_since_us
        for number, (name, value) in enumerate((wanted.labels or {}).items()):
            conditions.append(f"labels[{{name{number}:String}}] = {{value{number}:String}}")
            parameters |= {f"name{number}": name, f"value{number}": value}
        return self._rows(" AND ".join(conditions), parameters, most, wanted.after)

    def last_states(self, tenant: str, rule: str, end_us: int) -> dict[Labels, str]:
        """The state of each label set of a rule after its last transition about an instant before `end_us`."""
        parameters = {"tenant": tenant, "rule": rule, "end": first_id(end_us)}
        rows = self._warehouse.query(_LAST_STATES, parameters)
        return {tuple(sorted((str(n), str(v)) for n, v in labels.items())): str(after) for labels, after in rows}

    def add(self, counts: Counts) -> None:
        """Add to the counts."""
        if counts:
            columns = zip(
                *(
                    (tenant, hour // 1_000_000, rule, revision, *(n if what == each else 0 for each in COUNTED))
                    for (tenant, rule, revision, hour, what), n in counts.items()
                ),
                strict=True,
            )
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _COUNT_SCHEMA, strict=True)]
            self._warehouse.insert("decision_counts", pa.Table.from_arrays(arrays, schema=_COUNT_SCHEMA))

    def counts(self, tenant: str, start_us: int, end_us: int, rule: str) -> list[DecisionCount]:
        """What happened in the hours that begin in a span of time, by hour, rule and revision."""
        chosen = " AND rule = {rule:String}" if rule else ""
        parameters = {"tenant": tenant, "start_us": start_us, "end_us": end_us, "rule": rule}
        rows = self._warehouse.query_named(_COUNTS.replace("{rule}", chosen), parameters)
        return [DecisionCount(**row) for row in rows]

    def _rows(self, condition: str, parameters: Mapping[str, Any], most: int, after: str = "") -> list[Decision]:
        # LIMIT BY would read all that the condition takes, however small the limit; without it reading ends early.
        sql = (
            f"SELECT {', '.join(NAMES)} FROM trueline.decisions WHERE {condition} AND id < {{before:String}} "
            "ORDER BY tenant DESC, id DESC LIMIT {most:UInt32}"
        )
        found: dict[str, Decision] = {}
        before = after or _BEYOND
        while True:
            wanted = most - len(found)
            rows = self._warehouse.query_named(sql, {**parameters, "before": before, "most": wanted})
            for row in rows:
                # A decision that was written twice is one, whether or not its rows are merged yet.
                found.setdefault(row["id"], decision_of(row))
            if len(found) >= most or len(rows) < wanted:
                return list(found.values())
            before = rows[-1]["id"]
