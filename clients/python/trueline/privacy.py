"""Privacy impact assessments as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from trueline.compliance import ComplianceSubject, ControlSeverity


class RiskLevel(StrEnum):
    """A level of risk; UNSPECIFIED = not known."""

    UNSPECIFIED = "unspecified"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very_high"


class RightSupport(StrEnum):
    """Whether a right of those whom the data is about is served."""

    UNSPECIFIED = "unspecified"
    SUPPORTED = "supported"
    NOT_SUPPORTED = "not_supported"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class DataSharing:
    """Somebody whom data is given to.

    Attributes:
        recipient: who.
        country: ISO 3166-1 alpha-2; "" = not known.
        safeguard: of the transfer, as the profile names it; "" = none.
        contract: whether there is a contract about it; None = not known.

    """

    recipient: str
    country: str = ""
    safeguard: str = ""
    contract: bool | None = None


@dataclass(frozen=True, slots=True)
class DataUse:
    """What is done with a type of data; "" and None = not known.

    Attributes:
        data_type: as the profile names it, e.g. "email".
        purpose: what for.
        retention: how long it is kept.
        legal_basis: as the profile names it, e.g. "consent".
        consent_recorded: whether consent is asked for and kept.
        shared_with: who gets it.
        encrypted: whether it is encrypted at rest and in transit.

    """

    data_type: str
    purpose: str = ""
    retention: timedelta | None = None
    legal_basis: str = ""
    consent_recorded: bool | None = None
    shared_with: Sequence[DataSharing] = ()
    encrypted: bool | None = None


@dataclass(frozen=True, slots=True)
class PrivacyFinding:
    """Something that is wrong, or `unknown`, about a type of data, a right or "processing"."""

    about: str
    text: str
    severity: ControlSeverity
    reference: str
    mitigation: str
    unknown: bool


@dataclass(frozen=True, slots=True)
class DataAssessment:
    """What a use of data came to; `retention_limit` None = there is no limit."""

    data_type: str
    sensitivity: RiskLevel
    category: str
    purpose: str
    retention: timedelta | None
    retention_limit: timedelta | None
    risk: RiskLevel
    residual_risk: RiskLevel


@dataclass(frozen=True, slots=True)
class RightAssessment:
    """What a right came to, and within which time a request must be answered."""

    right: str
    title: str
    reference: str
    support: RightSupport
    reason: str
    answer_within: timedelta


@dataclass(frozen=True, slots=True)
class PrivacyImpactAssessment:
    """What a processing of personal data does to people.

    Attributes:
        passed: whether nothing is wrong and nothing that is needed is unknown.
        assessment_required: whether the law asks for a full assessment, with the reason beside it.
        risk, residual_risk: before measures, and what is left.
        findings: the most severe first.
        prior_consultation: whether the authority must be asked before.
        report_html: a page that a person can file.
        at: the instant that is judged.

    """

    subject: ComplianceSubject
    name: str
    passed: bool
    assessment_required: bool
    assessment_reason: str
    risk: RiskLevel
    residual_risk: RiskLevel
    risk_reason: str
    data: tuple[DataAssessment, ...]
    rights: tuple[RightAssessment, ...]
    findings: tuple[PrivacyFinding, ...]
    prior_consultation: bool
    report_html: str
    at: datetime
    rule_revision: str
