"""What rule files say, as frozen values. Everything here was checked by the loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueline_rules.alert_model import AlertRule, FactType, RuleTest

# Event names that mean "any event".
ANY = "*"


class Aggregation(StrEnum):
    """How the events of a window become a number."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    COUNT_DISTINCT = "count_distinct"
    QUANTILE = "quantile"
    LATEST = "latest"


class Direction(StrEnum):
    """Which way a KPI should move."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a rule file: lines and columns from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Written:
    """How a text stands in a rule file.

    Attributes:
        text: what it reads.
        start: where it begins; a quoted one at its quote, one below | or > at that sign.
        lines: line and column (from 1) at which each of its lines begins; () where the file has it in another form:
            folded, or quoted over several lines or with escapes.

    """

    text: str
    start: Place
    lines: tuple[tuple[int, int], ...] = ()

    @property
    def exact(self) -> bool:
        """Whether each of its characters has a place of its own."""
        return bool(self.lines)

    def place(self, offset: int = 0) -> Place:
        """Where one of its characters stands (the end is len(text)); its start where that is not known."""
        if not self.lines:
            return self.start
        before = self.text[:offset]
        line, column = self.lines[min(before.count("\n"), len(self.lines) - 1)]
        return Place(self.start.file, line, column + len(before) - (before.rfind("\n") + 1))


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who and what a rule document is."""

    name: str
    description: str = ""
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    runbook: str = ""
    place: Place = Place("", 1, 1)


@dataclass(frozen=True, slots=True)
class Role:
    """The events that play a role.

    Attributes:
        events: event names; (ANY,) = every event.
        occurrence: None = each such event; n = only the n-th such event of each user by (occurred_at, log position),
            from 1. Roles with an occurrence serve KPIs only: a stream cannot know the n-th event before late ones came.

    """

    events: tuple[str, ...]
    occurrence: int | None = None


@dataclass(frozen=True, slots=True)
class FieldSource:
    """Where the value of an event field comes from in a file; see FieldSource in system_service.proto."""

    column: str = ""
    constant: str | None = None
    required: bool = False
    type: str = ""
    format: str = ""
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventMapping:
    """Columns of a file to event fields; event names to roles."""

    metadata: Metadata
    fields: Mapping[str, FieldSource]
    properties: Mapping[str, FieldSource]
    properties_object: str
    roles: Mapping[str, Role]


@dataclass(frozen=True, slots=True)
class Span:
    """Length of a window or step: a number of microseconds, or a calendar unit (UTC).

    Attributes:
        text: as written: "5m", "1d", "week", "month".
        us: microseconds; 0 for calendar units. Fixed spans are aligned to 1970-01-01T00:00:00Z.
        calendar: "" | "week" (from Monday) | "month".

    """

    text: str
    us: int
    calendar: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number per time window, computed from events.

    Attributes:
        metadata: name and description.
        unit: e.g. "users".
        events: event names read; (ANY,) = every event; () if roles are given instead.
        roles: roles read, resolved through the event mapping in force; () if events are given.
        aggregation: how events become a number.
        field: what is aggregated: "value", "user_id", "account_id", "anonymous_id", "device_id", "id", "name",
            "currency", "source" or "properties.<key>"; "" for count. Numeric aggregations take "value" or a numeric
            property. Events without it do not count, except for `count` without a field.
        quantile: 0 to 1; only for QUANTILE.
        where: field -> allowed values; an event without the field does not match.
        group_by: fields whose values label the points, same names as `field`; an event without it has the label "".
        window: length of a window.
        step: distance between window ends; equal to window for tumbling windows; divides it for sliding ones.
        max_groups: most groups a pane; events of further groups go to the group "__other__".
        allowed_lateness_us: None = the server's setting (48 h).
        late_by: "window": an event is too late when the watermark has passed its pane's end + allowed lateness;
            "event": when it is older than the watermark less the allowed lateness.
        max_disorder_us: None = the server's setting (120 s); how far the watermark trails the newest event.
        definition: 16 hex digits over all that changes the numbers.
        less: further roles read, whose values are taken off a sum whatever their sign.
        less_events: event names that play one of them, through the event mapping in force; (ANY,) = every event.

    """

    metadata: Metadata
    unit: str
    events: tuple[str, ...]
    roles: tuple[str, ...]
    aggregation: Aggregation
    field: str
    quantile: float
    where: Mapping[str, tuple[str, ...]]
    group_by: tuple[str, ...]
    window: Span
    step: Span
    max_groups: int
    allowed_lateness_us: int | None
    late_by: str
    max_disorder_us: int | None
    definition: str
    less: tuple[str, ...] = ()
    less_events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kpi:
    """A number with a target, computed by one SELECT over the confined views.

    The statement reads the views `events`, `points`, `kpis` and one view per role of the event mapping (`signup`,
    `payment`, …), all bound to the tenant and to the instant judged. It answers one row with a column `value` and may
    add `numerator`, `denominator`, `period_start`, `period_end` (the last two as DateTime64). Parameters are written
    `{at:DateTime64(6)}` (the instant judged), and `{name:Type}` for each of `parameters`. `written` tells where the
    statement stands in its file.
    """

    metadata: Metadata
    unit: str
    direction: Direction
    target: float
    source: str
    basis: str
    action: str
    parameters: Mapping[str, str | int | float | bool]
    statement: str
    written: Written | None = field(default=None, compare=False)

    def place_in_statement(self, offset: int = 0) -> Place:
        """Where a character of the statement stands; the document's name where that is not known."""
        return self.metadata.place if self.written is None else self.written.place(offset)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """KPIs with weights, and bands.

    Attributes:
        metadata: name and description.
        weights: KPI name -> weight, in the order of the file; all positive.
        on_track: scores from this are on track (0 to 100).
        at_risk: scores from this are at risk; below is off track.

    """

    metadata: Metadata
    weights: Mapping[str, float]
    on_track: float
    at_risk: float


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All documents in force, by kind and name.

    Attributes:
        revision: 16 hex digits over the content of all documents.
        mapping: the event mapping in force (the one named by the caller, else the last one loaded).
        documents: all of it again by kind and name, also of kinds without an attribute of their own.
        origins: (kind, name) -> the layer that a document comes from: "pack", "operator" or "tenant"; see layers.py.

    """

    revision: str
    mappings: Mapping[str, EventMapping]
    mapping: EventMapping
    metrics: Mapping[str, Metric]
    kpis: Mapping[str, Kpi]
    scorecards: Mapping[str, Scorecard]
    fact_types: Mapping[str, FactType] = field(default_factory=dict)
    alert_rules: Mapping[str, AlertRule] = field(default_factory=dict)
    rule_tests: Mapping[str, RuleTest] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    origins: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def events_of(self, metric: Metric) -> tuple[str, ...]:
        """Event names that a metric reads, through the mapping in force; () if none plays its roles."""
        return metric.events or self.events_playing((*metric.roles, *metric.less))

    def events_playing(self, roles: Iterable[str]) -> tuple[str, ...]:
        """Event names that play one of the roles, through the mapping in force; (ANY,) = every event."""
        names: dict[str, None] = {}
        for role in roles:
            known = self.mapping.roles.get(role)
            if known is not None and known.occurrence is None:
                names.update(dict.fromkeys(known.events))
        return (ANY,) if ANY in names else tuple(names)
