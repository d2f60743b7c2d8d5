"""How good a model's probabilities are, in one place for cross-validation, hold-out and other tables. Pure."""

from __future__ import annotations

import numpy as np

from trueline_server.churn import metrics
from trueline_server.churn.columns import Flags, Floats
from trueline_server.churn.fitted import sigmoid
from trueline_server.churn.model import Quality
from trueline_server.churn.platt import fit_platt

THRESHOLDS = (0.3, 0.5, 0.7)


def assess(labels: Flags, log_odds: Floats) -> Quality:
    """Judge log-odds by what came; both (n,), with both classes among the labels."""
    scores = sigmoid(log_odds)
    low, high = metrics.auc_interval(labels, scores)
    bins = metrics.calibration(labels, scores)
    intercept, slope = fit_platt(labels, log_odds)
    return Quality(
        accounts=len(labels),
        churned=int(np.sum(labels)),
        auc=metrics.roc_auc(labels, scores),
        auc_low=low,
        auc_high=high,
        pr_auc=metrics.pr_auc(labels, scores),
        brier=metrics.brier(labels, scores),
        log_loss=metrics.log_loss(labels, scores),
        ks=metrics.ks(labels, scores),
        gini=metrics.gini(labels, scores),
        lift=metrics.lift(labels, scores),
        calibration=bins,
        calibration_error=metrics.calibration_error(bins),
        calibration_slope=slope,
        calibration_intercept=intercept,
        confusions=tuple(metrics.confusion(labels, scores, threshold) for threshold in THRESHOLDS),
    )
