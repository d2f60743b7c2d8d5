"""What the clients answer: frozen values, with times as aware datetimes in UTC and None where something is absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Aggregation(StrEnum):
    """How the events of a window become a number."""

    UNSPECIFIED = "unspecified"
    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    COUNT_DISTINCT = "count_distinct"
    QUANTILE = "quantile"
    LATEST = "latest"


class Completeness(StrEnum):
    """How final a number is.

    PARTIAL: the window is not over. PROVISIONAL: it is over, late events may still correct it. COMPLETE: final.
    CORRECTED: final, and late events changed it after the window's end.
    """

    UNSPECIFIED = "unspecified"
    PARTIAL = "partial"
    PROVISIONAL = "provisional"
    COMPLETE = "complete"
    CORRECTED = "corrected"


class Direction(StrEnum):
    """Which way a KPI should move."""

    UNSPECIFIED = "unspecified"
    HIGHER = "higher"
    LOWER = "lower"


class Band(StrEnum):
    """How an attainment or a score is graded; UNSPECIFIED = there is no value."""

    UNSPECIFIED = "unspecified"
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    OFF_TRACK = "off_track"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event was refused.

    Attributes:
        index: its place in the batch, from 0.
        field: the field at fault, e.g. "value" or "properties[blob]".
        reason: an ErrorReason without its prefix, e.g. "VALUE_OUT_OF_RANGE".
        message: why, for people.
        origin: what the caller gave with the event: the `Event`, or its `ColumnBatch.origins`; else None.

    """

    index: int
    field: str
    reason: str
    message: str
    origin: Any = None


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a batch: accepted + duplicates + rejections = events sent.

    Attributes:
        accepted: events that are new and durable now.
        duplicates: events that were there already, with the same content.
        rejections: events that were refused, in the order of the batch.
        position: log position of the last event accepted; 0 if none was. Reads take it as `min_position`.
        accepted_at: when the log accepted them; None if none was.

    """

    accepted: int = 0
    duplicates: int = 0
    rejections: tuple[Rejection, ...] = ()
    position: int = 0
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's definition and the state of its computation.

    Attributes:
        unavailable: why it has no values; "" if it has.
        watermark: up to where its input is known to be complete; None before the first event.
        too_late: events that came later than the allowed lateness: stored, not counted.
        overflowed: events counted under the group "__other__".
        max_groups: most groups a window.

    """

    name: str
    description: str
    unit: str
    aggregation: Aggregation
    window: str
    step: str
    group_by: tuple[str, ...]
    unavailable: str
    watermark: datetime | None
    too_late: int
    overflowed: int
    max_groups: int


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A metric in one window [window_start, window_end) and group.

    Attributes:
        value: None where it is not defined (an average of nothing).
        exact_value: the value as an exact decimal, for sum, min, max and latest; else "".
        exact: False where the value comes from a sketch.
        revision: log position of the last event in it; grows with every correction.
        late_events: events that arrived after the watermark had passed the window's end.
        watermark: the metric's watermark when the point was read.

    """

    metric: str
    window_start: datetime | None
    window_end: datetime | None
    labels: Mapping[str, str]
    value: float | None
    exact_value: str
    events: int
    exact: bool
    completeness: Completeness
    revision: int
    late_events: int
    watermark: datetime | None


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """The points of a query, by window end and labels; iterating it gives the points.

    Attributes:
        watermark: the metric's watermark; None before the first event.
        position: log position up to which events are processed.

    """

    points: tuple[MetricPoint, ...]
    watermark: datetime | None
    position: int

    def __iter__(self) -> Iterator[MetricPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True, slots=True)
class MetricSnapshot:
    """Points as they are when a watch starts or resumes; more may follow until `Synced`."""

    points: tuple[MetricPoint, ...]
    resume_token: str


@dataclass(frozen=True, slots=True)
class MetricChanges:
    """Points that changed; each supersedes the one of the same metric, window and labels."""

    points: tuple[MetricPoint, ...]
    resume_token: str


@dataclass(frozen=True, slots=True)
class Synced:
    """The snapshot is complete up to a log position."""

    position: int
    resume_token: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing changed for a while; `time` is the server's."""

    time: datetime | None
    position: int
    resume_token: str


