"""The alert state machine goes, minute by minute, through the states that a real promtool went through."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from trueline_rules.alerting.columns import RuleStates, VectorColumn, evaluate_columns, join_columns
from trueline_rules.alerting.joining import join_facts
from trueline_rules.alerting.machine import evaluate
from trueline_rules.alerting.model import AlertSpec, Instance, OnMissing, Outcome, State
from trueline_rules.alerting.operands import vector_at
from trueline_rules.alerting.series import STALE, Sample, Series
from trueline_rules.alerting.vectors import Labels, Vector, labels_of
from trueline_server.alerts.states import ACTIVE, RuleOutcome, StageStates, read_states, write_changes
from trueline_stores.state.database import StateDatabase

from tests.oracles.promql import translate

pytestmark = pytest.mark.oracle

SECOND_US = 1_000_000
# What promtool calls the states; it has no name for the others, in which nothing is shown.
NAMES = {State.PENDING: "pending", State.FIRING: "firing", State.RECOVERING: "firing"}
CASES = 24


@pytest.fixture(scope="module")
def cases(data_dir: Path) -> list[dict[str, Any]]:
    """The timelines; TRUELINE_DATA or ../shared/data has them."""
    path = data_dir / "rules" / "timelines" / "alert_timelines.json"
    if not path.is_file():
        pytest.skip(f"the timelines are not at {path}; set TRUELINE_DATA")
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return found


def _sample(value: Any) -> Sample | None:
    return STALE if value == "stale" else None if value is None else float(value)


@dataclass(frozen=True)
class _Played:
    """A case made ready: its rule, and the vectors of its facts at an instant."""

    spec: AlertSpec
    vectors: Callable[[int], dict[str, Vector]]


def _played(case: dict[str, Any]) -> _Played:
    interval_us = case["sample_interval_s"] * SECOND_US
    series: dict[str, list[Series]] = {}
    for given in case["series"]:
        samples = [_sample(value) for value in given["values"]]
        series.setdefault(given["metric"], []).append(Series.regular(labels_of(given["labels"]), samples, interval_us))
    translated = translate(case["rule"]["expr"])
    spec = AlertSpec(
        name=case["name"],
        warning=translated.condition,
        for_us=case["rule"]["for_s"] * SECOND_US,
        keep_firing_for_us=case["rule"]["keep_firing_for_s"] * SECOND_US,
        # Prometheus knows no unknown: what is missing does not match.
        on_missing=OnMissing.FALSE,
    )

    def vectors(instant_us: int) -> dict[str, Vector]:
        return {
            name: vector_at(fact.operand, series[fact.metric], instant_us, selected=fact.labels)
            for name, fact in translated.facts.items()
        }

    return _Played(spec, vectors)


def _states(case: dict[str, Any]) -> list[dict[Labels, str]]:
    """The states of a case at each of its evaluations, by the machine over rows."""
    played = _played(case)
    instances: tuple[Instance, ...] = ()
    states = []
    for moment in case["timeline"]:
        instant_us = moment["t_s"] * SECOND_US
        done = evaluate(played.spec, instances, instant_us, instant_us, join_facts(played.vectors(instant_us)))
        assert done.outcome is Outcome.DONE
        instances = done.instances
        states.append({i.labels: NAMES[i.state] for i in instances if i.state in NAMES})
    return states


def _live_states(case: dict[str, Any], folder: Path) -> list[dict[Labels, str]]:
    """The same as the live service has them: over columns, written and read again after each evaluation."""
    played, name = _played(case), case["name"]
    state = StateDatabase.sqlite(folder / "state.sqlite3")
    before, states = StageStates(), []
    for moment in case["timeline"]:
        instant_us = moment["t_s"] * SECOND_US
        columns = {fact: VectorColumn.of(vector) for fact, vector in played.vectors(instant_us).items()}
        known = before.rules.get(name) or RuleStates(name)
        done = evaluate_columns(played.spec, known, instant_us, instant_us, join_columns(columns))
        assert done.outcome is Outcome.DONE
        after = StageStates("1", instant_us, 0, {name: done.states}, {name: RuleOutcome(done.outcome.value)})
        with state.writing() as connection:
            write_changes(connection, "t", ACTIVE, before, after, hidden={})
        before = read_states(state, "t", ACTIVE)
        instances = before.rules[name].instances
        states.append({labels: NAMES[i.state] for labels, i in instances.items() if i.state in NAMES})
    state.close()
    return states


@pytest.mark.parametrize("number", range(CASES))
def test_states_are_those_of_promtool(cases: list[dict[str, Any]], number: int) -> None:
    """At each minute exactly the same alerts are pending and firing."""
    case = cases[number]
    expected = [
        (moment["t_s"], {labels_of(alert["labels"]): alert["state"] for alert in moment["alerts"]})
        for moment in case["timeline"]
    ]

    assert expected == [(at_s, states) for (at_s, _), states in zip(expected, _states(case), strict=True)], case["name"]


@pytest.mark.parametrize("number", range(CASES))
def test_live_states_are_those_of_promtool(cases: list[dict[str, Any]], number: int, tmp_path: Path) -> None:
    """So has the live service them, also if it is restarted after each minute."""
    case = cases[number]
    expected = [
        {labels_of(alert["labels"]): alert["state"] for alert in moment["alerts"]} for moment in case["timeline"]
    ]
    assert _live_states(case, tmp_path) == expected, case["name"]


def test_every_case_is_tested(cases: list[dict[str, Any]]) -> None:
    """The file has as many cases as are run here."""
    assert len(cases) == CASES
