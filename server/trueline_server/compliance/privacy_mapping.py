"""Maps privacy impact assessments from protobuf and to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration
from trueline.v1 import compliance_service_pb2 as pb

from trueline_server.compliance.mapping import SEVERITIES
from trueline_server.compliance.privacy import (
    DataRisk,
    DataUse,
    PrivacyFinding,
    Processing,
    RightResult,
    Sharing,
    Support,
)
from trueline_server.compliance.privacy_asking import PrivacyAssessment
from trueline_server.errors import invalid_field
from trueline_server.transport.times import timestamp_of

DAY_S = 86_400
_SUPPORT: Mapping[Support, Any] = {
    Support.SUPPORTED: pb.RIGHT_SUPPORT_SUPPORTED,
    Support.NOT_SUPPORTED: pb.RIGHT_SUPPORT_NOT_SUPPORTED,
    Support.UNKNOWN: pb.RIGHT_SUPPORT_UNKNOWN,
    Support.NOT_APPLICABLE: pb.RIGHT_SUPPORT_NOT_APPLICABLE,
}


def map_processing_from_proto(request: pb.AssessPrivacyImpactRequest) -> Processing:
    """What is told of a processing.

    Raises:
        TruelineError: INVALID_FIELD, for a type of data or a right that is told twice, and for a retention below 0.

    """
    rights: dict[str, tuple[bool, str]] = {}
    for place, right in enumerate(request.rights):
        if right.right in rights:
            raise invalid_field(f"rights[{place}].right", f"is '{right.right}', which is told already")
        rights[right.right] = (right.supported, right.how)
    return Processing(
        data=tuple(_use(use, f"data[{place}]") for place, use in enumerate(request.data)),
        rights=rights,
        measures=frozenset(request.measures),
        people=float(request.people) or None,
        automated_decisions=_optional(request, "automated_decisions"),
    )


def map_privacy_to_proto(made: PrivacyAssessment, request: pb.AssessPrivacyImpactRequest) -> Any:
    """A privacy impact assessment."""
    report = made.report
    return pb.AssessPrivacyImpactResponse(
        subject=request.subject,
        name=request.name or request.subject.id,
        passed=report.passed,
        assessment_required=report.required,
        assessment_reason=report.required_reason,
        risk=_level(report.risk),
        residual_risk=_level(report.residual),
        risk_reason=report.risk_reason,
        data=map(_data, report.data),
        rights=map(_right, report.rights),
        findings=map(_finding, report.findings),
        prior_consultation=report.prior_consultation,
        report_html=made.page,
        at=timestamp_of(made.at_us),
        rule_revision=made.revision,
    )


def _use(message: pb.DataUse, field: str) -> DataUse:
    retention = message.retention.ToTimedelta().total_seconds() / DAY_S if message.HasField("retention") else None
    if retention is not None and retention < 0:
        raise invalid_field(f"{field}.retention", "is below 0")
    return DataUse(
        data_type=message.data_type,
        purpose=message.purpose.strip(),
        retention_days=retention,
        legal_basis=message.legal_basis,
        consent_recorded=_optional(message, "consent_recorded"),
        shared_with=tuple(
            Sharing(each.recipient, each.country.upper(), each.safeguard, _optional(each, "contract"))
            for each in message.shared_with
        ),
        encrypted=_optional(message, "encrypted"),
    )


def _optional(message: Any, field: str) -> bool | None:
    return bool(getattr(message, field)) if message.HasField(field) else None


def _level(risk: int) -> Any:
    """RiskLevel has the same order; 0 is not known."""
    return risk


def _days(days: float) -> Duration:
    duration = Duration()
    duration.FromSeconds(round(days * DAY_S))
    return duration


def _data(found: DataRisk) -> pb.DataAssessment:
    message = pb.DataAssessment(
        data_type=found.use.data_type,
        sensitivity=_level(found.sensitivity),
        category=found.category,
        purpose=found.use.purpose,
        risk=_level(found.risk),
        residual_risk=_level(found.residual),
    )
    if found.use.retention_days is not None:
        message.retention.CopyFrom(_days(found.use.retention_days))
    if found.limit_days is not None:
        message.retention_limit.CopyFrom(_days(found.limit_days))
    return message


def _right(found: RightResult) -> pb.RightAssessment:
    return pb.RightAssessment(
        right=found.name,
        title=found.right.title,
        reference=found.right.reference,
        support=_SUPPORT[found.support],
        reason=found.reason,
        answer_within=_days(found.right.answer_days),
    )


def _finding(found: PrivacyFinding) -> pb.PrivacyFinding:
    return pb.PrivacyFinding(
        about=found.about,
        text=found.text,
        severity=SEVERITIES[found.severity],
        reference=found.reference,
        mitigation=found.mitigation,
        unknown=found.unknown,
    )
