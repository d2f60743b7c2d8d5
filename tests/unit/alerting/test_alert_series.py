"""promtool's notation: what each token means, and what is said of each that means nothing."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.alerting.series import MOST_SAMPLES, STALE, NotationError, Series, parse_samples, parse_series
from trueline_rules.alerting.vectors import labels_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("1", (1.0,)),
        ("  1\t2\n3 ", (1.0, 2.0, 3.0)),
        ("-2+4x3", (-2.0, 2.0, 6.0, 10.0)),
        ("1-2x4", (1.0, -1.0, -3.0, -5.0, -7.0)),
        ("1x4", (1.0,) * 5),
        ("1x0", (1.0,)),
        ("1+5x0", (1.0,)),
        ("-1x1", (-1.0, -1.0)),
        ("+1.5 .5 5.", (1.5, 0.5, 5.0)),
        ("1 _x3 stale", (1.0, None, None, None, STALE)),
        ("_ _", (None, None)),
        ("_x0", ()),
        ("1e+3x2", (1000.0, 1000.0, 1000.0)),
        ("1e1-1e0x1", (10.0, 9.0)),
        ("0.35-0.02x10", (0.35, 0.33, 0.31, 0.29, 0.27, 0.25, 0.23, 0.21, 0.19, 0.17, 0.15)),
        ("Inf -Inf +inf", (math.inf, -math.inf, math.inf)),
        ("Inf-1x2", (math.inf,) * 3),
        ("1+Infx2", (1.0, math.inf, math.inf)),
    ],
)
def test_tokens(text: str, expected: tuple[object, ...]) -> None:
    """Each token is as many samples as the notation says, and decimals step without drifting."""
    assert parse_samples(text) == expected


@pytest.mark.parametrize("text", ["NaN", "nan", "NaNx1", "NaN+1x1", "1+NaNx1"])
def test_nan(text: str) -> None:
    """NaN is a sample."""
    last = parse_samples(text)[-1]
    assert isinstance(last, float)
    assert math.isnan(last)


@pytest.mark.parametrize(
    ("text", "token", "position", "column", "problem"),
    [
        ("1 2 abc", "abc", 3, 5, "is no sample; write a number, 1x5, 1+2x5, 1-2x5, _, _x5 or stale"),
        ("1,2", "1,2", 1, 1, "is no sample"),
        ("  1+2", "1+2", 1, 3, "not how many follow; write it like 1+2x5"),
        ("1+2x", "1+2x", 1, 1, "after x stands how many samples follow, a whole number"),
        ("1x-3", "1x-3", 1, 1, "after x stands how many samples follow"),
        ("1x2.5", "1x2.5", 1, 1, "after x stands how many samples follow"),
        ("1+-2x3", "1+-2x3", 1, 1, "is no sample"),
        ("1 stalex3", "stalex3", 2, 3, "stale stands alone; what is missing after it is written _ or _x3"),
        ("__", "__", 1, 1, "a missing sample is _ and several are _x3"),
        ("_x", "_x", 1, 1, "a missing sample is _"),
        ("{{schema:1}}", "{{schema:1}}", 1, 1, "histograms are not read; write numbers"),
        ("1e400", "1e400", 1, 1, "1e400 is beyond a 64-bit float; write Inf if that is meant"),
        ("1 1x99999999999", "1x99999999999", 2, 3, f"a series has at most {MOST_SAMPLES:,} samples"),
        (f"1x{'9' * 5000}", f"1x{'9' * 5000}", 1, 1, "a series has at most"),
        ("_x999999 1 1", "1", 3, 12, "a series has at most"),
        ("1+1x1000000", "1+1x1000000", 1, 1, "a series has at most"),
    ],
)
def test_mistakes(text: str, token: str, position: int, column: int, problem: str) -> None:
    """The error names the token, which one it is and where it begins, and the way out."""
    with pytest.raises(NotationError) as caught:
        parse_samples(text)
    error = caught.value
    assert (error.token, error.position, error.column) == (token, position, column)
    assert str(error).startswith(f"value {position} ({token!r}, column {column}): ")
    assert problem in str(error)


def test_a_series_has_instants() -> None:
    """Samples stand an interval apart, from the start on; a missing one leaves a hole."""
    labels = labels_of({"plan": "pro", "region": ""})
    series = parse_series("1 _ stale 2", 60, labels, start_us=1_000)

    assert series == Series((("plan", "pro"),), (1_000, 1_120, 1_180), (1.0, STALE, 2.0))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: parse_series("1", 0), "the interval between samples must be positive, is 0 µs"),
        (lambda: Series((), (1, 1), (1.0, 2.0)), "instants must ascend, 1 follows 1"),
        (lambda: Series((), (1,), ()), "1 instants for 0 samples"),
    ],
)
def test_impossible_series(make: object, problem: str) -> None:
    """A series that is none is refused."""
    with pytest.raises(ValueError, match=problem):
        make()  # type: ignore[operator]


@given(st.text(st.sampled_from("0123456789.+-xe_stalINnf {}"), max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but samples or a NotationError comes of any text."""
    with suppress(NotationError):
        assert all(sample is None or sample is STALE or isinstance(sample, float) for sample in parse_samples(text))


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(0, 50))
def test_steps_are_exact(first: int, step: int, count: int) -> None:
    """`a+bxn` in hundredths is what integers count."""
    text = f"{first / 100!r}{step / 100:+}x{count}"
    assert parse_samples(text) == tuple((first + i * step) / 100 for i in range(count + 1))
