"""Which form a model takes: cross-validated log loss, the simplest of those that are not clearly worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trueline_server.churn.columns import Accounts, Flags, Floats
from trueline_server.churn.fitted import sigmoid
from trueline_server.churn.fitting.boosted import Additive
from trueline_server.churn.fitting.candidates import Form
from trueline_server.churn.fitting.logistic import Logistic
from trueline_server.churn.fitting.pairs import Pairwise
from trueline_server.churn.metrics import roc_auc, row_losses
from trueline_server.churn.model import Candidate
from trueline_server.churn.platt import fit_platt

FOLDS = 5
FORMS: tuple[Form, ...] = (Logistic(), Additive(), Pairwise())


@dataclass(frozen=True, slots=True)
class Tried:
    """The best setting of a form, with the log-odds of each account by a fit that had not seen it, (n,)."""

    form: Form
    setting: float
    log_odds: Floats


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, how all did, and the calibration to apply: log-odds become a + b · log-odds."""

    chosen: Tried
    candidates: tuple[Candidate, ...]
    platt: tuple[float, float]


def folds_of(labels: Flags, seed: int, folds: int = FOLDS) -> npt.NDArray[np.intp]:
    """The fold of each account, (n,): drawn, with as many of each class in every fold."""
    drawn = np.random.default_rng(seed)
    found = np.empty(len(labels), dtype=np.intp)
    for kind in (False, True):
        rows = np.flatnonzero(labels == kind)
        found[drawn.permutation(rows)] = np.arange(len(rows)) % folds
    return found


def choose(accounts: Accounts, labels: Flags, seed: int, go_on: Callable[[str], None]) -> Choice:
    """Try every form on the same folds.

    A simpler form is taken where its log loss is not worse than that of the best by more than one standard error of
    the difference, account by account.

    Args:
        accounts: to learn from.
        labels: who left, (n,).
        seed: of the folds and of the trees.
        go_on: told before each step what it is; may raise to end the work.

    """
    folds = folds_of(labels, seed)
    tried = [_try(form, accounts, labels, folds, seed=seed, go_on=go_on) for form in FORMS]
    losses = [row_losses(labels, sigmoid(one.log_odds)) for one in tried]
    best = int(np.argmin([loss.mean() for loss in losses]))
    candidates, chosen = [], None
    for place, (one, loss) in enumerate(zip(tried, losses, strict=True)):
        further = loss - losses[best]
        worse, error = float(further.mean()), float(further.std(ddof=1)) / len(further) ** 0.5
        taken = chosen is None and (place == best or worse <= error)
        chosen = place if taken else chosen
        aucs = [roc_auc(labels[folds == fold], one.log_odds[folds == fold]) for fold in range(FOLDS)]
        spread = float(np.std(aucs, ddof=1))
        candidates.append(
            Candidate(one.form.name, one.setting, float(loss.mean()), float(np.mean(aucs)), spread, worse, error, taken)
        )
    assert chosen is not None
    return Choice(tried[chosen], tuple(candidates), calibrated(labels, tried[chosen].log_odds, folds))


def calibrated(labels: Flags, log_odds: Floats, folds: npt.NDArray[np.intp]) -> tuple[float, float]:
    """Intercept and slope that calibrate, or (0, 1) where they do not lower the log loss of accounts not seen."""
    moved = np.empty(len(labels))
    for fold in np.unique(folds):
        held = folds == fold
        a, b = fit_platt(labels[~held], log_odds[~held])
        moved[held] = a + b * log_odds[held]
    before, after = (float(row_losses(labels, sigmoid(one)).mean()) for one in (log_odds, moved))
    return fit_platt(labels, log_odds) if after < before else (0.0, 1.0)


def _try(
    form: Form,
    accounts: Accounts,
    labels: Flags,
    folds: npt.NDArray[np.intp],
    *,
    seed: int,
    go_on: Callable[[str], None],
) -> Tried:
    found: dict[float, Floats] = {}
    for fold in range(FOLDS):
        go_on(f"cross-validates the {form.name} form, fold {fold + 1} of {FOLDS}")
        held = np.flatnonzero(folds == fold)
        rest = np.flatnonzero(folds != fold)
        for setting, log_odds in form.tried(accounts.take(rest), labels[rest], accounts.take(held), seed=seed):
            found.setdefault(setting, np.empty(len(labels)))[held] = log_odds
    losses = {setting: float(row_losses(labels, sigmoid(one)).mean()) for setting, one in found.items()}
    best = min(losses, key=lambda setting: (losses[setting], setting))
    return Tried(form, best, found[best])


def steps() -> int:
    """How often `choose` tells a step."""
    return FOLDS * len(FORMS)
