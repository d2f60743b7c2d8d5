"""Security of a subject, area by area: its level, and what is wrong or not known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trueline_rules.compliance_model import ControlSeverity
from trueline_rules.expressions.finding import Find, reasons_of

from trueline_server.compliance.frameworks import JudgedFramework
from trueline_server.compliance.model import ControlResult, FrameworkResult, Status
from trueline_server.compliance.tally import Tally, tally_of

UNKNOWN_LEVEL = "unknown"
_SEVERITIES = list(ControlSeverity)
_OPEN = (Status.FAIL, Status.INSUFFICIENT)


@dataclass(frozen=True, slots=True)
class Area:
    """How many controls of an area came to what; `worst` is the highest severity that fails, None if none does."""

    name: str
    passed: int
    failed: int
    unknown: int
    worst: ControlSeverity | None


@dataclass(frozen=True, slots=True)
class SecurityReport:
    """How secure a subject is.

    Attributes:
        level: by the framework's levels; "unknown" if none of them holds.
        reason: why it is this level, for people.
        score: weighted by severity, 0 to 1; None if nothing applies.
        areas: in the order of the framework.
        findings: what fails or is not known, and is not waived, the most severe first.

    """

    level: str
    reason: str
    score: float | None
    areas: tuple[Area, ...]
    findings: tuple[ControlResult, ...]


def secure(framework: JudgedFramework, result: FrameworkResult) -> SecurityReport:
    """What the controls of a framework say of the security of a subject."""
    tally = tally_of((each.status, each.control.severity) for each in result.controls)
    level, reason = _level(framework, tally)
    areas = dict.fromkeys(each.control.area for each in result.controls)
    findings = [each for each in result.controls if each.status in _OPEN]
    # What is wrong comes before what is not known; else the order of the framework stays.
    findings.sort(key=lambda each: (-_SEVERITIES.index(each.control.severity), _OPEN.index(each.status)))
    return SecurityReport(
        level=level,
        reason=reason,
        score=tally.rates.weighted_score,
        areas=tuple(_area(name, [each for each in result.controls if each.control.area == name]) for name in areas),
        findings=tuple(findings),
    )


def _level(framework: JudgedFramework, tally: Tally) -> tuple[str, str]:
    counts = tally.counts()
    for level, condition in zip(framework.framework.levels, framework.compiled.levels, strict=True):
        if condition.evaluate(counts):
            return level.name, reasons_of(Find(condition.text, condition.tree)(counts))
    return UNKNOWN_LEVEL, f"no level of {framework.name} holds"


def _area(name: str, results: Sequence[ControlResult]) -> Area:
    failing = [each.control.severity for each in results if each.status is Status.FAIL]
    statuses = [each.status for each in results]
    return Area(
        name=name,
        passed=statuses.count(Status.PASS),
        failed=len(failing),
        unknown=statuses.count(Status.INSUFFICIENT),
        worst=max(failing, key=_SEVERITIES.index, default=None),
    )
