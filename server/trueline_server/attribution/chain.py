"""The absorbing Markov chain that journeys walk: states are the newest channels, its ends conversion and none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

from trueline_server.attribution.paths import Codes, Floats, Paths, summed
from trueline_server.errors import invalid_field

MOST_ORDER = 10
_NO_STATE = 0
_SMALL = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A chain of s states; what leaves a state goes to another one, to a conversion, or ends without: 1 in all.

    Attributes:
        order: touches that a state remembers; states near the start of a journey remember all there were.
        histories: the channels of each state as codes, oldest first, at most `order` of them.
        newest: int32[s], the last of these, which is the channel that the state is a touch of.
        start: float64[s], probability that a journey begins in the state.
        moves: float64[s, s], sparse: probability that the next touch leads from the row to the column.
        conversion: float64[s], probability that the journey converts without another touch.
        null: float64[s], probability that it ends without conversion and without another touch.
        value: float64[s], expected value of such a conversion; negative where refunds outweigh sales.
        journeys: float64[s], how many journeys came through the state, each as often as it did.

    """

    order: int
    histories: tuple[tuple[int, ...], ...]
    newest: Codes
    start: Floats
    moves: csr_array
    conversion: Floats
    null: Floats
    value: Floats
    journeys: Floats

    def __len__(self) -> int:
        return len(self.newest)


def chain_of(paths: Paths, order: int) -> Chain:
    """The chain that the paths were most likely drawn from; paths without a touch or a journey say nothing of it.

    Raises:
        TruelineError: INVALID_ARGUMENT, the order is not 1 to 10.

    """
    if not 1 <= order <= MOST_ORDER:
        raise invalid_field("order", f"must be 1 to {MOST_ORDER} touches, got {order}")
    journeys = paths.conversions + paths.nulls
    used = (journeys > 0) & (paths.lengths > 0)
    rows = paths.rows()
    codes, rows = paths.codes[used[rows]], rows[used[rows]]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = rows[1:] != rows[:-1]
    last = np.roll(first, -1)
    states, seen_at = _states(codes, first, len(paths.channels), order)
    s, of_touch = len(seen_at), journeys[rows]

    out = summed(of_touch, states, s)
    inner = np.flatnonzero(~first)
    pairs, of_pair = _numbered(states[inner - 1] * s + states[inner], s * s)
    moved = summed(of_touch[inner], of_pair, len(pairs))
    moves = coo_array((moved / out[pairs // max(s, 1)], (pairs // max(s, 1), pairs % max(s, 1))), shape=(s, s))

    def leaving(amounts: Floats) -> Floats:
        return summed(amounts[rows[last]], states[last], s) / out

    return Chain(
        order,
        _histories(codes, first, seen_at, order),
        codes[seen_at],
        summed(of_touch[first], states[first], s) / max(float(journeys[used].sum()), 1.0),
        moves.tocsr(),
        leaving(paths.conversions),
        leaving(paths.nulls),
        leaving(paths.value),
        out,
    )


def _states(
    codes: Codes, first: npt.NDArray[np.bool_], channels: int, order: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The state of each touch, and for each state a touch that has it."""
    newest = codes.astype(np.int64)
    known, states = _numbered(newest, channels)
    for _ in range(order - 1):
        # A history that is one touch longer is the one of the touch before, and the newest channel.
        before = np.roll(states + 1, 1)
        before[first] = _NO_STATE
        known, states = _numbered(before * channels + newest, (len(known) + 1) * channels)
    seen_at = np.zeros(len(known), dtype=np.int64)
    seen_at[states] = np.arange(len(states))
    return states, seen_at


def _numbered(keys: npt.NDArray[np.int64], below: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct keys in order, and the place of each key among them; keys are 0 or more and below `below`."""
    if below > 4 * len(keys) + _SMALL:
        return np.unique(keys, return_inverse=True)
    # A table of all possible keys is a tenth of the work of sorting those that there are.
    seen = np.zeros(below, dtype=bool)
    seen[keys] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[keys]


def _histories(
    codes: Codes, first: npt.NDArray[np.bool_], seen_at: npt.NDArray[np.int64], order: int
) -> tuple[tuple[int, ...], ...]:
    begins = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0)) if len(first) else seen_at
    bounds = zip(np.maximum(begins[seen_at], seen_at - order + 1).tolist(), seen_at.tolist(), strict=True)
    return tuple(tuple(codes[begin : at + 1].tolist()) for begin, at in bounds)
