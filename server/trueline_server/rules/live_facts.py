"""Where the facts of a rule come from that nobody gave: values of KPIs and points of metrics, read at an instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from trueline_rules.alert_model import FactSource, FactType
from trueline_rules.alerting.operands import vector_at
from trueline_rules.alerting.series import Series
from trueline_rules.alerting.vectors import Vector
from trueline_rules.metric_labels import label_names
from trueline_rules.model import RuleSet

from trueline_server.errors import TruelineError
from trueline_server.kpis.instants import RowReader
from trueline_server.rules.population import Population, PopulationReader
from trueline_server.rules.ports import FactReader, KpiReader, PointReader
from trueline_server.rules.pushdown import Pushdown
from trueline_server.rules.series_reader import SeriesLimit, SeriesReader, lookback_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Points of one fact; a rule that needs more reads a window that is too long.
MOST_POINTS = 100_000
# Of the values computed for an instant, the newest; another revision's mean something else.
_HISTORY = (
    "SELECT toUnixTimestamp64Micro(at) AS at_us, value FROM trueline.kpi_values "
    "WHERE tenant = {tenant:String} AND kpi = {kpi:String} AND rule_revision = {revision:String} "
    "AND at > fromUnixTimestamp64Micro({start_us:Int64}, 'UTC') "
    "AND at <= fromUnixTimestamp64Micro({end_us:Int64}, 'UTC') "
    "ORDER BY at, computed_at DESC LIMIT 1 BY at LIMIT {most:UInt32}"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose facts are read, by which rules, at which instant.

    Attributes:
        tenant: whose.
        rules: in force.
        at_us: microseconds since 1970 (UTC).
        latest: whether it is the tenant's default instant, for which values of KPIs are there already.
        stopped: asked before each fact; once it says yes, the work ends.
        reasons: whether somebody is told why a fact that is put in has no value; it costs a query.

    """

    tenant: str
    rules: RuleSet
    at_us: int
    latest: bool
    stopped: Callable[[], bool] = field(default=lambda: False, compare=False)
    reasons: bool = True


@dataclass(slots=True)
class LiveValues:
    """What was read.

    Attributes:
        vectors: by fact.
        notes: fact -> why it has no value, for people.
        watermark_us: up to where the events behind it were complete; None if there are none.

    """

    vectors: dict[str, Vector] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    watermark_us: int | None = None

    def trust(self, watermark_us: int | None) -> None:
        """Lower the watermark to that of something read; one before the first event says nothing."""
        if watermark_us is not None and watermark_us > 0:
            self.watermark_us = watermark_us if self.watermark_us is None else min(self.watermark_us, watermark_us)


