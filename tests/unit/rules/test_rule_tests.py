"""The runner of rule tests: outcomes, what it says of a failure, coverage, JUnit."""

import json
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from alert_texts import METRIC, TIER, alert, fact, rule_test
from trueline_rules.documents import dump_document, parse_rules
from trueline_rules.errors import RuleFileError
from trueline_rules.expressions import Fact, FactType, compile_expression
from trueline_rules.loader import load_rules
from trueline_rules.model import Place
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
        'at 3m: {country="DE", team="growth"}: expected pending, found firing critical; '
        '{country="FR", team="growth"}: expected no alert, found firing critical; '
        '{country="IT", team="growth"}: expected firing, found no alert'
    )


def test_what_cannot_be_evaluated_is_an_error(tmp_path: Path) -> None:
    """A join without a common label is an error of the case, told as it would be live, with its place."""
    cases = """
    - name: join
      series:
        - {fact: a, labels: {country: DE}, values: "1"}
        - {fact: tier, labels: {plan: x}, values: [gold]}
      expect: [{at: 0s, alerts: []}]
"""
    result = _only(_run(tmp_path, cases))
    assert result.outcome is Outcome.ERROR
    assert result.message.startswith("the facts share no label to join on")
    assert result.place is not None
    lines = (tmp_path / "rules.yaml").read_text().splitlines()
    assert lines[result.place.line - 1].strip() == "- name: join"


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
    """A fact of each type can be written in a test, and a value of another type is refused at its place."""
    text = [
        fact(f"  subject: user\n  type: {kind}\n", "f"),
        alert("  facts: {f: {fact: f}}\n  warning: f != null\n"),
        rule_test(f"  rule: r\n  cases:\n    - {{name: c, given: {{f: {written}}}, expect: {{severity: warning}}}}\n"),
    ]
    (tmp_path / "rules.yaml").write_text("---\n".join(text), encoding="utf-8")
    if not good:
        with pytest.raises(RuleFileError) as caught:
            load_rules([tmp_path])
        (problem,) = caught.value.problems
        assert "spec.cases[0].given.f cannot be: the fact 'f' is " in problem.message
        assert problem.place.column == len("    - {name: c, given: {f: ") + 1
        return
    (result,) = (one for one in run_tests(load_rules([tmp_path])).results if one.rule == "r")
    assert result.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("kind", "values", "condition", "firing"),
    [
        ("text", "[free, gold, null, gold]", "f == 'gold'", [1, 3]),
        ("bool", "[false, true, true, false]", "f", [1, 2]),
        ("texts", "[[a], [a, b], [], [b]]", "'b' in f", [1, 3]),
        ("datetime", '["2024-12-31T00:00:00Z", "2025-01-01T00:00:00Z"]', "f >= d'2025-01-01'", [1]),
        ("decimal", "['0.1', '0.3']", "f * 3 > 0.3", [1]),
        ("decimal", '"0.1+0.1x2"', "f == 0.3", [2]),
        ("number", "[1, 2.5, null]", "f > 2", [1]),
    ],
)
def test_series_of_every_type(tmp_path: Path, kind: str, values: str, condition: str, firing: list[int]) -> None:
    """Values of any type are listed one by one, null where there is none; numbers may be in promtool's notation."""
    expect = ", ".join(
        f"{{at: {n}m, alerts: [{'{state: firing}' if n in firing else ''}]}}"
        for n in range(4)
        if n in firing or n < len(firing)
    )
    text = [
        fact(f"  subject: user\n  type: {kind}\n", "f"),
        alert(f'  facts: {{f: {{fact: f, over: 1m, agg: last}}}}\n  critical: "{condition}"\n  on_missing: "false"\n'),
        rule_test(
            f"  rule: r\n  cases:\n    - name: c\n      series: [{{fact: f, values: {values}}}]\n"
            f"      expect: [{expect}]\n"
        ),
    ]
    (tmp_path / "rules.yaml").write_text("---\n".join(text), encoding="utf-8")
    rules = load_rules([tmp_path])
    (result,) = (one for one in run_tests(rules).results if one.rule == "r")
    assert result.message == ""
    test = rules.rule_tests["t"]
    again = yaml.safe_dump(dump_document("RuleTest", test))
    (document,) = parse_rules(again, "again.yaml")
    assert document.model.cases == test.cases


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ('{name: c, series: [{fact: tier, values: §"1 2"}], expect: [{at: 0s, alerts: []}]}',
         "are numbers, but the fact 'tier' is a text; write its values as a list, null for none"),
        ("{name: c, series: [{fact: tier, values: [gold, §7]}], expect: [{at: 0s, alerts: []}]}",
         "the fact 'tier' is a text, 7 is none"),
        ("{name: c, series: [{fact: a, values: [1, §x]}], expect: [{at: 0s, alerts: []}]}",
         "the fact 'a' is a number, 'x' is none"),
        ("{name: c, series: [{fact: §b, values: '1'}], expect: [{at: 0s, alerts: []}]}", "is no fact of rule 'r'"),
        ("{name: c, given: {a: §2025-01-31}, expect: {severity: none}}", "is the date 2025-01-31; write it in quotes"),
    ],
)  # fmt: skip
def test_what_a_case_gives_is_checked_when_it_is_read(tmp_path: Path, case: str, message: str) -> None:
    """Values of another type than the fact has are told at their place, before anything runs."""
    with pytest.raises(RuleFileError) as caught:
        _run(tmp_path, f"    - {case.replace('§', '')}\n")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.place.column == 7 + case.index("§")


