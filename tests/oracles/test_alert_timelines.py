"""The alert state machine goes, minute by minute, through the states that a real promtool went through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trueline_rules.alerting.joining import join_facts
from trueline_rules.alerting.machine import evaluate
from trueline_rules.alerting.model import AlertSpec, Instance, OnMissing, Outcome, State
from trueline_rules.alerting.operands import vector_at
from trueline_rules.alerting.series import STALE, Sample, Series
from trueline_rules.alerting.vectors import Labels, labels_of

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


def _states(case: dict[str, Any]) -> list[dict[Labels, str]]:
    """The states of a case at each of its evaluations."""
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
    instances: tuple[Instance, ...] = ()
    states = []
    for moment in case["timeline"]:
        instant_us = moment["t_s"] * SECOND_US
        facts = {
            name: vector_at(fact.operand, series[fact.metric], instant_us, selected=fact.labels)
            for name, fact in translated.facts.items()
        }
        done = evaluate(spec, instances, instant_us, instant_us, join_facts(facts))
        assert done.outcome is Outcome.DONE
        instances = done.instances
        states.append({i.labels: NAMES[i.state] for i in instances if i.state in NAMES})
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


def test_every_case_is_tested(cases: list[dict[str, Any]]) -> None:
    """The file has as many cases as are run here."""
    assert len(cases) == CASES
