"""Churn as values: models with what is known of them, what they foresee, segments, drift; and their messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from trueline.mapping import enum_names, instant
from trueline.v1 import churn_service_pb2 as pb
from trueline.v1 import scoring_service_pb2

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    _Value = TypeVar("_Value", bound=DataclassInstance)


class DriftVerdict(StrEnum):
    """How far accounts are from those that a model learned from."""

    UNSPECIFIED = "unspecified"
    STABLE = "stable"
    SHIFTED = "shifted"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class ChurnNote:
    """Something that people should know of the data; `feature` "" = of all of it.

    `kind` is "left_out", "leak" (alone it tells who left), "read" or "rows".
    """

    feature: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """A tenth of the reliability diagram; the means are None where there is nobody."""

    accounts: int
    mean_score: float | None
    churn_rate: float | None


@dataclass(frozen=True, slots=True)
class ChurnConfusion:
    """What comes of calling those from a probability on likely to leave; a share of nobody is None."""

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class ChurnQuality:
    """How good probabilities are on accounts that a model had not seen.

    Attributes:
        auc_low, auc_high: 95 % interval by DeLong's variance.
        lift: of the tenth with the highest probabilities.
        calibration: ten bins from 0 to 1.
        calibration_slope, calibration_intercept: 1 and 0 = calibrated.

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
    confusions: tuple[ChurnConfusion, ...]


@dataclass(frozen=True, slots=True)
class ChurnCandidate:
    """A form of model that was tried; `worse_by` is in log loss, against the best one."""

    form: str
    setting: float
    log_loss: float
    auc: float
    auc_sd: float
    worse_by: float
    standard_error: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class ChurnShape:
    """What a model learned of a feature: log-odds by bin against the average account, and shares of accounts."""

    name: str
    importance: float
    bins: tuple[str, ...]
    log_odds: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ChurnModelSummary:
    """A model in a line.

    Attributes:
        active: whether it answers for its document.
        failed_check: what stands against it; "" = nothing.
        source: "facts" (and metrics) or "table".
        form: "logistic", "additive" or "pairwise".
        auc: cross-validated.
        held_out_auc: None if there were too few accounts to hold some out.

    """

    id: str
    document: str
    trained_at: datetime | None
    active: bool
    failed_check: str
    source: str
    form: str
    accounts: int
    churned: int
    horizon: timedelta
    auc: float
    held_out_auc: float | None


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """All about a model.

    Attributes:
        candidates: forms that were tried, the simplest first.
        validated: by cross-validation.
        held_out: on accounts that took no part in anything before; None if there were too few.
        shapes: by importance.
        content: the model itself, as JSON.
        features_at, labels_until: of which instants it learned, where it did so from facts.

    """

    summary: ChurnModelSummary
    candidates: tuple[ChurnCandidate, ...]
    validated: ChurnQuality
    held_out: ChurnQuality | None
    recalibrated: bool
    shapes: tuple[ChurnShape, ...]
    notes: tuple[ChurnNote, ...]
    content: str
    seed: int
    features_at: datetime | None
    labels_until: datetime | None


@dataclass(frozen=True, slots=True)
class InsufficientChurnData:
    """Why nothing could be learned; the plain rule of the document answers meanwhile."""

    reason: str
    accounts: int
    churned: int
    notes: tuple[ChurnNote, ...]


@dataclass(frozen=True, slots=True)
class ChurnTraining:
    """What came of a training: a model, or why there is none."""

    model: ChurnModel | None
    insufficient: InsufficientChurnData | None


@dataclass(frozen=True, slots=True)
class FeatureEffect:
    """What a value did to the probability: log-odds against the average account."""

    name: str
    value: str
    log_odds: float


