"""The runner of rule tests: outcomes, what it says of a failure, coverage, JUnit."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from alert_texts import METRIC, TIER, alert, fact, rule_test
from trueline_rules.loader import load_rules
from trueline_rules.testing.junit import junit_xml
from trueline_rules.testing.report import CaseResult, Outcome, TestReport
from trueline_rules.testing.runner import run_tests

SALES = """
  facts: {a: {metric: sales}, tier: {fact: tier}}
  warning: a < 5 or tier == 'basic'
  critical: a < 2
  for: 2m
  keep_firing_for: 1m
  labels: {team: growth}
"""


def _run(tmp_path: Path, cases: str, rule: str = SALES, select: str = "") -> TestReport:
    text = "---\n".join([METRIC, TIER, alert(rule), rule_test(f"  rule: r\n  cases:\n{cases}")])
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    rules = load_rules([path])
    report = run_tests(rules, select)
    own = tuple(result for result in report.results if result.rule == "r")
    return TestReport(own, tuple(rule for rule in report.coverage if rule.rule == "r"))


def _only(report: TestReport) -> CaseResult:
    (result,) = report.results
    return result


@pytest.mark.parametrize(
    ("given", "severity"),
    [
        ("{a: 4.5, tier: pro}", "warning"),
        ("{a: 5, tier: pro}", "none"),
        ("{a: 9, tier: basic}", "warning"),
        ("{a: 1}", "critical"),
        ("{a: 9}", "unknown"),
        ("{tier: basic}", "warning"),
        ("{}", "unknown"),
    ],
)
def test_a_decision_about_facts(tmp_path: Path, given: str, severity: str) -> None:
    """The worst condition that holds counts, as in the state machine: a warning is one even if critical is unknown."""
    case = f"    - {{name: c, given: {given}, expect: {{severity: {severity}}}}}\n"
    assert _only(_run(tmp_path, case)).outcome is Outcome.PASS


def test_a_failure_says_what_was_decided_and_why(tmp_path: Path) -> None:
    """The message has both decisions and a sentence for each condition."""
    result = _only(_run(tmp_path, "    - {name: c, given: {a: 4, tier: pro}, expect: {severity: none}}\n"))
    assert result.outcome is Outcome.FAIL
    first, *reasons = result.message.split("\n")
    assert first == "expected none, decided warning"
    assert reasons[0].startswith("warning: fires, because a < 5 is true (a = 4)")
    assert reasons[1].startswith("critical: does not fire, because a < 2 is false (a = 4)")


def test_alerts_over_time(tmp_path: Path) -> None:
    """Series go through the state machine minute by minute: pending, firing, worse, recovering, gone; each label set
    for itself, under the rule's labels."""
    cases = """
    - name: two countries
      series:
        - {fact: a, labels: {country: DE}, values: "9 4 4 4 1 9 9 9"}
        - {fact: a, labels: {country: FR}, values: "9x7"}
        - {fact: tier, values: "_x8"}
      expect:
        - {at: 0s, alerts: []}
        - {at: 1m, alerts: [{labels: {country: DE}, state: pending}]}
        - {at: 3m, alerts: [{labels: {country: DE, team: growth}, state: firing, severity: warning}]}
        - {at: 4m, alerts: [{labels: {country: DE}, state: firing, severity: critical}]}
        - {at: 5m, alerts: [{labels: {country: DE}, state: recovering}]}
        - {at: 6m, alerts: []}
"""
    rule = SALES.replace(" or tier == 'basic'", " or a > 100 and tier == 'basic'")
    result = _only(_run(tmp_path, cases, rule))
    assert (result.outcome, result.message) == (Outcome.PASS, "")


def test_a_difference_over_time_is_told_with_its_instant(tmp_path: Path) -> None:
    """What is missing, what is too much and what is different are told by labels, at the first instant that differs."""
    cases = """
    - name: c
      series:
        - {fact: a, labels: {country: DE}, values: "1x5"}
        - {fact: a, labels: {country: FR}, values: "1x5"}
      expect:
        - {at: 3m, alerts: [{labels: {country: DE}, state: pending}, {labels: {country: IT}, state: firing}]}
        - {at: 4m, alerts: []}
"""
    result = _only(_run(tmp_path, cases, SALES.replace(" or tier == 'basic'", " and (tier == 'x' or a < 5)")))
    assert result.outcome is Outcome.FAIL
    assert result.message == (
        'at 180s: {country="DE", team="growth"}: expected pending, found firing critical; '
        '{country="FR", team="growth"}: expected no alert, found firing critical; '
        '{country="IT", team="growth"}: expected firing, found no alert'
    )


