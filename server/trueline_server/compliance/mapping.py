"""Maps assessments, posture, evidence and waivers to protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trueline.v1 import compliance_service_pb2 as pb
from trueline_rules.compliance_model import ComplianceFramework, ControlSeverity, Relation
from trueline_rules.expressions.showing import show_value

from trueline_server.compliance.assessing import Standing
from trueline_server.compliance.coverage import Coverage, Covered
from trueline_server.compliance.model import (
    ControlResult,
    Evidence,
    EvidenceState,
    FoundEvidence,
    FrameworkResult,
    KnownFact,
    Status,
    Subject,
    Waiver,
)
from trueline_server.compliance.recommending import Recommendation
from trueline_server.compliance.security import Area, SecurityReport
from trueline_server.compliance.tally import Tally, tally_of
from trueline_server.compliance.undecided import UndecidedFact
from trueline_server.transport.times import duration_of, timestamp_of

_STATUSES: Mapping[Status, Any] = {
    Status.PASS: pb.CONTROL_STATUS_PASS,
    Status.FAIL: pb.CONTROL_STATUS_FAIL,
    Status.INSUFFICIENT: pb.CONTROL_STATUS_INSUFFICIENT_EVIDENCE,
    Status.WAIVED: pb.CONTROL_STATUS_WAIVED,
    Status.NOT_APPLICABLE: pb.CONTROL_STATUS_NOT_APPLICABLE,
}
_OPEN = frozenset({Status.FAIL, Status.INSUFFICIENT})
_EVIDENCE: Mapping[EvidenceState, Any] = {
    EvidenceState.FRESH: pb.EVIDENCE_STATE_FRESH,
    EvidenceState.EXPIRED: pb.EVIDENCE_STATE_EXPIRED,
    EvidenceState.MISSING: pb.EVIDENCE_STATE_MISSING,
}
_RELATIONS: Mapping[Relation | None, Any] = {
    None: pb.CONTROL_RELATION_UNSPECIFIED,
    Relation.EQUAL: pb.CONTROL_RELATION_EQUAL,
    Relation.SUPERSET: pb.CONTROL_RELATION_SUPERSET,
    Relation.SUBSET: pb.CONTROL_RELATION_SUBSET,
    Relation.INTERSECTS: pb.CONTROL_RELATION_INTERSECTS,
}
SEVERITIES: Mapping[ControlSeverity | None, Any] = {
    None: pb.CONTROL_SEVERITY_UNSPECIFIED,
    ControlSeverity.LOW: pb.CONTROL_SEVERITY_LOW,
    ControlSeverity.MEDIUM: pb.CONTROL_SEVERITY_MEDIUM,
    ControlSeverity.HIGH: pb.CONTROL_SEVERITY_HIGH,
    ControlSeverity.CRITICAL: pb.CONTROL_SEVERITY_CRITICAL,
}


def map_subject_to_proto(subject: Subject) -> pb.ComplianceSubject:
    """A subject."""
    return pb.ComplianceSubject(kind=subject.kind, id=subject.id)


def map_framework_to_proto(framework: ComplianceFramework, *, with_controls: bool) -> pb.ComplianceFramework:
    """A framework in force."""
    message = pb.ComplianceFramework(
        name=framework.metadata.name,
        title=framework.title,
        version=framework.version,
        description=framework.metadata.description,
        total_controls=len(framework.controls),
    )
    for control in framework.controls if with_controls else ():
        message.controls.add(
            control_id=control.id,
            title=control.title,
            group=control.group or control.area,
            severity=SEVERITIES[control.severity],
            applies=control.applies,
            rule=control.rule,
            evidence=[
                pb.EvidenceNeed(type=need.type, description=need.description, freshness=duration_of(need.freshness_us))
                for need in control.evidence
            ],
            remediation=control.remediation,
            subject_kind=control.subject if control.subject != framework.subject else "",
        )
    return message


def map_results_to_proto(
    results: Iterable[FrameworkResult], *, with_controls: bool = True
) -> list[pb.FrameworkAssessment]:
    """What one subject came to by frameworks."""
    messages = []
    # Many controls look at the same fact, of which all see the same.
    seen: dict[str, pb.FactSeen] = {}
    for result in results:
        tally = tally_of((each.status, each.control.severity) for each in result.controls)
        message = _assessment(result.framework, tally)
        for control in result.controls if with_controls else ():
            _control(message.controls.add(), control, seen)
        messages.append(message)
    return messages


def map_standing_to_proto(standing: Standing) -> pb.FrameworkAssessment:
    """What a framework came to, without its controls."""
    framework = standing.framework.framework
    severities = (control.severity for control in framework.controls)
    return _assessment(framework, tally_of(zip(standing.statuses, severities, strict=True)))


def map_recommendation_to_proto(recommendation: Recommendation) -> pb.ComplianceRecommendation:
    """What to do."""
    return pb.ComplianceRecommendation(
        text=recommendation.text, severity=SEVERITIES[recommendation.severity], controls=recommendation.controls
    )


def map_undecided_to_proto(fact: UndecidedFact) -> pb.UndecidedFact:
    """A fact that is not known."""
    return pb.UndecidedFact(
        name=fact.type.metadata.name,
        description=fact.type.metadata.description,
        subject_kind=fact.type.subject,
        type=fact.type.type,
        unit=fact.type.unit,
        severity=SEVERITIES[fact.severity],
        weight=fact.weight,
        controls=fact.controls,
    )


def map_areas_to_proto(areas: Iterable[Area]) -> list[pb.SecurityArea]:
    """What areas of security came to."""
    return [
        pb.SecurityArea(
            area=area.name, passed=area.passed, failed=area.failed, unknown=area.unknown, worst=SEVERITIES[area.worst]
        )
        for area in areas
    ]


def map_findings_to_proto(report: SecurityReport) -> list[pb.SecurityFinding]:
    """What is wrong or not known about security."""
    return [
        pb.SecurityFinding(
            control_id=each.control.id,
            area=each.control.area,
            title=each.control.title,
            severity=SEVERITIES[each.control.severity],
            status=_STATUSES[each.status],
            reason=each.reason,
            mitigation=each.control.remediation,
        )
        for each in report.findings
    ]


def map_coverage_to_proto(coverage: Coverage) -> pb.GetCoverageResponse:
    """How controls are covered."""
    return pb.GetCoverageResponse(
        controls=map(_covered, coverage.controls),
        targets=len(coverage.controls),
        covered_any=coverage.covered_any,
        covered_all=coverage.covered_all,
        mean_share=coverage.mean_share,
        uncovered=coverage.uncovered,
    )


def map_evidence_to_proto(evidence: Evidence) -> pb.Evidence:
    """A piece of evidence."""
    message = pb.Evidence(
        evidence_id=evidence.id,
        subject=map_subject_to_proto(evidence.subject),
        type=evidence.type,
        source=evidence.source,
        collected_at=timestamp_of(evidence.collected_at_us),
        recorded_at=timestamp_of(evidence.recorded_at_us),
        sha256=evidence.sha256,
        uri=evidence.uri,
        note=evidence.note,
    )
    if evidence.expires_at_us is not None:
        message.expires_at.CopyFrom(timestamp_of(evidence.expires_at_us))
    return message


def map_waiver_to_proto(waiver: Waiver) -> pb.Waiver:
    """A waiver."""
    message = pb.Waiver(
        waiver_id=waiver.id,
        subject=map_subject_to_proto(waiver.subject),
        framework=waiver.framework,
        control_id=waiver.control,
        reason=waiver.reason,
        compensating_control=waiver.compensating_control,
        requested_by=waiver.requested_by,
        approved_by=waiver.approved_by,
        granted_at=timestamp_of(waiver.granted_at_us),
        expires_at=timestamp_of(waiver.expires_at_us),
        revoked_by=waiver.revoked_by,
    )
    if waiver.revoked_at_us is not None:
        message.revoked_at.CopyFrom(timestamp_of(waiver.revoked_at_us))
    return message


def _assessment(framework: ComplianceFramework, tally: Tally) -> pb.FrameworkAssessment:
    count, rates = tally.statuses, tally.rates
    return pb.FrameworkAssessment(
        framework=framework.metadata.name,
        title=framework.title,
        version=framework.version,
        passed=count.get(Status.PASS, 0),
        failed=count.get(Status.FAIL, 0),
        insufficient=count.get(Status.INSUFFICIENT, 0),
        waived=count.get(Status.WAIVED, 0),
        not_applicable=count.get(Status.NOT_APPLICABLE, 0),
        pass_rate_assessed=rates.pass_rate_assessed,
        pass_rate_applicable=rates.pass_rate_applicable,
        weighted_score=rates.weighted_score,
        open_critical=tally.open_critical,
        satisfied=tally.satisfied,
    )


def _control(message: pb.ControlAssessment, result: ControlResult, seen: dict[str, pb.FactSeen]) -> None:
    """What a control came to, written into a message."""
    message.control_id = result.control.id
    message.title = result.control.title
    message.severity = SEVERITIES[result.control.severity]
    message.status = _STATUSES[result.status]
    message.reason = result.reason
    for name, fact in result.facts.items():
        if name not in seen:
            seen[name] = _fact(name, fact)
        message.facts.append(seen[name])
    message.missing_facts.extend(result.missing)
    message.evidence.extend(map(_found, result.evidence))
    if result.status in _OPEN:
        message.remediation = result.control.remediation
    message.status_without_waiver = _STATUSES[result.without_waiver]
    if result.waiver is not None:
        message.waiver_id = result.waiver.id
        message.waived_until.CopyFrom(timestamp_of(result.waiver.expires_at_us))


def _fact(name: str, fact: KnownFact | None) -> pb.FactSeen:
    if fact is None or fact.value is None:
        return pb.FactSeen(name=name)
    message = pb.FactSeen(name=name, value=show_value(fact.value), given=fact.given)
    if not fact.given:
        message.observed_at.CopyFrom(timestamp_of(fact.observed_at_us))
    return message


def _found(found: FoundEvidence) -> pb.EvidenceFound:
    message = pb.EvidenceFound(type=found.type, state=_EVIDENCE[found.state])
    if found.evidence is not None:
        message.evidence_id = found.evidence.id
        message.collected_at.CopyFrom(timestamp_of(found.evidence.collected_at_us))
        message.fresh_until.CopyFrom(timestamp_of(found.fresh_until_us))
    return message


def _covered(covered: Covered) -> pb.ControlCoverage:
    return pb.ControlCoverage(
        control_id=covered.control,
        full=covered.full,
        share=covered.share,
        relation=_RELATIONS[covered.relation],
        hops=[
            pb.CoverageHop(
                framework=hop.framework,
                control_id=hop.control,
                relation=_RELATIONS[hop.relation],
                strength=hop.strength,
                rationale=hop.rationale,
            )
            for hop in covered.hops
        ],
    )