@dataclass(frozen=True, slots=True)
class ChurnOutlook:
    """How likely an account is to leave within `horizon`.

    Attributes:
        method: "model" or "rule".
        model_id: "" with a rule.
        segment, intervention: "" = in no segment.
        effects: the largest first.
        reason: why a rule answered.

    """

    probability: float
    horizon: timedelta
    method: str
    model_id: str
    segment: str
    intervention: str
    effects: tuple[FeatureEffect, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ChurnPrediction:
    """What is foreseen of an account; with all effects the base adds up to the log-odds of the probability.

    `coverage` is the share of the features that are known of it, 0 to 1.
    """

    id: str
    outlook: ChurnOutlook
    base_log_odds: float
    coverage: float


@dataclass(frozen=True, slots=True)
class ChurnPredictions:
    """What is foreseen; accounts of which nothing is, and features of which no row has a value, are named."""

    predictions: tuple[ChurnPrediction, ...]
    unknown_ids: tuple[str, ...]
    absent_features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """How a feature (or "score") differs; `moved` is the bin that moved most, with its shares."""

    feature: str
    psi: float
    ks: float
    verdict: DriftVerdict
    moved: str
    share_then: float
    share_now: float


@dataclass(frozen=True, slots=True)
class ChurnDrift:
    """How far accounts are from those that a model learned from; features by PSI, the greatest first."""

    verdict: DriftVerdict
    features: tuple[FeatureDrift, ...]
    accounts: int
    model_id: str


@dataclass(frozen=True, slots=True)
class ChurnSegment:
    """Accounts that are treated alike; name "" = those in no segment."""

    name: str
    when: str
    intervention: str
    accounts: int
    mean_probability: float


@dataclass(frozen=True, slots=True)
class ChurnSegments:
    """All accounts by segment, and what told their probabilities: "model" or "rule", and why a rule did."""

    segments: tuple[ChurnSegment, ...]
    method: str
    model_id: str
    reason: str
    horizon: timedelta


_VERDICTS = enum_names(DriftVerdict, pb.DriftVerdict)


def training(message: pb.TrainChurnModelResult) -> ChurnTraining:
    """What came of a training."""
    if message.HasField("model"):
        return ChurnTraining(model(message.model), None)
    one = message.insufficient
    return ChurnTraining(None, InsufficientChurnData(one.reason, one.accounts, one.churned, _notes(one.notes)))


def model(message: pb.ChurnModel) -> ChurnModel:
    """All about a model."""
    return ChurnModel(
        summary=summary(message.summary),
        candidates=tuple(_plain(ChurnCandidate, one) for one in message.candidates),
        validated=_quality(message.validated),
        held_out=_quality(message.held_out) if message.HasField("held_out") else None,
        recalibrated=message.recalibrated,
        shapes=tuple(
            ChurnShape(one.name, one.importance, tuple(one.bins), tuple(one.log_odds), tuple(one.shares))
            for one in message.shapes
        ),
        notes=_notes(message.notes),
        content=message.content.decode(),
        seed=message.seed,
        features_at=instant(message, "features_at"),
        labels_until=instant(message, "labels_until"),
    )


def summary(message: pb.ChurnModelSummary) -> ChurnModelSummary:
    """A model in a line."""
    return _plain(
        ChurnModelSummary, message, trained_at=instant(message, "trained_at"), horizon=message.horizon.ToTimedelta()
    )


def outlook(message: scoring_service_pb2.ChurnOutlook) -> ChurnOutlook:
    """How likely an account is to leave."""
    effects = tuple(_plain(FeatureEffect, one) for one in message.effects)
    return _plain(ChurnOutlook, message, horizon=message.horizon.ToTimedelta(), effects=effects)


def predictions(message: pb.PredictChurnResponse) -> ChurnPredictions:
    """What is foreseen."""
    return ChurnPredictions(
        tuple(_plain(ChurnPrediction, one, outlook=outlook(one.outlook)) for one in message.predictions),
        tuple(message.unknown_ids),
        tuple(message.absent_features),
    )


def drift(message: pb.CheckChurnDriftResponse) -> ChurnDrift:
    """What differs."""
    return ChurnDrift(
        _VERDICTS.get(message.verdict, DriftVerdict.UNSPECIFIED),
        tuple(
            _plain(FeatureDrift, one, verdict=_VERDICTS.get(one.verdict, DriftVerdict.UNSPECIFIED))
            for one in message.features
        ),
        message.accounts,
        message.model_id,
    )


def segments(message: pb.ListChurnSegmentsResponse) -> ChurnSegments:
    """All accounts by segment."""
    found = tuple(_plain(ChurnSegment, one) for one in message.segments)
    return ChurnSegments(found, message.method, message.model_id, message.reason, message.horizon.ToTimedelta())


def _quality(message: pb.ChurnQuality) -> ChurnQuality:
    return _plain(
        ChurnQuality,
        message,
        calibration=tuple(_plain(CalibrationBin, one) for one in message.calibration),
        confusions=tuple(_plain(ChurnConfusion, one) for one in message.confusions),
    )


def _notes(messages: Sequence[pb.ChurnNote]) -> tuple[ChurnNote, ...]:
    return tuple(_plain(ChurnNote, one) for one in messages)


def _plain(kind: type[_Value], message: Any, **given: Any) -> _Value:
    """A value whose fields are called as those of its message; an optional one that is not there is None."""
    optional = {field.name for field in message.DESCRIPTOR.fields if field.has_presence and not field.message_type}
    found = {
        name: None if name in optional and not message.HasField(name) else getattr(message, name)
        for name in (field.name for field in fields(kind))
        if name not in given
    }
    return kind(**found, **given)
