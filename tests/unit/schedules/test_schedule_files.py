"""Schedules that evaluate alert rules, rules that nothing but a schedule evaluates, and weekdays of all kinds alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trueline_rules.analysis.findings import analyse
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_rules.routing.time_intervals import covers
from trueline_rules.routing_model import Maintenance
from trueline_rules.schedule_model import OnCallSchedule, Run, Schedule
from trueline_rules.writing import write_document

HEAD = "apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
RULE = "{{facts: {{churn: {{kpi: churn_rate}}}}, warning: churn > 0.5{}}}"
DAY_US = 86_400_000_000


def loaded(*documents: tuple[str, str, str]) -> RuleSet:
    """A set of documents, each of a kind, a name and a spec."""
    texts = [HEAD.format(kind=kind, name=name, spec=spec) for kind, name, spec in documents]
    return load_texts([("x.yaml", "---\n".join(texts))])


def problems(*documents: tuple[str, str, str]) -> list[str]:
    """What is wrong with them."""
    with pytest.raises(RuleFileError) as caught:
        loaded(*documents)
    return [str(problem) for problem in caught.value.problems]


def schedule(run: str, more: str = "") -> tuple[str, str, str]:
    """A daily schedule."""
    return "Schedule", "daily", f'{{cron: "@daily", run: {run}{more}}}'


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("churn_rate_high", ("churn_rate_high",)),
        ("[churn_rate_high, ltv_cac_low]", ("churn_rate_high", "ltv_cac_low")),
    ],
    ids=["one", "several"],
)
def test_a_schedule_evaluates_rules(written: str, names: tuple[str, ...]) -> None:
    """One or a list of them, and it is written as it was read."""
    rules = loaded(schedule(f"{{evaluate: {written}}}"))
    found = rules.documents["Schedule"]["daily"]
    assert isinstance(found, Schedule)
    assert found.run == Run("evaluate", names)
    again = load_texts([("again.yaml", write_document("Schedule", found))])
    written_again = again.documents["Schedule"]["daily"]
    assert isinstance(written_again, Schedule)
    assert replace(written_again, metadata=found.metadata) == found


def test_the_pack_evaluates_its_alerts_every_six_hours() -> None:
    """All alerts on KPIs, which are live as well."""
    rules = load_texts([])
    found = rules.documents["Schedule"]["six_hourly_kpi_alerts"]
    assert isinstance(found, Schedule)
    assert (found.cron, found.time_zone, found.run.action) == ("0 */6 * * *", "UTC", "evaluate")
    on_kpis = {name for name, rule in rules.alert_rules.items() if rule.metadata.labels.get("panel") == "kpis"}
    assert set(found.run.names) == on_kpis
    assert all(rules.alert_rules[name].live for name in on_kpis)


def test_mistakes_in_schedules_of_evaluations() -> None:
    """A rule that is not there, at its place in the list; runs of the past, which an evaluation cannot make up for."""
    (told,) = problems(schedule("{evaluate: [churn_rate_high, churn_rate_hi]}"))
    assert told.startswith("x.yaml:4:58: spec.run.evaluate[1] is 'churn_rate_hi', but there is no AlertRule")
    (told,) = problems(schedule("{evaluate: churn_rate_high}", ", missed: run_all"))
    assert "an evaluation judges what is so when it runs; write run_once or skip" in told
    (told,) = problems(schedule("{checkpoint: [scaling]}"))
    assert "must be" in told


def test_a_rule_that_only_a_schedule_evaluates() -> None:
    """It needs one, or the analysis tells; and it has no interval of its own."""
    quiet = ("AlertRule", "quiet", RULE.format(", live: false"))
    assert not loaded(quiet).alert_rules["quiet"].live
    found = [str(each) for each in analyse(loaded(quiet)) if each.check == "never evaluated"]
    assert len(found) == 1
    assert "add one with run: {evaluate: quiet}" in found[0]
    assert not [
        each for each in analyse(loaded(quiet, schedule("{evaluate: quiet}"))) if each.check == "never evaluated"
    ]
    (told,) = problems(("AlertRule", "quiet", RULE.format(", live: false, every: 6h")))
    assert "says nothing beside live: false" in told


@pytest.mark.parametrize(
    ("written", "days"), [("saturday:monday", [0, 5, 6]), ("FRIDAY:monday", [0, 4, 5, 6]), ("sunday:sunday", [6])]
)
def test_weekdays_over_the_end_of_the_week_are_the_same_everywhere(written: str, days: list[int]) -> None:
    """What a maintenance takes an on-call schedule takes, and both mean the same days."""
    rules = loaded(
        ("NotificationChannel", "ada", "{type: log, person: ada}"),
        (
            "OnCallSchedule",
            "s",
            f'{{time_zone: UTC, layers: [{{people: [ada], only: [{{weekdays: ["{written}"]}}]}}]}}',
        ),
        ("Maintenance", "m", f'{{matchers: [rule=x], intervals: [{{weekdays: ["{written}"]}}]}}'),
    )
    on_call, maintenance = rules.documents["OnCallSchedule"]["s"], rules.documents["Maintenance"]["m"]
    assert isinstance(on_call, OnCallSchedule)
    assert isinstance(maintenance, Maintenance)
    assert on_call.layers[0].only == maintenance.intervals
    # The fourth day after 1970-01-01 is a Monday.
    assert [day for day in range(7) if covers(maintenance.intervals, (4 + day) * DAY_US)] == days


@pytest.mark.parametrize("kind", ["Maintenance", "OnCallSchedule"])
def test_what_is_no_weekday_is_told_alike(kind: str) -> None:
    """With the nearest name."""
    spec = {
        "Maintenance": "{matchers: [rule=x], intervals: [{weekdays: [mondy]}]}",
        "OnCallSchedule": "{time_zone: UTC, layers: [{people: [ada], only: [{weekdays: [mondy]}]}]}",
    }[kind]
    told = problems(("NotificationChannel", "ada", "{type: log, person: ada}"), (kind, "x", spec))
    assert "has 'mondy', which is no weekday; did you mean 'monday'?" in told[0]
