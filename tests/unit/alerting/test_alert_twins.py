"""From samples to states: operands, join and state machine together, against a few lines of plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from replaying import MINUTE_US, over
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.alerting.joining import join_facts
from trueline_rules.alerting.machine import evaluate
from trueline_rules.alerting.model import AlertSpec, Instance, OnMissing, State
from trueline_rules.alerting.operands import Operand, WindowStart, vector_at
from trueline_rules.alerting.series import STALE, Marker, Series, parse_samples

Samples = Sequence[int | Marker | None]
SHOWN = {State.PENDING: "p", State.FIRING: "F", State.RECOVERING: "r"}


@dataclass(frozen=True)
class Read:
    """What is read of the samples, in minutes; the same as an Operand, and for plain Python."""

    agg: str
    window: int
    offset: int
    closed: bool

    def operand(self) -> Operand:
        """Say it to the operands."""
        start = WindowStart.CLOSED if self.closed else WindowStart.LEFT_OPEN
        return Operand(Agg(self.agg), over_us=self.window * MINUTE_US, offset_us=self.offset * MINUTE_US, start=start)

    def plain(self, samples: Samples, minute: int) -> Fraction | None:
        """Read it the plain way."""
        at = minute - self.offset
        oldest = at - (self.window or 5) + (0 if self.closed else 1)
        inside = [samples[i] for i in range(max(0, oldest), at + 1) if i < len(samples) and samples[i] is not None]
        if not self.window:
            return Fraction(inside[-1]) if inside and isinstance(inside[-1], int) else None
        numbers = [Fraction(sample) for sample in inside if isinstance(sample, int)]
        if not numbers:
            return None
        total = sum(numbers, Fraction(0))
        return {
            "avg": total / len(numbers),
            "max": max(numbers),
            "min": min(numbers),
            "sum": total,
            "count": Fraction(len(numbers)),
            "last": numbers[-1],
        }[self.agg]


def _plain_states(truths: Sequence[bool], hold: int, keep: int) -> str:
    """p, F or r for each minute, "." for quiet: counted in runs of minutes."""
    states = ""
    for minute, truth in enumerate(truths):
        run = next((n for n in range(minute + 1) if truths[minute - n] is not truth), minute + 1)
        firing = states[-1:] in {"F", "r"}
        if truth:
            states += "F" if firing or run > hold else "p"
        else:
            states += "r" if firing and run <= keep else "."
    return states


def _states(samples: Samples, operand: Operand, minutes: int, hold: int, keep: int) -> str:
    spec = AlertSpec(
        "r",
        critical=over(3),
        for_us=hold * MINUTE_US,
        keep_firing_for_us=keep * MINUTE_US,
        on_missing=OnMissing.FALSE,
    )
    series = [Series.regular((("svc", "a"),), samples, MINUTE_US)]
    instances: tuple[Instance, ...] = ()
    states = ""
    for minute in range(minutes):
        at_us = minute * MINUTE_US
        rows = join_facts({"value": vector_at(operand, series, at_us)})
        instances = evaluate(spec, instances, at_us, at_us, rows).instances
        states += next((SHOWN[i.state] for i in instances if i.state in SHOWN), ".")
    return states


@pytest.mark.parametrize(
    ("text", "hold", "keep", "expected"),
    [
        ("0 4 4 4 0", 2, 0, ".ppF......"),
        ("4 4 0 4 4 4 0", 1, 2, "pFrFFFrr.."),
        ("4 _ _ _ _ _ _ _", 0, 0, "FFFFFF...."),
        ("4 stale 4 4", 1, 0, "p.pFFFFFF."),
        ("1+1x5 3", 1, 1, "...pFFr..."),
        ("3x9", 0, 5, ".........."),
    ],
)
def test_by_hand(text: str, hold: int, keep: int, expected: str) -> None:
    """Ten minutes that were worked out by hand."""
    samples = parse_samples(text)
    assert _states(samples, Operand(), 10, hold, keep) == expected  # type: ignore[arg-type]


reads = st.builds(Read, st.just("last"), st.just(0), st.integers(0, 3), st.booleans()) | st.builds(
    Read,
    st.sampled_from(["last", "avg", "max", "min", "sum", "count"]),
    st.integers(1, 6),
    st.integers(0, 3),
    st.booleans(),
)


@given(
    st.lists(st.none() | st.just(STALE) | st.integers(0, 6), max_size=25), reads, st.integers(0, 4), st.integers(0, 4)
)
@example([4, 4, 4, 4, 4, 4, None], Read("count", 3, 0, True), 0, 0)
def test_random_series(samples: list[int | Marker | None], read: Read, hold: int, keep: int) -> None:
    """Any series, any operand, any `for` and `keep_firing_for`: the states are those of the plain twin."""
    minutes = len(samples) + 10
    seen = [read.plain(samples, minute) for minute in range(minutes)]
    truths = [value is not None and value > 3 for value in seen]

    assert _states(samples, read.operand(), minutes, hold, keep) == _plain_states(truths, hold, keep)
