"""Series files and cases of rule tests as scenarios, and what is wrong with them, with line and column."""

from __future__ import annotations

import pytest
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_texts
from trueline_server.alerts.kpi_values import LOOKBACK_US
from trueline_server.simulation.model import HandKind
from trueline_server.simulation.series_file import read_series_file, scenario_of_test

MINUTE_US = 60_000_000
RULES = load_texts(
    [
        (
            "rules.yaml",
            """
apiVersion: trueline/v1
kind: Metric
metadata: {name: looks}
spec: {events: [look], aggregation: count, group_by: [properties.plan], window: 1h}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: tier}
spec: {subject: account, type: text}
---
apiVersion: trueline/v1
kind: AlertRule
metadata: {name: few}
spec:
  facts: {n: {metric: looks}}
  warning: n < 3
---
apiVersion: trueline/v1
kind: AlertRule
metadata: {name: gold}
spec:
  facts: {tier: {fact: tier}, churn: {kpi: churn_rate}}
  warning: tier == 'gold' and churn > 0.1
---
apiVersion: trueline/v1
kind: RuleTest
metadata: {name: few}
spec:
  rule: few
  interval: 5m
  cases:
    - {name: at once, given: {n: 1}, expect: {severity: warning}}
    - {name: soon, series: [{fact: n, labels: {plan: pro}, values: "5 1x3"}], expect: [{at: 10m, alerts: []}]}
""",
        )
    ]
)
GOOD = """start: 2026-03-02T09:00+01:00
interval: 5m
until: 2h
series:
  - {metric: looks, labels: {plan: pro}, values: "5x2 1x3"}
  - {fact: tier, labels: {account: acme}, values: [gold, null, silver]}
acks:
  - {at: 10m, rule: few, labels: {plan: pro}, by: ada}
  - {at: 11m, rule: few, by: ada, how: note, meets: update}
silences:
  - {matchers: [plan=pro], from: 5m, until: 1h, author: bob, reason: a trial}
"""


def test_a_file_as_a_scenario() -> None:
    """Its span, the rules that read it, how long values count, what people do, what is missing."""
    found = read_series_file(GOOD, "day.yml", RULES)
    start_us = 1_772_438_400_000_000
    assert (found.start_us, found.every_us) == (start_us, 5 * MINUTE_US)
    assert (found.last_us - start_us, found.end_us - start_us) == (30 * MINUTE_US, 120 * MINUTE_US)
    assert found.names == ("few", "gold")
    by_name = {source.name: history for source, history in found.histories.items()}
    assert by_name["looks"].lookback_us == 65 * MINUTE_US
    assert by_name["looks"].series[0].samples == (5.0, 5.0, 5.0, 1.0, 1.0, 1.0, 1.0)
    assert by_name["tier"].series[0].instants_us == (start_us, start_us + 10 * MINUTE_US)
    assert (by_name["churn_rate"].series, by_name["churn_rate"].lookback_us) == ((), LOOKBACK_US)
    assert [(one.at_us - start_us, one.kind, one.meets) for one in found.hands] == [
        (10 * MINUTE_US, HandKind.ACKNOWLEDGE, ""),
        (11 * MINUTE_US, HandKind.NOTE, "update"),
    ]
    assert [(one.starts_us - start_us, one.ends_us - start_us) for one in found.silences] == [
        (5 * MINUTE_US, 60 * MINUTE_US)
    ]
    assert [(note.name, note.message) for note in found.notes] == [
        ("churn_rate", "is read by gold, but not given: it has no value")
    ]


def test_what_a_caller_says_wins() -> None:
    """Start, end and rules can be said otherwise; a series that none of these reads is told."""
    found = read_series_file(GOOD, "day.yml", RULES, only=["few"], start_us=0, until_us=10 * MINUTE_US)
    assert (found.start_us, found.last_us, found.end_us) == (0, 10 * MINUTE_US, 10 * MINUTE_US)
    assert found.names == ("few",)
    assert [(note.kind, note.name) for note in found.notes] == [("fact", "tier")]


@pytest.mark.parametrize(
    ("old", "new", "place", "told"),
    [
        ("start: 2026-03-02T09:00+01:00\n", "", "1:1", "lacks the key 'start'"),
        ("metric: looks", "metric: look", "5:14", "did you mean 'looks'?"),
        ("metric: looks", "metric: looks, kpi: churn_rate", "5:", "has both"),
        ("{plan: pro}, values", "{region: eu}, values", "5:21", "has 'region'; metric looks has plan"),
        ("5x2 1x3", "5x2 1z3", "5:", "is no sample"),
        ("[gold, null", "[gold, 7", "6:", "the fact 'tier' is a text, 7 is none"),
        ("{fact: tier, labels: {account: acme}, ", "{metric: looks, labels: {plan: pro}, ", "6:", "is a second series"),
        ("10m, rule: few", "10m, rule: fuw", "8:21", "did you mean 'few'?"),
        ("by: ada, how: note", "by: ada", "9:", "goes with 'how: note' only"),
        ("how: note", "how: nod", "9:40", "known: acknowledge"),
        ("until: 1h, author", "until: 5m, author", "11:", "is not after 'from'"),
        ("[plan=pro], from", "[plan], from", "11:", "matchers"),
        ("interval: 5m", "interval: 5 min", "2:11", "write 5m"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, place: str, told: str) -> None:
    """Each mistake by line and column, with the way out."""
    with pytest.raises(RuleFileError) as refused:
        read_series_file(GOOD.replace(old, new, 1), "day.yml", RULES)
    problems = [str(problem) for problem in refused.value.problems]
    assert any(one.startswith(f"day.yml:{place}") and told in one for one in problems), problems


def test_a_case_of_a_test() -> None:
    """The series of a case, with its rule alone, from when tests begin; one without series is refused."""
    test = RULES.rule_tests["few"]
    given, played = test.cases
    found = scenario_of_test(RULES, test, played, until_us=60 * MINUTE_US)
    assert (found.names, found.every_us) == (("few",), 5 * MINUTE_US)
    assert (found.last_us - found.start_us, found.end_us - found.start_us) == (10 * MINUTE_US, 60 * MINUTE_US)
    assert found.start_us == 1_735_689_600_000_000
    with pytest.raises(ValueError, match="gives facts at one instant"):
        scenario_of_test(RULES, test, given)
