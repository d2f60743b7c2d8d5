"""Each call of the ComplianceService as a value; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration

from trueline import compliance_mapping
from trueline.calls import Call, built
from trueline.compliance import (
    ComplianceCoverage,
    ComplianceFrameworks,
    CompliancePosture,
    ComplianceReport,
    Evidence,
    PatternAssessment,
    ReportFormat,
    SecurityAssessment,
    Waiver,
)
from trueline.mapping import timestamp
from trueline.privacy import DataUse, PrivacyImpactAssessment
from trueline.rule_mapping import fact_value_to_proto
from trueline.v1 import compliance_service_pb2 as pb

_SERVICE = "ComplianceService"
_PAGE, _PAGE_WITH_CONTROLS = 1_000, 10
# Whom subjects are taken for whose kind is left out.
PATTERN = "pattern"


def _subject(subject: str, kind: str) -> pb.ComplianceSubject:
    """A subject; without id and kind the tenant as a whole."""
    return pb.ComplianceSubject(kind=kind or (PATTERN if subject else ""), id=subject)


def _facts(facts: Mapping[str, object]) -> list[pb.GivenFact]:
    return [pb.GivenFact(name=name, value=fact_value_to_proto(value)) for name, value in facts.items()]


@built
def list_frameworks(names: Sequence[str], *, with_controls: bool) -> Call[ComplianceFrameworks]:
    """ListFrameworks."""
    request = pb.ListFrameworksRequest(frameworks=names, with_controls=with_controls)
    return Call(_SERVICE, "ListFrameworks", request, lambda answers: compliance_mapping.frameworks(answers[0]))


@built
def assess_pattern(
    subject: str,
    frameworks: Sequence[str],
    facts: Mapping[str, object],
    *,
    kind: str,
    name: str,
    keep_facts: bool,
    at: datetime | None,
    known_at: datetime | None,
) -> Call[PatternAssessment]:
    """AssessPattern."""
    request = pb.AssessPatternRequest(
        subject=_subject(subject, kind),
        name=name,
        frameworks=frameworks,
        facts=_facts(facts),
        keep_facts=keep_facts,
        at=timestamp(at),
        known_at=timestamp(known_at),
    )
    return Call(_SERVICE, "AssessPattern", request, lambda answers: compliance_mapping.pattern_assessment(answers[0]))


@built
def assess_security(
    subject: str,
    facts: Mapping[str, object],
    *,
    kind: str,
    name: str,
    framework: str,
    at: datetime | None,
    known_at: datetime | None,
) -> Call[SecurityAssessment]:
    """AssessSecurity."""
    request = pb.AssessSecurityRequest(
        subject=_subject(subject, kind),
        name=name,
        facts=_facts(facts),
        framework=framework,
        at=timestamp(at),
        known_at=timestamp(known_at),
    )
    return Call(_SERVICE, "AssessSecurity", request, lambda answers: compliance_mapping.security_assessment(answers[0]))


@built
def assess_privacy_impact(
    subject: str,
    data: Sequence[DataUse],
    *,
    kind: str,
    name: str,
    rights: Mapping[str, bool | str],
    measures: Sequence[str],
    people: int,
    automated_decisions: bool | None,
    profile: str,
    at: datetime | None,
) -> Call[PrivacyImpactAssessment]:
    """AssessPrivacyImpact."""
    request = pb.AssessPrivacyImpactRequest(
        subject=_subject(subject, kind),
        name=name,
        data=[_use(use) for use in data],
        rights=[
            pb.RightGiven(right=right, supported=bool(served), how=served if isinstance(served, str) else "")
            for right, served in rights.items()
        ],
        measures=measures,
        people=people,
        automated_decisions=automated_decisions,
        profile=profile,
        at=timestamp(at),
    )
    return Call(
        _SERVICE, "AssessPrivacyImpact", request, lambda answers: compliance_mapping.privacy_assessment(answers[0])
    )


@built
def get_posture(
    subject: str,
    kind: str,
    frameworks: Sequence[str],
    *,
    with_controls: bool,
    at: datetime | None,
    known_at: datetime | None,
) -> Call[CompliancePosture]:
    """GetPosture of one subject."""
    request = pb.GetPostureRequest(
        subject=_subject(subject, kind),
        frameworks=frameworks,
        with_controls=with_controls,
        at=timestamp(at),
        known_at=timestamp(known_at),
    )
    return Call(_SERVICE, "GetPosture", request, compliance_mapping.posture)


@built
def list_postures(
    kind: str,
    frameworks: Sequence[str],
    *,
    with_controls: bool,
    at: datetime | None,
    known_at: datetime | None,
    limit: int,
) -> Call[CompliancePosture]:
    """GetPosture of all subjects of a kind, as many pages as it takes."""
    if limit < 0:
        raise ValueError(f"limit is {limit}; give how many are wanted, or 0 for all")
    page = _PAGE_WITH_CONTROLS if with_controls else _PAGE
    request = pb.GetPostureRequest(
        subject=pb.ComplianceSubject(kind=kind),
        frameworks=frameworks,
        with_controls=with_controls,
        at=timestamp(at),
        known_at=timestamp(known_at),
        page_size=min(limit, page) if limit else page,
    )
    return Call(_SERVICE, "GetPosture", request, compliance_mapping.posture, paged=True, items="subjects", most=limit)


@built
def get_coverage(
    framework: str, by_framework: str, *, controls: Sequence[str], subject: str, kind: str, hops: int
) -> Call[ComplianceCoverage]:
    """GetCoverage."""
    request = pb.GetCoverageRequest(
        framework=framework,
        by_framework=by_framework,
        control_ids=controls,
        subject=_subject(subject, kind),
        hops=hops,
    )
    return Call(_SERVICE, "GetCoverage", request, lambda answers: compliance_mapping.coverage(answers[0]))


@built
def record_evidence(
    type: str,  # noqa: A002 as the contract calls it
    source: str,
    *,
    subject: str,
    kind: str,
    content: bytes,
    sha256: str,
    uri: str,
    note: str,
    collected_at: datetime | None,
    expires_at: datetime | None,
    request_id: str,
) -> Call[Evidence]:
    """RecordEvidence; a call that is tried again keeps nothing twice."""
    request = pb.RecordEvidenceRequest(
        subject=_subject(subject, kind),
        type=type,
        source=source,
        content=content,
        sha256=sha256,
        uri=uri,
        note=note,
        collected_at=timestamp(collected_at),
        expires_at=timestamp(expires_at),
        request_id=request_id or str(uuid4()),
    )
    return Call(_SERVICE, "RecordEvidence", request, lambda answers: compliance_mapping.evidence(answers[0].evidence))


@built
def list_evidence(subject: str, kind: str, of_type: str, limit: int) -> Call[tuple[Evidence, ...]]:
    """ListEvidence, as many pages as it takes."""
    request = pb.ListEvidenceRequest(
        subject=_subject(subject, kind) if subject or kind else None, type=of_type, page_size=_page(limit)
    )

    def read(pages: Sequence[pb.ListEvidenceResponse]) -> tuple[Evidence, ...]:
        return tuple(compliance_mapping.evidence(each) for page in pages for each in page.evidence)

    return Call(_SERVICE, "ListEvidence", request, read, paged=True, items="evidence", most=limit)


@built
def grant_waiver(
    framework: str,
    control_id: str,
    *,
    reason: str,
    compensating_control: str,
    requested_by: str,
    approved_by: str,
    expires_at: datetime,
    subject: str,
    kind: str,
    request_id: str,
) -> Call[Waiver]:
    """GrantWaiver; a call that is tried again grants nothing twice."""
    request = pb.GrantWaiverRequest(
        subject=_subject(subject, kind),
        framework=framework,
        control_id=control_id,
        reason=reason,
        compensating_control=compensating_control,
        requested_by=requested_by,
        approved_by=approved_by,
        expires_at=timestamp(expires_at),
        request_id=request_id or str(uuid4()),
    )
    return Call(_SERVICE, "GrantWaiver", request, lambda answers: compliance_mapping.waiver(answers[0].waiver))


@built
def revoke_waiver(waiver_id: str, revoked_by: str) -> Call[Waiver]:
    """RevokeWaiver."""
    request = pb.RevokeWaiverRequest(waiver_id=waiver_id, revoked_by=revoked_by)
    return Call(_SERVICE, "RevokeWaiver", request, lambda answers: compliance_mapping.waiver(answers[0].waiver))


@built
def list_waivers(subject: str, kind: str, framework: str, *, with_ended: bool, limit: int) -> Call[tuple[Waiver, ...]]:
    """ListWaivers, as many pages as it takes."""
    request = pb.ListWaiversRequest(
        subject=_subject(subject, kind) if subject or kind else None,
        framework=framework,
        with_ended=with_ended,
        page_size=_page(limit),
    )

    def read(pages: Sequence[pb.ListWaiversResponse]) -> tuple[Waiver, ...]:
        return tuple(compliance_mapping.waiver(each) for page in pages for each in page.waivers)

    return Call(_SERVICE, "ListWaivers", request, read, paged=True, items="waivers", most=limit)


@built
def export_report(
    subject: str,
    form: ReportFormat | str,
    *,
    kind: str,
    frameworks: Sequence[str],
    facts: Mapping[str, object],
    oscal_version: str,
    at: datetime | None,
    known_at: datetime | None,
) -> Call[ComplianceReport]:
    """ExportReport."""
    known = [each.value for each in ReportFormat if each is not ReportFormat.UNSPECIFIED]
    if str(form) not in known:
        raise ValueError(f"form is {str(form)!r}; give one of {', '.join(known)}")
    request = pb.ExportReportRequest(
        subject=_subject(subject, kind),
        frameworks=frameworks,
        at=timestamp(at),
        known_at=timestamp(known_at),
        format=pb.ReportFormat.Value(f"REPORT_FORMAT_{str(form).upper()}"),
        oscal_version=oscal_version,
        facts=_facts(facts),
    )
    return Call(_SERVICE, "ExportReport", request, lambda answers: compliance_mapping.report(answers[0]))


def _page(limit: int) -> int:
    if limit < 0:
        raise ValueError(f"limit is {limit}; give how many are wanted, or 0 for all")
    return min(limit, _PAGE) if limit else _PAGE


def _use(use: DataUse) -> pb.DataUse:
    message = pb.DataUse(
        data_type=use.data_type,
        purpose=use.purpose,
        legal_basis=use.legal_basis,
        consent_recorded=use.consent_recorded,
        encrypted=use.encrypted,
        shared_with=[
            pb.DataSharing(
                recipient=each.recipient, country=each.country, safeguard=each.safeguard, contract=each.contract
            )
            for each in use.shared_with
        ],
    )
    if use.retention is not None:
        message.retention.CopyFrom(_duration(use.retention))
    return message


def _duration(span: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(span)
    return message
