"""Whether a model favours places in a journey, lengths of journeys, or channels: each with a test and an effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from trueline_server.attribution.credit import ChannelCredit
from trueline_server.attribution.paths import Floats, Paths, summed
from trueline_server.attribution.transforms import Transform, TransformKind, kept_touches
from trueline_server.attribution.validation.prediction import HeldOut


@dataclass(frozen=True, slots=True)
class ChannelBias:
    """What was predicted of the held-out journeys of a channel, and what happened.

    Attributes:
        channel: its name.
        journeys: held-out journeys that it was part of.
        predicted: conversions of them that the model predicts.
        converted: those that there were.
        effect: Cohen's h between both rates, -pi to pi; above 0 the model gives the channel too little.
        p_value: of the difference (normal approximation), controlled for the number of channels (Benjamini-Hochberg).

    """

    channel: str
    journeys: int
    predicted: float
    converted: int
    effect: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Bias:
    """What a model favours.

    Attributes:
        position_shares: of the first touch, those between and the last one, of what journeys of three or more touches
            converted; 0 to 1, 1 in all; zeros if there are none.
        even_shares: what these would be if all touches of a journey earned the same.
        position_effect: Cohen's w between the two; 0.1 is small, 0.3 medium, 0.5 large.
        position_p_value: of the chi-squared test of the two over these conversions.
        length_effect: correlation of the rank of a journey's length with what happened less what was predicted, -1 to
            1; below 0 the model gives long journeys too much.
        length_p_value: of that correlation.
        channels: the same question for each channel.

    """

    position_shares: tuple[float, float, float]
    even_shares: tuple[float, float, float]
    position_effect: float
    position_p_value: float
    length_effect: float
    length_p_value: float
    channels: tuple[ChannelBias, ...]


def bias_of(held: HeldOut, paths: Paths, touch_weights: Floats) -> Bias:
    """What a model favours.

    Args:
        held: journeys that were held out, and its prediction.
        paths: all journeys.
        touch_weights: float64[m], the model's weight of each of their touches; `touch_weights_of` has them of a model
            that knows only channels.

    """
    shares, even, conversions = _positions(paths, touch_weights)
    effect, position_p = 0.0, 1.0
    if conversions > 0:
        # An expected share is above 0: each such journey has a first touch, one between and a last one.
        test = scipy.stats.chisquare(shares * conversions, even * conversions)
        effect, position_p = float(np.sqrt(test.statistic / conversions)), float(test.pvalue)
    length_effect, length_p = _lengths(held)
    first, between, last = shares.tolist()
    even_first, even_between, even_last = even.tolist()
    return Bias(
        (first, between, last),
        (even_first, even_between, even_last),
        effect,
        position_p,
        length_effect,
        length_p,
        _channels(held),
    )


def touch_weights_of(credit: ChannelCredit, paths: Paths) -> Floats:
    """Weights of touches for credit of channels, float64[m]: in proportion to what a touch of its channel earned.

    Where no channel of a path earned anything, its touches have the same.
    """
    rows = paths.rows()
    touches = summed(paths.conversions[rows], paths.codes, len(paths.channels))
    raw = np.maximum(credit.conversions / np.maximum(touches, 1.0), 0.0)[paths.codes]
    totals = summed(raw, rows, len(paths))[rows]
    return np.where(totals > 0, raw / np.where(totals > 0, totals, 1.0), 1.0 / paths.lengths[rows])


def _positions(paths: Paths, touch_weights: Floats) -> tuple[Floats, Floats, float]:
    """Shares of the first touch, those between and the last: as weighted, as they would be evenly; and conversions."""
    lengths = paths.lengths
    long = (lengths >= 3) & (paths.conversions > 0)
    conversions = float(paths.conversions[long].sum())
    if conversions == 0:
        return np.zeros(3), np.zeros(3), 0.0
    weight = touch_weights * paths.conversions[paths.rows()]
    first = weight[paths.offsets[:-1][long]].sum()
    last = weight[paths.offsets[1:][long] - 1].sum()
    end = (paths.conversions[long] / lengths[long]).sum()
    shares = np.array([first, conversions - first - last, last]) / conversions
    return np.maximum(shares, 0.0), np.array([end, conversions - 2 * end, end]) / conversions, conversions


def _lengths(held: HeldOut) -> tuple[float, float]:
    counts = [held.paths.conversions.astype(np.int64), held.paths.nulls.astype(np.int64)]
    lengths = np.concatenate([np.repeat(held.paths.lengths, count) for count in counts])
    residuals = np.concatenate(
        [np.repeat(happened - held.predicted, count) for happened, count in zip((1.0, 0.0), counts, strict=True)]
    )
    if np.ptp(lengths) == 0 or np.ptp(residuals) == 0:
        return 0.0, 1.0
    # Ranks of residuals would be those of the predictions, however little these differ.
    found = scipy.stats.pearsonr(scipy.stats.rankdata(lengths), residuals)
    return float(found.statistic), float(found.pvalue)


def _channels(held: HeldOut) -> tuple[ChannelBias, ...]:
    paths, k = held.paths, len(held.paths.channels)
    kept = kept_touches(paths.codes, paths.offsets, Transform(TransformKind.FIRST), paths.channels)
    codes, rows = paths.codes[kept], paths.rows()[kept]
    each = paths.conversions + paths.nulls
    journeys = summed(each[rows], codes, k)
    converted = summed(paths.conversions[rows], codes, k)
    predicted = summed((each * held.predicted)[rows], codes, k)
    variance = summed((each * held.predicted * (1 - held.predicted))[rows], codes, k)
    seen = np.flatnonzero(journeys > 0)
    z = (converted[seen] - predicted[seen]) / np.sqrt(variance[seen])
    p_values = scipy.stats.false_discovery_control(2 * scipy.stats.norm.sf(np.abs(z))) if len(seen) else z
    angle = np.arcsin(np.sqrt(converted[seen] / journeys[seen])) - np.arcsin(
        np.sqrt(np.clip(predicted[seen] / journeys[seen], 0.0, 1.0))
    )
    return tuple(
        ChannelBias(
            paths.channels[code],
            int(journeys[code]),
            float(predicted[code]),
            int(converted[code]),
            float(2 * angle[place]),
            float(p_values[place]),
        )
        for place, code in enumerate(seen.tolist())
    )
