"""Where the rules in the shadow say something else than the active ones, told when that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from trueline_rules.alerting.columns import RuleStates
from trueline_rules.alerting.model import Instance, State
from trueline_rules.alerting.vectors import Labels

# What a rule says of a label set: "firing critical", "pending warning", "no_data", "inactive".
Said: TypeAlias = str
Differences: TypeAlias = Mapping[tuple[str, Labels], tuple[Said, Said]]
# States in which nothing is wrong, as far as anybody knows: between them nothing differs.
_CALM = frozenset({State.INACTIVE, State.RESOLVED})
CALM: Said = "inactive"


@dataclass(frozen=True, slots=True)
class Difference:
    """A label set of a rule about which the two sets differ; None = the set has nothing about it."""

    rule: str
    labels: Labels
    active: Instance | None
    shadow: Instance | None
    said: tuple[Said, Said]


def state_of(instance: Instance) -> str:
    """State and severity as the log tells them: "firing critical", "no_data"."""
    severity = instance.severity
    return instance.state.value if severity is None else f"{instance.state.value} {severity.value}"


def said_by(instance: Instance | None) -> Said:
    """What a set says of a label set."""
    if instance is None or instance.state in _CALM:
        return CALM
    return state_of(instance)


def differences(active: Mapping[str, RuleStates], shadow: Mapping[str, RuleStates]) -> list[Difference]:
    """Everything about which two sets differ, by rule and labels. Costs what is not quiet, not what is judged."""
    found = []
    for rule in sorted({*active, *shadow}):
        ours = active[rule].instances if rule in active else {}
        theirs = shadow[rule].instances if rule in shadow else {}
        for labels in sorted({*ours, *theirs}):
            one, other = ours.get(labels), theirs.get(labels)
            said = said_by(one), said_by(other)
            if said[0] != said[1]:
                found.append(Difference(rule, labels, one, other, said))
    return found


def known_differences(found: list[Difference]) -> Differences:
    """What was told, to tell only what changes."""
    return {(each.rule, each.labels): each.said for each in found}
