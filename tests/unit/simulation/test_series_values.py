"""Values of series, computed only where something moves, and evaluations left out where nothing can change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.alert_model import FactSource
from trueline_rules.alert_rules import compile_rule
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.alerting.columns import RuleStates, VectorColumn
from trueline_rules.alerting.operands import Operand, WindowStart, vector_at
from trueline_rules.alerting.series import STALE, Sample, Series
from trueline_rules.backtesting.replay import History
from trueline_rules.loader import load_texts
from trueline_server.alerts.evaluation import due_rules, evaluate_stage
from trueline_server.alerts.states import StageStates
from trueline_server.simulation.evaluating import RuleEvaluation
from trueline_server.simulation.values import SeriesValues

MINUTE_US = 60_000_000
START_US = 1_717_243_200_000_000
HEAD = "apiVersion: trueline/v1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n"
DOCUMENTS = [
    ("Metric", "m", "{events: [e], aggregation: count, group_by: [name], window: 1m}"),
    ("FactType", "since", "{subject: account, type: datetime}"),
    ("AlertRule", "at_once", "{facts: {n: {metric: m}}, warning: n > 2}"),
    ("AlertRule", "later", "{facts: {n: {metric: m}}, warning: n > 1, critical: n > 3, for: 3m}"),
    ("AlertRule", "longer", "{facts: {n: {metric: m}}, critical: n > 2, keep_firing_for: 4m}"),
    ("AlertRule", "seldom", "{facts: {n: {metric: m}}, warning: n < 2, every: 7m}"),
    ("AlertRule", "clock", "{facts: {t: {fact: since}}, warning: $now - t > t'PT10M'}"),
    ("AlertRule", "window", "{facts: {n: {metric: m, over: 4m, agg: max}}, warning: n > 2, on_no_data: keep}"),
    ("AlertRule", "rate", "{facts: {n: {metric: m, over: 4m, agg: rate}}, warning: n > 0.01, on_no_data: ok}"),
    ("AlertRule", "both", "{facts: {n: {metric: m}, was: {metric: m, offset: 3m}}, warning: n > was}"),
]
RULES = load_texts([("rules.yaml", "---\n".join(HEAD.format(*each) for each in DOCUMENTS))])
OWN = tuple(sorted(name for kind, name, _ in DOCUMENTS if kind == "AlertRule"))

samples = st.lists(st.sampled_from([None, STALE, 0.0, 1.0, 2.0, 3.0, 4.0]), max_size=30)


def _series(name: str, given_samples: list[Sample | None]) -> Series:
    return Series.regular((("name", name),), given_samples, MINUTE_US, START_US)


@given(
    st.tuples(samples, samples),
    st.sampled_from([Agg.LAST, Agg.AVG, Agg.COUNT, Agg.ABSENT, Agg.RATE, Agg.MAX]),
    st.sampled_from([0, 90_000_000, 5 * MINUTE_US]),
    st.sampled_from([0, 30_000_000, 2 * MINUTE_US]),
    st.sampled_from(list(WindowStart)),
    st.sampled_from([15_000_000, 60_000_000]),
)
def test_a_column_is_always_that_of_its_instant(  # noqa: PLR0917
    given_samples: tuple[Any, Any], agg: Agg, over_us: int, offset_us: int, start: WindowStart, every_us: int
) -> None:
    """However seldom it is computed, it is what it would be if it were computed each time."""
    if agg not in {Agg.LAST, Agg.ABSENT} and not over_us:
        over_us = 3 * MINUTE_US
    operand = Operand(agg, over_us, offset_us, start=start)
    source = FactSource("metric", "m", operand)
    series = [_series(name, each) for name, each in zip("ab", given_samples, strict=True)]
    values = SeriesValues(RULES, {source: History(series)})
    for instant_us in range(START_US, START_US + 40 * MINUTE_US, every_us):
        found = values.read([source], instant_us).columns[source]
        assert found == VectorColumn.of(vector_at(operand, series, instant_us, ("name",)))


@given(st.tuples(samples, samples), st.sampled_from([60_000_000, 120_000_000]))
def test_evaluations_that_are_left_out_change_nothing(given_samples: tuple[Any, Any], every_us: int) -> None:
    """The transitions are those of rules that are judged at every instant."""
    series = [_series(name, each) for name, each in zip("ab", given_samples, strict=True)]
    born = Series((("account", "x"),), (START_US,), (_instant(START_US),))
    histories = {
        source: History([born], 1 << 60) if source.kind == "fact" else History(series)
        for name in OWN
        for source in RULES.alert_rules[name].facts.values()
    }
    end_us = START_US + 45 * MINUTE_US
    leaping = RuleEvaluation(
        RULES, OWN, SeriesValues(RULES, histories), start_us=START_US, last_us=end_us, every_us=every_us
    )
    found = []
    while leaping.next_us is not None:
        done = leaping.at_next()
        found += [] if done is None else [_told(each) for each in done.changed]
    assert found == _judged_each_time(histories, end_us, every_us)
    assert leaping.count() == _count(end_us, every_us)


def test_where_nothing_moves_nothing_is_judged() -> None:
    """A hundred samples that are alike are one instant, and those at which the last is too old."""
    source = RULES.alert_rules["at_once"].facts["n"]
    history = {source: History([_series("a", [1.0] * 100)])}
    rules = RuleEvaluation(
        RULES,
        ("at_once",),
        SeriesValues(RULES, history),
        start_us=START_US,
        last_us=START_US + 110 * MINUTE_US,
        every_us=MINUTE_US,
    )
    seen = []
    while rules.next_us is not None:
        seen.append((rules.next_us - START_US) // MINUTE_US)
        rules.at_next()
    assert seen == [0, 104, 105]


def _judged_each_time(histories: dict[FactSource, History], end_us: int, every_us: int) -> list[Any]:
    compiled = [compile_rule(RULES.alert_rules[name], RULES.fact_types) for name in OWN]
    states = StageStates(evaluated_us=START_US - 1, rules={name: RuleStates(name) for name in OWN})
    found = []
    for instant_us in range(START_US, end_us + 1, every_us):
        values = SeriesValues(RULES, histories).read(histories, instant_us)
        due = due_rules(compiled, states, instant_us)
        done = evaluate_stage(RULES, compiled, due, states, instant_us=instant_us, values=values)
        states = done.states
        found += [_told(each) for each in done.changed]
    return found


def _told(changed: Any) -> Any:
    """What changed; when a state was looked at last differs, and matters to nobody."""
    return changed.name, [
        (each.at_us, *(_plain(one) for one in (each.before, each.after))) for each in changed.transitions
    ]


def _plain(instance: Any) -> Any:
    return replace(instance, evaluated_us=None, last_true_us=None)


def _count(end_us: int, every_us: int) -> int:
    instants = range(START_US, end_us + 1, every_us)
    plain, seldom_us = len(instants) * (len(OWN) - 1), 7 * MINUTE_US
    return plain + end_us // seldom_us - (START_US - 1) // seldom_us


def _instant(at_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
