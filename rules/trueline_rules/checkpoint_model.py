"""What checkpoint policies say, as frozen values: for whom and what which number must meet which target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trueline_rules.model import Direction, Metadata


class Part(StrEnum):
    """What a cell is about."""

    PERSONA = "persona"
    FUNCTION = "function"
    JOURNEY = "journey"


class Priority(StrEnum):
    """How urgent a miss is, the most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Taken(StrEnum):
    """What the values of windows, or of subjects, come to."""

    AVG = "avg"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class CellSource:
    """Where the value of a cell comes from.

    Attributes:
        kind: "kpi", "metric" or "fact".
        name: of the KPI, metric or fact type.
        agg: what the windows of a metric, or the subjects of a fact, come to.
        labels: of a metric: labels that its points must have, named as rules name them; of a fact: facts of the same
            subject and the value that each must have.
        per: a metric whose sum over the same windows and labels divides that of the metric; "" = it is not divided.
        of: id of the one subject of a fact; "" = all subjects that `labels` chooses.
        observations: a fact of the subject `of` that tells how many observations are behind the value; "" = one.

    """

    kind: str
    name: str
    agg: Taken = Taken.AVG
    labels: Mapping[str, str] = field(default_factory=dict)
    per: str = ""
    of: str = ""
    observations: str = ""

    def __str__(self) -> str:
        """As people read it: "metric orders / visits {persona=agency}"."""
        chosen = ", ".join(f"{label}={value}" for label, value in self.labels.items())
        divided = f" / {self.per}" if self.per else ""
        return (
            f"{self.kind} {self.name}{divided}"
            + (f" of {self.of}" if self.of else "")
            + f" {{{chosen}}}" * bool(chosen)
        )


@dataclass(frozen=True, slots=True)
class Priorities:
    """From which miss on it is how urgent, as a share of the target; what is below all is low."""

    critical: float = 0.5
    high: float = 0.25
    medium: float = 0.1


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of one persona, function or journey, and its target.

    Attributes:
        part: what it is about.
        of: name of the persona, function or journey.
        measure: what is measured: "conversion", "retention", "nps", …
        target: which the value must meet or exceed; of what should be low, meet or stay below.
        direction: which way is better.
        value: where the value comes from.
        least: observations below which nothing is said.
        priorities: how urgent a miss is.
        unit: of value and target; "" = a plain number.
        owner: who sees to a miss; "" = nobody yet.
        action: what to do about a miss; "" = not said.
        basis: "agreed", "assumed" or "seed": how firm the target is; "" = not said.
        entry: which entry of the policy's cells it was written in, from 0.

    """

    part: Part
    of: str
    measure: str
    target: float
    direction: Direction
    value: CellSource
    least: int = 0
    priorities: Priorities = Priorities()
    unit: str = ""
    owner: str = ""
    action: str = ""
    basis: str = ""
    entry: int = field(default=0, compare=False)

    @property
    def name(self) -> str:
        """What identifies it within its policy: "persona:agency:retention"."""
        return f"{self.part}:{self.of}:{self.measure}"


@dataclass(frozen=True, slots=True)
class OnMiss:
    """What a miss creates.

    Attributes:
        escalate: whether a case is opened that goes through the routes, as an alert does.
        backlog: whether an item of the backlog is opened.
        labels: further labels of both.

    """

    escalate: bool = True
    backlog: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckpointPolicy:
    """Which targets everybody and everything must meet, and what is done where one does not.

    Attributes:
        question: that a checkpoint answers.
        days: length of the period judged unless a run says otherwise.
        personas, functions, journeys: name -> description; each has a cell.
        cells: in order.
        on_miss: what a miss creates.

    """

    metadata: Metadata
    question: str
    days: int
    personas: Mapping[str, str]
    functions: Mapping[str, str]
    journeys: Mapping[str, str]
    cells: tuple[Cell, ...]
    on_miss: OnMiss = OnMiss()
