"""Compliance as plain rows: what CSV has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueline import (
        ComplianceCoverage,
        ComplianceFrameworks,
        CompliancePosture,
        Evidence,
        FrameworkAssessment,
        PrivacyImpactAssessment,
        SecurityAssessment,
        Waiver,
    )

Rows = Iterable[Sequence[object]]
Table = tuple[Sequence[str], Rows]

_CONTROL = ("framework", "control", "severity", "status", "title", "reason", "missing_facts", "waiver", "remediation")


def csv_controls(frameworks: Mapping[str, FrameworkAssessment]) -> Table:
    """A row for each control."""
    return _CONTROL, (row for found in frameworks.values() for row in _controls(found))


def csv_posture(posture: CompliancePosture) -> Table:
    """A row for each subject and framework."""
    header = (
        *("kind", "subject", "framework", "passed", "failed", "insufficient", "waived", "not_applicable"),
        *("pass_rate_assessed", "pass_rate_applicable", "weighted_score", "open_critical", "satisfied"),
    )
    return header, (
        (
            *(each.subject.kind, each.subject.id, name, one.passed, one.failed, one.insufficient, one.waived),
            *(one.not_applicable, one.pass_rate_assessed, one.pass_rate_applicable, one.weighted_score),
            *(one.open_critical, one.satisfied),
        )
        for each in posture.subjects
        for name, one in each.frameworks.items()
    )


def csv_frameworks(found: ComplianceFrameworks) -> Table:
    """A row for each control that a framework has."""
    header = ("framework", "control", "severity", "group", "title", "applies", "rule", "evidence", "remediation")
    return header, (
        (
            *(name, one.control_id, one.severity.value, one.group, one.title, one.applies, one.rule),
            " ".join(need.type for need in one.evidence),
            one.remediation,
        )
        for name, framework in found.frameworks.items()
        for one in framework.controls
    )


def csv_security(found: SecurityAssessment) -> Table:
    """A row for each finding."""
    header = ("control", "area", "severity", "status", "title", "reason", "mitigation")
    return header, (
        (each.control_id, each.area, each.severity.value, each.status.value, each.title, each.reason, each.mitigation)
        for each in found.findings
    )


def csv_privacy(found: PrivacyImpactAssessment) -> Table:
    """A row for each finding."""
    header = ("about", "severity", "unknown", "text", "reference", "mitigation")
    return header, (
        (each.about, each.severity.value, each.unknown, each.text, each.reference, each.mitigation)
        for each in found.findings
    )


def csv_coverage(found: ComplianceCoverage) -> Table:
    """A row for each control that mappings lead to."""
    header = ("control", "full", "share", "relation", "chain")
    return header, (
        (
            *(each.control_id, each.full, each.share, each.relation.value),
            " > ".join(f"{hop.framework} {hop.control_id} {hop.relation.value}" for hop in each.hops),
        )
        for each in found.controls
    )


def csv_evidence(found: Sequence[Evidence]) -> Table:
    """A row for each piece."""
    header = ("evidence", "kind", "subject", "type", "source", "collected_at", "recorded_at", "sha256", "uri", "note")
    return header, (
        (
            *(each.evidence_id, each.subject.kind, each.subject.id, each.type, each.source),
            *(each.collected_at.isoformat(), each.recorded_at.isoformat(), each.sha256, each.uri, each.note),
        )
        for each in found
    )


def csv_waivers(found: Sequence[Waiver]) -> Table:
    """A row for each waiver."""
    header = (
        *("waiver", "kind", "subject", "framework", "control", "reason", "compensating_control"),
        *("requested_by", "approved_by", "granted_at", "expires_at", "revoked_at", "revoked_by"),
    )
    return header, (
        (
            *(each.waiver_id, each.subject.kind, each.subject.id, each.framework, each.control_id, each.reason),
            *(each.compensating_control, each.requested_by, each.approved_by),
            *(each.granted_at.isoformat(), each.expires_at.isoformat()),
            *("" if each.revoked_at is None else each.revoked_at.isoformat(), each.revoked_by),
        )
        for each in found
    )


def _controls(found: FrameworkAssessment) -> Rows:
    return (
        (
            *(found.framework, one.control_id, one.severity.value, one.status.value, one.title, one.reason),
            *(" ".join(one.missing_facts), one.waiver_id, one.remediation),
        )
        for one in found.controls.values()
    )
