"""Features of accounts at an instant, as one statement: facts and metrics, of those that have any, have not left,
and are among those that the document is about.

Rows have subject_id and x0, x1, … for the features in the order of the document: a Nullable(Float64), flags 1 and 0, or
a Nullable(String). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trueline_rules.alert_model import FactSource
from trueline_rules.churn_model import SUBJECT, ChurnFeature, ChurnModel, compile_churn, facts_of
from trueline_rules.model import ANY, RuleSet
from trueline_stores.warehouse.tables import EVENTS, FACTS
from trueline_streams.pane_statements import Parameters

from trueline_server.churn.sql import holds_sql
from trueline_server.ingest.own_events import SOURCE
from trueline_server.scoring.account_metrics import OWN_EVENTS, metric_columns

_COLUMNS: Mapping[str, str] = {
    "number": "number",
    "decimal": "toFloat64(decimal)",
    "bool": "toFloat64(flag)",
    "text": "text",
}
OBSERVED = (
    f"FROM {FACTS.full_name} WHERE tenant = {{tenant:String}} AND subject = {{subject:String}} "
    "AND name IN {names:Array(String)} AND observed_at <= fromUnixTimestamp64Micro({at_us:Int64}, 'UTC')"
)
WITH_EVENTS = f"FROM {EVENTS.full_name} WHERE {OWN_EVENTS} AND account_id != ''"
LEFT_BY_EVENT = (
    f"SELECT account_id FROM {EVENTS.full_name} WHERE tenant = {{tenant:String}} AND name IN {{leaving:Array(String)}} "
    "AND account_id != '' AND occurred_at <= fromUnixTimestamp64Micro({at_us:Int64}, 'UTC')"
)
LEFT_BY_FACT = (
    f"SELECT subject_id FROM {FACTS.full_name} WHERE tenant = {{tenant:String}} AND subject = {{subject:String}} "
    "AND name = {label:String} AND observed_at <= fromUnixTimestamp64Micro({at_us:Int64}, 'UTC') "
    "GROUP BY subject_id HAVING argMax(tuple(flag), (observed_at, revision)).1 = true"
)


# A condition on the id of accounts, from the name of its column.
Own = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class FeatureQuestion:
    """What is asked of accounts.

    Attributes:
        tenant: whose.
        rules: in force.
        document: of them.
        at_us: the instant (µs since 1970, UTC): facts observed, and windows of metrics that ended, by then.

    """

    tenant: str
    rules: RuleSet
    document: ChurnModel
    at_us: int

    @property
    def facts(self) -> dict[int, ChurnFeature]:
        """Features that are facts, by their place."""
        return {place: one for place, one in enumerate(self.document.features) if one.source.kind == "fact"}

    @property
    def metrics(self) -> dict[int, FactSource]:
        """Sources of features that are metrics, by their place."""
        return {place: one.source for place, one in enumerate(self.document.features) if one.source.kind == "metric"}

    def bound(self) -> Parameters:
        """The parameters of all statements here."""
        return Parameters(
            {
                "tenant": self.tenant,
                "subject": SUBJECT,
                "own_source": SOURCE,
                "at_us": self.at_us,
                "names": [one.source.name for one in self.facts.values()],
                "label": self.document.label.fact,
                "leaving": leaving_events(self.document, self.rules),
            }
        )

    def of_all(self, parts: int, part: int) -> tuple[str, Parameters]:
        """Accounts of one of so many parts, which have about the same size, and the parameters."""
        bound = self.bound()
        number = bound.add("part", "UInt64", part)
        own = (lambda column: f"cityHash64({column}) % {parts} = {number}") if parts > 1 else (lambda _: "1")
        left = LEFT_BY_FACT if self.document.label.fact else LEFT_BY_EVENT
        known = " OR ".join(f"isNotNull(x{place})" for place in range(len(self.document.features)))
        rows = f"SELECT * FROM ({self._read(own, bound)}) WHERE ({known}) AND {self._among()}"
        return f"{rows} AND subject_id NOT IN ({left})", bound

    def metrics_of(self, account_ids: list[str]) -> tuple[str, Parameters]:
        """The metrics of some accounts that have events: rows of the id and xN, in the order of `metrics`."""
        bound = self.bound()
        ids = bound.add("ids", "Array(String)", account_ids)
        columns = ", ".join(f"{self._value(place)} AS x{place}" for place in self.metrics)
        return f"SELECT subject_id, {columns} FROM {self._events(lambda column: f'{column} IN {ids}', bound)}", bound

    def _among(self) -> str:
        """Whether the document is about the account of a row."""
        if not self.document.among:
            return "1"
        facts = facts_of(self.document, self.rules.fact_types)
        columns = {name: f"x{place}" for place, name in enumerate(self.document.names)}
        return holds_sql(compile_churn(self.document.among, facts, scored=False), columns)

    def _read(self, own: Own, bound: Parameters) -> str:
        columns = ", ".join(f"{self._value(place)} AS x{place}" for place in range(len(self.document.features)))
        if not self.metrics:
            return f"SELECT subject_id, {columns} FROM ({self._facts(own)})"
        events = self._events(own, bound)
        if self.facts:
            events = (
                f"({self._facts(own)}) AS facts_of FULL JOIN (SELECT * FROM {events}) AS of_events USING (subject_id)"
            )
        return f"SELECT subject_id, {columns} FROM {events}"

    def _facts(self, own: Own) -> str:
        kinds = {place: one.kind(self.rules.fact_types) for place, one in self.facts.items()}
        latest = [
            f"argMaxIf(tuple({_COLUMNS[kind]}), (observed_at, revision), name = {{names:Array(String)}}[{number}]).1 "
            f"AS y{place}"
            for number, (place, kind) in enumerate(kinds.items(), start=1)
        ]
        return f"SELECT subject_id, {', '.join(latest)} {OBSERVED} AND {own('subject_id')} GROUP BY subject_id"

    def _events(self, own: Own, bound: Parameters) -> str:
        """A table with a row for each account that has events."""
        accounts = f"account_id != '' AND {own('account_id')}"
        sources = {f"y{place}": source for place, source in self.metrics.items()}
        made = metric_columns(self.rules, sources, accounts, self.at_us, bound)
        straight = "".join(f", {sql} AS {name}" for name, sql in made.straight.items())
        joined = "".join(
            f" LEFT JOIN (SELECT account_id AS subject_id, {name} FROM ({statement})) AS {name}_of USING (subject_id)"
            for name, statement in made.nested.items()
        )
        return (
            f"(SELECT account_id AS subject_id, toNullable(1) AS was_active{straight} {WITH_EVENTS} "
            f"AND {own('account_id')} GROUP BY account_id) AS events_of{joined}"
        )

    def _value(self, place: int) -> str:
        one, column = self.document.features[place], f"y{place}"
        if one.kind(self.rules.fact_types) == "text":
            return column
        value = f"if(isFinite({column}), {column}, NULL)"
        # Only of whom something is known it can be told that there was none of it.
        return value if one.default is None else f"if(isNull({column}) AND was_active = 1, {one.default!r}, {value})"


def leaving_events(document: ChurnModel, rules: RuleSet) -> list[str]:
    """Names of the events by which accounts leave; [] if a fact tells, or none plays the roles."""
    of = document.label.of
    return [] if of is None else [name for name in of.names(rules.mapping) if name != ANY]
