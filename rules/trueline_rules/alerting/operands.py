"""The value of an operand at an instant: the last sample, or an aggregation over a window that ends there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from trueline_rules.alerting.aggregates import JOINING_AGGS, Agg, aggregate, group_vector, number_of
from trueline_rules.alerting.series import STALE, Marker, Series
from trueline_rules.alerting.vectors import AlertingError, Labels, Value, Vector, kept, shown

LOOKBACK_US = 300_000_000
_US = 1_000_000


class WindowStart(StrEnum):
    """Whether a sample that is exactly as old as the window (or look-back) is long counts.

    CLOSED is what Prometheus 2 does (promtool 2.42 produced the timelines that the state machine is held against), and
    the default: rules that come from there mean the same here. Prometheus 3 has LEFT_OPEN. Points of windows that tile
    the time are added up rightly by LEFT_OPEN only: five minutes of one-minute points are five, not six.
    """

    CLOSED = "closed"
    LEFT_OPEN = "left_open"


@dataclass(frozen=True, slots=True)
class Operand:
    """Where the value of a fact comes from.

    Attributes:
        agg: how samples become a value.
        over_us: length of the window; 0 = none: the last sample within the look-back.
        offset_us: how far before the instant.
        by: labels to keep, others are joined; None = every label set for itself. ABSENT answers once per group.
        across: how label sets are joined for `by`. None = as samples are, if that is AVG, MAX, MIN, SUM, or COUNT
            without a window; else by their sum.
        lookback_us: the age up to which a last sample counts.
        start: whether windows and look-back are closed at their start.

    Raises:
        ValueError: the parts do not fit together.

    """

    agg: Agg = Agg.LAST
    over_us: int = 0
    offset_us: int = 0
    by: tuple[str, ...] | None = None
    across: Agg | None = None
    lookback_us: int = LOOKBACK_US
    start: WindowStart = WindowStart.CLOSED

    def __post_init__(self) -> None:
        for name, value in (("over", self.over_us), ("offset", self.offset_us)):
            if value < 0:
                raise ValueError(f"{name} must not be negative, is {value} µs")
        if self.lookback_us <= 0:
            raise ValueError(f"the look-back must be positive, is {self.lookback_us} µs")
        if self.over_us == 0 and self.agg in {Agg.RATE, Agg.INCREASE}:
            raise ValueError(f"agg {self.agg} needs a window; say over which time, like over: 5m")
        if self.over_us == 0 and self.by is None and self.agg in JOINING_AGGS:
            raise ValueError(f"agg {self.agg} needs a window (over: 5m), or labels to keep (by: [service])")
        if self.across is not None and self.by is None:
            raise ValueError("across says how label sets are joined; say which labels are kept, like by: [service]")
        if self.across is not None and self.across not in JOINING_AGGS:
            raise ValueError(f"label sets are joined by {', '.join(sorted(JOINING_AGGS))}, not by {self.across}")

    @property
    def joined_by(self) -> Agg:
        """How label sets are joined for `by`."""
        if self.across is not None:
            return self.across
        counted = self.agg is Agg.COUNT and self.over_us > 0
        return self.agg if self.agg in JOINING_AGGS and not counted else Agg.SUM


def value_at(operand: Operand, series: Series, instant_us: int) -> Value | None:
    """Answer what the operand is for one series at an instant; None = it has no value. NaN is answered as NaN.

    A stale marker ends a series at once for a value without a window; in a window it is passed over, as in Prometheus.
    RATE (per second) and INCREASE take every decrease for a counter's reset, and extrapolate to the window's borders as
    `rate()` of Prometheus 2.42: from two samples on; as far as the border if that is nearer than 1.1 times the average
    distance of samples, else half that distance; at the start no farther than to where the counter was 0.

    Raises:
        AlertingError: the samples are no numbers where numbers are needed.

    """
    end_us = instant_us - operand.offset_us
    if operand.agg is Agg.ABSENT:
        return _latest(operand, series, end_us) is None
    if operand.over_us == 0 or operand.agg is Agg.LAST:
        return _latest(operand, series, end_us)
    instants, values = _window(operand, series, end_us)
    if operand.agg in {Agg.RATE, Agg.INCREASE}:
        numbers = [number_of(operand.agg, value) for value in values]
        increase = _increase(instants, numbers, end_us - operand.over_us, end_us)
        return increase if increase is None or operand.agg is Agg.INCREASE else increase / (operand.over_us / _US)
    return aggregate(operand.agg, values) if values else None


def vector_at(
    operand: Operand, series: Iterable[Series], instant_us: int, names: Sequence[str] = (), selected: Labels = ()
) -> Vector:
    """Answer what the operand is for every series at an instant; a series without a value has no row.

    ABSENT answers True or False: without `by` one row for all series, labelled by what selected them (as `absent` of
    PromQL is); with `by` one row for each group of the series that are given.

    Args:
        operand: what to answer.
        series: all that the operand's metric, KPI or fact has.
        instant_us: µs since 1970 UTC.
        names: label names of the metric, so that they are known without any series.
        selected: labels by which the series were selected.

    Raises:
        AlertingError: two series have the same labels, or as `value_at`.

    """
    values: dict[Labels, Value | None] = {}
    for one in series:
        if one.labels in values:
            raise AlertingError(f"two series have the labels {shown(one.labels)}")
        values[one.labels] = value_at(operand, one, instant_us)
    if operand.agg is Agg.ABSENT:
        return _absences(operand, values, selected)
    known = {*names, *(name for labels in values for name, _ in labels)}
    there = {labels: value for labels, value in values.items() if value is not None}
    vector = Vector(tuple(sorted(known)), there)
    return vector if operand.by is None else group_vector(vector, operand.by, operand.joined_by)


def _absences(operand: Operand, absent: dict[Labels, Value | None], selected: Labels) -> Vector:
    if operand.by is None:
        return Vector(tuple(name for name, _ in selected), {selected: all(absent.values())})
    groups: dict[Labels, bool] = {} if operand.by else {(): True}
    for labels, gone in absent.items():
        group = kept(labels, operand.by)
        groups[group] = groups.get(group, True) and bool(gone)
    return Vector(operand.by, dict(groups))


def _latest(operand: Operand, series: Series, end_us: int) -> Value | None:
    """The last value of the window; without a window the last sample of the look-back, unless it is a marker."""
    if operand.over_us:
        _, values = _window(operand, series, end_us)
        return values[-1] if values else None
    closed = operand.start is WindowStart.CLOSED
    found = series.samples[series.between(end_us - operand.lookback_us, end_us, with_first=closed)][-1:]
    return None if not found or isinstance(found[0], Marker) else found[0]


def _window(operand: Operand, series: Series, end_us: int) -> tuple[list[int], list[Value]]:
    closed = operand.start is WindowStart.CLOSED
    where = series.between(end_us - operand.over_us, end_us, with_first=closed)
    instants: list[int] = []
    values: list[Value] = []
    for instant, sample in zip(series.instants_us[where], series.samples[where], strict=True):
        if sample is not STALE:
            instants.append(instant)
            values.append(sample)
    return instants, values


def _increase(instants: Sequence[int], numbers: Sequence[float], start_us: int, end_us: int) -> float | None:
    if len(numbers) < 2:
        return None
    increase = numbers[-1] - numbers[0]
    for before, after in pairwise(numbers):
        if after < before:
            increase += before
    sampled = (instants[-1] - instants[0]) / _US
    distance = sampled / (len(numbers) - 1)
    to_start, to_end = (instants[0] - start_us) / _US, (end_us - instants[-1]) / _US
    if increase > 0 and numbers[0] >= 0:
        to_start = min(to_start, sampled * (numbers[0] / increase))
    near = distance * 1.1
    covered = sampled + (to_start if to_start < near else distance / 2) + (to_end if to_end < near else distance / 2)
    return increase * (covered / sampled)