def test_what_cannot_be_evaluated_is_an_error(tmp_path: Path) -> None:
    """A value of another type and a join without a common label are errors of the case, told as they would be live."""
    cases = """
    - {name: type, given: {a: many}, expect: {severity: none}}
    - name: join
      series:
        - {fact: a, labels: {country: DE}, values: "1"}
        - {fact: tier, labels: {plan: x}, values: "1"}
      expect: [{at: 0s, alerts: []}]
"""
    first, second = _run(tmp_path, cases).results
    assert (first.outcome, first.message) == (Outcome.ERROR, "the fact 'a' is a number, 'many' is none")
    assert second.outcome is Outcome.ERROR
    assert second.message.startswith("the facts share no label to join on")


def test_skipped_and_selected_cases(tmp_path: Path) -> None:
    """A skipped case says why and is not judged; a selection runs only what its expression is found in."""
    cases = """
    - {name: later, skip: no data yet, given: {a: 1}, expect: {severity: none}}
    - {name: now, given: {a: 1}, expect: {severity: critical}}
"""
    skipped, passed = _run(tmp_path, cases).results
    assert (skipped.outcome, skipped.message, passed.outcome) == (Outcome.SKIP, "no data yet", Outcome.PASS)
    assert [result.case for result in _run(tmp_path, cases, select="^t: n").results] == ["now"]


@pytest.mark.parametrize(
    ("kind", "written", "good"),
    [
        ("number", "7", True),
        ("number", "true", False),
        ("decimal", '"0.10"', True),
        ("decimal", '"many"', False),
        ("text", "gold", True),
        ("text", "7", False),
        ("bool", "true", True),
        ("bool", '"true"', False),
        ("datetime", '"2025-01-31T12:00:00Z"', True),
        ("datetime", '"2025-01-31T12:00:00"', False),
        ("texts", "[a, b]", True),
        ("texts", "a", False),
    ],
)
def test_facts_are_given_in_their_type(tmp_path: Path, kind: str, written: str, good: bool) -> None:
    """A fact of each type can be written in a test, and a value of another type is an error that names the fact."""
    text = [
        fact(f"  subject: user\n  type: {kind}\n", "f"),
        alert("  facts: {f: {fact: f}}\n  warning: f != null\n"),
        rule_test(f"  rule: r\n  cases:\n    - {{name: c, given: {{f: {written}}}, expect: {{severity: warning}}}}\n"),
    ]
    (tmp_path / "rules.yaml").write_text("---\n".join(text), encoding="utf-8")
    (result,) = (one for one in run_tests(load_rules([tmp_path])).results if one.rule == "r")
    assert result.outcome is (Outcome.PASS if good else Outcome.ERROR)
    assert good or "the fact 'f' is a" in result.message


def test_coverage_tells_each_branch_that_no_case_took(tmp_path: Path) -> None:
    """Conditions within and, or and not are counted one by one, and so is whether the rule ever fires or rests."""
    rule = "  facts: {a: {metric: sales}, tier: {fact: tier}}\n  warning: a < 5 and not (tier == 'x' or a < 1)\n"
    cases = "    - {name: c, given: {a: 4, tier: pro}, expect: {severity: warning}}\n"
    (coverage,) = _run(tmp_path, cases, rule).coverage
    assert [(one.text, one.seen_true, one.seen_false) for one in coverage.conditions] == [
        ("a < 5", True, False),
        ("tier == 'x'", False, True),
        ("a < 1", False, True),
    ]
    assert coverage.gaps == (
        "no case in which it does not fire",
        "warning: 'a < 5' is never false",
        "warning: 'tier == 'x'' is never true",
        "warning: 'a < 1' is never true",
    )
    assert TestReport((), (coverage,)).branch_share == 0.5


def test_a_rule_without_a_test_is_told(tmp_path: Path) -> None:
    """All of it is a gap."""
    path = tmp_path / "rules.yaml"
    path.write_text(METRIC + "---\n" + alert(), encoding="utf-8")
    (coverage,) = (rule for rule in run_tests(load_rules([path])).coverage if rule.rule == "r")
    assert coverage.gaps[:2] == ("no case in which it fires", "no case in which it does not fire")


