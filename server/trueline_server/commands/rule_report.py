"""What `trueline rules` prints: outcomes and coverage of tests, and explanations of decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from trueline_rules.alert_model import Given
from trueline_rules.alert_rules import CompiledRule
from trueline_rules.expressions import Fact, FactType
from trueline_rules.expressions.explaining import Finding
from trueline_rules.expressions.showing import show_value
from trueline_rules.names import hint, quoted
from trueline_rules.testing.given import fact_value
from trueline_rules.testing.report import CaseResult, Outcome, TestReport

_SIGNS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.ERROR: "✗", Outcome.SKIP: "-"}
_TRUTHS = {True: "✓ true", False: "✗ false", None: "? unknown"}
_FLAGS = {"true": True, "false": False}


def to_json(report: TestReport) -> dict[str, Any]:
    """A test report for programs."""
    return {
        "passed": report.passed,
        "counts": {str(outcome): report.count(outcome) for outcome in Outcome},
        "branch_share": report.branch_share,
        "results": [
            {
                "test": result.test,
                "rule": result.rule,
                "case": result.case,
                "outcome": str(result.outcome),
                "message": result.message,
                "file": result.place.file if result.place is not None else "",
                "line": result.place.line if result.place is not None else 0,
            }
            for result in report.results
        ],
        "coverage": [
            {
                "rule": rule.rule,
                "fires": rule.fires,
                "rests": rule.rests,
                "conditions": [
                    {
                        "severity": one.severity,
                        "kind": str(one.kind),
                        "text": one.text,
                        "seen_true": one.seen_true,
                        "seen_false": one.seen_false,
                    }
                    for one in rule.conditions
                ],
            }
            for rule in report.coverage
        ],
    }


def to_text(report: TestReport) -> str:
    """A test report for people: a line a test, more where something is wrong, then what was not shown."""
    lines = []
    for test in dict.fromkeys(result.test for result in report.results):
        lines += _told([result for result in report.results if result.test == test])
    gaps = [(rule.rule, gap) for rule in report.coverage for gap in rule.gaps]
    if gaps:
        lines += ["", "not shown by any case:"]
        lines += [f"  ! {rule}: {gap}" for rule, gap in gaps]
    counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in Outcome if report.count(outcome))
    lines += ["", f"{counts or 'no cases'}; {report.branch_share:.0%} of the branches of all conditions were taken"]
    return "\n".join(lines)


def _told(results: Sequence[CaseResult]) -> list[str]:
    wrong = [result for result in results if result.outcome in {Outcome.FAIL, Outcome.ERROR}]
    skipped = sum(result.outcome is Outcome.SKIP for result in results)
    sign = _SIGNS[wrong[0].outcome if wrong else Outcome.SKIP if skipped == len(results) else Outcome.PASS]
    cases = f"{len(results)} case{'s' if len(results) > 1 else ''}"
    lines = [f"{sign} {results[0].test} ({cases}{f', {skipped} skipped' if skipped else ''})"]
    for result in wrong:
        where = f" ({result.place.file}:{result.place.line})" if result.place is not None else ""
        lines.append(f"    {result.outcome}: {result.case}{where}")
        lines += [f"      {line}" for line in result.message.split("\n")]
    return lines


def given_values(given: Sequence[str], facts: Mapping[str, Fact]) -> dict[str, object]:
    """Facts as they are written on the command line: NAME=VALUE, texts separated by commas, nothing = missing.

    Raises:
        ValueError: there is no such fact, or its value cannot be read.

    """
    values: dict[str, object] = {}
    for written in given:
        name, equals, text = written.partition("=")
        if not equals:
            raise ValueError(f"--given is written FACT=VALUE, is {quoted(written)}")
        if name not in facts:
            raise ValueError(f"the rule has no fact {quoted(name)}{hint(name, facts)}")
        values[name] = fact_value(facts[name], _read(text, facts[name].type)) if text else None
    return values


def _read(text: str, kind: FactType) -> Given:
    match kind:
        case FactType.NUMBER:
            try:
                return float(text)
            except ValueError:
                return text
        case FactType.BOOL:
            return _FLAGS.get(text.lower(), text)
        case FactType.TEXTS:
            return tuple(text.split(","))
    return text


def explained(rule: CompiledRule, values: Mapping[str, object]) -> dict[str, Any]:
    """What a rule decides about facts now, and for each severity why.

    Raises:
        FactValueError: a value has not the type that its fact declares.

    """
    now = datetime.now(UTC)
    conditions = []
    for severity in reversed(tuple(rule.conditions)):
        explanation = rule.conditions[severity].explain(values, now)
        conditions.append(
            {
                "severity": severity,
                "text": explanation.text,
                "truth": explanation.truth,
                "sentence": explanation.sentence,
                "missing": list(explanation.missing),
                "finding": _finding(explanation.finding),
            }
        )
    return {"rule": rule.rule.metadata.name, "decision": rule.severity(values, now), "conditions": conditions}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "text": finding.text,
        "kind": finding.kind,
        "truth": finding.truth,
        "operands": [{"text": one.text, "value": show_value(one.value)} for one in finding.operands],
        "missing": list(finding.missing),
        "parts": [_finding(part) for part in finding.parts],
    }


def explanation_text(told: Mapping[str, Any]) -> str:
    """An explanation for people: the decision, a sentence for each severity, and the tree of its conditions."""
    lines = [f"{told['rule']}: {told['decision']}"]
    for condition in told["conditions"]:
        lines += ["", f"{condition['severity']}: {condition['sentence']}"]
        lines += _branch(condition["finding"], "  ")
    return "\n".join(lines)


def _branch(finding: Mapping[str, Any], indent: str) -> list[str]:
    shown = finding["text"] if finding["kind"] == "condition" else finding["kind"]
    seen = ", ".join(f"{one['text']} = {one['value']}" for one in finding["operands"])
    lines = [f"{indent}{_TRUTHS[finding['truth']]:<10} {shown}{f'   ({seen})' if seen else ''}"]
    for part in finding["parts"]:
        lines += _branch(part, indent + "  ")
    return lines
