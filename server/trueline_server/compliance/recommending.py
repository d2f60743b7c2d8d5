"""What to do about controls that do not pass: each remediation once, the most severe first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trueline_rules.compliance_model import ControlSeverity

from trueline_server.compliance.model import ControlResult, EvidenceState, FrameworkResult, Status

_OPEN = frozenset({Status.FAIL, Status.INSUFFICIENT})


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do, how severe the worst control is that it is for, and the controls, e.g. "gdpr Art. 32(1)(a)"."""

    text: str
    severity: ControlSeverity
    controls: tuple[str, ...]


def recommend(results: Iterable[FrameworkResult]) -> list[Recommendation]:
    """What to do about what fails or is not known, and is not waived."""
    found: dict[str, Recommendation] = {}
    for result in results:
        for one in result.controls:
            if one.status not in _OPEN:
                continue
            text, named = _text(one), f"{result.framework.metadata.name} {one.control.id}"
            before = found.get(text)
            severity = one.control.severity
            if before is not None:
                severity = max(before.severity, severity, key=_rank)
            found[text] = Recommendation(text, severity, (*(before.controls if before is not None else ()), named))
    return sorted(found.values(), key=lambda each: -_rank(each.severity))


def _text(result: ControlResult) -> str:
    if result.status is Status.FAIL:
        return result.control.remediation or f"Meet what {result.control.id} asks for: {result.control.title}"
    if result.missing:
        told = f"Find out and put in: {', '.join(result.missing)}."
        return f"{told} If it is not so: {result.control.remediation}" if result.control.remediation else told
    lacking = [found.type for found in result.evidence if found.state is not EvidenceState.FRESH]
    if lacking:
        return f"Collect and record evidence: {', '.join(lacking)}."
    return result.control.remediation or f"Clear up what is not known of {result.control.id}."


def _rank(severity: ControlSeverity) -> int:
    return list(ControlSeverity).index(severity)
