"""Which cases an instance of an alert rule calls for, pure: the alert itself, and what nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.model import Instance, Reason, State
from trueline_rules.alerting.vectors import Labels, Value, shown
from trueline_rules.expressions.masking import Masked
from trueline_rules.routing.alert_labels import alert_labels

from trueline_server.alerts.fingerprints import fingerprint_of

# What tells an alert of which nobody knows whether it should fire from one that does.
STATE_LABEL = "state"
# Of a value, a case shows so much.
_MOST_TEXTS, _LONGEST_TEXT = 20, 200
_UNKNOWN = {State.NO_DATA: "no_data", State.ERROR: "error"}


@dataclass(frozen=True, slots=True)
class WantedCase:
    """A case that an instance calls for.

    Attributes:
        key: what it is about: the fingerprint of rule and labels, and of what it is if it is not the alert itself.
        severity: "warning" or "critical".
        labels: that it is routed by.
        title: one line for people.
        text: for people: where it stands.
        details: values and clocks, JSON.
        starts_us: since when, in the time of the events (µs since 1970, UTC).

    """

    key: str
    severity: str
    labels: Mapping[str, str]
    title: str
    text: str
    details: Mapping[str, Any]
    starts_us: int


def keys_of(tenant: str, rule: str, labels: Labels) -> tuple[str, ...]:
    """The keys of all cases that an instance may call for."""
    fingerprint = fingerprint_of(tenant, rule, labels)
    return fingerprint, f"{fingerprint}:no_data", f"{fingerprint}:error"


def wanted_cases(tenant: str, rule: CompiledRule, instance: Instance, hidden: frozenset[str]) -> list[WantedCase]:
    """The cases that must be open while an instance is as it is.

    An alert that fired is one until it is resolved, also while nobody knows. Not knowing about what did not fire is a
    case of its own, as severe as the rule can be, for a missing answer is the most common false all-clear. So is a rule
    with more alerts than its limit: that one case stands for all of them.

    Args:
        tenant: whose.
        rule: of the instance.
        instance: as the evaluation left it.
        hidden: names of facts whose values are not told.

    """
    alert, no_data, error = keys_of(tenant, instance.rule, instance.labels)
    written = rule.rule
    title = written.summary or written.metadata.description or instance.rule
    if instance.fired_us is not None:
        assert instance.severity is not None
        severity = instance.severity.value
        return [
            WantedCase(
                alert,
                severity,
                alert_labels(written, instance.labels, severity, instance.values),
                title,
                _told(rule, instance, hidden),
                {**_details(rule, instance, hidden), "state": instance.state.value},
                instance.active_since_us or instance.fired_us,
            )
        ]
    if instance.state in _UNKNOWN:
        state = _UNKNOWN[instance.state]
        counted = instance.reason is Reason.OVER_LIMIT
        # What failed may name values; a count has none.
        text = instance.message if counted or (state == "error" and not hidden) else _WHY[state]
        severity = "critical" if "critical" in rule.conditions else "warning"
        return [
            WantedCase(
                error if state == "error" else no_data,
                severity,
                {**alert_labels(written, instance.labels, severity, instance.values), STATE_LABEL: state},
                f"{_OVER_LIMIT if counted else _TITLE[state]}: {title}",
                text,
                {**_details(rule, instance, hidden), "state": state},
                instance.since_us or instance.evaluated_us or 0,
            )
        ]
    return []


_TITLE = {"no_data": "No data", "error": "Cannot be judged"}
_OVER_LIMIT = "More alerts than its limit"
_WHY = {
    "no_data": "facts that the rule reads have no value, so nobody knows whether it should fire",
    "error": "the rule could not be evaluated; the decision log and the server's log tell why",
}


def _told(rule: CompiledRule, instance: Instance, hidden: frozenset[str]) -> str:
    """Condition and values in a line: cheap, since ten thousand may fire at once; the decision log explains."""
    severity = instance.severity.value if instance.severity is not None else ""
    condition = rule.rule.critical if severity == "critical" else rule.rule.warning
    values = ", ".join(f"{name} = {_short(name, value, hidden)}" for name, value in instance.values)
    about = f" for {shown(instance.labels)}" if instance.labels else ""
    return f"{condition}{about}; {values}" if values else f"{condition}{about}"


def _details(rule: CompiledRule, instance: Instance, hidden: frozenset[str]) -> dict[str, Any]:
    return {
        "values": {name: _short(name, value, hidden) for name, value in instance.values},
        "row": [list(pair) for pair in instance.labels],
        "runbook": rule.rule.metadata.runbook,
        "owner": rule.rule.metadata.owner,
        "reason": instance.reason.value,
    }


def _short(name: str, value: Value | None, hidden: frozenset[str]) -> Any:
    if value is not None and (name in hidden or isinstance(value, Masked)):
        return "•••"
    match value:
        case None | bool():
            return value
        case float() | int():
            return float(f"{value:.6g}")
        case datetime():
            return value.isoformat()
        case frozenset():
            return sorted(value)[:_MOST_TEXTS]
    return str(value)[:_LONGEST_TEXT]
