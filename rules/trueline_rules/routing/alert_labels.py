"""The labels by which alerts are routed: what each alert has, and which ones the rules can give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trueline_rules.alert_model import AlertRule
from trueline_rules.alerting.vectors import Labels, Value

# What each alert has: its kind of case, the name of its rule, and its severity; and what one has of which nobody knows
# whether it should fire: state="no_data" or state="error".
ALWAYS = ("kind", "rule", "severity", "state")
# What misses of checkpoints have beside these; see kinds/checkpoint_policy.py.
OF_MISSES = ("checkpoint", "function", "journey", "measure", "part", "persona")
ALERT = "alert"


def alert_labels(
    rule: AlertRule, row: Labels, severity: str, values: Iterable[tuple[str, Value | None]] = ()
) -> dict[str, str]:
    """The labels that routes, silences and inhibitions see of an alert.

    Args:
        rule: its labels win over those of the row, the severity and the kind: a rule may say severity: P1 or
            kind: feature_request by itself.
        row: labels of the values that the rule judged.
        severity: "warning" or "critical".
        values: of the facts by name; a label whose fact has no value is absent.

    """
    texts = {name: value for name, value in values if isinstance(value, str)}
    of_facts = {label: texts.get(fact, "") for label, fact in rule.label_facts.items()}
    labels = {**dict(row), "kind": ALERT, "severity": severity, **rule.labels, **of_facts, "rule": rule.metadata.name}
    return {name: value for name, value in labels.items() if value}


def emitted_labels(rules: Iterable[AlertRule], of_sources: Mapping[tuple[str, str], tuple[str, ...]]) -> frozenset[str]:
    """Every label that an alert of one of the rules can have.

    Args:
        rules: the alert rules; what other cases have is not among them, see OF_MISSES.
        of_sources: (kind of source, name) -> labels of its values; what is left out has none.

    """
    found = set(ALWAYS)
    for rule in rules:
        found.update(rule.labels, rule.label_facts)
        for source in rule.facts.values():
            kept = source.operand.by
            found.update(of_sources.get((source.kind, source.name), ()) if kept is None else kept)
    return frozenset(found)
