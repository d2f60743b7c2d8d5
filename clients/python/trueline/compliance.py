"""Compliance as values: frameworks, what subjects come to by them, evidence, waivers, coverage and security."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class ControlStatus(StrEnum):
    """What a control comes to; always computed, and what is not known is never a pass."""

    UNSPECIFIED = "unspecified"
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"


class ControlSeverity(StrEnum):
    """How much a control weighs."""

    UNSPECIFIED = "unspecified"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class EvidenceState(StrEnum):
    """Where evidence stands at an instant."""

    UNSPECIFIED = "unspecified"
    FRESH = "fresh"
    EXPIRED = "expired"
    MISSING = "missing"


class ControlRelation(StrEnum):
    """What a control asks for of another: the same, all of it and more, a part of it, or something in common."""

    UNSPECIFIED = "unspecified"
    EQUAL = "equal"
    SUPERSET = "superset"
    SUBSET = "subset"
    INTERSECTS = "intersects"


class ReportFormat(StrEnum):
    """Form of a report: OSCAL assessment results or plan of action (JSON), CSV by control, or a page (HTML)."""

    UNSPECIFIED = "unspecified"
    OSCAL_ASSESSMENT_RESULTS = "oscal_assessment_results"
    OSCAL_PLAN_OF_ACTION = "oscal_plan_of_action"
    CSV = "csv"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class ComplianceReport:
    """A posture as a file, with its media type, a name for it, the instant that it tells, the rules of then, and the
    instant of the knowledge if it was asked for."""

    content: bytes
    media_type: str
    file_name: str
    at: datetime
    rule_revision: str
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ComplianceSubject:
    """What is judged: its kind, and its id, which is "" for the tenant."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" if self.id else self.kind


@dataclass(frozen=True, slots=True)
class EvidenceNeed:
    """Evidence that a control needs, and how old it may be."""

    type: str
    description: str
    freshness: timedelta


@dataclass(frozen=True, slots=True)
class FrameworkControl:
    """A control of a framework.

    Attributes:
        control_id: reference of the standard.
        applies: condition under which it concerns a subject; "" = always.
        rule: condition that holds where it is met.
        subject_kind: kind of the subject that it is asked of; "" = that of the framework.

    """

    control_id: str
    title: str
    group: str
    severity: ControlSeverity
    applies: str
    rule: str
    evidence: tuple[EvidenceNeed, ...]
    remediation: str
    subject_kind: str


@dataclass(frozen=True, slots=True)
class ComplianceFramework:
    """A framework in force; `controls` only if asked for."""

    name: str
    title: str
    version: str
    description: str
    total_controls: int
    controls: tuple[FrameworkControl, ...]


@dataclass(frozen=True, slots=True)
class ComplianceFrameworks:
    """Frameworks in force by name, and the revision of the rules that they are from."""

    frameworks: Mapping[str, ComplianceFramework]
    rule_revision: str


@dataclass(frozen=True, slots=True)
class FactSeen:
    """A fact that a control looked at; `value` "" and `observed_at` None = not known."""

    value: str
    given: bool
    observed_at: datetime | None


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """What there is of evidence that a control needs."""

    type: str
    state: EvidenceState
    evidence_id: str
    collected_at: datetime | None
    fresh_until: datetime | None


@dataclass(frozen=True, slots=True)
class ControlAssessment:
    """What a control came to.

    Attributes:
        reason: why, with the values that the rule saw.
        facts: those that it looked at, by name.
        missing_facts: those that are not known and would decide it.
        evidence: what there is of what it needs.
        waiver_id: the waiver in force; "" = none.
        remediation: what to do; "" if there is nothing to do.
        status_without_waiver: what it would come to without the waiver.

    """

    control_id: str
    title: str
    severity: ControlSeverity
    status: ControlStatus
    reason: str
    facts: Mapping[str, FactSeen]
    missing_facts: tuple[str, ...]
    evidence: tuple[EvidenceFound, ...]
    waiver_id: str
    waived_until: datetime | None
    remediation: str
    status_without_waiver: ControlStatus


@dataclass(frozen=True, slots=True)
class FrameworkAssessment:
    """What a framework came to.

    Attributes:
        pass_rate_assessed: share of those that pass among those that pass or fail; None if there are none.
        pass_rate_applicable: share among all that apply.
        weighted_score: the same, weighted by severity.
        open_critical: critical controls that fail or are not known, and are not waived.
        satisfied: whether all that apply pass or are waived.
        controls: by id in the order of the framework, if they were asked for.

    """

    framework: str
    title: str
    version: str
    passed: int
    failed: int
    insufficient: int
    waived: int
    not_applicable: int
    pass_rate_assessed: float | None
    pass_rate_applicable: float | None
    weighted_score: float | None
    open_critical: int
    satisfied: bool
    controls: Mapping[str, ControlAssessment]


