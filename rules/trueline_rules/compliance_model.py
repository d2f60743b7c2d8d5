"""What compliance frameworks and mappings between their controls say, as frozen values checked by the loader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trueline_rules.model import Metadata

# Kind of subject of facts about the tenant as a whole, which controls about other subjects may read, too.
TENANT = "tenant"


class ControlSeverity(StrEnum):
    """How much a control weighs, the least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def weight(self) -> int:
        """What it counts in a weighted score."""
        return _WEIGHTS[self]


_WEIGHTS: Mapping[ControlSeverity, int] = {
    ControlSeverity.LOW: 1,
    ControlSeverity.MEDIUM: 3,
    ControlSeverity.HIGH: 7,
    ControlSeverity.CRITICAL: 10,
}


class Relation(StrEnum):
    """How the requirement of one control lies to that of another: the first asks for …"""

    EQUAL = "equal"  # the same
    SUPERSET = "superset"  # all of it, and more
    SUBSET = "subset"  # a part of it
    INTERSECTS = "intersects"  # something that both ask for

    @property
    def turned(self) -> Relation:
        """How the second lies to the first."""
        return _TURNED.get(self, self)


_TURNED: Mapping[Relation, Relation] = {Relation.SUPERSET: Relation.SUBSET, Relation.SUBSET: Relation.SUPERSET}


@dataclass(frozen=True, slots=True)
class EvidenceNeed:
    """Evidence that a control needs: its type, what it is, and how old it may be (µs)."""

    type: str
    description: str
    freshness_us: int


@dataclass(frozen=True, slots=True)
class Control:
    """What a standard asks for, as a rule over facts.

    Attributes:
        id: reference of the standard, unique in its framework.
        title: what it asks for.
        severity: how much it weighs.
        rule: condition that holds where it is met; one that is unknown is no pass.
        subject: kind of the subject that is judged: the framework's, or "tenant".
        applies: condition under which it concerns a subject; "" = always. Where it is unknown, it does.
        group: where it stands in the standard.
        area: of security frameworks; "" = none.
        evidence: what must be there beside the rule.
        remediation: what to do if it does not pass.
        waivable: whether a waiver may be granted.

    """

    id: str
    title: str
    severity: ControlSeverity
    rule: str
    subject: str
    applies: str = ""
    group: str = ""
    area: str = ""
    evidence: tuple[EvidenceNeed, ...] = ()
    remediation: str = ""
    waivable: bool = True


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Facts that cannot hold together: the condition under which they would, and what to say then."""

    when: str
    text: str


@dataclass(frozen=True, slots=True)
class Level:
    """A level that a subject is on where the condition holds over the counts, see compliance_rules.COUNTS."""

    name: str
    when: str


@dataclass(frozen=True, slots=True)
class ComplianceFramework:
    """A standard as rules.

    Attributes:
        metadata: its name and what it is.
        title: what to call it.
        version: of the standard.
        reference: where the standard is to be found; "" = nowhere.
        subject: kind of subject that it judges.
        controls: in the order of the file.
        contradictions: facts that cannot hold together.
        levels: the first whose condition holds is the level; () = it has none.

    """

    metadata: Metadata
    title: str
    version: str
    subject: str
    controls: tuple[Control, ...]
    reference: str = ""
    contradictions: tuple[Contradiction, ...] = ()
    levels: tuple[Level, ...] = ()
    by_id: Mapping[str, Control] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {control.id: control for control in self.controls})


@dataclass(frozen=True, slots=True)
class MappedFramework:
    """One side of a mapping; of an external one no document need be in force, and any control may be named."""

    name: str
    external: bool = False


@dataclass(frozen=True, slots=True)
class ControlPair:
    """How a control of the first framework lies to one of the second.

    Attributes:
        source: id of the first.
        target: id of the second.
        relation: what the first asks for of the second.
        strength: 1 to 10; 0 = nobody says.
        rationale: why.

    """

    source: str
    target: str
    relation: Relation
    strength: int = 0
    rationale: str = ""


@dataclass(frozen=True, slots=True)
class ControlMapping:
    """How the controls of one framework lie to those of another; what no pair says is not related."""

    metadata: Metadata
    source: MappedFramework
    target: MappedFramework
    pairs: tuple[ControlPair, ...]