def test_junit_has_every_outcome() -> None:
    """Counts on the suite, one element a case, the message where one is; control characters do not break the file."""
    results = [CaseResult("t", "r", f"case {outcome}", outcome, f"said <{outcome}>\x07") for outcome in Outcome]
    root = ET.fromstring(junit_xml(TestReport(tuple(results), ())))
    (suite,) = root
    assert suite.attrib == {"name": "t", "tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert [[(child.tag, child.get("message")) for child in case] for case in suite] == [
        [],
        [("failure", "said <fail>\ufffd")],
        [("error", "said <error>\ufffd")],
        [("skipped", "said <skip>\ufffd")],
    ]


@pytest.mark.parametrize(("on_missing", "severity"), [("no_data", "unknown"), ("false", "none"), ("true", "critical")])
def test_an_unknown_condition_counts_as_the_rule_says(tmp_path: Path, on_missing: str, severity: str) -> None:
    """Facts that are given and series decide alike about what is missing."""
    state = {"unknown": "no_data", "none": "", "critical": "firing"}[severity]
    alerts = f"[{{state: {state}}}]" if state else "[]"
    cases = f"""
    - {{name: given, given: {{}}, expect: {{severity: {severity}}}}}
    - {{name: series, series: [{{fact: a, values: "_x2"}}], expect: [{{at: 1m, alerts: {alerts}}}]}}
"""
    rule = f'  facts: {{a: {{metric: sales}}}}\n  critical: a < 2\n  on_missing: "{on_missing}"\n'
    assert [(one.outcome, one.message) for one in _run(tmp_path, cases, rule).results] == [(Outcome.PASS, "")] * 2


def test_labels_that_the_rule_adds_are_compared_where_they_are_written(tmp_path: Path) -> None:
    """An expectation may leave them out, but not say others; two alerts that end up the same are no match for one."""
    cases = """
    - name: wrong
      series: [{fact: a, values: "1x5"}]
      expect: [{at: 5m, alerts: [{labels: {team: ops}, state: firing}]}]
"""
    rule = "  facts: {a: {metric: sales}}\n  critical: a < 2\n  labels: {team: growth}\n"
    assert _only(_run(tmp_path, cases, rule)).outcome is Outcome.FAIL
    cases = """
    - name: two
      series:
        - {fact: a, labels: {team: x}, values: "1"}
        - {fact: a, labels: {team: y}, values: "1"}
      expect: [{at: 0s, alerts: [{state: firing}]}]
"""
    told = 'at 0s: {team="growth"}: expected firing, found firing critical and firing critical'
    assert _only(_run(tmp_path, cases, rule)).message == told


def test_the_pack_does_not_test_a_rule_that_replaces_its_own(tmp_path: Path) -> None:
    """Whoever overrides a rule of the pack writes its tests, too."""
    path = tmp_path / "rules.yaml"
    path.write_text(
        alert("  facts: {rate: {kpi: churn_rate}}\n  warning: rate > 0.05\n", "churn_rate_high"), encoding="utf-8"
    )
    rules = load_rules([path])
    assert "churn_rate_high" not in {test.rule for test in rules.rule_tests.values()}
    assert run_tests(rules).passed


def test_now_counts_on_from_the_same_instant(tmp_path: Path) -> None:
    """`$now` is the start of 2025 to facts that are given and at the first sample of a series."""
    rule = "  facts: {a: {metric: sales}}\n  critical: a < 2 and $now > d'2025-01-01T00:01:30Z'\n"
    cases = """
    - {name: given, given: {a: 1}, expect: {severity: none}}
    - name: series
      series: [{fact: a, values: "1x3"}]
      expect: [{at: 1m, alerts: []}, {at: 2m, alerts: [{state: firing}]}]
"""
    report = _run(tmp_path, cases, rule)
    assert [one.outcome for one in report.results] == [Outcome.PASS, Outcome.PASS]
    assert [gap for gap in report.coverage[0].gaps if "$now" in gap] == []


@pytest.mark.parametrize(("policy", "state"), [("keep", "firing"), ("ok", ""), ("no_data", "")])
def test_labels_that_do_not_come_any_more(tmp_path: Path, policy: str, state: str) -> None:
    """An alert whose labels are gone is over, except where no data keeps it."""
    alerts = f"[{{labels: {{country: DE}}, state: {state}}}]" if state else "[]"
    cases = f"""
    - name: gone
      series:
        - {{fact: a, labels: {{country: DE}}, values: "1x2 stale"}}
        - {{fact: a, labels: {{country: FR}}, values: "9x5"}}
      expect: [{{at: 4m, alerts: {alerts}}}]
"""
    rule = f"  facts: {{a: {{metric: sales}}}}\n  critical: a < 2\n  on_no_data: {policy}\n"
    assert _only(_run(tmp_path, cases, rule)).message == ""
