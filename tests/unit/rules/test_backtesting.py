"""Replays of rules over series, and the difference between two rule sets."""

from dataclasses import replace
from pathlib import Path

import pytest
from alert_texts import METRIC, alert
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.alerting.series import parse_series
from trueline_rules.alerting.vectors import labels_of
from trueline_rules.backtesting.comparing import Change, document_changes, firing_changes
from trueline_rules.backtesting.replay import Firing, History, replay
from trueline_rules.loader import load_rules
from trueline_rules.model import RuleSet

MINUTE = 60_000_000
SALES = "  facts: {a: {metric: sales}}\n  warning: a < 5\n  critical: a < 2\n  labels: {team: growth}\n"


def _rules(tmp_path: Path, *texts: str) -> RuleSet:
    path = tmp_path / "rules.yaml"
    path.write_text("---\n".join([METRIC, *texts]), encoding="utf-8")
    return load_rules([path])


def _compiled(tmp_path: Path, spec: str) -> CompiledRule:
    rules = _rules(tmp_path, alert(spec))
    return compile_rule(rules.alert_rules["r"], rules.fact_types)


def _history(**values: str) -> dict[str, History]:
    series = [parse_series(text, MINUTE, labels_of({"country": name})) for name, text in values.items()]
    return {"a": History(series)}


def test_what_would_have_fired(tmp_path: Path) -> None:
    """Each alert from the evaluation at which it fires to the one at which it is over, with its worst severity; `for`
    and `keep_firing_for` count as they do live."""
    rule = _compiled(tmp_path, SALES + "  for: 1m\n  keep_firing_for: 2m\n")
    found = replay(rule, _history(DE="9 4 4 1 9 9 9 9", FR="9x5 1 1"), start_us=0, end_us=7 * MINUTE, every_us=MINUTE)
    de, fr = labels_of({"country": "DE", "team": "growth"}), labels_of({"country": "FR", "team": "growth"})
    assert found.firings == (
        Firing("r", de, "critical", 2 * MINUTE, 6 * MINUTE),
        Firing("r", fr, "critical", 7 * MINUTE, None),
    )
    assert (found.evaluations, found.failed, found.without_data) == (8, 0, 0)


def test_what_could_not_be_judged_is_counted(tmp_path: Path) -> None:
    """Steps without data and steps that failed are told, since a rule that saw nothing did not fire either."""
    spec = "  facts: {a: {metric: sales}, b: {metric: sales}}\n  warning: a < b\n"
    rule = _compiled(tmp_path, spec)
    assert replay(rule, {}, start_us=0, end_us=3 * MINUTE, every_us=MINUTE).without_data == 4
    one = History([parse_series("1x3", MINUTE, labels_of({"x": "1"}))])
    other = History([parse_series("1x3", MINUTE, labels_of({"y": "1"}))])
    assert replay(rule, {"a": one, "b": other}, start_us=0, end_us=3 * MINUTE, every_us=MINUTE).failed == 4


def test_a_slow_fact_counts_for_as_long_as_its_history_says(tmp_path: Path) -> None:
    """A value that comes once an hour holds until the next."""
    rule = _compiled(tmp_path, SALES)
    series = [parse_series("1 9", 60 * MINUTE)]
    found = replay(
        rule, {"a": History(series, lookback_us=60 * MINUTE)}, start_us=0, end_us=90 * MINUTE, every_us=10 * MINUTE
    )
    assert [(one.since_us, one.until_us) for one in found.firings] == [(0, 60 * MINUTE)]


