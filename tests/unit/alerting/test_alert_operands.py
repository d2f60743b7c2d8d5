"""What an operand answers at an instant: look-back, windows, counters, absence, groups."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.alerting.aggregates import Agg, aggregate
from trueline_rules.alerting.operands import Operand, WindowStart, value_at, vector_at
from trueline_rules.alerting.series import Series, parse_series
from trueline_rules.alerting.vectors import AlertingError, Labels, Value, Vector, labels_of

S = 1_000_000
M = 60 * S
LEFT_OPEN = WindowStart.LEFT_OPEN


def _at(operand: Operand, text: str, minute: float) -> Value | None:
    return value_at(operand, parse_series(text, M), int(minute * M))


@pytest.mark.parametrize(
    ("text", "minute", "expected"),
    [
        ("7", 0, 7.0),
        ("7", 5, 7.0),
        ("7", 5.01, None),
        ("7", -1, None),
        ("7 8", 0.9, 7.0),
        ("7 stale", 0.9, 7.0),
        ("7 stale", 1, None),
        ("7 stale 9", 2, 9.0),
        ("7 _ _ 9", 2, 7.0),
    ],
)
def test_last(text: str, minute: float, expected: float | None) -> None:
    """The last sample counts for five minutes, and not at all after a stale marker."""
    assert _at(Operand(), text, minute) == expected


def test_look_back_is_a_setting() -> None:
    """A last sample counts for as long as it is said, with or without the first instant."""
    assert _at(Operand(lookback_us=M), "7", 1) == 7.0
    assert _at(Operand(lookback_us=M), "7", 1.01) is None
    assert _at(Operand(lookback_us=M, start=LEFT_OPEN), "7", 1) is None


@pytest.mark.parametrize(
    ("agg", "closed", "left_open"),
    [
        ("avg", 18 / 5, 17 / 4),
        ("max", 6.0, 6.0),
        ("min", 1.0, 2.0),
        ("sum", 18.0, 17.0),
        ("count", 5.0, 4.0),
        ("last", 6.0, 6.0),
    ],
)
def test_windows(agg: str, closed: float, left_open: float) -> None:
    """A closed window has the sample at its start, a left-open one has not; a missing sample does not count."""
    assert _at(Operand(Agg(agg), over_us=5 * M), "1 2 _ 5 4 6", 5) == closed
    assert _at(Operand(Agg(agg), over_us=5 * M, start=LEFT_OPEN), "1 2 _ 5 4 6", 5) == left_open


@pytest.mark.parametrize("agg", ["avg", "max", "min", "sum", "count", "last", "rate", "increase"])
def test_an_empty_window_has_no_value(agg: str) -> None:
    """Nothing is not zero."""
    assert _at(Operand(Agg(agg), over_us=5 * M), "1x3", 20) is None


def test_a_window_passes_over_stale_markers() -> None:
    """A stale marker is no sample of a window, nor does it end one."""
    assert _at(Operand(Agg.COUNT, over_us=5 * M), "1 1 stale 1", 4) == 3.0
    assert _at(Operand(Agg.LAST, over_us=5 * M), "1 2 stale", 4) == 2.0


def test_nan_in_windows() -> None:
    """NaN makes a sum and an average NaN; the largest and the smallest pass over it; it is counted."""
    for agg in (Agg.SUM, Agg.AVG):
        value = _at(Operand(agg, over_us=5 * M), "1 NaN 3", 2)
        assert isinstance(value, float)
        assert math.isnan(value)
    assert _at(Operand(Agg.MAX, over_us=5 * M), "1 NaN 3", 2) == 3.0
    assert _at(Operand(Agg.MIN, over_us=5 * M), "NaN 1 3", 2) == 1.0
    assert _at(Operand(Agg.COUNT, over_us=5 * M), "1 NaN 3", 2) == 3.0
    only = _at(Operand(Agg.MAX, over_us=5 * M), "NaN NaN", 2)
    assert isinstance(only, float)
    assert math.isnan(only)


def test_infinities_add_up_as_floats_do() -> None:
    """Inf - Inf is NaN, and what is too large is Inf."""
    assert aggregate(Agg.SUM, [math.inf, 1.0]) == math.inf
    assert math.isnan(float(aggregate(Agg.SUM, [math.inf, -math.inf])))  # type: ignore[arg-type]
    assert aggregate(Agg.SUM, [1e308, 1e308]) == math.inf


def test_offset() -> None:
    """An offset moves the instant, and windows with it."""
    assert _at(Operand(offset_us=2 * M), "1 2 3", 2) == 1.0
    assert _at(Operand(offset_us=2 * M), "1 2 3", 1) is None
    assert _at(Operand(Agg.SUM, over_us=M, offset_us=M), "1 2 4 8", 3) == 6.0


@pytest.mark.parametrize(
    ("text", "interval", "at", "window", "expected"),
    [
        # Samples up to both borders: no extrapolation.
        ("0+10x5", M, 5 * M, 5 * M, 50.0),
        # Up to 1.1 distances from a border it is extrapolated to it: 40 in 4 minutes are 50 in 5.
        ("100+10x4", M, 5 * M, 5 * M, 50.0),
        # Farther away, by half a distance: 20 in 2 minutes, and half a minute more on either side that is far.
        ("_x4 100+10x2", M, 9 * M, 9 * M, 30.0),
        # Never to before the counter was 0: 5 is half a minute back.
        ("_ 5+10x4", M, 5 * M, 5 * M, 45.0),
        # A decrease is a reset: what was before it is added.
        ("100+10x2 5 15", M, 4 * M, 4 * M, 35.0),
        ("10 10 10", M, 2 * M, 2 * M, 0.0),
        # What began below 0 was no counter, and has no time at which it was 0.
        ("_ -5+10x4", M, 5 * M, 5 * M, 50.0),
        ("5", M, 0, 5 * M, None),
    ],
)
def test_increase_and_rate(text: str, interval: int, at: int, window: int, expected: float | None) -> None:
    """Counters: resets, extrapolation to the borders, at least two samples; a rate is an increase by the second."""
    series = parse_series(text, interval)
    increase = value_at(Operand(Agg.INCREASE, over_us=window), series, at)
    rate = value_at(Operand(Agg.RATE, over_us=window), series, at)
    if expected is None:
        assert (increase, rate) == (None, None)
    else:
        assert increase == pytest.approx(expected)
        assert rate == pytest.approx(expected / (window / S))


@given(
    st.lists(st.integers(0, 100), min_size=2, max_size=20),
    st.integers(0, 50),
)
def test_a_counter_never_falls(steps: list[int], reset_at: int) -> None:
    """However a counter is reset, its increase between samples at both borders is what was counted."""
    counted, total, texts = 0, 0, []
    for i, step in enumerate(steps):
        total = 0 if i == reset_at else total + step
        counted += 0 if i in {0, reset_at} else step
        texts.append(str(total))
    increase = _at(Operand(Agg.INCREASE, over_us=(len(steps) - 1) * M), " ".join(texts), len(steps) - 1)
    assert increase == pytest.approx(counted)


def test_decimals_stay_exact() -> None:
    """Decimals are added and divided as decimals; mixed with floats they are floats."""
    series = Series((), (0, 1, 2), (Decimal("0.1"), Decimal("0.2"), Decimal("0.3")))
    assert value_at(Operand(Agg.SUM, over_us=M), series, 2) == Decimal("0.6")
    assert value_at(Operand(Agg.AVG, over_us=M), series, 2) == Decimal("0.2")
    assert value_at(Operand(Agg.MAX, over_us=M), series, 2) == Decimal("0.3")
    assert aggregate(Agg.SUM, [Decimal("0.5"), 1.0]) == 1.5
    assert math.isnan(float(aggregate(Agg.SUM, [Decimal("NaN"), Decimal(1)])))  # type: ignore[arg-type]


def test_text_has_a_last_value_and_can_be_counted() -> None:
    """What needs no number takes any value; the rest says so."""
    series = Series((), (0, 1), ("gold", "pro"))
    assert value_at(Operand(), series, 1) == "pro"
    assert value_at(Operand(Agg.COUNT, over_us=M), series, 1) == 2.0
    with pytest.raises(AlertingError, match="avg needs numbers, one of the values is 'gold'"):
        value_at(Operand(Agg.AVG, over_us=M), series, 1)
    with pytest.raises(AlertingError, match="rate needs numbers, one of the values is True"):
        value_at(Operand(Agg.RATE, over_us=M), Series((), (0, 1), (True, False)), 1)


def _series(text: str, **labels: str) -> Series:
    return parse_series(text, M, labels_of(labels))


def _vector(rows: dict[tuple[str, ...], Value], *names: str) -> Vector:
    return Vector(names, {labels_of(dict(zip(names, key, strict=True))): value for key, value in rows.items()})


PODS = [_series("1 2", svc="a", pod="1"), _series("10 20", svc="a", pod="2"), _series("5 stale", svc="b", pod="3")]


def test_series_without_a_value_have_no_row() -> None:
    """An ended series is not in the vector; its label names stay known."""
    assert vector_at(Operand(), PODS, M) == _vector({("1", "a"): 2.0, ("2", "a"): 20.0}, "pod", "svc")
    assert vector_at(Operand(), [], M, names=["svc"]) == Vector(("svc",), {})


@pytest.mark.parametrize(
    ("operand", "a", "b"),
    [
        (Operand(Agg.SUM, by=("svc",)), 11.0, 5.0),
        (Operand(Agg.AVG, by=("svc",)), 5.5, 5.0),
        (Operand(Agg.MAX, by=("svc",)), 10.0, 5.0),
        (Operand(Agg.MIN, by=("svc",)), 1.0, 5.0),
        (Operand(Agg.COUNT, by=("svc",)), 2.0, 1.0),
        (Operand(by=("svc",)), 11.0, 5.0),
        (Operand(by=("svc",), across=Agg.MAX), 10.0, 5.0),
        (Operand(Agg.MAX, over_us=M, by=("svc",), across=Agg.AVG), 5.5, 5.0),
        (Operand(Agg.COUNT, over_us=M, by=("svc",), across=Agg.COUNT), 2.0, 1.0),
    ],
)
def test_by_joins_label_sets(operand: Operand, a: float, b: float) -> None:
    """`by` keeps labels and joins the rest: by the operand's own aggregation, by their sum, or as `across` says."""
    assert vector_at(operand, PODS, 0) == _vector({("a",): a, ("b",): b}, "svc")


