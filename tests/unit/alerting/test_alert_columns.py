"""The state machine over columns decides as the one over rows does, whatever is seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replaying import EU, MINUTE_US, US, Replay, over, spec
from test_alert_machine_properties import histories, rules
from trueline_rules.alerting.columns import FactTable, RuleStates, VectorColumn, evaluate_columns, join_columns
from trueline_rules.alerting.joining import join_facts
from trueline_rules.alerting.model import AlertSpec, Failure, Instance, Outcome, State
from trueline_rules.alerting.vectors import AlertingError, Labels, Vector


def _table(seen: Mapping[Labels, float | None] | Failure) -> FactTable | Failure:
    if isinstance(seen, Failure):
        return seen
    labels = tuple(sorted(seen))
    return FactTable(labels, {"value": [seen[each] for each in labels]})


def _alerts(instances: list[Instance]) -> dict[Labels, Instance]:
    return {each.labels: _told(each) for each in instances if each.state is not State.INACTIVE}


def _told(instance: Instance) -> Instance:
    """What both tell: of a label set that was quiet, columns keep neither its values nor when it was true last."""
    if instance.active_since_us is None and instance.fired_us is None:
        instance = replace(instance, last_true_us=None)
    return replace(instance, values=())


@given(rules, histories, st.integers(0, 2))
def test_columns_decide_as_rows_do(rule: AlertSpec, history: list[Any], limit: int) -> None:
    """After each evaluation both have the same alerts, and told the same transitions."""
    rule = replace(rule, limit=limit)
    plain, states = Replay(rule), RuleStates(rule.name)
    for number, seen in enumerate(history):
        expected = plain.step(seen)
        found = evaluate_columns(rule, states, number * MINUTE_US, number * MINUTE_US, _table(seen))
        states = found.states
        assert [(t.at_us, t.before.state, t.before.severity, _told(t.after)) for t in found.transitions] == [
            (t.at_us, t.before.state, t.before.severity, _told(t.after)) for t in expected.transitions
        ]
        assert (found.outcome, found.message) == (expected.outcome, expected.message)
        assert _alerts(states.all()) == _alerts(list(expected.instances))
        assert {instance.labels for instance in states.all()} == {instance.labels for instance in expected.instances}


def test_quiet_label_sets_have_no_instance() -> None:
    """A thousand label sets below the limit are labels, and nothing else."""
    labels = tuple(sorted((("user", str(number)),) for number in range(1000)))
    table = FactTable(labels, {"value": [0.0] * 1000})
    found = evaluate_columns(spec(warning=over(1)), RuleStates("rule"), 0, 0, table)
    assert found.states.labels == labels
    assert found.states.instances == {}
    assert found.outcome is Outcome.DONE


def test_an_instant_is_evaluated_once_and_in_order() -> None:
    """A repeated instant, an earlier one, and one beyond the watermark leave everything as it was."""
    rule, table = spec(warning=over(1)), FactTable((EU,), {"value": [2.0]})
    states = evaluate_columns(rule, RuleStates("rule"), MINUTE_US, MINUTE_US, table).states
    for instant_us, watermark_us, outcome in (
        (MINUTE_US, MINUTE_US, Outcome.REPEATED),
        (0, MINUTE_US, Outcome.BACKWARDS),
        (2 * MINUTE_US, MINUTE_US, Outcome.BEYOND_WATERMARK),
    ):
        found = evaluate_columns(rule, states, instant_us, watermark_us, table)
        assert (found.outcome, found.states, found.transitions) == (outcome, states, ())


values = st.dictionaries(st.sampled_from([EU, US]), st.sampled_from([1.0, 2.0, float("nan")]))
vectors = st.one_of(
    values.map(lambda found: Vector(("region",), found)),
    st.sampled_from([Vector((), {(): 7.0}), Vector((), {})]),
    st.just(Vector(("plan",), {(("plan", "pro"),): 1.0})),
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), vectors, min_size=1), st.sampled_from([(), ("c",)]))
def test_columns_join_as_rows_do(facts: dict[str, Vector], looked_up: tuple[str, ...]) -> None:
    """The join of columns has the rows of the join of vectors, and fails where that fails."""
    columns = {name: VectorColumn.of(vector) for name, vector in facts.items()}
    try:
        expected = join_facts(facts, looked_up)
    except AlertingError as error:
        with pytest.raises(AlertingError, match=re.escape(str(error))):
            join_columns(columns, looked_up)
        return
    table = join_columns(columns, looked_up)
    assert tuple(table.row(number) for number in range(len(table.labels))) == expected