@given(st.lists(st.sampled_from(["9", "4", "1", "_"]), min_size=1, max_size=30))
def test_without_for_it_fires_exactly_where_the_condition_holds(samples: list[str]) -> None:
    """Firings are the runs of evaluations at which a value was below the limit."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        spec = SALES + '  on_missing: "false"\n  on_no_data: ok\n'
        rule = _compiled(Path(name), spec)
    text = " ".join("stale" if sample == "_" else sample for sample in samples)
    found = replay(rule, _history(DE=text), start_us=0, end_us=(len(samples) - 1) * MINUTE, every_us=MINUTE)
    fired = {
        minute
        for one in found.firings
        for minute in range(one.since_us // MINUTE, len(samples) if one.until_us is None else one.until_us // MINUTE)
    }
    assert fired == {minute for minute, sample in enumerate(samples) if sample in {"4", "1"}}


def test_documents_that_mean_something_else(tmp_path: Path) -> None:
    """Added, removed and changed documents, the latter with their fields; layout and order do not count."""
    before = _rules(tmp_path, alert(SALES), alert(name="gone"))
    after = _rules(tmp_path, alert(name="new"), alert(SALES.replace("a < 5", "a < 6") + "  for: 5m\n"))
    assert [(one.change, one.name, dict(one.fields)) for one in document_changes(before, after)] == [
        (Change.REMOVED, "gone", {}),
        (Change.ADDED, "new", {}),
        (Change.CHANGED, "r", {"spec.for": ("0s", "5m"), "spec.warning": ("a < 5", "a < 6")}),
    ]
    reordered = _rules(tmp_path, alert(name="gone"), "# a comment\n" + alert(SALES))
    assert document_changes(before, reordered) == []


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("a<5", True),
        ("(a) < 5.0  # a comment", True),
        ("5 > a", True),
        ("a < 5 and a < 5", False),
        ("a <= 5", False),
    ],
)
def test_conditions_are_compared_by_what_they_mean(tmp_path: Path, written: str, same: bool) -> None:
    """Blanks, brackets, comments and the order of the two sides are no difference; another comparison is one."""
    before = _rules(tmp_path, alert(SALES))
    after = _rules(tmp_path, alert(SALES.replace("a < 5", f"'{written}'")))
    found = document_changes(before, after)
    assert [dict(one.fields) for one in found] == ([] if same else [{"spec.warning": ("a < 5", written)}])


def test_what_nobody_knows_does_not_end_a_firing(tmp_path: Path) -> None:
    """A single instant without data, with an error or of recovery in the middle of a firing leaves it one firing; an
    alert of which nothing is known any more has not ended either."""
    rule = _compiled(tmp_path, "  facts: {a: {metric: sales}, b: {metric: sales}}\n  warning: a / b < 5\n")
    a = History([parse_series("9 1 1 1 1 9 1", MINUTE)])
    b = History([parse_series("1 1 0 1 1 1 1", MINUTE)])
    found = replay(rule, {"a": a, "b": b}, start_us=0, end_us=6 * MINUTE, every_us=MINUTE)
    spans = [(one.since_us // MINUTE, one.until_us and one.until_us // MINUTE) for one in found.firings]
    assert (spans, found.without_data) == ([(1, 5), (6, None)], 0)
    kept = replace(rule, rule=replace(rule.rule, keep_firing_for_us=2 * MINUTE))
    found = replay(kept, {"a": a, "b": b}, start_us=0, end_us=6 * MINUTE, every_us=MINUTE)
    assert [(one.since_us // MINUTE, one.until_us) for one in found.firings] == [(1, None)]
    gone = History([parse_series("1 1 0 0 0 0 0", MINUTE)])
    found = replay(rule, {"a": a, "b": gone}, start_us=0, end_us=6 * MINUTE, every_us=MINUTE)
    assert [(one.since_us // MINUTE, one.until_us) for one in found.firings] == [(1, None)]


def test_firings_that_appear_vanish_or_move() -> None:
    """Firings of one alert that overlap are one that moved."""
    same, moved, gone = (
        Firing("r", (), "warning", 0, 5),
        Firing("r", (), "warning", 10, 20),
        Firing("q", (), "warning", 7),
    )
    later, new = Firing("r", (), "critical", 12, 20), Firing("r", (("x", "1"),), "warning", 10, 20)
    found = firing_changes([same, moved, gone], [same, later, new])
    assert [(one.change, one.before, one.after) for one in found] == [
        (Change.REMOVED, gone, None),
        (Change.CHANGED, moved, later),
        (Change.ADDED, None, new),
    ]