@dataclass(frozen=True, slots=True)
class ComplianceRecommendation:
    """What to do, and the controls that it is for, e.g. "gdpr Art. 32(1)(a)"."""

    text: str
    severity: ControlSeverity
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UndecidedFact:
    """A fact that is not known and would decide controls: whether they are met, or concern the subject.

    Attributes:
        description: what it says.
        subject_kind: what it is about: the kind that is judged, or "tenant".
        type: of its value, e.g. "bool".
        unit: of a number; "" if it has none.
        severity: of the worst of the controls.
        weight: sum of their weights (low 1, medium 3, high 7, critical 10).
        controls: e.g. "gdpr Art. 32(1)(a)".

    """

    name: str
    description: str
    subject_kind: str
    type: str
    unit: str
    severity: ControlSeverity
    weight: int
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PatternAssessment:
    """The verdict on a pattern.

    Attributes:
        validation_passed: whether all that was needed is known, and nothing fails that is not waived.
        frameworks: by name, in the order asked for.
        recommendations: the most severe first; of the same severity what is wrong, then what weighs most.
        undecided_facts: not known, those first whose controls weigh most.
        at: the instant that is judged.
        known_at: what was recorded later was left out; None = nothing was.

    """

    subject: ComplianceSubject
    name: str
    validation_passed: bool
    frameworks: Mapping[str, FrameworkAssessment]
    recommendations: tuple[ComplianceRecommendation, ...]
    undecided_facts: tuple[UndecidedFact, ...]
    at: datetime
    rule_revision: str
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SecurityArea:
    """What an area came to; `worst` is the highest severity that fails."""

    area: str
    passed: int
    failed: int
    unknown: int
    worst: ControlSeverity


@dataclass(frozen=True, slots=True)
class SecurityFinding:
    """Something that is wrong or not known."""

    control_id: str
    area: str
    title: str
    severity: ControlSeverity
    status: ControlStatus
    reason: str
    mitigation: str


@dataclass(frozen=True, slots=True)
class SecurityAssessment:
    """How secure something is: its level with the reason, areas, and findings with the most severe first.

    What was recorded after `known_at` was left out; None = nothing was.
    """

    subject: ComplianceSubject
    name: str
    level: str
    level_reason: str
    score: float | None
    areas: tuple[SecurityArea, ...]
    findings: tuple[SecurityFinding, ...]
    at: datetime
    rule_revision: str
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubjectPosture:
    """Where a subject stands, by framework."""

    subject: ComplianceSubject
    frameworks: Mapping[str, FrameworkAssessment]


@dataclass(frozen=True, slots=True)
class CompliancePosture:
    """Where subjects stand at an instant, by the rules of then.

    Attributes:
        subjects: by id.
        total_subjects: how many there are in all.
        known_at: what was recorded later was left out; None = nothing was.

    """

    subjects: tuple[SubjectPosture, ...]
    total_subjects: int
    at: datetime
    rule_revision: str
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CoverageHop:
    """One mapping of a chain: from which control, how it lies to the next one, how strongly, and why."""

    framework: str
    control_id: str
    relation: ControlRelation
    strength: int
    rationale: str


@dataclass(frozen=True, slots=True)
class ControlCoverage:
    """How a control is covered: in full or by which share, by the weakest relation of the best chain."""

    control_id: str
    full: bool
    share: float
    relation: ControlRelation
    hops: tuple[CoverageHop, ...]


@dataclass(frozen=True, slots=True)
class ComplianceCoverage:
    """Which controls of a framework another covers; of those that mappings lead to."""

    controls: tuple[ControlCoverage, ...]
    targets: int
    covered_any: int
    covered_all: int
    mean_share: float | None
    uncovered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that shows that a control is in place."""

    evidence_id: str
    subject: ComplianceSubject
    type: str
    source: str
    collected_at: datetime
    recorded_at: datetime
    sha256: str
    uri: str
    expires_at: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """Lets a control not pass for a time; `revoked_at` None = it was not revoked."""

    waiver_id: str
    subject: ComplianceSubject
    framework: str
    control_id: str
    reason: str
    compensating_control: str
    requested_by: str
    approved_by: str
    granted_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str
