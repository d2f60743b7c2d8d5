"""What each channel earned: conversions and their value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueline_server.attribution.paths import Floats, Paths, summed


@dataclass(frozen=True, slots=True, eq=False)
class ChannelCredit:
    """The credit of k channels. Over all channels it is what the paths that have a touch converted.

    Attributes:
        channels: names.
        conversions: float64[k].
        value: float64[k], in the currency of the paths; negative for refunds.
        removal_conversions: float64[k], share of all conversions that would be lost without the channel, 0 to 1; None
            if the model knows none.
        removal_value: float64[k], the same of the value.

    """

    channels: tuple[str, ...]
    conversions: Floats
    value: Floats
    removal_conversions: Floats | None = None
    removal_value: Floats | None = None


def credited(touch_weights: Floats, paths: Paths) -> ChannelCredit:
    """Channel totals of float64[m] weights of the touches of paths."""
    lengths, k = paths.lengths, len(paths.channels)
    conversions, value = (
        summed(touch_weights * np.repeat(of_path, lengths), paths.codes, k) if of_path.any() else np.zeros(k)
        for of_path in (paths.conversions, paths.value)
    )
    return ChannelCredit(paths.channels, conversions, value)
