"""The words of compliance: statuses, evidence, waivers, and what a control or framework came to. No protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trueline_rules.compliance_model import TENANT, ComplianceFramework, Control

from trueline_server.compliance.instants import AsOf
from trueline_server.facts.store import FactContent

# FactService asks for an id of every subject; facts about the tenant as a whole are of this one.
TENANT_ID = "tenant"


class Status(StrEnum):
    """What a control comes to."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INSUFFICIENT = "insufficient_evidence"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"


class EvidenceState(StrEnum):
    """Where evidence stands at an instant."""

    FRESH = "fresh"
    EXPIRED = "expired"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What is judged: its kind, and its id, which is "" for the tenant."""

    kind: str
    id: str = ""

    @property
    def fact_id(self) -> str:
        """Id under which FactService has its facts."""
        return self.id or TENANT_ID

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" if self.id else self.kind


THE_TENANT = Subject(TENANT)


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A value of a fact; `given` = a call brought it along, else when it was observed (µs since 1970, UTC)."""

    value: FactContent
    given: bool = False
    observed_at_us: int = 0


# What is known of a subject and of the tenant, by name of the fact.
Facts = Mapping[str, KnownFact]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that shows that a control is in place; times in µs since 1970 (UTC).

    Attributes:
        sha256: of its content, hexadecimal; "" if it is not known.
        expires_at_us: until when it counts at most; None = as long as controls allow.

    """

    id: str
    number: int
    subject: Subject
    type: str
    source: str
    collected_at_us: int
    recorded_at_us: int
    sha256: str = ""
    uri: str = ""
    expires_at_us: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """Lets a control not pass for a time; times in µs since 1970 (UTC)."""

    id: str
    number: int
    subject: Subject
    framework: str
    control: str
    reason: str
    compensating_control: str
    requested_by: str
    approved_by: str
    granted_at_us: int
    expires_at_us: int
    revoked_at_us: int | None = None
    revoked_by: str = ""

    def in_force(self, when: AsOf) -> bool:
        """Whether it holds at an instant, by what was known then; it ends by itself."""
        granted = self.granted_at_us <= when.told_us
        revoked = self.revoked_at_us is not None and self.revoked_at_us <= when.told_us
        return granted and when.at_us < self.expires_at_us and not revoked


@dataclass(frozen=True, slots=True)
class FoundEvidence:
    """What there is of evidence that a control needs: the piece that counts longest, and until when."""

    type: str
    state: EvidenceState
    evidence: Evidence | None = None
    fresh_until_us: int = 0


@dataclass(frozen=True, slots=True)
class ControlResult:
    """What a control came to.

    Attributes:
        control: which.
        status: what it came to.
        without_waiver: what it would have come to without a waiver.
        reason: why, for people.
        facts: those that it looked at, by name; None = not known.
        missing: facts that are not known and would decide it.
        evidence: what there is of what it needs.
        waiver: the one in force.

    """

    control: Control
    status: Status
    without_waiver: Status
    reason: str
    facts: Mapping[str, KnownFact | None] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    evidence: tuple[FoundEvidence, ...] = ()
    waiver: Waiver | None = None


@dataclass(frozen=True, slots=True)
class FrameworkResult:
    """What the controls of a framework came to, in its order."""

    framework: ComplianceFramework
    controls: tuple[ControlResult, ...]
