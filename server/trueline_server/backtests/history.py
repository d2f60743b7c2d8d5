"""Reads the history that a backtest replays from the warehouse, step by step, so that it can be stopped and watched."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from trueline_rules.alert_model import AlertRule
from trueline_rules.alerting.series import Series
from trueline_rules.backtesting.replay import History
from trueline_rules.model import RuleSet

from trueline_server.backtests.model import Note, Replayed, Span
from trueline_server.backtests.plan import KpiKey, Plan, grid_of
from trueline_server.clock import Clock
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks, Instant
from trueline_server.operations.steps import Steps
from trueline_server.rules.series_reader import SeriesLimit, SeriesReader, lookback_of

# Of one source: some 100 MB while a backtest runs.
MOST_VALUES = 500_000
_LIMIT = SeriesLimit(MOST_VALUES, "in the span of the backtest; shorten it")
# A fact that was put in holds until it is put in again.
_FOR_EVER_US = 1 << 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Histories:
    """What was read.

    Attributes:
        metrics, facts: by name, facts by subject and name.
        kpis: the value at each instant at which there is one.
        keys: of each rule set, its KPIs by name.
        notes: what must be known of the values.
        watermark_us: up to where the events behind them were complete; None before any.

    """

    metrics: dict[str, History] = field(default_factory=dict)
    facts: dict[tuple[str, str], History] = field(default_factory=dict)
    kpis: dict[KpiKey, dict[int, float]] = field(default_factory=dict)
    keys: Sequence[Mapping[str, KpiKey]] = ()
    notes: list[Note] = field(default_factory=list)
    watermark_us: int | None = None

    def of(self, number: int, rules: RuleSet, rule: AlertRule, span: Span) -> dict[str, History]:
        """What is known of the facts of a rule of the rule set with this number."""
        found = {}
        for name, source in rule.facts.items():
            match source.kind:
                case "metric":
                    found[name] = self.metrics.get(source.name, History())
                case "kpi":
                    values = self.kpis[self.keys[number][source.name]]
                    there = [at_us for at_us in grid_of(source, span) if at_us in values]
                    # Each evaluation has a value of its own, or none.
                    found[name] = History([Series((), tuple(there), tuple(values[at_us] for at_us in there))], 1)
                case _:
                    found[name] = self.facts[rules.fact_types[source.name].subject, source.name]
        return found


class HistoryReader:
    """Reads histories. Methods block; thread-safe."""

    def __init__(self, series: SeriesReader, evaluator: Evaluator, clocks: Clocks, clock: Clock) -> None:
        """`evaluator` is one for statements that are not in force."""
        self._series = series
        self._evaluator = evaluator
        self._clocks = clocks
        self._clock = clock

    def read(self, tenant: str, sets: Sequence[Replayed], plan: Plan, steps: Steps) -> Histories:
        """Read what was planned, in as many steps as `steps_of` says but those of the replays.

        Raises:
            WorkStoppedError: the work is to end.
            TruelineError: TOO_MANY_POINTS.
            StoreError: the warehouse cannot answer.

        """
        found = Histories(keys=plan.keys, notes=list(plan.notes))
        marks: list[int] = []
        for name, (metric, start_us) in plan.metrics.items():
            steps.take(f"reading metric {name}")
            points = self._series.metric(tenant, metric, start_us, plan.span.end_us, _LIMIT, go_on=steps.work.go_on)
            marks += [] if points.watermark_us is None else [points.watermark_us]
            found.metrics[name] = History(points.series, lookback_of(metric))
            if not points.series:
                found.notes.append(Note("metric", name, "has no window with a value in the span"))
        for key, (fact, start_us) in plan.facts.items():
            steps.take(f"reading fact {key[1]}")
            found.facts[key] = History(
                self._series.fact(tenant, fact, start_us, plan.span.end_us, _LIMIT), _FOR_EVER_US
            )
            if not found.facts[key].series:
                found.notes.append(Note("fact", key[1], f"no {fact.subject} had a value in the span"))
        if plan.kpis:
            marks.append(self._read_kpis(tenant, sets, plan, steps, found))
        # One before the first event says nothing.
        found.watermark_us = min((mark for mark in marks if mark > 0), default=None)
        return found

    def _read_kpis(self, tenant: str, sets: Sequence[Replayed], plan: Plan, steps: Steps, found: Histories) -> int:
        """One statement for each KPI and instant; answers the watermark of the tenant's events, 0 without any."""
        clock = self._clocks.read(self._clock()).get(tenant)
        computing = [_computing(replayed.rules, plan.in_force) for replayed in sets]
        for key, grids in plan.kpis.items():
            values = found.kpis[key] = {}
            instants = sorted({at_us for grid in grids for at_us in grid})
            missing = "there are no events yet"
            for at_us in instants:
                steps.take(f"computing KPI {key.name} at {_shown(at_us)}")
                if clock is None:
                    continue
                rules = computing[key.number]
                instant = Instant(at_us, None, clock.watermark_us, clock.position)
                result = self._evaluator.evaluate(rules, rules.kpis[key.name], tenant, instant)
                missing = result.missing or missing
                if result.value is not None:
                    values[at_us] = result.value
            if not values:
                told = f"has no value at any of {len(instants)} instants: {missing}"
                found.notes.append(Note("kpi", key.name, told))
        if clock is None:
            return 0
        return Instant(plan.span.end_us, None, clock.watermark_us, clock.position).shown_watermark_us()


def steps_of(plan: Plan, sets: Sequence[Replayed]) -> int:
    """How many steps reading and replaying take: each source, each value of a KPI, each evaluation of a rule."""
    computed = sum(len({at_us for grid in grids for at_us in grid}) for grids in plan.kpis.values())
    evaluations = sum(plan.span.of(rule).count for replayed in sets for rule in replayed.alert_rules)
    return len(plan.metrics) + len(plan.facts) + computed + evaluations


def _computing(rules: RuleSet, in_force: RuleSet) -> RuleSet:
    """A rule set whose KPIs read the points that there are: those of the metrics in force."""
    metrics = {name: in_force.metrics.get(name, metric) for name, metric in rules.metrics.items()}
    if metrics == rules.metrics:
        return rules
    return dataclasses.replace(rules, metrics=metrics, revision=f"{rules.revision} over {in_force.revision}")


def _shown(at_us: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=at_us):%Y-%m-%d %H:%M}"
