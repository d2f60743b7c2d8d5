"""Markov attribution: a channel earned what would be lost if every journey ended where it meets the channel.

The model is that of Anderl, Becker, von Wangenheim and Schumann (2016, "Mapping the customer journey: Lessons learned
from graph-based online attribution modeling", International Journal of Research in Marketing 33(3)). Instead of
walking the chain at random, its absorption is solved for (Kemeny and Snell, "Finite Markov Chains", 1960, chapter III),
so that answers are exact and always the same.

With Q the moves between states and N = (I - Q)^-1 the expected visits, a journey converts with P = start N conversion.
Let S be the states that are touches of one channel. A journey reaches S first in a state with the probabilities
h = (start N)_S (N_SS)^-1, and converts from there with x_S = (N conversion)_S: without the channel h x_S is lost. For
one state this is the Sherman-Morrison formula, (start N)_s x_s / N_ss. Values are the same with the expected value
of a conversion in the place of its probability. States where that is negative, because refunds outweigh sales, are
shared out apart: what sales and refunds sum up to may be next to nothing, and shares of it beyond all bounds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import SuperLU, splu

from trueline_server.attribution.chain import Chain, chain_of
from trueline_server.attribution.credit import ChannelCredit
from trueline_server.attribution.paths import Floats, Paths
from trueline_server.errors import invalid_field

# Chains of high order over many channels are dense enough that a factorisation takes minutes and gigabytes beyond this.
MOST_STATES = 20_000
# Up to so many states, solving for the visits among a channel's states costs less than factorising the chain anew.
_FEW_STATES = 32


def markov(paths: Paths, order: int = 1) -> ChannelCredit:
    """Each channel's share of the removal effects, of all conversions and of all value.

    Null paths count: without them removal effects are those among buyers only (`Paths.without_nulls`). Touches of one
    channel in a row change nothing at order 1; at higher orders they are states of their own, unless the transform
    `exposure` came before.

    Args:
        paths: of journeys; those without touches earn nobody anything.
        order: touches that a state remembers, 1 to 10.

    Raises:
        TruelineError: INVALID_ARGUMENT, the order is not 1 to 10, or makes more than 20,000 states of these paths.

    """
    chain = chain_of(paths, order)
    if len(chain) > MOST_STATES:
        raise invalid_field(
            "order",
            f"{order} makes {len(chain):,} states of these paths, more than {MOST_STATES:,}; "
            f"{'lower it, ' if order > 1 else ''}trim the paths, put channels together, or ask for other models",
        )
    lost, whole = _losses(chain, len(paths.channels))
    gained, given_back = (float(chain.journeys @ part) for part in _by_sign(chain.value))
    return ChannelCredit(
        paths.channels,
        _shares(lost[:, 0]) * float(chain.journeys @ chain.conversion),
        _shares(lost[:, 1]) * gained - _shares(lost[:, 2]) * given_back,
        _ratio(lost[:, 0], whole[0]),
        _ratio(lost[:, 1] + lost[:, 2], whole[1] + whole[2]),
    )


def _losses(chain: Chain, channels: int) -> tuple[Floats, Floats]:
    """What is lost without each channel, float64[k, 3], and what there is, float64[3]: conversions, gains, losses."""
    lost = np.zeros((channels, 3))
    if not len(chain):
        return lost, np.zeros(3)
    ends = np.column_stack([chain.conversion, *_by_sign(chain.value)])
    system = csc_array(eye_array(len(chain)) - chain.moves)
    factors = _factorised(system)
    reached = factors.solve(ends)
    visits = factors.solve(chain.start, trans="T")
    whole: Floats = chain.start @ reached
    by_channel = np.argsort(chain.newest, kind="stable")
    bounds = np.searchsorted(chain.newest[by_channel], np.arange(channels + 1))
    for channel in range(channels):
        states = by_channel[bounds[channel] : bounds[channel + 1]]
        if 0 < len(states) <= _FEW_STATES:
            lost[channel] = _first_visits(factors, visits, states) @ reached[states]
        elif len(states):
            lost[channel] = whole - _without(system, chain.start, ends, states)
    return np.maximum(lost, 0.0), whole


def _first_visits(factors: SuperLU, visits: Floats, states: npt.NDArray[np.int64]) -> Floats:
    """Probability of each of the states to be the first of them that a journey reaches."""
    units = np.zeros((len(visits), len(states)))
    units[states, np.arange(len(states))] = 1.0
    among: Floats = factors.solve(units)[states]
    return np.linalg.solve(among.T, visits[states]).astype(np.float64, copy=False)


def _without(system: csc_array, start: Floats, ends: Floats, states: npt.NDArray[np.int64]) -> Floats:
    """What is still reached when a journey ends as it enters one of the states."""
    left = np.ones(len(start), dtype=bool)
    left[states] = False
    if not left.any():
        return np.zeros(ends.shape[1])
    kept = np.flatnonzero(left)
    reached: Floats = start[kept] @ _factorised(csc_array(system[kept][:, kept])).solve(ends[kept])
    return reached


def _by_sign(values: Floats) -> tuple[Floats, Floats]:
    return np.maximum(values, 0.0), np.maximum(-values, 0.0)


def _factorised(system: csc_array) -> SuperLU:
    # Rows are diagonally dominant, so no pivoting is needed and the order may keep the factors sparse.
    return splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def _shares(parts: Floats) -> Floats:
    return _ratio(parts, parts.sum())


def _ratio(parts: Floats, whole: float) -> Floats:
    return parts / whole if whole > 0 else np.zeros_like(parts)