class LiveFacts:
    """Reads facts. Methods block; thread-safe."""

    def __init__(self, kpis: KpiReader, points: PointReader, history: RowReader, facts: FactReader) -> None:
        self._kpis = kpis
        self._series = SeriesReader(points, facts)
        self._history = history
        self._facts = facts
        self._population = PopulationReader(history, facts)

    def decide(self, asked: Asked, pushdown: Pushdown, live: LiveValues, *, most: int) -> Population | str:
        """Decide about all subjects at once; see `PopulationReader.decide`. Facts without a value are noted in `live`.

        Raises:
            TruelineError: NOT_SERVING, if it was stopped.

        """
        found = self._population.decide(
            asked.tenant, asked.rules, pushdown, asked.at_us, most=most, stopped=asked.stopped
        )
        if not isinstance(found, str):
            for name, source in pushdown.sources.items():
                if not found.with_value[name]:
                    live.notes[name] = self._why_missing(asked, source)
        return found

    def stamps(self, asked: Asked, sources: Sequence[FactSource]) -> dict[FactSource, tuple[int, ...]]:
        """What tells the contents of facts as they were put in by the instant; of those without a window."""
        found: dict[FactSource, tuple[int, ...]] = {}
        for offset_us in sorted({source.operand.offset_us for source in sources}):
            own = [source for source in sources if source.operand.offset_us == offset_us]
            names = sorted({source.name for source in own})
            known = self._facts.stamps(asked.tenant, names, asked.at_us - offset_us)
            for source in own:
                subject = asked.rules.fact_types[source.name].subject
                found[source] = known.get((subject, source.name), ())
        return found

    def read(self, asked: Asked, sources: Mapping[str, FactSource], into: LiveValues | None = None) -> LiveValues:
        """The values of facts, one for each label set; added to what was read before, if that is given.

        Raises:
            TruelineError: TOO_MANY_POINTS; NOT_SERVING, if it was stopped.
            AlertingError: two series of a metric have the same labels.

        """
        live = LiveValues() if into is None else into
        for name, source in sources.items():
            if asked.stopped():
                raise TruelineError("UNAVAILABLE", "NOT_SERVING", "the evaluation was stopped before it was done")
            match source.kind:
                case "kpi":
                    live.vectors[name] = self._kpi(asked, name, source, live)
                case "metric":
                    live.vectors[name] = self._metric(asked, name, source, live)
                case _:
                    live.vectors[name] = self._fact(asked, name, source, live)
        return live

    def _kpi(self, asked: Asked, name: str, source: FactSource, live: LiveValues) -> Vector:
        operand = source.operand
        end_us = asked.at_us - operand.offset_us
        if operand.over_us:
            series = self._kpi_history(asked, source, end_us)
            if not series.samples:
                live.notes[name] = f"no value of KPI {source.name} is kept of the window"
            live.trust(self._kpis.current(asked.tenant).watermark_us)
        else:
            if asked.latest and not operand.offset_us:
                found = self._kpis.current(asked.tenant)
            else:
                found = self._kpis.at(asked.tenant, end_us, None, [source.name], stopped=asked.stopped)
            live.trust(found.watermark_us)
            result = found.results[source.name]
            series = Series((), (), ()) if result.value is None else Series((), (end_us,), (result.value,))
            if result.value is None:
                live.notes[name] = result.missing
        return vector_at(operand, [series], asked.at_us)

    def _kpi_history(self, asked: Asked, source: FactSource, end_us: int) -> Series:
        rows: list[tuple[Any, ...]] = self._history.query(
            _HISTORY,
            {
                "tenant": asked.tenant,
                "kpi": source.name,
                "revision": asked.rules.revision,
                "start_us": end_us - source.operand.over_us,
                "end_us": end_us,
                "most": MOST_POINTS + 1,
            },
        )
        if len(rows) > MOST_POINTS:
            raise _limit().refuse(source.kind, source.name)
        there = [(int(at_us), float(value)) for at_us, value in rows if value is not None]
        return Series((), tuple(at_us for at_us, _ in there), tuple(value for _, value in there))

    def _metric(self, asked: Asked, name: str, source: FactSource, live: LiveValues) -> Vector:
        metric = asked.rules.metrics[source.name]
        if not asked.rules.events_of(metric):
            live.notes[name] = f"no event plays a role that metric {source.name} reads"
            return vector_at(source.operand, [], asked.at_us, tuple(label_names(metric.group_by).values()))
        operand = replace(source.operand, lookback_us=lookback_of(metric))
        end_us = asked.at_us - operand.offset_us
        start_us = max(0, end_us - (operand.over_us or operand.lookback_us))
        found = self._series.metric(asked.tenant, metric, start_us, max(0, end_us), _limit())
        live.trust(found.watermark_us)
        if not found.series:
            live.notes[name] = f"metric {source.name} has no window with a value that ended in time"
        return vector_at(operand, found.series, asked.at_us, tuple(label_names(metric.group_by).values()))

    def _fact(self, asked: Asked, name: str, source: FactSource, live: LiveValues) -> Vector:
        """A fact that others put in, of each subject, as it was at the instant; its label is the kind of subject."""
        fact, operand = asked.rules.fact_types[source.name], source.operand
        subject, end_us = fact.subject, asked.at_us - operand.offset_us
        if operand.over_us:
            series = self._series.fact(asked.tenant, fact, max(0, end_us - operand.over_us), end_us, _limit())
        else:
            rows = self._facts.as_of(asked.tenant, subject, end_us, names=[source.name], most=MOST_POINTS + 1)
            if len(rows) > MOST_POINTS:
                raise _limit().refuse(source.kind, source.name)
            # However long ago it was observed, it holds.
            series = [
                Series(((subject, row.subject_id),), (end_us,), (row.value,)) for row in rows if row.value is not None
            ]
        if not series:
            live.notes[name] = self._why_missing(asked, source)
        return vector_at(operand, series, asked.at_us, (subject,))

    def _why_missing(self, asked: Asked, source: FactSource) -> str:
        """Why no subject has a value for a fact that is put in: there is none, or all that there is came later."""
        fact: FactType = asked.rules.fact_types[source.name]
        end_us = asked.at_us - source.operand.offset_us
        told = f"no {fact.subject} has a value for fact {source.name}"
        if not asked.reasons:
            return told
        first_us = self._facts.first_after(asked.tenant, fact.subject, source.name, end_us)
        if first_us is None:
            return f"{told}; put it in, or give it"
        way_out = "judge an instant from then on, put it in as observed earlier, or give it"
        return f"{told} at {_told(end_us)}: what was put in was observed from {_told(first_us)} on; {way_out}"


def _told(instant_us: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=instant_us):%Y-%m-%d %H:%M:%S} UTC"


def _limit() -> SeriesLimit:
    return SeriesLimit(MOST_POINTS, "in the window of the rule; shorten `over`")