@dataclass(frozen=True, slots=True)
class KpiValue:
    """A KPI at an instant.

    Attributes:
        value: None when there is none; `missing` says why.
        numerator: behind the value, where the definition tells it; the denominator likewise.
        period_start: the period judged [period_start, period_end), where the definition tells one.
        at: the instant judged.
        watermark: up to where the events were known to be complete when it was computed.
        attainment: of the target, 0 to 1; None without a value.
        source: where the target comes from.

    """

    name: str
    description: str
    unit: str
    direction: Direction
    target: float
    value: float | None
    missing: str
    numerator: float | None
    denominator: float | None
    period_start: datetime | None
    period_end: datetime | None
    completeness: Completeness
    at: datetime | None
    computed_at: datetime | None
    watermark: datetime | None
    attainment: float | None
    band: Band
    action: str
    owner: str
    source: str
    rule_revision: str


@dataclass(frozen=True, slots=True)
class ScoreItem:
    """One KPI's part of a score.

    Attributes:
        effective_weight: the weight after KPIs without a value were left out; all add up to 1.
        contribution: points of the score it brings.
        missed: points it would bring more if it met its target.

    """

    kpi: KpiValue
    weight: float
    effective_weight: float
    contribution: float
    missed: float


@dataclass(frozen=True, slots=True)
class AlignmentScore:
    """A score over the KPIs of a scorecard.

    Attributes:
        score: 0 to 100; None when no KPI has a value.
        coverage: share of the weight that has a value, 0 to 1.
        items: the parts, in the order of the scorecard.
        synthetic: the events are made by the generator and not by a business.

    """

    scorecard: str
    score: float | None
    band: Band
    coverage: float
    items: tuple[ScoreItem, ...]
    at: datetime | None
    computed_at: datetime | None
    watermark: datetime | None
    synthetic: bool


@dataclass(frozen=True, slots=True)
class ScoreSnapshot:
    """The score when a watch starts or resumes."""

    score: AlignmentScore
    resume_token: str


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """The score changed."""

    score: AlignmentScore
    resume_token: str


MetricMessage = MetricSnapshot | Synced | MetricChanges | Heartbeat
ScoreMessage = ScoreSnapshot | Synced | ScoreChange | Heartbeat


@dataclass(frozen=True, slots=True)
class PriorityAction:
    """Something to do, and the points of the score that it would win; `rank` counts from 1."""

    rank: int
    kpi: KpiValue
    points: float
    action: str


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """A check of data quality: its value, its limit (the target), and whether the limit is kept."""

    kpi: KpiValue
    passed: bool


@dataclass(frozen=True, slots=True)
class DataQuality:
    """The checks and a score: 100 = all pass, from 80 = minor warnings, below = issues; None = nothing to judge."""

    score: float | None
    band: Band
    coverage: float
    checks: tuple[QualityCheck, ...]


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How far a source has come; `finished` after the end mark of an import."""

    source: str
    events: int
    latest_event_at: datetime | None
    watermark: datetime | None
    last_accepted_at: datetime | None
    finished: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The server, as the caller's tenant sees it.

    Attributes:
        accepted_position: last log position accepted, over all tenants.
        processed_position: last log position processed by the dataflow.
        events: events in the warehouse.
        synthetic: the events are made by the generator and not by a business.

    """

    version: str
    started_at: datetime | None
    accepted_position: int
    processed_position: int
    events: int
    sources: tuple[SourceStatus, ...]
    rule_revision: str
    synthetic: bool


@dataclass(frozen=True, slots=True)
class FieldSource:
    """Where the value of an event field comes from in a file.

    Attributes:
        column: the column (CSV, Parquet) or key (JSON, dots for nested ones).
        constant: a fixed text instead; "{line}" and "{file}" stand for the line number and the file's name.
        required: a record without it is refused.
        type: of a property: "string", "number" or "bool"; "" = as in the file.
        format: of a time: "rfc3339", "epoch_s", "epoch_ms", "epoch_us", or a strptime pattern, which means
            UTC where it has no offset (%z); "" = rfc3339.
        absent: texts that mean absent.

    """

    column: str = ""
    constant: str | None = None
    required: bool = False
    type: str = ""
    format: str = ""
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventMapping:
    """How the columns of a file become events.

    Attributes:
        fields: event field to its source.
        properties: property key to its source.
        properties_object: column with an object whose members become properties; "" = none.

    """

    name: str
    fields: Mapping[str, FieldSource] = field(default_factory=dict)
    properties: Mapping[str, FieldSource] = field(default_factory=dict)
    properties_object: str = ""
