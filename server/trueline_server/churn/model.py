"""What is known of a churn model: how it was chosen, how good it is, what it found. No protobuf, no SQL."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_server.churn.fitted import FittedModel
from trueline_server.churn.metrics import CalibrationBin, Confusion
from trueline_server.churn.screening import Note


@dataclass(frozen=True, slots=True)
class Quality:
    """How good probabilities are on accounts that the model had not seen.

    Attributes:
        accounts, churned: how many, and how many of them left.
        auc, auc_low, auc_high: with DeLong's 95 % interval.
        pr_auc: average precision.
        brier, log_loss: of the probabilities.
        ks, gini: of the ranking.
        lift: of the tenth with the highest scores.
        calibration: the reliability diagram, ten bins from 0 to 1.
        calibration_error: over these bins, weighed by accounts.
        calibration_slope, calibration_intercept: of the labels on the log-odds; 1 and 0 = calibrated.
        confusions: at some thresholds.

    """

    accounts: int
    churned: int
    auc: float
    auc_low: float
    auc_high: float
    pr_auc: float
    brier: float
    log_loss: float
    ks: float
    gini: float
    lift: float
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float
    calibration_slope: float
    calibration_intercept: float
    confusions: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A form that was tried.

    Attributes:
        form: "logistic", "additive" or "pairwise".
        setting: the best of its settings: of logistic the inverse penalty, else the number of boosting rounds.
        log_loss: cross-validated.
        auc, auc_sd: mean and standard deviation over the folds.
        worse_by, error: how much more log loss than the best candidate, and the standard error of that.
        chosen: whether it was.

    """

    form: str
    setting: float
    log_loss: float
    auc: float
    auc_sd: float
    worse_by: float
    error: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What a model learned of a feature, or of a pair of them.

    Attributes:
        name: of the feature, or of both.
        importance: variance of what it adds to the log-odds, as a share of that of all effects.
        bins: for people, in order; of a pair those with the most accounts.
        log_odds: added in each bin, against the average account.
        shares: of the accounts in each bin.

    """

    name: str
    importance: float
    bins: tuple[str, ...]
    log_odds: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """How a model was made and how good it is.

    Attributes:
        accounts, churned: that it learned from in the end.
        candidates: forms that were tried, the simplest first.
        folds: of the cross-validation.
        validated: by cross-validation, each account by a model that had not seen it.
        held_out: on accounts that took no part in anything before; None if there were too few.
        recalibrated: whether the log-odds were stretched and moved to be calibrated.
        shapes: by importance.
        notes: what people should know of the data.

    """

    accounts: int
    churned: int
    candidates: tuple[Candidate, ...]
    folds: int
    validated: Quality
    held_out: Quality | None
    recalibrated: bool
    shapes: tuple[Shape, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and what is known of it."""

    model: FittedModel
    report: Report


@dataclass(frozen=True, slots=True)
class Insufficient:
    """Why there is no model, for people, and what was found."""

    reason: str
    accounts: int
    churned: int
    notes: tuple[Note, ...] = ()
