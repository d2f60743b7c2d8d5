"""Decisions in words: values of facts, label sets, and why conditions came out as they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueline import ConditionExplanation, ConditionFinding, FactValue

_TRUTHS = {True: "✓ true", False: "✗ false", None: "? unknown"}


def value_words(value: FactValue) -> str:
    """A value as people read it."""
    from trueline_cli import style

    match value:
        case None:
            return "missing"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.12g}"
        case frozenset():
            return ", ".join(sorted(value)) or "no texts"
        case datetime():
            return style.moment(value)
    return str(value)


def values_words(values: Mapping[str, FactValue]) -> str:
    """Facts and their values in one line."""
    return ", ".join(f"{name} = {value_words(value)}" for name, value in values.items())


def about(rule: str, labels: Mapping[str, str]) -> str:
    """A rule and a label set: `churn_high plan=pro`."""
    return " ".join([rule, *(f"{name}={value}" for name, value in labels.items())])


def explained(conditions: Sequence[ConditionExplanation]) -> list[str]:
    """For each severity a sentence, and the tree of its conditions."""
    lines: list[str] = []
    for condition in conditions:
        lines += ["", f"{condition.severity}: {condition.sentence}"]
        lines += _branch(condition.finding, "  ")
    return lines


def _branch(finding: ConditionFinding, indent: str) -> list[str]:
    shown = finding.text if finding.kind == "condition" else finding.kind
    seen = ", ".join(f"{one.text} = {one.shown}" for one in finding.operands)
    lines = [f"{indent}{_TRUTHS[finding.truth]:<10} {shown}{f'   ({seen})' if seen else ''}"]
    for part in finding.parts:
        lines += _branch(part, indent + "  ")
    return lines
