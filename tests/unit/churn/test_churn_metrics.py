"""Metrics of scores: what they must be, whatever the order of accounts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as peer
from trueline_server.churn import metrics
from trueline_server.churn.drift import psi
from trueline_server.churn.fitted import sigmoid
from trueline_server.churn.platt import fit_platt

_SCORES = st.lists(
    st.tuples(st.booleans(), st.floats(0, 1).map(lambda score: round(score, 2))), min_size=2, max_size=60
).filter(lambda rows: len({label for label, _ in rows}) == 2)


def _arrays(rows: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([label for label, _ in rows]), np.array([score for _, score in rows])


@given(rows=_SCORES, seed=st.integers(0, 1000))
def test_metrics_are_those_of_scikit_learn_in_any_order(rows: list[tuple[bool, float]], seed: int) -> None:
    """Ties count half in the AUC; no metric but the lift, which cuts among equal scores, depends on the order."""
    labels, scores = _arrays(rows)
    order = np.random.default_rng(seed).permutation(len(rows))
    for one, other in ((labels, scores), (labels[order], scores[order])):
        assert metrics.roc_auc(one, other) == pytest.approx(peer.roc_auc_score(labels, scores), abs=1e-12)
        assert metrics.pr_auc(one, other) == pytest.approx(peer.average_precision_score(labels, scores), abs=1e-12)
        assert metrics.brier(one, other) == pytest.approx(peer.brier_score_loss(labels, scores), abs=1e-12)
        assert metrics.log_loss(one, other) == pytest.approx(peer.log_loss(labels, scores), abs=1e-9)
        rates = peer.roc_curve(labels, scores)
        assert metrics.ks(one, other) == pytest.approx(np.abs(rates[1] - rates[0]).max(), abs=1e-12)


@given(rows=_SCORES)
def test_the_bins_of_the_reliability_diagram_add_up(rows: list[tuple[bool, float]]) -> None:
    """Accounts, those who left, and scores of all bins are those of all accounts."""
    labels, scores = _arrays(rows)
    bins = metrics.calibration(labels, scores)
    assert sum(one.accounts for one in bins) == len(rows)
    assert sum(one.accounts * (one.churn_rate or 0) for one in bins) == pytest.approx(labels.sum())
    assert sum(one.accounts * (one.mean_score or 0) for one in bins) == pytest.approx(scores.sum())
    assert 0 <= metrics.calibration_error(bins) <= 1


@given(rows=_SCORES, threshold=st.floats(0, 1))
def test_a_confusion_counts_everybody_once(rows: list[tuple[bool, float]], threshold: float) -> None:
    """Precision of nobody is no number."""
    labels, scores = _arrays(rows)
    found = metrics.confusion(labels, scores, threshold)
    four = (found.true_positives, found.false_positives, found.true_negatives, found.false_negatives)
    assert sum(four) == len(rows)
    assert (found.precision is None) == ((scores >= threshold).sum() == 0)
    assert found.recall is not None
    low, high = metrics.auc_interval(labels, scores)
    assert math.isnan(low) or 0 <= low <= high <= 1


def test_one_class_has_no_ranking() -> None:
    """There is nothing to tell apart, and no metric makes a number of it."""
    labels, scores = np.ones(5, dtype=np.bool_), np.linspace(0, 1, 5)
    assert math.isnan(metrics.roc_auc(labels, scores))
    assert math.isnan(metrics.ks(labels, scores))
    assert math.isnan(metrics.auc_interval(labels, scores)[0])
    assert math.isnan(metrics.pr_auc(~labels, scores))


def test_platt_scaling_finds_how_log_odds_were_bent() -> None:
    """Log-odds that are twice as far out as they should be, and moved, have half the slope and the way back."""
    drawn = np.random.default_rng(0)
    true = drawn.normal(size=20_000)
    labels = drawn.random(20_000) < sigmoid(true)
    a, b = fit_platt(labels, 2 * true + 1)
    assert (a, b) == (pytest.approx(-0.5, abs=0.05), pytest.approx(0.5, abs=0.03))
    assert fit_platt(labels, true) == (pytest.approx(0, abs=0.05), pytest.approx(1, abs=0.05))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=10))
def test_psi_is_zero_for_equal_and_above_it_for_other_distributions(counts: list[tuple[int, int]]) -> None:
    """It is symmetric, and a bin of nobody makes it large but finite."""
    first, second = (np.array(one, dtype=float) + 0.0 for one in zip(*counts, strict=True))
    if not first.sum() or not second.sum():
        return
    first, second = first / first.sum(), second / second.sum()
    assert psi(first, first) == 0
    assert psi(first, second) == pytest.approx(psi(second, first))
    assert 0 <= psi(first, second) < math.inf
