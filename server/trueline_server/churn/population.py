"""All accounts of a tenant with their features at an instant: as columns, part by part, and judged in the warehouse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from trueline_rules.churn_model import ChurnModel
from trueline_rules.model import RuleSet

from trueline_server.churn.account_features import (
    LEFT_BY_EVENT,
    LEFT_BY_FACT,
    OBSERVED,
    WITH_EVENTS,
    FeatureQuestion,
)
from trueline_server.churn.columns import Accounts, Column, Numbers, texts_of
from trueline_server.churn.outlook import Foresight

# Observations and accounts that one statement looks at, about, so that its memory has a bound however many there are.
ROWS_AT_ONCE = 2_000_000
ACCOUNTS_AT_ONCE = 100_000
_LEFT_BETWEEN = (
    f"{LEFT_BY_EVENT} AND occurred_at > fromUnixTimestamp64Micro({{after_us:Int64}}, 'UTC') GROUP BY account_id"
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
    """Reads accounts that have any of a document's features and have not left. Methods block; thread-safe.

    They raise StoreError, if the warehouse cannot answer.
    """

    def __init__(
        self,
        warehouse: WarehouseReader,
        rows_at_once: int = ROWS_AT_ONCE,
        accounts_at_once: int = ACCOUNTS_AT_ONCE,
    ) -> None:
        self._warehouse = warehouse
        self._rows_at_once = rows_at_once
        self._accounts_at_once = accounts_at_once

    def parts(self, tenant: str, rules: RuleSet, document: ChurnModel, at_us: int) -> Iterator[Accounts]:
        """Accounts as they were at an instant (µs since 1970, UTC), in parts of bounded size."""
        for source, parameters in self._sources(FeatureQuestion(tenant, rules, document, at_us)):
            found = self._warehouse.query_arrow(f"SELECT * FROM ({source}) ORDER BY subject_id", parameters)
            if found.num_rows:
                yield _accounts(found, document, rules)

    def judged(self, tenant: str, rules: RuleSet, foresight: Foresight, at_us: int) -> Iterator[Judged]:
        """All accounts with what is foreseen, in parts of bounded size, in no order."""
        for source, parameters in self._sources(FeatureQuestion(tenant, rules, foresight.document, at_us)):
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
        for source, parameters in self._sources(FeatureQuestion(tenant, rules, foresight.document, at_us)):
            judging = _judging(source, foresight)
            statement = f"SELECT segment, count(), sum(probability) FROM ({judging}) GROUP BY segment"
            for place, accounts, total in self._warehouse.query(statement, parameters):
                counts[place] += int(accounts)
                sums[place] += float(total)
        return [SegmentCount(place, n, sums[place] / n if n else 0.0) for place, n in counts.items()]

    def metrics_of(
        self, tenant: str, rules: RuleSet, document: ChurnModel, account_ids: Sequence[str], at_us: int
    ) -> dict[str, dict[str, float]]:
        """The features of some accounts that are metrics, by account and name; what is missing is left out."""
        question = FeatureQuestion(tenant, rules, document, at_us)
        if not question.metrics or not account_ids:
            return {}
        statement, bound = question.metrics_of(list(account_ids))
        names = [document.features[place].name for place in question.metrics]
        return {
            str(account): {name: float(one) for name, one in zip(names, values, strict=True) if one is not None}
            for account, *values in self._warehouse.query(statement, bound.values)
        }

    def left_between(
        self, tenant: str, rules: RuleSet, document: ChurnModel, after_us: int, until_us: int
    ) -> frozenset[str]:
        """Accounts that left: by an event in (after_us, until_us], or whose fact says so at `until_us`."""
        bound = FeatureQuestion(tenant, rules, document, until_us).bound().values | {"after_us": after_us}
        rows = self._warehouse.query(LEFT_BY_FACT if document.label.fact else _LEFT_BETWEEN, bound)
        return frozenset(str(one) for (one,) in rows)

    def _sources(self, question: FeatureQuestion) -> Iterator[tuple[str, dict[str, Any]]]:
        """Statements that read accounts, see FeatureQuestion, and their parameters."""
        bound, parts = question.bound().values, 1
        if question.facts:
            ((observations,),) = self._warehouse.query(f"SELECT count() {OBSERVED}", bound)
            parts = max(parts, -(-int(observations) // self._rows_at_once))
        if question.metrics:
            ((accounts,),) = self._warehouse.query(f"SELECT uniqCombined(account_id) {WITH_EVENTS}", bound)
            parts = max(parts, -(-int(accounts) // self._accounts_at_once))
        for part in range(parts):
            statement, read = question.of_all(parts, part)
            yield statement, read.values


def _judging(source: str, foresight: Foresight) -> str:
    """Accounts with `probability` and `segment`."""
    columns = {name: f"x{place}" for place, name in enumerate(foresight.document.names)}
    probability = foresight.probability_sql(columns)
    segment = foresight.segment_sql(columns, "probability")
    return (
        f"SELECT subject_id, probability, toInt32({segment}) AS segment "
        f"FROM (SELECT *, toFloat64({probability}) AS probability FROM ({source}))"
    )


def _accounts(found: pa.Table, document: ChurnModel, rules: RuleSet) -> Accounts:
    columns: dict[str, Column] = {}
    for place, one in enumerate(document.features):
        values = found[f"x{place}"]
        if one.kind(rules.fact_types) == "text":
            columns[one.name] = texts_of(values.cast(pa.string()))
        else:
            columns[one.name] = Numbers(values.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64))
    return Accounts(tuple(found["subject_id"].cast(pa.string()).to_pylist()), columns)
