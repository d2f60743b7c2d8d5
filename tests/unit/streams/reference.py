"""The semantics of the dataflow in plain Python, event by event: what the columnar code must equal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from trueline_rules.model import ANY, Aggregation, Metric, Span
from trueline_streams.distinct import estimate, sketch_of
from trueline_streams.records import ClockRow, MetricPlan, MetricStatusRow, PointRow

LIMIT = 65_536
NUMERIC = ("sum", "avg", "min", "max", "quantile", "latest")


@dataclass(frozen=True)
class Event:
    """One event as a test writes it; `properties` mixes texts, numbers and flags."""

    id: str
    source: str
    name: str
    occurred_us: int
    user_id: str | None = None
    account_id: str | None = None
    anonymous_id: str | None = None
    device_id: str | None = None
    value: Decimal | None = None
    currency: str | None = None
    properties: Mapping[str, str | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class End:
    """An end mark of a source."""

    source: str


def instant(us: int) -> datetime:
    """Microseconds as an aware datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def microseconds(at: datetime) -> int:
    """The other way."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def pane_of(occurred_us: int, step: Span) -> tuple[int, int]:
    """Start and end of a pane, by the calendar."""
    at = instant(occurred_us)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if step.calendar == "month":
        start = midnight.replace(day=1)
        return microseconds(start), microseconds((start + timedelta(days=32)).replace(day=1))
    if step.calendar == "week":
        start = midnight - timedelta(days=midnight.weekday())
        return microseconds(start), microseconds(start + timedelta(days=7))
    start_us = occurred_us - occurred_us % step.us
    return start_us, start_us + step.us


def text_of(event: Event, name: str) -> str | None:
    """The field as text."""
    if not name.startswith("properties."):
        return getattr(event, name)
    value = event.properties.get(name.removeprefix("properties."))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else repr(value)
    return value


def number_of(event: Event, name: str) -> int | None:
    """The field as an integer of 1e-9."""
    if name == "value":
        value = event.value
    else:
        raw = event.properties.get(name.removeprefix("properties."))
        try:
            value = None if raw is None or isinstance(raw, bool) else Decimal(str(raw))
        except ArithmeticError:
            return None
        if value is not None and not (value.is_finite() and abs(value) <= 10**18):
            return None
    return None if value is None else int((value * 10**9).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def bin_of(units: int) -> int:
    """The DDSketch bin."""
    if units == 0:
        return 0
    key = math.ceil(math.log(abs(units) / 1e9) / math.log(1.01 / 0.99)) + (1 << 20)
    return key if units > 0 else -key


Key = tuple[str, str, int, tuple[str, ...]]


class Reference:
    """Feeds on events one by one; holds what should be in the warehouse after each."""

    def __init__(self, plans: Sequence[MetricPlan], max_disorder_us: int) -> None:
        self.plans = plans
        self.max_disorder_us = max_disorder_us
        self.points: dict[Key, PointRow] = {}
        self.history: dict[tuple[Key, int], PointRow] = {}
        self.members: dict[Key, set[str]] = {}
        self.clocks: dict[tuple[str, str], ClockRow] = {}
        self.statuses: dict[tuple[str, str], MetricStatusRow] = {}
        self.watermarks: dict[int, int] = {}

    def feed(self, position: int, tenant: str, item: Event | End, accepted_us: int) -> None:
        """Take in one position of the log."""
        clock = self.clocks.get((tenant, item.source), ClockRow(tenant, item.source, 0, 0, 0, False, 0))
        if isinstance(item, End):
            self.clocks[tenant, item.source] = replace(clock, finished=True, revision=position)
            return
        watermark = clock.max_occurred_at_us - self.max_disorder_us if clock.events else 0
        self.watermarks[position] = watermark
        newest = max(clock.max_occurred_at_us, item.occurred_us) if clock.events else item.occurred_us
        self.clocks[tenant, item.source] = ClockRow(
            tenant, item.source, clock.events + 1, newest, accepted_us, False, position
        )
        for plan in self.plans:
            self._merge(plan, position, tenant, item, watermark + plan.watermark_shift_us)

    def _merge(self, plan: MetricPlan, position: int, tenant: str, event: Event, watermark: int) -> None:
        metric = plan.metric
        if plan.events != (ANY,) and event.name not in plan.events:
            return
        if any(text_of(event, name) not in allowed for name, allowed in metric.where.items()):
            return
        name, lateness = metric.metadata.name, plan.allowed_lateness_us
        start, end = pane_of(event.occurred_us, metric.step)
        status = self.statuses.get((tenant, name), MetricStatusRow(tenant, name, metric.definition, 0, 0, 0))
        late = event.occurred_us < watermark - lateness if metric.late_by == "event" else end + lateness <= watermark
        if late:
            self.statuses[tenant, name] = replace(status, too_late=status.too_late + 1, revision=position)
            return
        groups = tuple(text_of(event, each) or "" for each in metric.group_by)
        others = ("__other__",) * len(groups)
        if groups and (tenant, name, start, groups) not in self.points and groups != others:
            there = [key for key in self.points if key[:3] == (tenant, name, start) and key[3] != others]
            if len(there) >= metric.max_groups:
                groups = others
                self.statuses[tenant, name] = replace(status, overflowed=status.overflowed + 1, revision=position)
        key = (tenant, name, start, groups)
        point = self.points.get(key) or _empty(tenant, metric, start, end, groups)
        point = replace(
            point,
            events=point.events + 1,
            late_events=point.late_events + (end <= watermark),
            revision=position,
            watermark_us=watermark,
        )
        self.points[key] = self.history[key, position] = self._with_value(point, key, metric, position, event)

    def _with_value(self, point: PointRow, key: Key, metric: Metric, position: int, event: Event) -> PointRow:
        if not metric.field:
            return replace(point, value_count=point.value_count + 1)
        if metric.aggregation in NUMERIC or metric.field == "value":
            number = number_of(event, metric.field)
            if number is None:
                return point
            if event.name in metric.less_events or metric.less_events == (ANY,):
                number = -abs(number)
            point = replace(point, value_count=point.value_count + 1)
            return point if metric.aggregation not in NUMERIC else _with_number(point, metric, position, event, number)
        text = text_of(event, metric.field)
        if text is None:
            return point
        point = replace(point, value_count=point.value_count + 1)
        if metric.aggregation != "count_distinct":
            return point
        members = self.members.setdefault(key, set())
        members.add(text)
        sketch = sketch_of(sorted(members)) if len(members) > LIMIT else b""
        return replace(point, distinct=estimate(sketch) if sketch else len(members), sketch=sketch)

    def load(
        self, tenant: str, metric: Metric, pane_starts_us: Iterable[int]
    ) -> list[tuple[PointRow, tuple[str, ...]]]:
        """What a PaneLoader answers for this state."""
        wanted = {(tenant, metric.metadata.name, start) for start in pane_starts_us}
        return [
            (point, () if point.sketch else tuple(sorted(self.members.get(key, ()))))
            for key, point in self.points.items()
            if key[:3] in wanted
        ]


def _empty(tenant: str, metric: Metric, start: int, end: int, groups: tuple[str, ...]) -> PointRow:
    return PointRow(
        tenant=tenant,
        metric=metric.metadata.name,
        definition=metric.definition,
        pane_start_us=start,
        pane_end_us=end,
        groups=groups,
        events=0,
        value_count=0,
        total=0,
        smallest=None,
        largest=None,
        latest=None,
        latest_at_us=0,
        latest_position=0,
        distinct=0,
        sketch=b"",
        bins={},
        late_events=0,
        revision=0,
        watermark_us=0,
    )


def _with_number(point: PointRow, metric: Metric, position: int, event: Event, number: int) -> PointRow:
    bins = dict(point.bins)
    if metric.aggregation is Aggregation.QUANTILE:
        bins[bin_of(number)] = bins.get(bin_of(number), 0) + 1
    if point.latest is None or (event.occurred_us, position) > (point.latest_at_us, point.latest_position):
        point = replace(point, latest=number, latest_at_us=event.occurred_us, latest_position=position)
    return replace(
        point,
        total=point.total + number,
        smallest=number if point.smallest is None else min(point.smallest, number),
        largest=number if point.largest is None else max(point.largest, number),
        bins=bins,
    )
