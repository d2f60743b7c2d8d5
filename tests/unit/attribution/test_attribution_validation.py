"""Validation: how far an attribution may be believed."""

from __future__ import annotations

import math
import random
from dataclasses import astuple

import numpy as np
import pytest
from trueline_server.attribution.credit import ChannelCredit, credited
from trueline_server.attribution.markov import markov
from trueline_server.attribution.models import LastTouch, Linear, Touches, weights
from trueline_server.attribution.paths import Paths
from trueline_server.attribution.shapley import shapley
from trueline_server.attribution.transforms import Transform, TransformKind, transformed
from trueline_server.attribution.validation import (
    Crediting,
    HeldOut,
    accuracy_of,
    bias_of,
    fit_orders,
    held_out,
    resampled,
    stability_of,
    supported_order,
    touch_weights_of,
)
from trueline_server.errors import TruelineError

# Journeys with "good" convert in 3 of 4, those without in 1 of 20; "plain" is in all.
TELLING = Paths.of(
    [(("plain", "good"), 3000, 6000, 1000), (("plain",), 50, 100, 950), (("plain", "other"), 50, 50, 950)]
)
# What a journey meets says nothing: all convert alike.
MUTE = Paths.of([(("a", "b"), 400, 400, 1200), (("b",), 400, 400, 1200), (("a",), 400, 400, 1200)])


def by_touch(model: LastTouch | Linear, paths: Paths) -> Crediting:
    """A heuristic as a model of paths: its weights do not depend on what came of them."""
    fixed = weights(model, Touches.of_paths(paths))
    return lambda drawn: credited(fixed, drawn)


@pytest.mark.parametrize("model", [markov, shapley, by_touch(LastTouch(), TELLING)], ids=["markov", "shapley", "last"])
def test_accuracy_where_paths_tell(model: Crediting) -> None:
    """Held-out journeys are told apart far beyond chance, better than by one rate for all."""
    accuracy = accuracy_of(held_out(model, TELLING))

    assert accuracy.journeys == pytest.approx(1200, abs=100)
    # 3,000 of 3,100 conversions lie on a path that 1,900 of 2,900 others do not.
    assert accuracy.auc == pytest.approx(0.81, abs=0.04)
    assert accuracy.p_value < 1e-9
    assert accuracy.log_loss < 0.8 * accuracy.base_log_loss
    assert 0 < accuracy.brier < 0.25


def test_accuracy_where_paths_are_mute() -> None:
    """Where all journeys convert alike, no better than chance, and not significant."""
    accuracy = accuracy_of(held_out(markov, MUTE))
    assert accuracy.auc == pytest.approx(0.5, abs=0.04)
    assert accuracy.p_value > 0.01
    assert accuracy.log_loss >= accuracy.base_log_loss - 0.01


def test_accuracy_of_one_path() -> None:
    """One path has one prediction: the test has nothing to go by, and says chance."""
    accuracy = accuracy_of(held_out(markov, Paths.of([("a", 40, 40, 60)])))
    assert (accuracy.auc, accuracy.p_value) == (0.5, 1.0)


def test_prediction_is_calibrated() -> None:
    """As many conversions are predicted as there are, within what the draw may differ."""
    held = held_out(shapley, TELLING, share=0.5)
    journeys = held.paths.conversions + held.paths.nulls
    expected = journeys @ held.predicted
    assert expected == pytest.approx(held.paths.conversions.sum(), rel=0.05)
    assert ((held.predicted > 0) & (held.predicted < 1)).all()


def test_credit_that_tells_nothing_predicts_no_worse_than_one_rate() -> None:
    """Long journeys have more channels, which do nothing: their odds are not taken at their face value."""
    source = random.Random(7)
    rows = []
    for _ in range(4000):
        touches = [source.choice("abcdef") for _ in range(source.randrange(1, 7))]
        converted = source.random() < 0.3
        rows.append((touches, converted, converted, not converted))
    for model in (shapley, markov):
        held = held_out(model, transformed(Paths.of(rows), Transform(TransformKind.UNIQUE)))
        accuracy = accuracy_of(held)
        assert accuracy.log_loss == pytest.approx(accuracy.base_log_loss, abs=0.005)
        assert np.ptp(held.predicted) < 0.1
        even = (1 / held.paths.lengths)[held.paths.rows()]
        # Nor do predictions that hardly differ say that the model favours long journeys.
        assert abs(bias_of(held, held.paths, even).length_effect) < 0.1


