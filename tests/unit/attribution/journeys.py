"""Paths and touches for the tests of models, and strategies that draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from trueline_server.attribution.credit import ChannelCredit
from trueline_server.attribution.models import (
    CustomWeights,
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
    Touches,
    WShaped,
)
from trueline_server.attribution.paths import Paths

from tests.oracles.plain_attribution import Row

# Names that a chain, a separator or a count could be mistaken for; the last is in no path.
NAMES = ("(start)", "(conversion)", "(null)", "a > b", "", "a(2)")
ABSENT = "absent"
MODELS = (
    FirstTouch(),
    LastTouch(),
    LastNonDirect(frozenset({"(null)"})),
    Linear(),
    TimeDecay(),
    PositionBased(),
    PositionBased(0.5, 0.1),
    WShaped(),
    CustomWeights((3.0, 1.0), (0.0, 2.0), 1.0),
)


@st.composite
def _row(draw: st.DrawFn) -> Row:
    touches = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=7))
    conversions = draw(st.integers(0, 4))
    value = draw(st.integers(-200, 1000)) / 4 if conversions else 0.0
    return Row(tuple(touches), float(conversions), value, float(draw(st.integers(0, 4))))


rows = st.lists(_row(), max_size=12)


def paths_of(found: Sequence[Row], channels: Sequence[str] = (*NAMES, ABSENT)) -> Paths:
    """Paths over all names, in this order."""
    return Paths.of(found, channels)


def permuted(paths: Paths, order: Sequence[int]) -> Paths:
    """The same paths with the channels in another order: channel `order[i]` is the new one i."""
    place = np.argsort(np.array(order, dtype=np.int64)).astype(np.int32)
    return replace(paths, channels=tuple(paths.channels[i] for i in order), codes=place[paths.codes])


@st.composite
def journeys(draw: st.DrawFn) -> Touches:
    """Journeys with times and marks, none to many touches each, some at the same instant."""
    lengths = draw(st.lists(st.integers(0, 6), max_size=8))
    m = sum(lengths)
    codes = draw(st.lists(st.integers(0, len(NAMES) - 1), min_size=m, max_size=m))
    steps = draw(st.lists(st.sampled_from([0, 1, 3_600_000_000, 10**15]), min_size=m, max_size=m))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    marks = [draw(st.lists(st.integers(0, 10**6), min_size=len(lengths), max_size=len(lengths))) for _ in range(2)]
    lead, opportunity = (np.array(mark, np.int64) % (np.array(lengths, np.int64) + 1) - 1 for mark in marks)
    return Touches(
        NAMES,
        np.array(codes, np.int32),
        offsets,
        np.cumsum(np.array(steps, np.int64)),
        np.full(len(lengths), sum(steps) + 5, np.int64),
        lead,
        opportunity,
    )


def one_journey(at_us: Sequence[int], converted_at_us: int, names: Sequence[str] = ()) -> Touches:
    """One journey with these times, of channels of these names."""
    codes = np.arange(len(at_us), dtype=np.int32) if names else np.zeros(len(at_us), np.int32)
    offsets = np.array([0, len(at_us)], np.int64)
    return Touches(tuple(names) or ("a",), codes, offsets, np.array(at_us, np.int64), np.array([converted_at_us]))


def assert_same(found: ChannelCredit, conversions: dict[str, float], value: dict[str, float]) -> None:
    """Credit is what it should be, to a billionth; channels that are not named have none."""
    scale = 1 + max(map(abs, (*conversions.values(), *value.values())), default=0.0)
    for got, wanted in ((found.conversions, conversions), (found.value, value)):
        expected = [wanted.get(name, 0.0) for name in found.channels]
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9 * scale)
