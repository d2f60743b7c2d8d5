"""Decides about every subject of a kind in the warehouse: counts of each decision, and the worst subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trueline_rules.alerting.vectors import Labels, Row, Value
from trueline_rules.expressions import FactType
from trueline_rules.model import RuleSet

from trueline_server.errors import TruelineError
from trueline_server.kpis.instants import RowReader
from trueline_server.rules.ports import FactReader
from trueline_server.rules.pushdown import COLUMNS, Pushdown, column_of

# Observations that one statement looks at, about, so that its memory has a bound however many subjects there are.
ROWS_AT_ONCE = 500_000
_FACTS = (
    "FROM trueline.facts WHERE tenant = {tenant:String} AND subject = {subject:String} "
    "AND name IN {names:Array(String)} AND observed_at <= fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')"
)
# Whether an observation has a value of any type; one without says that the fact is absent from then on.
_HAS = "has_texts OR " + " OR ".join(f"isNotNull({column})" for column in COLUMNS.values() if column != "texts")


@dataclass(frozen=True, slots=True)
class Population:
    """What was decided about all subjects.

    Attributes:
        counts: subjects by rank: 0 critical, 1 warning, 2 unknown, 3 none.
        rows: the worst subjects, then by id; at most as many as asked for. Their values were read once more.
        with_value: by fact, how many subjects have a value.

    """

    counts: tuple[int, int, int, int]
    rows: tuple[Row, ...]
    with_value: Mapping[str, int]


class PopulationReader:
    """Decides in the warehouse. Methods block; thread-safe."""

    def __init__(self, rows: RowReader, facts: FactReader, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self._rows = rows
        self._facts = facts
        self._rows_at_once = rows_at_once

    def decide(
        self,
        tenant: str,
        rules: RuleSet,
        pushdown: Pushdown,
        at_us: int,
        *,
        most: int,
        stopped: Callable[[], bool],
    ) -> Population | str:
        """Decide about all subjects that have a value of any of the facts, or say for people why it cannot be done.

        Args:
            tenant: whose.
            rules: that the pushdown is of.
            pushdown: what is decided.
            at_us: the instant judged (µs since 1970, UTC).
            most: rows that are answered.
            stopped: asked before each statement; once it says yes, the work ends.

        Raises:
            StoreError: the warehouse cannot answer.
            TruelineError: NOT_SERVING, if it was stopped.

        """
        names = sorted({source.name for source in pushdown.sources.values()})
        parameters = {
            "tenant": tenant,
            "subject": pushdown.subject,
            "names": names,
            "until_us": at_us - min(source.operand.offset_us for source in pushdown.sources.values()),
            "now_us": at_us,
        }
        for number, source in enumerate(pushdown.sources.values()):
            parameters |= {f"name{number}": source.name, f"end{number}_us": at_us - source.operand.offset_us}
        ((observations,),) = self._rows.query(f"SELECT count() {_FACTS}", parameters)
        parts = max(1, -(-int(observations) // (self._rows_at_once * len(names))))
        statement = _statement(rules, pushdown, most, parts)
        counts, first = [0, 0, 0, 0], [list[str]() for _ in range(4)]
        valued = [0] * len(pushdown.sources)
        for part in range(parts):
            if stopped():
                raise TruelineError("UNAVAILABLE", "NOT_SERVING", "the evaluation was stopped before it was done")
            for rank, subjects, mistyped, ids, *has in self._rows.query(statement, {**parameters, "part": part}):
                if mistyped:
                    return f"{mistyped:,} values have another type than their fact type declares now"
                counts[rank] += int(subjects)
                first[rank] += ids
                valued = [known + int(more) for known, more in zip(valued, has, strict=True)]
        worst = [one for ids in first for one in sorted(ids)[:most]][:most]
        rows = self._read(tenant, pushdown, worst, at_us)
        critical, warning, unknown, none = counts
        return Population((critical, warning, unknown, none), rows, dict(zip(pushdown.sources, valued, strict=True)))

    def _read(self, tenant: str, pushdown: Pushdown, ids: list[str], at_us: int) -> tuple[Row, ...]:
        """The facts of some subjects, in their order."""
        values: dict[str, dict[str, Value]] = {one: {} for one in ids}
        for name, source in pushdown.sources.items() if ids else ():
            end_us = at_us - source.operand.offset_us
            found = self._facts.as_of(tenant, pushdown.subject, end_us, names=[source.name], ids=ids, most=len(ids))
            for row in found:
                if row.value is not None:
                    values[row.subject_id][name] = row.value
        return tuple(
            Row(_labels(pushdown.subject, one), {**pushdown.constants, **{n: known.get(n) for n in pushdown.sources}})
            for one, known in values.items()
        )


def _labels(subject: str, subject_id: str) -> Labels:
    return ((subject, subject_id),)


def _statement(rules: RuleSet, pushdown: Pushdown, most: int, parts: int) -> str:
    """Counts, and the first ids, by rank; of one part of the subjects."""
    columns = [column_of(number) for number in range(len(pushdown.sources))]
    latest = [
        _latest(number, FactType(rules.fact_types[source.name].type))
        for number, source in enumerate(pushdown.sources.values())
    ]
    own = f" AND cityHash64(subject_id) % {parts} = {{part:UInt64}}" if parts > 1 else ""
    truths = ", ".join(f"{sql} AS {severity}" for severity, sql in pushdown.conditions.items())
    return (
        f"SELECT rank, count(), sum(mistyped), groupArraySorted({most})(subject_id), "
        f"{', '.join(f'sum({column}.2)' for column in columns)} FROM ("
        f"SELECT subject_id, {', '.join(columns)}, {truths}, {pushdown.rank()} AS rank, "
        f"{' + '.join(f'({column}.2 AND NOT {column}.3)' for column in columns)} AS mistyped "
        f"FROM (SELECT subject_id, {', '.join(latest)} {_FACTS}{own} GROUP BY subject_id "
        f"HAVING {' OR '.join(f'{column}.2' for column in columns)})) GROUP BY rank"
    )


def _latest(number: int, kind: FactType) -> str:
    """Of a fact's observations up to its instant the newest, of it the last that was put: its value, whether there is
    one, and whether it has the type that is declared."""
    texts = kind is FactType.TEXTS
    value = "CAST(texts, 'Array(Nullable(String))')" if texts else COLUMNS[kind]
    typed = "has_texts" if texts else f"isNotNull({COLUMNS[kind]})"
    return (
        f"argMaxIf(({value}, {_HAS}, {typed}), (observed_at, revision), name = {{name{number}:String}} AND "
        f"observed_at <= fromUnixTimestamp64Micro({{end{number}_us:Int64}}, 'UTC')) AS {column_of(number)}"
    )
