"""All accounts of a tenant with their facts at an instant: as columns, part by part, and judged in the warehouse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from trueline_rules.alert_model import FactType
from trueline_rules.churn_model import SUBJECT, ChurnModel
from trueline_rules.model import ANY, RuleSet

from trueline_server.churn.columns import Accounts, Column, Numbers, texts_of
from trueline_server.churn.outlook import Foresight

# Observations that one statement looks at, about, so that its memory has a bound however many accounts there are.
ROWS_AT_ONCE = 2_000_000
_COLUMNS: Mapping[str, str] = {
    "number": "number",
    "decimal": "toFloat64(decimal)",
    "bool": "toFloat64(flag)",
    "text": "text",
}
_FACTS = (
    "FROM trueline.facts WHERE tenant = {tenant:String} AND subject = {subject:String} "
    "AND name IN {names:Array(String)} AND observed_at <= fromUnixTimestamp64Micro({at_us:Int64}, 'UTC')"
)
_LEFT_BY_EVENT = (
    "SELECT account_id FROM trueline.events WHERE tenant = {tenant:String} AND name IN {leaving:Array(String)} "
    "AND account_id != '' AND occurred_at <= fromUnixTimestamp64Micro({at_us:Int64}, 'UTC')"
)
_LEFT_BETWEEN = _LEFT_BY_EVENT + " AND occurred_at > fromUnixTimestamp64Micro({after_us:Int64}, 'UTC')"
_LEFT_BY_FACT = (
    "SELECT subject_id FROM trueline.facts WHERE tenant = {tenant:String} AND subject = {subject:String} "
    "AND name = {label:String} AND observed_at <= fromUnixTimestamp64Micro({at_us:Int64}, 'UTC') "
    "GROUP BY subject_id HAVING argMax(tuple(flag), (observed_at, revision)).1 = true"
)


class WarehouseReader(Protocol):
    """What is asked of the warehouse's client."""

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...

    def query_arrow(self, sql: str, parameters: dict[str, Any] | None = None) -> pa.Table:
        """Rows of a query as Arrow."""
        ...


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """Accounts of a segment: its place from 1, or 0 = in none; how many, and their mean probability."""

    place: int
    accounts: int
    mean_probability: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A part of all accounts with what is foreseen: ids, probabilities, and places of segments from 1, 0 = none."""

    ids: tuple[str, ...]
    probabilities: np.ndarray
    segments: np.ndarray


class ChurnPopulation:
    """Reads accounts that have any of a document's facts and have not left. Methods block; thread-safe.

    They raise StoreError, if the warehouse cannot answer.
    """

    def __init__(self, warehouse: WarehouseReader, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self._warehouse = warehouse
        self._rows_at_once = rows_at_once

    def parts(self, tenant: str, rules: RuleSet, document: ChurnModel, at_us: int) -> Iterator[Accounts]:
        """Accounts as they were at an instant (µs since 1970, UTC), in parts of bounded size."""
        for source, parameters in self._sources(tenant, rules, document, at_us):
            found = self._warehouse.query_arrow(f"SELECT * FROM ({source}) ORDER BY subject_id", parameters)
            if found.num_rows:
                yield _accounts(found, document.features, rules.fact_types)

    def judged(self, tenant: str, rules: RuleSet, foresight: Foresight, at_us: int) -> Iterator[Judged]:
        """All accounts with what is foreseen, in parts of bounded size, in no order."""
        for source, parameters in self._sources(tenant, rules, foresight.document, at_us):
            found = self._warehouse.query_arrow(_judging(source, foresight), parameters)
            if found.num_rows:
                yield Judged(
                    tuple(found["subject_id"].to_pylist()),
                    found["probability"].to_numpy(),
                    found["segment"].to_numpy(),
                )

    def segments(self, tenant: str, rules: RuleSet, foresight: Foresight, at_us: int) -> list[SegmentCount]:
        """Accounts by segment, those in none (place 0) last; segments without accounts are among them."""
        places = [*range(1, len(foresight.document.segments) + 1), 0]
        counts, sums = dict.fromkeys(places, 0), dict.fromkeys(places, 0.0)
        for source, parameters in self._sources(tenant, rules, foresight.document, at_us):
            judging = _judging(source, foresight)
            statement = f"SELECT segment, count(), sum(probability) FROM ({judging}) GROUP BY segment"
            for place, accounts, total in self._warehouse.query(statement, parameters):
                counts[place] += int(accounts)
                sums[place] += float(total)
        return [SegmentCount(place, n, sums[place] / n if n else 0.0) for place, n in counts.items()]

    def left_between(
        self, tenant: str, rules: RuleSet, document: ChurnModel, after_us: int, until_us: int
    ) -> frozenset[str]:
        """Accounts that left: by an event in (after_us, until_us], or whose fact says so at `until_us`."""
        parameters = {"tenant": tenant, "subject": SUBJECT, "at_us": until_us, "after_us": after_us}
        if document.label.fact:
            rows = self._warehouse.query(_LEFT_BY_FACT, parameters | {"label": document.label.fact})
        else:
            leaving = leaving_events(document, rules)
            rows = self._warehouse.query(f"{_LEFT_BETWEEN} GROUP BY account_id", parameters | {"leaving": leaving})
        return frozenset(str(one) for (one,) in rows)

    def _sources(
        self, tenant: str, rules: RuleSet, document: ChurnModel, at_us: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Statements that read accounts with a column `x0`, `x1`, … for each feature, and their parameters."""
        parameters: dict[str, Any] = {
            "tenant": tenant,
            "subject": SUBJECT,
            "names": list(document.features),
            "at_us": at_us,
            "label": document.label.fact,
            "leaving": leaving_events(document, rules),
        }
        ((observations,),) = self._warehouse.query(f"SELECT count() {_FACTS}", parameters)
        parts = max(1, -(-int(observations) // self._rows_at_once))
        for part in range(parts):
            yield _source(rules, document, parts), parameters | {"part": part}


def leaving_events(document: ChurnModel, rules: RuleSet) -> list[str]:
    """Names of the events by which accounts leave; [] if a fact tells, or none plays the roles."""
    of = document.label.of
    return [] if of is None else [name for name in of.names(rules.mapping) if name != ANY]


def _columns_of(document: ChurnModel) -> dict[str, str]:
    """The columns of `_source` as conditions and models read them."""
    return {name: f"x{place}" for place, name in enumerate(document.features)}


def _source(rules: RuleSet, document: ChurnModel, parts: int) -> str:
    own = f" AND cityHash64(subject_id) % {parts} = {{part:UInt64}}" if parts > 1 else ""
    left = _LEFT_BY_FACT if document.label.fact else _LEFT_BY_EVENT
    kinds = [rules.fact_types[name].type for name in document.features]
    latest = [
        f"argMaxIf(tuple({_COLUMNS[kind]}), (observed_at, revision), name = {{names:Array(String)}}[{place + 1}]).1"
        for place, kind in enumerate(kinds)
    ]
    found = [
        f"{value} AS x{place}" if kind == "text" else f"if(isFinite({value}), {value}, NULL) AS x{place}"
        for place, (kind, value) in enumerate(zip(kinds, latest, strict=True))
    ]
    known = " OR ".join(f"isNotNull(x{place})" for place in range(len(kinds)))
    return (
        f"SELECT subject_id, {', '.join(found)} {_FACTS}{own} AND subject_id NOT IN ({left}) "
        f"GROUP BY subject_id HAVING {known}"
    )


def _judging(source: str, foresight: Foresight) -> str:
    """Accounts with `probability` and `segment`."""
    columns = _columns_of(foresight.document)
    probability = foresight.probability_sql(columns)
    segment = foresight.segment_sql(columns, "probability")
    return (
        f"SELECT subject_id, probability, toInt32({segment}) AS segment "
        f"FROM (SELECT *, toFloat64({probability}) AS probability FROM ({source}))"
    )


def _accounts(found: pa.Table, features: Sequence[str], fact_types: Mapping[str, FactType]) -> Accounts:
    columns: dict[str, Column] = {}
    for place, name in enumerate(features):
        values = found[f"x{place}"]
        if fact_types[name].type == "text":
            columns[name] = texts_of(values.cast(pa.string()))
        else:
            columns[name] = Numbers(values.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64))
    return Accounts(tuple(found["subject_id"].cast(pa.string()).to_pylist()), columns)