def test_held_out_by_seed() -> None:
    """The same seed draws the same journeys, another one others; together with the fitted ones they are all."""
    fitted: list[Paths] = []

    def watched(paths: Paths) -> ChannelCredit:
        fitted.append(paths)
        return shapley(paths)

    one, same, other = (held_out(watched, TELLING, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.paths.conversions, same.paths.conversions)
    np.testing.assert_array_equal(one.predicted, same.predicted)
    assert one.paths.nulls.tolist() != other.paths.nulls.tolist()
    for column in ("conversions", "value", "nulls"):
        total = getattr(fitted[0], column) + getattr(one.paths, column)
        np.testing.assert_allclose(total, getattr(TELLING, column), rtol=1e-12)


@pytest.mark.parametrize("paths", [Paths.of([]), Paths.of([("a", 9, 9, 0)]), Paths.of([("a", 0, 0, 9)])])
def test_nothing_to_predict(paths: Paths) -> None:
    """Without journeys of both kinds the error says so."""
    with pytest.raises(TruelineError, match="enough journeys with and without conversion"):
        held_out(markov, paths)


def test_share_is_refused() -> None:
    """Nothing or everything cannot be held out."""
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(TruelineError, match="share must be above 0 and below 1"):
            held_out(markov, TELLING, share=share)


def test_position_bias() -> None:
    """Last touch is all about position, linear not at all."""
    paths = Paths.of([("abc", 300, 300, 100), ("cabc", 100, 100, 100), ("ab", 9, 9, 9)])
    last, linear = (weights(model, Touches.of_paths(paths)) for model in (LastTouch(), Linear()))
    held = held_out(by_touch(LastTouch(), paths), paths)

    biased, fair = bias_of(held, paths, last), bias_of(held, paths, linear)
    assert biased.position_shares == (0, 0, 1)
    assert biased.even_shares == pytest.approx((0.3125, 0.375, 0.3125))
    assert biased.position_effect > 1
    assert biased.position_p_value < 1e-9
    assert fair.position_shares == pytest.approx(fair.even_shares)
    assert fair.position_effect == pytest.approx(0, abs=1e-6)
    assert fair.position_p_value == pytest.approx(1)


def test_channel_bias() -> None:
    """A model that gives all to a channel that does nothing tells nothing: too much of it, too little of others."""

    def wrong(paths: Paths) -> ChannelCredit:
        return ChannelCredit(paths.channels, np.where(np.array(paths.channels) == "other", 1000.0, 0.0), np.zeros(3))

    held = held_out(wrong, TELLING)
    found = {one.channel: one for one in bias_of(held, TELLING, np.full(len(TELLING.codes), 0.5)).channels}
    # Its odds are scaled down to nothing, so that each journey is given the rate of all: 3,100 of 6,000.
    assert held.predicted == pytest.approx(held.base_rate, abs=1e-3)
    rate = found["good"].converted / found["good"].journeys
    assert found["good"].effect == pytest.approx(
        2 * np.arcsin(rate**0.5) - 2 * np.arcsin(held.base_rate**0.5), abs=0.01
    )
    assert found["good"].p_value < 1e-6
    assert found["other"].effect < -0.5
    assert found["other"].p_value < 1e-6
    assert found["other"].journeys == int((held.paths.conversions + held.paths.nulls)[2])


def test_channel_bias_by_hand() -> None:
    """30 of 100 where 40 were predicted are 2.04 standard deviations; with a second channel that counts twice."""
    paths = Paths.of([("aa", 30, 30, 70), ("b", 50, 50, 50)])
    a, b = bias_of(HeldOut(paths, np.array([0.4, 0.5]), 0.4), paths, np.array([0.5, 0.5, 1.0])).channels

    assert (a.channel, a.journeys, a.predicted, a.converted) == ("a", 100, pytest.approx(40), 30)
    assert a.effect == pytest.approx(2 * np.arcsin(0.3**0.5) - 2 * np.arcsin(0.4**0.5))
    assert a.p_value == pytest.approx(2 * math.erfc(10 / 24**0.5 / 2**0.5))
    assert (b.effect, b.p_value) == (pytest.approx(0), pytest.approx(1))


def test_length_bias() -> None:
    """Where long journeys convert less than their channels promise, the model gives them too much."""
    paths = Paths.of([("a", 800, 800, 200), ("aaaaa", 200, 200, 800)])
    bias = bias_of(held_out(shapley, paths), paths, np.full(6, 1 / 6))
    assert bias.length_effect < -0.3
    assert bias.length_p_value < 1e-9


def test_no_bias_can_be_told() -> None:
    """Journeys of one touch have neither places nor lengths that differ."""
    paths = Paths.of([("a", 50, 50, 50), ("b", 50, 50, 50)])
    bias = bias_of(held_out(shapley, paths), paths, np.ones(2))
    assert bias.position_shares == bias.even_shares == (0, 0, 0)
    assert (bias.position_effect, bias.position_p_value) == (0, 1)
    assert (bias.length_effect, bias.length_p_value) == (0, 1)
    assert all(np.isfinite(astuple(channel)[1:]).all() for channel in bias.channels)


def test_touch_weights_of_channels() -> None:
    """A model of channels weighs touches by what one of their channel earned; all the same where none did."""
    paths = Paths.of([("aab", 4, 4, 0), ("c", 1, 1, 0)])
    credit = ChannelCredit(paths.channels, np.array([2.0, 3.0, 0.0]), np.zeros(3))
    # a earned 2 with 8 touches, b 3 with 4.
    assert touch_weights_of(credit, paths) == pytest.approx([0.2, 0.2, 0.6, 1])


def test_intervals() -> None:
    """They hold the credit, are the same by seed, and halve as journeys become four times as many."""
    one = stability_of(shapley, TELLING, resamples=400)
    same = stability_of(shapley, TELLING, resamples=400)
    credit = shapley(TELLING)

    np.testing.assert_array_equal(one.conversions_low, same.conversions_low)
    assert (one.conversions_low < credit.conversions).all()
    assert (credit.conversions < one.conversions_high).all()
    assert (one.value_low < credit.value).all()
    assert (credit.value < one.value_high).all()

    fourfold = Paths.of(
        [(("plain", "good"), 12_000, 0, 4000), (("plain",), 200, 0, 3800), (("plain", "other"), 200, 0, 3800)]
    )
    wide = one.conversions_high - one.conversions_low
    narrow = stability_of(shapley, fourfold, resamples=400)
    assert (narrow.conversions_high - narrow.conversions_low) / 4 == pytest.approx(wide / 2, rel=0.2)


def test_width_is_that_of_the_binomial() -> None:
    """One channel in one path: its conversions move as a binomial count does."""
    found = stability_of(shapley, Paths.of([("a", 250, 250, 750)]), resamples=2000)
    half = 1.96 * (1000 * 0.25 * 0.75) ** 0.5
    assert found.conversions_low[0] == pytest.approx(250 - half, abs=3)
    assert found.conversions_high[0] == pytest.approx(250 + half, abs=3)


def test_resamples() -> None:
    """Each has as many journeys; it is told before it begins, and can be ended."""
    drawn = next(resampled(TELLING, 3))
    assert drawn.conversions.sum() + drawn.nulls.sum() == 6000
    assert drawn.value == pytest.approx(TELLING.value / TELLING.conversions * drawn.conversions)

    told: list[int] = []
    stability_of(shapley, TELLING, resamples=3, before=told.append)
    assert told == [1, 2, 3]
    assert stability_of(shapley, Paths.of([], "a"), resamples=2).conversions_high.tolist() == [0]


@pytest.mark.parametrize(("resamples", "confidence", "told"), [(1, 0.9, "at least 2, got 1"), (5, 1.0, "confidence")])
def test_stability_is_refused(resamples: int, confidence: float, told: str) -> None:
    """Too few resamples, or a confidence that is none."""
    with pytest.raises(TruelineError, match=told):
        stability_of(shapley, TELLING, resamples=resamples, confidence=confidence)


def walk(order: int, journeys: int) -> Paths:
    """Journeys in which the next channel depends on so many before: it repeats the oldest of them in 8 of 10."""
    source = random.Random(order)
    found = []
    for _ in range(journeys):
        touches = [source.choice("abc") for _ in range(order)]
        while source.random() < 0.9:
            touches.append(touches[-order] if source.random() < 0.8 else source.choice("abc"))
        converted = source.randrange(2)
        found.append((touches, converted, converted, 1 - converted))
    return Paths.of(found)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_order_is_found(order: int) -> None:
    """The order that journeys were drawn with is the one that they support."""
    fits = fit_orders(walk(order, 3000))

    assert [fit.order for fit in fits] == [1, 2, 3, 4]
    assert supported_order(fits) == order
    likelihoods = [fit.log_likelihood for fit in fits]
    assert likelihoods == sorted(likelihoods)
    assert [fit.p_value < 1e-6 for fit in fits[1:]] == [number <= order for number in (2, 3, 4)]


def test_likelihood_by_hand() -> None:
    """Two journeys of a that convert and two that do not, one of them by b: ends are told with 3/4 and the like."""
    (fit,) = fit_orders(Paths.of([("a", 2, 2, 1), ("ab", 0, 0, 1)]), most=1)
    # From a: 2 of 4 convert, 1 ends, 1 goes to b, which ends.
    assert fit.log_likelihood == pytest.approx(2 * np.log(1 / 2) + 2 * np.log(1 / 4))
    assert (fit.states, fit.parameters) == (2, 6)
    assert fit.aic == pytest.approx(12 - 2 * fit.log_likelihood)
    # 9 steps: 5 touches and 4 ends.
    assert fit.bic == pytest.approx(6 * np.log(9) - 2 * fit.log_likelihood)


def test_order_of_nothing() -> None:
    """Without a touch there is no order to tell."""
    with pytest.raises(TruelineError, match="must have a touch"):
        fit_orders(Paths.of([((), 1, 1, 1)]))
