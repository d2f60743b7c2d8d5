"""Maps compliance from its protobuf messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from trueline.compliance import (
    ComplianceCoverage,
    ComplianceFramework,
    ComplianceFrameworks,
    CompliancePosture,
    ComplianceRecommendation,
    ComplianceReport,
    ComplianceSubject,
    ControlAssessment,
    ControlCoverage,
    ControlRelation,
    ControlSeverity,
    ControlStatus,
    CoverageHop,
    Evidence,
    EvidenceFound,
    EvidenceNeed,
    EvidenceState,
    FactSeen,
    FrameworkAssessment,
    FrameworkControl,
    PatternAssessment,
    SecurityArea,
    SecurityAssessment,
    SecurityFinding,
    SubjectPosture,
    UndecidedFact,
    Waiver,
)
from trueline.mapping import enum_names, instant
from trueline.privacy import (
    DataAssessment,
    PrivacyFinding,
    PrivacyImpactAssessment,
    RightAssessment,
    RightSupport,
    RiskLevel,
)
from trueline.v1 import compliance_service_pb2 as pb

_STATUSES = enum_names(ControlStatus, pb.ControlStatus)
_SEVERITIES = enum_names(ControlSeverity, pb.ControlSeverity)
_EVIDENCE = enum_names(EvidenceState, pb.EvidenceState)
_RELATIONS = enum_names(ControlRelation, pb.ControlRelation)
_RISKS = enum_names(RiskLevel, pb.RiskLevel)
_SUPPORT = enum_names(RightSupport, pb.RightSupport)


def _severity(number: int) -> ControlSeverity:
    return _SEVERITIES.get(number, ControlSeverity.UNSPECIFIED)


def _status(number: int) -> ControlStatus:
    return _STATUSES.get(number, ControlStatus.UNSPECIFIED)


def _at(message: Any, name: str) -> datetime:
    found = instant(message, name)
    assert found is not None, f"the server sends {name}"
    return found


def _optional(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def _subject(message: pb.ComplianceSubject) -> ComplianceSubject:
    return ComplianceSubject(message.kind, message.id)


def frameworks(message: pb.ListFrameworksResponse) -> ComplianceFrameworks:
    """Frameworks in force."""
    found = {each.name: _framework(each) for each in message.frameworks}
    return ComplianceFrameworks(found, message.rule_revision)


def pattern_assessment(message: pb.AssessPatternResponse) -> PatternAssessment:
    """The verdict on a pattern."""
    return PatternAssessment(
        subject=_subject(message.subject),
        name=message.name,
        validation_passed=message.validation_passed,
        frameworks=_assessments(message.frameworks),
        recommendations=tuple(
            ComplianceRecommendation(each.text, _severity(each.severity), tuple(each.controls))
            for each in message.recommendations
        ),
        undecided_facts=tuple(map(_undecided, message.undecided_facts)),
        at=_at(message, "at"),
        rule_revision=message.rule_revision,
        known_at=instant(message, "known_at"),
    )


def security_assessment(message: pb.AssessSecurityResponse) -> SecurityAssessment:
    """How secure something is."""
    return SecurityAssessment(
        subject=_subject(message.subject),
        name=message.name,
        level=message.level,
        level_reason=message.level_reason,
        score=_optional(message, "score"),
        areas=tuple(
            SecurityArea(each.area, each.passed, each.failed, each.unknown, _severity(each.worst))
            for each in message.areas
        ),
        findings=tuple(
            SecurityFinding(
                control_id=each.control_id,
                area=each.area,
                title=each.title,
                severity=_severity(each.severity),
                status=_status(each.status),
                reason=each.reason,
                mitigation=each.mitigation,
            )
            for each in message.findings
        ),
        at=_at(message, "at"),
        rule_revision=message.rule_revision,
        known_at=instant(message, "known_at"),
    )


def privacy_assessment(message: pb.AssessPrivacyImpactResponse) -> PrivacyImpactAssessment:
    """What a processing does to people."""
    return PrivacyImpactAssessment(
        subject=_subject(message.subject),
        name=message.name,
        passed=message.passed,
        assessment_required=message.assessment_required,
        assessment_reason=message.assessment_reason,
        risk=_risk(message.risk),
        residual_risk=_risk(message.residual_risk),
        risk_reason=message.risk_reason,
        data=tuple(map(_data, message.data)),
        rights=tuple(map(_right, message.rights)),
        findings=tuple(
            PrivacyFinding(
                each.about, each.text, _severity(each.severity), each.reference, each.mitigation, each.unknown
            )
            for each in message.findings
        ),
        prior_consultation=message.prior_consultation,
        report_html=message.report_html,
        at=_at(message, "at"),
        rule_revision=message.rule_revision,
    )


def posture(pages: Sequence[pb.GetPostureResponse]) -> CompliancePosture:
    """Where subjects stand, of all pages; they are of one instant."""
    return CompliancePosture(
        subjects=tuple(
            SubjectPosture(_subject(each.subject), _assessments(each.frameworks))
            for page in pages
            for each in page.subjects
        ),
        total_subjects=pages[0].total_subjects,
        at=_at(pages[0], "at"),
        rule_revision=pages[0].rule_revision,
        known_at=instant(pages[0], "known_at"),
    )


def coverage(message: pb.GetCoverageResponse) -> ComplianceCoverage:
    """Which controls others cover."""
    return ComplianceCoverage(
        controls=tuple(
            ControlCoverage(
                control_id=each.control_id,
                full=each.full,
                share=each.share,
                relation=_relation(each.relation),
                hops=tuple(
                    CoverageHop(hop.framework, hop.control_id, _relation(hop.relation), hop.strength, hop.rationale)
                    for hop in each.hops
                ),
            )
            for each in message.controls
        ),
        targets=message.targets,
        covered_any=message.covered_any,
        covered_all=message.covered_all,
        mean_share=_optional(message, "mean_share"),
        uncovered=tuple(message.uncovered),
    )


def evidence(message: pb.Evidence) -> Evidence:
    """A piece of evidence."""
    return Evidence(
        evidence_id=message.evidence_id,
        subject=_subject(message.subject),
        type=message.type,
        source=message.source,
        collected_at=_at(message, "collected_at"),
        recorded_at=_at(message, "recorded_at"),
        sha256=message.sha256,
        uri=message.uri,
        expires_at=instant(message, "expires_at"),
        note=message.note,
    )


def report(message: pb.ExportReportResponse) -> ComplianceReport:
    """A report as a file."""
    return ComplianceReport(
        content=message.content,
        media_type=message.media_type,
        file_name=message.file_name,
        at=_at(message, "at"),
        rule_revision=message.rule_revision,
        known_at=instant(message, "known_at"),
    )


def waiver(message: pb.Waiver) -> Waiver:
    """A waiver."""
    return Waiver(
        waiver_id=message.waiver_id,
        subject=_subject(message.subject),
        framework=message.framework,
        control_id=message.control_id,
        reason=message.reason,
        compensating_control=message.compensating_control,
        requested_by=message.requested_by,
        approved_by=message.approved_by,
        granted_at=_at(message, "granted_at"),
        expires_at=_at(message, "expires_at"),
        revoked_at=instant(message, "revoked_at"),
        revoked_by=message.revoked_by,
    )


def _undecided(message: pb.UndecidedFact) -> UndecidedFact:
    return UndecidedFact(
        name=message.name,
        description=message.description,
        subject_kind=message.subject_kind,
        type=message.type,
        unit=message.unit,
        severity=_severity(message.severity),
        weight=message.weight,
        controls=tuple(message.controls),
    )


def _risk(number: int) -> RiskLevel:
    return _RISKS.get(number, RiskLevel.UNSPECIFIED)


def _relation(number: int) -> ControlRelation:
    return _RELATIONS.get(number, ControlRelation.UNSPECIFIED)


def _framework(message: pb.ComplianceFramework) -> ComplianceFramework:
    return ComplianceFramework(
        name=message.name,
        title=message.title,
        version=message.version,
        description=message.description,
        total_controls=message.total_controls,
        controls=tuple(
            FrameworkControl(
                control_id=each.control_id,
                title=each.title,
                group=each.group,
                severity=_severity(each.severity),
                applies=each.applies,
                rule=each.rule,
                evidence=tuple(
                    EvidenceNeed(need.type, need.description, need.freshness.ToTimedelta()) for need in each.evidence
                ),
                remediation=each.remediation,
                subject_kind=each.subject_kind,
            )
            for each in message.controls
        ),
    )


def _assessments(messages: Iterable[pb.FrameworkAssessment]) -> dict[str, FrameworkAssessment]:
    """What one subject came to, by framework."""
    # Many controls look at the same fact, of which all see the same.
    seen: dict[str, FactSeen] = {}
    return {each.framework: _assessment(each, seen) for each in messages}


def _assessment(message: pb.FrameworkAssessment, seen: dict[str, FactSeen]) -> FrameworkAssessment:
    return FrameworkAssessment(
        framework=message.framework,
        title=message.title,
        version=message.version,
        passed=message.passed,
        failed=message.failed,
        insufficient=message.insufficient,
        waived=message.waived,
        not_applicable=message.not_applicable,
        pass_rate_assessed=_optional(message, "pass_rate_assessed"),
        pass_rate_applicable=_optional(message, "pass_rate_applicable"),
        weighted_score=_optional(message, "weighted_score"),
        open_critical=message.open_critical,
        satisfied=message.satisfied,
        controls={each.control_id: _control(each, seen) for each in message.controls},
    )


def _control(message: pb.ControlAssessment, seen: dict[str, FactSeen]) -> ControlAssessment:
    facts = {each.name: seen.get(each.name) or _seen(each, seen) for each in message.facts}
    return ControlAssessment(
        control_id=message.control_id,
        title=message.title,
        severity=_severity(message.severity),
        status=_status(message.status),
        reason=message.reason,
        facts=facts,
        missing_facts=tuple(message.missing_facts),
        evidence=tuple(
            EvidenceFound(
                type=each.type,
                state=_EVIDENCE.get(each.state, EvidenceState.UNSPECIFIED),
                evidence_id=each.evidence_id,
                collected_at=instant(each, "collected_at"),
                fresh_until=instant(each, "fresh_until"),
            )
            for each in message.evidence
        ),
        waiver_id=message.waiver_id,
        waived_until=instant(message, "waived_until"),
        remediation=message.remediation,
        status_without_waiver=_status(message.status_without_waiver),
    )


def _seen(message: pb.FactSeen, seen: dict[str, FactSeen]) -> FactSeen:
    found = seen[message.name] = FactSeen(message.value, message.given, instant(message, "observed_at"))
    return found


def _data(message: pb.DataAssessment) -> DataAssessment:
    retention, limit = _optional(message, "retention"), _optional(message, "retention_limit")
    return DataAssessment(
        data_type=message.data_type,
        sensitivity=_risk(message.sensitivity),
        category=message.category,
        purpose=message.purpose,
        retention=None if retention is None else retention.ToTimedelta(),
        retention_limit=None if limit is None else limit.ToTimedelta(),
        risk=_risk(message.risk),
        residual_risk=_risk(message.residual_risk),
    )


def _right(message: pb.RightAssessment) -> RightAssessment:
    return RightAssessment(
        right=message.right,
        title=message.title,
        reference=message.reference,
        support=_SUPPORT.get(message.support, RightSupport.UNSPECIFIED),
        reason=message.reason,
        answer_within=message.answer_within.ToTimedelta(),
    )
