"""How many touches the next one depends on, as far as the journeys can tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from scipy.special import xlogy

from trueline_server.attribution.chain import chain_of
from trueline_server.attribution.paths import Paths
from trueline_server.errors import invalid_field


@dataclass(frozen=True, slots=True)
class OrderFit:
    """A chain of one order and how well it fits.

    Attributes:
        order: touches that a state remembers.
        states: that journeys came through.
        parameters: probabilities that are free: one less than there are channels and ends, for each state.
        log_likelihood: of all journeys, nats; 0 or less.
        aic: Akaike's criterion; less is better.
        bic: Schwarz's criterion; less is better.
        p_value: of the likelihood-ratio test against the order before, with chi-squared over the parameters that come
            on top; 1 for the first.

    """

    order: int
    states: int
    parameters: int
    log_likelihood: float
    aic: float
    bic: float
    p_value: float


def fit_orders(paths: Paths, most: int = 4, *, before: Callable[[int], None] | None = None) -> tuple[OrderFit, ...]:
    """Fit a chain of each order from 1 to `most`; `before` hears of each, and what it raises ends the work.

    Raises:
        TruelineError: INVALID_ARGUMENT, `most` is not 1 to 10, or no path has a touch.

    """
    journeys = paths.conversions + paths.nulls
    used = journeys > 0
    steps = float(journeys @ (paths.lengths + 1.0))
    symbols = len(np.unique(paths.codes[used[paths.rows()]])) + 2
    if symbols == 2:
        raise invalid_field("paths", "must have a touch; an order of nothing cannot be told")
    fits: list[OrderFit] = []
    for order in range(1, most + 1):
        if before is not None:
            before(order)
        chain = chain_of(paths, order)
        moves = chain.moves.tocoo()
        likelihood = float(
            chain.journeys[moves.row] @ xlogy(moves.data, moves.data)
            + chain.journeys @ (xlogy(chain.conversion, chain.conversion) + xlogy(chain.null, chain.null))
        )
        parameters = len(chain) * (symbols - 1)
        former = fits[-1] if fits else None
        fits.append(
            OrderFit(
                order,
                len(chain),
                parameters,
                likelihood,
                2 * parameters - 2 * likelihood,
                parameters * math.log(steps) - 2 * likelihood,
                1.0 if former is None else _against(former, likelihood, parameters),
            )
        )
    return tuple(fits)


def supported_order(fits: tuple[OrderFit, ...]) -> int:
    """The order with the least BIC, which finds the true order as journeys grow many.

    Katz (1981, "On Some Criteria for Estimating the Order of a Markov Chain", Technometrics 23(3)).
    """
    return min(fits, key=lambda fit: (fit.bic, fit.order)).order


def _against(before: OrderFit, likelihood: float, parameters: int) -> float:
    further = parameters - before.parameters
    if further <= 0:
        return 1.0
    return float(scipy.stats.chi2.sf(max(0.0, 2 * (likelihood - before.log_likelihood)), further))
