"""Platt scaling: how log-odds are stretched and moved so that probabilities are those that came. Pure."""

from __future__ import annotations

import numpy as np

from trueline_server.churn.columns import Flags, Floats
from trueline_server.churn.fitted import sigmoid

_STEPS = 50
_ENOUGH = 1e-10
# Far from any data a step of Newton's could leave the numbers.
_LONGEST = 5.0


def fit_platt(labels: Flags, log_odds: Floats) -> tuple[float, float]:
    """Intercept a and slope b of the logistic regression of labels on log-odds; (0, 1) = calibrated.

    A weak ridge around (0, 1) keeps them finite where the classes are apart.
    """
    a, b, ridge = 0.0, 1.0, 1e-3
    design = np.column_stack([np.ones(len(log_odds)), log_odds])
    for _ in range(_STEPS):
        found = sigmoid(a + b * log_odds)
        gradient = design.T @ (found - labels) + ridge * np.array([a, b - 1.0])
        weights = found * (1 - found)
        hessian = (design * weights[:, None]).T @ design + ridge * np.eye(2)
        step = np.clip(np.linalg.solve(hessian, gradient), -_LONGEST, _LONGEST)
        a, b = a - float(step[0]), b - float(step[1])
        if float(np.abs(step).max()) < _ENOUGH:
            break
    return a, b