def test_samples_of_a_group_are_counted_together() -> None:
    """A count over a window counts samples, not label sets."""
    assert vector_at(Operand(Agg.COUNT, over_us=M, by=("svc",)), PODS, M) == _vector({("a",): 4.0, ("b",): 1.0}, "svc")


def test_by_nothing_joins_all() -> None:
    """No label kept is one value without labels."""
    assert vector_at(Operand(Agg.SUM, by=()), PODS, 0) == Vector((), {(): 16.0})
    assert vector_at(Operand(Agg.SUM, by=()), [], 0) == Vector((), {})


def test_absent() -> None:
    """Absence is true when no series has a value: as a whole, or for each group; NaN is a value."""
    job = labels_of({"job": "w"})
    assert vector_at(Operand(Agg.ABSENT), [], 0, selected=job) == Vector(("job",), {job: True})
    assert vector_at(Operand(Agg.ABSENT), PODS, M) == Vector((), {(): False})
    assert vector_at(Operand(Agg.ABSENT), PODS, 7 * M) == Vector((), {(): True})
    assert vector_at(Operand(Agg.ABSENT, by=("svc",)), PODS, M) == _vector({("a",): False, ("b",): True}, "svc")
    assert vector_at(Operand(Agg.ABSENT, by=()), [], M) == Vector((), {(): True})
    assert vector_at(Operand(Agg.ABSENT, over_us=M), PODS[2:], M) == Vector((), {(): False})
    assert vector_at(Operand(Agg.ABSENT), [_series("NaN")], 0) == Vector((), {(): False})


