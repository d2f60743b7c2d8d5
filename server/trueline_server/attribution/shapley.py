"""Shapley attribution: a channel earned what it adds to others, on average over all orders in which they could join.

Shapley (1953, "A Value for n-person Games", Contributions to the Theory of Games II) shares out what a set of players
is worth, v(S). Two forms of worth are known here:

- subset: v(S) is the conversions of all paths whose channels lie in S. It is a sum of unanimity games, one for each
  path; in such a game those who are needed share evenly (Shapley 1953, lemma 3). So each path is shared evenly among
  its distinct channels. Zhao, Mahboobi and Bagheri (2018, "Shapley Value Methods for Attribution Modeling in Online
  Advertising", arXiv:1804.05327) come to the same sum.
- conversion_rate: each set T of channels that converts together is a game of its own, in which v(S) is the share of
  journeys with exactly the channels S that converted. What T converted is shared in proportion to its Shapley values.
  v is a sum over the sets S within T that journeys had, rate(S) times the game in which S alone is worth 1; there, with
  n = |T| and s = |S|, a channel in S has 1 / (s C(n, s)), one outside has -1 / ((n - s) C(n, s)).

Both sums are exact for any number of channels: nothing runs over 2^n sets, and nothing is sampled. The first is linear
in the touches; the second compares each two sets that have a channel in common.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import gammaln

from trueline_server.attribution.credit import ChannelCredit, credited
from trueline_server.attribution.paths import Floats, Paths, summed
from trueline_server.attribution.transforms import Transform, TransformKind, transformed
from trueline_server.errors import invalid_field

# Channels that two sets have in common, counted over all pairs of sets. More take longer than half a minute.
MOST_COMMON = 1_000_000_000
# Sets whose intersections with all others are held at a time.
_BLOCK = 64


class ShapleyForm(StrEnum):
    """What a set of channels is worth."""

    SUBSET = "subset"
    CONVERSION_RATE = "conversion_rate"


def shapley(paths: Paths, form: ShapleyForm = ShapleyForm.SUBSET) -> ChannelCredit:
    """Each channel's Shapley value of conversions and of value; they sum to those of all paths that have a touch.

    The form `conversion_rate` needs null paths, without which every set converts always; a channel whose presence
    lowers the rate may have less than nothing.

    Args:
        paths: of journeys; order and repeats of touches do not matter.
        form: what a set of channels is worth.

    Raises:
        TruelineError: INVALID_ARGUMENT, the form is `conversion_rate` and there are too many sets that converted.

    """
    sets = transformed(_sorted(paths), Transform(TransformKind.FIRST))
    if form is ShapleyForm.SUBSET:
        return credited(1.0 / sets.lengths[sets.rows()], sets)
    return _by_rate(sets)


def _sorted(paths: Paths) -> Paths:
    """The paths with their touches in the order of channels, so that equal sets are equal paths."""
    order = np.lexsort((paths.codes, paths.rows()))
    return Paths(paths.channels, paths.codes[order], paths.offsets, paths.conversions, paths.value, paths.nulls)


def _by_rate(sets: Paths) -> ChannelCredit:
    k = len(sets.channels)
    # What never converted is worth nothing alone, and nothing to any other set.
    some = np.flatnonzero((sets.conversions > 0) & (sets.lengths > 0))
    members = csr_array((np.ones(len(sets.codes)), sets.codes, sets.offsets), shape=(len(sets), k))[some]
    converted, worth, sizes = sets.conversions[some], sets.value[some], sets.lengths[some]
    _check_common(members)
    rates = converted / (converted + sets.nulls[some])
    conversions, value = np.zeros(k), np.zeros(k)
    for start in range(0, len(some), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(some)))
        shares = _values(members, rates, sizes, block)
        of_set = np.repeat(block, np.diff(shares.indptr))
        # The values of a set's channels add up to its rate.
        parts = shares.data / shares.sum(axis=1)[of_set - start]
        conversions += summed(parts * converted[of_set], shares.indices, k)
        value += summed(parts * worth[of_set], shares.indices, k)
    return ChannelCredit(sets.channels, conversions, value)


def _check_common(members: csr_array) -> None:
    common = float(np.square(members.sum(axis=0)).sum())
    if common > MOST_COMMON:
        raise invalid_field(
            "form",
            f"conversion_rate compares {members.shape[0]:,} sets of channels with each other, which have "
            f"{common:,.0f} channels in common, more than {MOST_COMMON:,}; write form: subset, trim the paths, "
            "or put channels together",
        )


def _values(members: csr_array, rates: Floats, sizes: npt.NDArray[np.int64], block: npt.NDArray[np.int64]) -> csr_array:
    """The Shapley values of the channels of each set of the block in its own game, float64[block, k], sparse."""
    common = (members[block] @ members.T).tocoo()
    within = common.data == sizes[common.col]
    whole, part = common.row[within], common.col[within]
    n, s = sizes[block][whole], sizes[part]
    # 1 / C(n, s), which underflows to 0 rather than overflows.
    weight = rates[part] * np.exp(gammaln(s + 1) + gammaln(n - s + 1) - gammaln(n + 1))
    inside = weight / s
    outside = np.where(s < n, weight / np.maximum(n - s, 1), 0.0)
    shape = (len(block), len(sizes))
    gained = csr_array((inside + outside, (whole, part)), shape=shape) @ members
    everyone = csr_array((summed(outside, whole, len(block)), (np.arange(len(block)),) * 2), shape=(len(block),) * 2)
    return csr_array(gained - everyone @ members[block])
