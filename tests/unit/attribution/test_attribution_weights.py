"""Heuristic models: what each touch of a journey earns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.attribution.credit import credited
from trueline_server.attribution.models import (
    CustomWeights,
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    Model,
    PositionBased,
    TimeDecay,
    Touches,
    WShaped,
    weights,
)
from trueline_server.attribution.paths import Paths
from trueline_server.errors import TruelineError

from tests.oracles.plain_attribution import Row
from tests.unit.attribution.journeys import ABSENT, MODELS, journeys, one_journey, paths_of, permuted, rows

DAY_US = 86_400_000_000
# Those that need no times.
OF_PATHS = [model for model in MODELS if not isinstance(model, TimeDecay)]


def earned(model: Model, names: str, lead: int = -1, opportunity: int = -1) -> list[float]:
    """Weights of one journey, whose touches are single letters a day apart."""
    touches = one_journey([day * DAY_US for day in range(len(names))], len(names) * DAY_US)
    channels = tuple(sorted(set(names)))
    codes = np.array([channels.index(name) for name in names], np.int32)
    marks = {"lead": np.array([lead]), "opportunity": np.array([opportunity])}
    return weights(model, replace(touches, channels=channels, codes=codes, **marks)).tolist()


@pytest.mark.parametrize(
    ("model", "names", "expected"),
    [
        (FirstTouch(), "abc", [1, 0, 0]),
        (LastTouch(), "abc", [0, 0, 1]),
        (LastNonDirect(frozenset("d")), "abdd", [0, 1, 0, 0]),
        (LastNonDirect(frozenset("d")), "ddd", [0, 0, 1]),
        (LastNonDirect(frozenset("de")), "aede", [1, 0, 0, 0]),
        (Linear(), "aba", [1 / 3, 1 / 3, 1 / 3]),
        (TimeDecay(DAY_US), "abc", [1 / 7, 2 / 7, 4 / 7]),
        (TimeDecay(2 * DAY_US), "ab", [1 / (1 + 2**0.5), 2**0.5 / (1 + 2**0.5)]),
        (PositionBased(), "a", [1]),
        (PositionBased(), "ab", [0.5, 0.5]),
        (PositionBased(), "abc", [0.4, 0.2, 0.4]),
        (PositionBased(), "abca", [0.4, 0.1, 0.1, 0.4]),
        (PositionBased(0.5, 0.3), "ab", [0.6, 0.4]),
        (CustomWeights((5, 3), (2,), 0), "abcd", [0.5, 0.3, 0, 0.2]),
        (CustomWeights((5, 3), (2,), 0), "ab", [0.5, 0.5]),
        (CustomWeights((5, 3), (2,), 0), "a", [1]),
        (CustomWeights((0, 1)), "a", [1]),
        (CustomWeights(between=4), "ab", [0.5, 0.5]),
    ],
)
def test_by_hand(model: Model, names: str, expected: list[float]) -> None:
    """Weights that can be worked out in the head."""
    assert earned(model, names) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("names", "lead", "opportunity", "expected"),
    [
        ("abcde", 1, 3, [0.3, 0.3, 0.05, 0.3, 0.05]),
        ("abc", 1, 1, [0.3, 0.6, 0.1]),
        ("abc", 0, 2, [0.6, 0.1, 0.3]),
        ("abc", 1, -1, [0.3, 0.3, 0.4]),
        ("abcd", -1, -1, [0.3, 0.7 / 3, 0.7 / 3, 0.7 / 3]),
        ("ab", 1, 1, [0.35, 0.65]),
        ("a", 0, 0, [1]),
        ("a", -1, -1, [1]),
    ],
)
def test_w_shaped(names: str, lead: int, opportunity: int, expected: list[float]) -> None:
    """Shares of first touch, lead and opportunity add up on one touch; what a journey lacks goes to all others."""
    assert earned(WShaped(), names, lead, opportunity) == pytest.approx(expected, abs=1e-12)


@given(touches=journeys(), model=st.sampled_from(MODELS))
def test_every_journey_is_shared_out(touches: Touches, model: Model) -> None:
    """Weights are 0 to 1 and add up to 1 in each journey that has a touch, whatever its times and marks."""
    found = weights(model, touches)

    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1 + 1e-12)).all()
    sums = np.bincount(touches.rows(), found, minlength=len(touches))
    np.testing.assert_allclose(sums, touches.lengths > 0, rtol=1e-9)


@given(touches=journeys(), model=st.sampled_from(MODELS))
def test_journeys_do_not_know_each_other(touches: Touches, model: Model) -> None:
    """A journey has the same weights alone as among others."""
    together = weights(model, touches)
    for journey in range(len(touches)):
        part = slice(touches.offsets[journey], touches.offsets[journey + 1])
        at = slice(journey, journey + 1)
        assert touches.at_us is not None
        assert touches.converted_at_us is not None
        assert touches.lead is not None
        assert touches.opportunity is not None
        alone = Touches(
            touches.channels,
            touches.codes[part],
            np.array([0, touches.lengths[journey]]),
            touches.at_us[part],
            touches.converted_at_us[at],
            touches.lead[at],
            touches.opportunity[at],
        )
        np.testing.assert_allclose(together[part], weights(model, alone), rtol=1e-12)


@given(found=rows, model=st.sampled_from(OF_PATHS), data=st.data())
def test_credit_of_channels(found: list[Row], model: Model, data: st.DataObject) -> None:
    """Credit adds up to what converted, follows a channel to its new place, and a channel in no path gets nothing."""
    paths = paths_of(found)
    credit = credited(weights(model, Touches.of_paths(paths)), paths)

    assert credit.conversions.sum() == pytest.approx(paths.conversions.sum(), rel=1e-9)
    assert credit.value.sum() == pytest.approx(paths.value.sum(), rel=1e-9, abs=1e-9)
    absent = paths.channels.index(ABSENT)
    assert credit.conversions[absent] == credit.value[absent] == 0

    order = data.draw(st.permutations(range(len(paths.channels))))
    other = permuted(paths, order)
    moved = credited(weights(model, Touches.of_paths(other)), other)
    np.testing.assert_allclose(moved.conversions, credit.conversions[order], atol=1e-9)
    np.testing.assert_allclose(moved.value, credit.value[order], atol=1e-9)


@given(found=rows, model=st.sampled_from(OF_PATHS))
def test_null_paths_change_nothing(found: list[Row], model: Model) -> None:
    """Heuristics look at journeys that converted; another one that did not is nothing to them."""
    before, after = (paths_of(given) for given in (found, [*found, Row(("", "a > b"), 0.0, 0.0, 7.0)]))
    one, other = (credited(weights(model, Touches.of_paths(paths)), paths) for paths in (before, after))
    assert one.conversions.tolist() == other.conversions.tolist()
    assert one.value.tolist() == other.value.tolist()


def test_decay_has_no_steps() -> None:
    """An hour makes a difference, and half a life earns the square root of a half."""
    young, old = weights(TimeDecay(2 * DAY_US), one_journey([0, DAY_US], DAY_US))[::-1]
    assert old / young == pytest.approx(0.5**0.5, rel=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_odd_journeys(model: Model) -> None:
    """All touches at one instant, touches of ages that no float's exponent holds, and 100,000 of them."""
    same = weights(model, one_journey([7] * 4, 7))
    assert same.sum() == pytest.approx(1, rel=1e-12)
    if isinstance(model, TimeDecay):
        assert same.tolist() == [0.25] * 4

    ancient = weights(model, one_journey([-(2**61), 0, 1], 2**61))
    assert np.isfinite(ancient).all()
    assert ancient.sum() == pytest.approx(1, rel=1e-12)

    many = weights(model, one_journey(range(0, 100_000 * 1000, 1000), 10**9))
    assert many.sum() == pytest.approx(1, rel=1e-9)


def test_decay_needs_times() -> None:
    """Paths have no times; the error says so."""
    with pytest.raises(TruelineError, match="needed by the time-decay model"):
        weights(TimeDecay(), Touches.of_paths(Paths.of([(("a",), 1, 1, 0)])))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: TimeDecay(0), "half_life must be above 0"),
        (lambda: PositionBased(1.2, 0), "first must be a share from 0 to 1, got 1.2"),
        (lambda: PositionBased(0.7, 0.4), "at most 1 together, got 1.1"),
        (lambda: WShaped(0.5, 0.5, 0.5), "at most 1 together"),
        (lambda: PositionBased(float("nan"), 0), "first must be a share"),
        (CustomWeights, "must not all be 0"),
        (lambda: CustomWeights((-1.0,)), "from_first must be finite weights"),
        (lambda: CustomWeights(between=float("inf")), "between must be finite"),
    ],
)
def test_parameters(make: object, told: str) -> None:
    """Parameters that could not share out a conversion are refused when the model is made."""
    with pytest.raises(TruelineError, match=told):
        make()  # type: ignore[operator]
