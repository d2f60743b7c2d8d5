"""What a backtest reads: each source once, as far back as any rule looks; instants of rules that ask for fewer."""

from __future__ import annotations

import dataclasses

import pytest
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.backtests.model import Replayed, Span
from trueline_server.backtests.plan import grid_of, plan_reads
from trueline_server.kpis.instants import FIRST_US

MINUTE, HOUR = 60_000_000, 3_600_000_000
# At a multiple of six hours.
START = 480_000 * HOUR
SPAN = Span(START, START + 24 * HOUR, 6 * HOUR)


def document(kind: str, name: str, spec: str) -> str:
    """A rule document; the spec is indented by two."""
    return f"apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n"


def alert(name: str, facts: str, condition: str) -> str:
    """An AlertRule."""
    return document("AlertRule", name, f"facts: {{{facts}}}\n  {condition}")


RULES = "---\n".join(
    [
        document("EventMapping", "shop", "fields: {id: id, source: source, name: name, occurred_at: at}"),
        document("Kpi", "k", "unit: x\n  direction: higher\n  target: 1\n  statement: SELECT 1 AS value"),
        document("Metric", "m", "events: [look]\n  aggregation: count\n  window: 1h"),
        document("Metric", "roles", "roles: [signup]\n  aggregation: count\n  window: 1h"),
        document("FactType", "seats", "subject: account\n  type: number"),
        alert("near", "a: {metric: m}, k: {kpi: k}", "warning: a > k"),
        alert("far", "a: {metric: m, over: 3h, agg: sum, offset: 1d}", "warning: a > 1"),
        alert("shifted", "k: {kpi: k, offset: 1h}", "warning: k > 1"),
        alert("window", "k: {kpi: k, over: 7h, agg: max}", "warning: k > 1"),
        alert("facts", "s: {fact: seats, offset: 2h}", "warning: s > 1"),
        alert("unplayed", "r: {metric: roles}", "warning: r > 1"),
    ]
)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """Rules that look back in all ways."""
    return load_texts([("r.yaml", RULES)], default_pack=False)


def test_a_source_is_read_once_as_far_back_as_any_rule_looks(rules: RuleSet) -> None:
    """The metric's last window counts for an hour and five minutes; three hours a day before are farther."""
    near = plan_reads([Replayed(rules, ("near",))], SPAN, rules)
    assert near.metrics["m"][1] == START - HOUR - 5 * MINUTE
    both = plan_reads([Replayed(rules, ("near", "far", "facts"))], SPAN, rules)
    assert {name: start for name, (_, start) in both.metrics.items()} == {"m": START - 27 * HOUR}
    assert {key: start for key, (_, start) in both.facts.items()} == {("account", "seats"): START - 2 * HOUR}


def test_kpis_are_computed_where_they_are_judged(rules: RuleSet) -> None:
    """At each evaluation less the offset, and for a window at those before; grids that are the same count once."""
    plan = plan_reads([Replayed(rules, ("near", "shifted", "window")), Replayed(rules, ("near",))], SPAN, rules)
    (grids,) = plan.kpis.values()
    assert sorted(grids, key=lambda grid: grid.start) == [
        range(START - 12 * HOUR, START + 24 * HOUR + 1, 6 * HOUR),
        range(START - HOUR, START + 23 * HOUR + 1, 6 * HOUR),
        range(START, START + 24 * HOUR + 1, 6 * HOUR),
    ]
    assert plan.kpi_values == 7 + 5 + 5


def test_nothing_is_judged_before_the_first_instant(rules: RuleSet) -> None:
    """What an offset reaches before 1971 has no value."""
    source = rules.alert_rules["shifted"].facts["k"]
    assert grid_of(source, Span(FIRST_US, FIRST_US + HOUR, HOUR // 2)) == range(FIRST_US, FIRST_US + 1, HOUR // 2)


def test_a_metric_that_no_event_plays_has_no_history(rules: RuleSet) -> None:
    """It is not read, and that is told by name."""
    plan = plan_reads([Replayed(rules, ("unplayed",))], SPAN, rules)
    assert plan.metrics == {}
    ((note),) = plan.notes
    assert (note.kind, note.name, "no event plays a role" in note.message) == ("metric", "roles", True)


def test_a_rule_may_ask_for_fewer_evaluations(rules: RuleSet) -> None:
    """At multiples of its own time; one that asks for more is evaluated as often as the backtest says."""
    near = rules.alert_rules["near"]
    daily = dataclasses.replace(near, every_us=24 * HOUR)
    late = dataclasses.replace(SPAN, start_us=START + HOUR)
    first = -(-late.start_us // (24 * HOUR)) * 24 * HOUR
    assert late.of(daily) == Span(first, SPAN.end_us, 24 * HOUR)
    assert (late.of(daily).count, SPAN.count) == ((SPAN.end_us - first) // (24 * HOUR) + 1, 5)
    assert SPAN.of(dataclasses.replace(near, every_us=MINUTE)) == SPAN