def test_a_severity_without_a_condition_is_not_expected(tmp_path: Path) -> None:
    """A case that waits for what the rule never decides is told when it is read."""
    with pytest.raises(RuleFileError, match="is warning, but rule 'r' has no warning condition"):
        _run(
            tmp_path,
            "    - {name: c, given: {a: 1}, expect: {severity: warning}}\n",
            "  facts: {a: {metric: sales}}\n  critical: a < 2\n",
        )


def test_a_huge_series_is_refused_before_it_is_made(tmp_path: Path) -> None:
    """A few bytes that stand for millions of samples cost nothing."""
    series = ", ".join(f'{{fact: a, labels: {{n: "{n}"}}, values: "1x999999"}}' for n in range(50))
    started = time.perf_counter()
    with pytest.raises(RuleFileError, match="a series has at most 100,000 samples here"):
        _run(tmp_path, f"    - {{name: c, series: [{series}], expect: [{{at: 0s, alerts: []}}]}}\n")
    assert time.perf_counter() - started < 1


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


@pytest.mark.parametrize(
    ("condition", "cases", "gaps"),
    [
        (
            "(tier == 'gold' ? a : 2 * a) < 5",
            [{"tier": "gold", "a": 1}, {"tier": "gold", "a": 9}],
            [
                "warning: 'tier == 'gold'' is never false",
                "warning: 'tier == 'gold' ? a : 2 * a' never takes what stands behind ':'",
            ],
        ),
        (
            "tier == 'gold' and a > 0 ? a < 5 : a < 2",
            [{"tier": "gold", "a": -1}, {"tier": "pro", "a": 9}],
            [
                "warning: 'tier == 'gold' and a > 0 ? a < 5 : a < 2' never takes what stands before ':'",
                "warning: 'a < 5' is never true",
                "warning: 'a < 5' is never false",
            ],
        ),
        (
            "tier == 'gold' ? a < 5 : a < 2",
            [{"tier": "gold", "a": 1}, {"tier": "gold", "a": 6}, {"tier": "pro", "a": 3}],
            ["warning: 'a < 2' is never true"],
        ),
        (
            "(a ?? 0) < 5 and tier != 'x'",
            [{"a": 1, "tier": "x"}, {"a": 9, "tier": "pro"}],
            ["warning: 'a ?? 0' never takes what stands behind '??'"],
        ),
        (
            "(a ?? (tier == 'x' ? 1 : 9)) < 5",
            [{"tier": "x"}, {"tier": "pro"}],
            ["warning: 'a ?? (tier == 'x' ? 1 : 9)' never has what stands before '??'"],
        ),
        ("(a < 5 ?? false) and tier == 'x'", [{"a": 1, "tier": "x"}, {"a": 9, "tier": "y"}, {}], []),
        ("(a == null ? false : a < 5) and tier == 'x'", [{"a": 1, "tier": "x"}, {"a": 9, "tier": "y"}, {}], []),
    ],
)
def test_arms_count_where_they_are_taken(
    tmp_path: Path, condition: str, cases: list[dict[str, object]], gaps: list[str]
) -> None:
    """Each arm of `? :`, each side of `??` and each outcome of a condition within them is a branch of its own, taken
    only where the expression comes to it."""
    rule = f"  facts: {{a: {{metric: sales}}, tier: {{fact: tier}}}}\n  warning: |\n    {condition}\n"
    facts = {name: Fact(name, kind) for name, kind in (("a", FactType.NUMBER), ("tier", FactType.TEXT))}
    compiled = compile_expression(condition, facts)
    severities = {True: "warning", False: "none", None: "unknown"}
    written = "".join(
        f"    - {{name: c{number}, given: {json.dumps(given)}, expect: {{severity: {decided}}}}}\n"
        for number, given in enumerate(cases)
        if (decided := severities[compiled.evaluate(given)])
    )
    report = _run(tmp_path, written, rule)
    assert [(one.outcome, one.message) for one in report.results] == [(Outcome.PASS, "")] * len(cases)
    (coverage,) = report.coverage
    assert [gap for gap in coverage.gaps if gap.startswith("warning: ")] == gaps
    assert (report.branch_share == 1) == (not gaps)


def test_a_rule_without_a_test_is_told(tmp_path: Path) -> None:
    """All of it is a gap."""
    path = tmp_path / "rules.yaml"
    path.write_text(METRIC + "---\n" + alert(), encoding="utf-8")
    (coverage,) = (rule for rule in run_tests(load_rules([path])).coverage if rule.rule == "r")
    assert coverage.gaps[:2] == ("no case in which it fires", "no case in which it does not fire")


def test_junit_has_every_outcome() -> None:
    """Counts on the suite, one element a case, the message where one is; control characters do not break the file."""
    place = Place("a.yaml", 7, 3)
    results = [CaseResult("t", "r", f"case {outcome}", outcome, f"said <{outcome}>\x07", place) for outcome in Outcome]
    root = ET.fromstring(junit_xml(TestReport(tuple(results), ())))
    (suite,) = root
    assert suite.attrib == {"name": "t", "tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert {(case.get("file"), case.get("line")) for case in suite} == {("a.yaml", "7")}
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