def test_series_of_the_same_labels() -> None:
    """Two series of one label set cannot both be its value."""
    with pytest.raises(AlertingError, match=re.escape('two series have the labels {svc="a"}')):
        vector_at(Operand(), [_series("1", svc="a"), _series("2", svc="a")], 0)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"over_us": -1}, "over must not be negative, is -1 µs"),
        ({"offset_us": -1}, "offset must not be negative, is -1 µs"),
        ({"lookback_us": 0}, "the look-back must be positive, is 0 µs"),
        ({"agg": Agg.RATE}, "agg rate needs a window; say over which time, like over: 5m"),
        ({"agg": Agg.INCREASE, "by": ("a",)}, "agg increase needs a window"),
        ({"agg": Agg.AVG}, "agg avg needs a window .over: 5m., or labels to keep .by: .service.."),
        ({"across": Agg.SUM}, "across says how label sets are joined; say which labels are kept"),
        ({"by": (), "across": Agg.RATE}, "label sets are joined by avg, count, max, min, sum, not by rate"),
    ],
)
def test_impossible_operands(parts: dict[str, object], problem: str) -> None:
    """An operand whose parts do not fit is refused, with the way out."""
    with pytest.raises(ValueError, match=problem):
        Operand(**parts)  # type: ignore[arg-type]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.permutations(range(30)))
def test_the_order_of_label_sets_does_not_count(numbers: list[float], order: list[int]) -> None:
    """Groups are the same in whatever order their series come."""
    series = [_series(repr(number), svc="a", pod=str(i)) for i, number in enumerate(numbers)]
    shuffled = [series[i] for i in order if i < len(series)]
    for agg in (Agg.SUM, Agg.AVG, Agg.MAX, Agg.MIN, Agg.COUNT):
        operand = Operand(agg, by=("svc",))
        assert vector_at(operand, series, 0) == vector_at(operand, shuffled, 0)


_NAMES: Labels = labels_of({"svc": "a"})


def test_labels_that_were_not_declared() -> None:
    """A row cannot have a label that its vector does not know."""
    with pytest.raises(AlertingError, match="has the label 'svc'; none is declared"):
        Vector((), {_NAMES: 1.0})
    with pytest.raises(AlertingError, match="has the label 'svc'; those declared are pod"):
        Vector(("pod",), {_NAMES: 1.0})
