"""What a backtest must read: each source once, as far back as any rule looks, KPIs at the instants they are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trueline_rules.alert_model import FactSource, FactType
from trueline_rules.model import Kpi, Metric, RuleSet

from trueline_server.backtests.model import Note, Replayed, Span
from trueline_server.kpis.instants import FIRST_US
from trueline_server.rules.series_reader import lookback_of

# A statement each; at a few milliseconds, some minutes to an hour of one core.
MOST_KPI_VALUES = 200_000


@dataclass(frozen=True, slots=True)
class KpiKey:
    """A KPI as one of the rule sets computes it: `number` tells the set whose statement it is."""

    name: str
    number: int


@dataclass(slots=True)
class Plan:
    """What is read.

    Attributes:
        span: what is replayed.
        in_force: the rules whose metrics the server computes.
        metrics: name -> the metric in force, and since when its points are needed (µs since 1970, UTC).
        facts: fact type -> since when its observations are needed.
        kpis: KPI -> the instants at which it is computed, as ranges.
        keys: of each rule set, its KPIs by name.
        notes: what must be known of the values before they are read.

    """

    span: Span
    in_force: RuleSet
    metrics: dict[str, tuple[Metric, int]] = field(default_factory=dict)
    facts: dict[tuple[str, str], tuple[FactType, int]] = field(default_factory=dict)
    kpis: dict[KpiKey, set[range]] = field(default_factory=dict)
    keys: list[dict[str, KpiKey]] = field(default_factory=list)
    notes: dict[Note, None] = field(default_factory=dict)

    @property
    def kpi_values(self) -> int:
        """How many statements computing the KPIs takes, at most."""
        return sum(len(grid) for grids in self.kpis.values() for grid in grids)

    def note(self, kind: str, name: str, message: str) -> None:
        """Tell something once."""
        self.notes.setdefault(Note(kind, name, message))


def plan_reads(sets: Sequence[Replayed], span: Span, in_force: RuleSet) -> Plan:
    """What some rules of some rule sets need to be replayed.

    Args:
        sets: the rules, and their baseline if there is one.
        span: what is replayed.
        span: what is replayed.
        in_force: the rules whose metrics the server computes.

    """
    plan = Plan(span, in_force)
    for number, replayed in enumerate(sets):
        plan.keys.append({})
        for rule in replayed.alert_rules:
            for source in rule.facts.values():
                match source.kind:
                    case "kpi":
                        _plan_kpi(plan, sets, number, source, span.of(rule))
                    case "metric":
                        _plan_metric(plan, replayed.rules, source)
                    case _:
                        _plan_fact(plan, replayed.rules, source)
    return plan


def grid_of(source: FactSource, span: Span) -> range:
    """The instants at which a KPI is computed for a fact: those of the evaluations, and as far before as it looks."""
    operand = source.operand
    before = -(-operand.over_us // span.every_us) * span.every_us
    first = span.start_us - operand.offset_us - before
    # Statements look back, so what lies before the first instant that is judged has no value.
    skipped = max(0, -(-(FIRST_US - first) // span.every_us)) * span.every_us
    return range(first + skipped, span.end_us - operand.offset_us + 1, span.every_us)


def _plan_kpi(plan: Plan, sets: Sequence[Replayed], number: int, source: FactSource, span: Span) -> None:
    """Two sets that compute a KPI alike share its values; else each is judged by its own."""
    name, rules = source.name, sets[number].rules
    key = KpiKey(name, number)
    for earlier in range(number):
        other = sets[earlier].rules
        if name in other.kpis and same_kpi(rules, rules.kpis[name], other, other.kpis[name]):
            key = KpiKey(name, earlier)
        elif name in other.kpis:
            plan.note("kpi", name, "is computed otherwise by the baseline; each side is judged by its own values")
    kpi = rules.kpis[name]
    for metric in _changed_metrics(rules, plan.in_force):
        if metric in kpi.statement or metric in kpi.parameters.values():
            plan.note("kpi", name, f"reads points of metric {metric} as the rules in force compute them, if they do")
    plan.keys[number][name] = key
    plan.kpis.setdefault(key, set()).add(grid_of(source, span))


def _changed_metrics(rules: RuleSet, in_force: RuleSet) -> list[str]:
    """Metrics of a rule set that the rules in force lack or define otherwise."""
    known = {name: metric.definition for name, metric in in_force.metrics.items()}
    return [name for name, metric in rules.metrics.items() if known.get(name) != metric.definition]


def same_kpi(rules: RuleSet, kpi: Kpi, other_rules: RuleSet, other: Kpi) -> bool:
    """Whether two rule sets compute a KPI by the same statement over the same roles."""
    return (kpi.statement, kpi.parameters, rules.mapping.roles) == (
        other.statement,
        other.parameters,
        other_rules.mapping.roles,
    )


def _plan_metric(plan: Plan, rules: RuleSet, source: FactSource) -> None:
    name, in_force = source.name, plan.in_force
    metric = in_force.metrics.get(name)
    if metric is None:
        plan.note("metric", name, "is not computed by the rules in force, so it has no history; activate it first")
        return
    if not in_force.events_of(metric):
        plan.note("metric", name, "has no history: no event plays a role that it reads")
        return
    if metric.definition != rules.metrics[name].definition:
        plan.note("metric", name, "is defined otherwise by the rules in force, whose points these are")
    reach_us = source.operand.offset_us + (source.operand.over_us or lookback_of(metric))
    start_us = max(0, plan.span.start_us - reach_us)
    plan.metrics[name] = (metric, min(start_us, plan.metrics.get(name, (metric, start_us))[1]))


def _plan_fact(plan: Plan, rules: RuleSet, source: FactSource) -> None:
    fact = rules.fact_types[source.name]
    start_us = max(0, plan.span.start_us - source.operand.offset_us - source.operand.over_us)
    key = (fact.subject, source.name)
    plan.facts[key] = (fact, min(start_us, plan.facts.get(key, (fact, start_us))[1]))
