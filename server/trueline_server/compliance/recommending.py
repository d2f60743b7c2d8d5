"""What to do about controls that do not pass: each thing to do once, the most severe first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trueline_rules.compliance_model import TENANT, ControlSeverity

from trueline_server.compliance.model import ControlResult, EvidenceState, FrameworkResult, Status

_SEVERITIES = list(ControlSeverity)


@dataclass(slots=True)
class Recommendation:
    """What to do about some controls.

    Attributes:
        text: in words.
        wrong: whether one of them fails; else it is not known, or not shown, whether they are met.
        severity: of the worst of them.
        weight: sum of their weights.
        controls: e.g. "gdpr Art. 32(1)(a)".

    """

    text: str
    wrong: bool
    severity: ControlSeverity
    weight: int
    controls: tuple[str, ...]


def recommend(results: Iterable[FrameworkResult]) -> list[Recommendation]:
    """What to do about what fails, is not known or is not shown, and is not waived.

    The most severe first; of the same severity what is wrong, then what weighs most.
    """
    found: dict[str, Recommendation] = {}
    for result in results:
        for one in result.controls:
            named, severity = f"{result.framework.metadata.name} {one.control.id}", one.control.severity
            for text in _texts(one):
                made = found.setdefault(text, Recommendation(text, False, severity, 0, ()))
                made.wrong |= one.status is Status.FAIL
                made.severity = max(made.severity, severity, key=_SEVERITIES.index)
                made.weight += severity.weight
                made.controls = (*made.controls, named)
    return sorted(found.values(), key=lambda each: (-_SEVERITIES.index(each.severity), not each.wrong, -each.weight))


def _texts(result: ControlResult) -> Iterator[str]:
    """What is to be done about a control: facts and evidence that it lacks are found by different people."""
    control = result.control
    found_out = f"Find out and put in: {', '.join(result.missing)}." if result.missing else ""
    if result.status is Status.FAIL:
        told = control.remediation or f"Meet what {control.id} asks for: {control.title}"
        yield f"{found_out} Unless that shows that it does not matter here: {told}" if found_out else told
    if result.status is not Status.INSUFFICIENT:
        return
    lacking = [found.type for found in result.evidence if found.state is not EvidenceState.FRESH]
    if found_out:
        yield f"{found_out} Should that show a gap: {control.remediation}" if control.remediation else found_out
    elif not lacking:
        yield control.remediation or f"Clear up what is not known of {control.id}."
    of_tenant = " of the tenant" if control.subject == TENANT else ""
    for kind in lacking:
        yield f"Collect and record evidence{of_tenant}: {kind}."
