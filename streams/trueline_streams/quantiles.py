"""Quantiles as DDSketch bins (Masson, Rim, Lee 2019), relative accuracy 1 %, independent of order."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from trueline_streams.amounts import UNITS_PER_ONE, Ints, Units

RELATIVE_ACCURACY = 0.01
GAMMA = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY)
# Bin numbers of values from 1e-9 to 1e18 lie between -1037 and 2073; the offset keeps their keys away from 0 (zero)
# and gives negative values the mirrored key.
BIN_OFFSET = 1 << 20
_LOG_GAMMA = math.log(GAMMA)


def bins_of(units: Units) -> Ints:
    """The bin key of each value: 0 for zero, ±(ceil(log_gamma |x|) + BIN_OFFSET) else."""
    values = units.astype(np.float64) / UNITS_PER_ONE
    sizes = np.abs(values)
    zero = sizes == 0
    sizes[zero] = 1.0
    keys = np.ceil(np.log(sizes) / _LOG_GAMMA).astype(np.int64) + BIN_OFFSET
    keys[values < 0] *= -1
    keys[zero] = 0
    return keys


def value_of(key: int) -> float:
    """The value that stands for a bin: within 1 % of all that fall into it."""
    if key == 0:
        return 0.0
    size = 2 * GAMMA ** (abs(key) - BIN_OFFSET) / (GAMMA + 1)
    return size if key > 0 else -size


def quantile_of(bins: Mapping[int, int], quantile: float) -> float | None:
    """The lower quantile (0 to 1) of what the bins count; None if they are empty.

    Keys sort as the values do, except that a large negative value has a small key, which is what is wanted.
    """
    count = sum(bins.values())
    rank = math.floor(quantile * (count - 1))
    for key in sorted(bins):
        rank -= bins[key]
        if rank < 0:
            return value_of(key)
    return None
