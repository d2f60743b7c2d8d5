"""Facts that are not known and would decide controls: what it pays to find out first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trueline_rules.alert_model import FactType
from trueline_rules.compliance_model import ControlSeverity

from trueline_server.compliance.model import FrameworkResult, Status

_SEVERITIES = list(ControlSeverity)


@dataclass(slots=True)
class UndecidedFact:
    """A fact that would decide controls: whether they are met, or whether they concern the subject.

    Attributes:
        type: what it says, of what, and in which type.
        severity: of the worst of the controls.
        weight: sum of their weights.
        controls: e.g. "gdpr Art. 32(1)(a)", in the order of the frameworks.

    """

    type: FactType
    severity: ControlSeverity
    weight: int
    controls: tuple[str, ...]


def undecided_facts(results: Iterable[FrameworkResult], types: Mapping[str, FactType]) -> list[UndecidedFact]:
    """The facts that are missing in results, those first whose controls weigh most, then by name.

    Args:
        results: what controls came to; those that are waived need nothing for now.
        types: the facts of the rules that were judged by.

    """
    found: dict[str, UndecidedFact] = {}
    for result in results:
        for one in result.controls:
            severity = one.control.severity
            for name in one.missing if one.status is not Status.WAIVED else ():
                made = found.setdefault(name, UndecidedFact(types[name], severity, 0, ()))
                made.severity = max(made.severity, severity, key=_SEVERITIES.index)
                made.weight += severity.weight
                made.controls = (*made.controls, f"{result.framework.metadata.name} {one.control.id}")
    return sorted(found.values(), key=lambda each: (-each.weight, each.type.metadata.name))
