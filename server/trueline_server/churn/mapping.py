"""Churn to protobuf and from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trueline.v1 import churn_service_pb2 as pb
from trueline.v1 import scoring_service_pb2

from trueline_server.churn.drift import Drift, DriftCount, Verdict, worst
from trueline_server.churn.metrics import CalibrationBin, Confusion
from trueline_server.churn.model import Candidate, Insufficient, Quality, Report, Shape
from trueline_server.churn.outlook import Foresight, Outlook
from trueline_server.churn.population import SegmentCount
from trueline_server.churn.screening import Note
from trueline_server.churn.store import KeptModel
from trueline_server.errors import invalid_field
from trueline_server.transport.times import duration_of, timestamp_of

_VERDICTS: Mapping[Verdict, pb.DriftVerdict.ValueType] = {
    Verdict.STABLE: pb.DRIFT_VERDICT_STABLE,
    Verdict.SHIFTED: pb.DRIFT_VERDICT_SHIFTED,
    Verdict.DRIFTED: pb.DRIFT_VERDICT_DRIFTED,
}

_PLAIN = (
    *("accounts", "churned", "auc", "auc_low", "auc_high", "pr_auc", "brier", "log_loss", "ks", "gini", "lift"),
    *("calibration_error", "calibration_slope", "calibration_intercept"),
)


def map_table_from_proto(table: pb.ChurnTable, field: str = "table") -> dict[str, list[str | None]]:
    """A table as columns of texts; None = missing.

    Raises:
        TruelineError: INVALID_FIELD, if columns differ in length, share a name, or have a code without a level.

    """
    columns: dict[str, list[str | None]] = {}
    for place, column in enumerate(table.columns):
        path = f"{field}.columns[{place}]"
        if column.name in columns:
            raise invalid_field(f"{path}.name", f"repeats '{column.name}'")
        if len(column.codes) != len(table.columns[0].codes):
            told = f"has {len(column.codes):,} rows, the first column has {len(table.columns[0].codes):,}"
            raise invalid_field(f"{path}.codes", told)
        if any(code > len(column.levels) for code in column.codes):
            raise invalid_field(f"{path}.codes", f"has {max(column.codes)}, but there are {len(column.levels)} levels")
        levels: list[str | None] = [None, *column.levels]
        columns[column.name] = [levels[code] for code in column.codes]
    if not columns or not next(iter(columns.values())):
        raise invalid_field(field, "has no rows")
    return columns


def map_report_to_proto(report: Report, *, form: str, seed: int, source: str, horizon_us: int) -> pb.ChurnModel:
    """A model without its content, and without what only the store knows."""
    return pb.ChurnModel(
        summary=pb.ChurnModelSummary(
            source=source,
            form=form,
            accounts=report.accounts,
            churned=report.churned,
            horizon=duration_of(horizon_us),
            auc=report.validated.auc,
            held_out_auc=None if report.held_out is None else report.held_out.auc,
        ),
        candidates=map(_map_candidate, report.candidates),
        validated=_map_quality(report.validated),
        held_out=None if report.held_out is None else _map_quality(report.held_out),
        recalibrated=report.recalibrated,
        shapes=map(_map_shape, report.shapes),
        notes=map(_map_note, report.notes),
        seed=seed,
    )


def map_model_to_proto(model: KeptModel, *, active: bool) -> pb.ChurnModel:
    """A kept model."""
    message = pb.ChurnModel.FromString(model.report)
    message.content = model.content
    message.summary.MergeFrom(
        pb.ChurnModelSummary(
            id=model.id,
            document=model.document,
            trained_at=timestamp_of(model.trained_us),
            active=active,
            failed_check=model.failed_check,
        )
    )
    return message


def map_insufficient_to_proto(found: Insufficient) -> pb.InsufficientChurnData:
    """Why there is no model."""
    return pb.InsufficientChurnData(
        reason=found.reason, accounts=found.accounts, churned=found.churned, notes=map(_map_note, found.notes)
    )


def map_prediction_to_proto(account: str, outlook: Outlook, most_effects: int) -> pb.ChurnPrediction:
    """What is foreseen of an account; most_effects 0 = all."""
    return pb.ChurnPrediction(
        id=account,
        outlook=map_outlook_to_proto(outlook, most_effects),
        base_log_odds=outlook.base,
        coverage=outlook.coverage,
    )


def map_outlook_to_proto(outlook: Outlook, most_effects: int = 0) -> scoring_service_pb2.ChurnOutlook:
    """What is foreseen, with so many effects; 0 = all."""
    return scoring_service_pb2.ChurnOutlook(
        probability=outlook.probability,
        horizon=duration_of(outlook.horizon_us),
        method=outlook.method,
        model_id=outlook.model_id,
        segment=outlook.segment,
        intervention=outlook.intervention,
        effects=[
            scoring_service_pb2.FeatureEffect(name=one.name, value=one.value, log_odds=one.log_odds)
            for one in outlook.effects[: most_effects or None]
        ],
        reason=outlook.reason,
    )


def map_drift_to_proto(count: DriftCount, drifts: Sequence[Drift], model_id: str) -> pb.CheckChurnDriftResponse:
    """How far accounts are from those that a model learned from."""
    return pb.CheckChurnDriftResponse(
        verdict=_VERDICTS[worst(tuple(drifts))],
        features=[
            pb.FeatureDrift(
                feature=one.feature,
                psi=one.psi,
                ks=one.ks,
                verdict=_VERDICTS[one.verdict],
                moved=one.moved,
                share_then=one.share_then,
                share_now=one.share_now,
            )
            for one in drifts
        ],
        accounts=count.accounts,
        model_id=model_id,
    )


def map_segments_to_proto(foresight: Foresight, counts: Iterable[SegmentCount]) -> pb.ListChurnSegmentsResponse:
    """Segments with their accounts."""
    segments = foresight.document.segments
    return pb.ListChurnSegmentsResponse(
        segments=[
            pb.ChurnSegment(
                name=segments[one.place - 1].name if one.place else "",
                when=segments[one.place - 1].when if one.place else "",
                intervention=segments[one.place - 1].intervention if one.place else "",
                accounts=one.accounts,
                mean_probability=one.mean_probability,
            )
            for one in counts
        ],
        method=foresight.method,
        model_id=foresight.model_id,
        reason=foresight.why,
        horizon=duration_of(foresight.horizon_us),
    )


def _map_candidate(one: Candidate) -> pb.ChurnCandidate:
    return pb.ChurnCandidate(
        form=one.form,
        setting=one.setting,
        log_loss=one.log_loss,
        auc=one.auc,
        auc_sd=one.auc_sd,
        worse_by=one.worse_by,
        standard_error=one.error,
        chosen=one.chosen,
    )


def _map_quality(one: Quality) -> pb.ChurnQuality:
    return pb.ChurnQuality(
        **{name: getattr(one, name) for name in _PLAIN},
        calibration=map(_map_bin, one.calibration),
        confusions=map(_map_confusion, one.confusions),
    )


def _map_bin(one: CalibrationBin) -> pb.CalibrationBin:
    return pb.CalibrationBin(accounts=one.accounts, mean_score=one.mean_score, churn_rate=one.churn_rate)


def _map_confusion(one: Confusion) -> pb.ChurnConfusion:
    return pb.ChurnConfusion(
        threshold=one.threshold,
        true_positives=one.true_positives,
        false_positives=one.false_positives,
        true_negatives=one.true_negatives,
        false_negatives=one.false_negatives,
        precision=one.precision,
        recall=one.recall,
        f1=one.f1,
    )


def _map_shape(one: Shape) -> pb.ChurnShape:
    return pb.ChurnShape(
        name=one.name, importance=one.importance, bins=one.bins, log_odds=one.log_odds, shares=one.shares
    )


def _map_note(one: Note) -> pb.ChurnNote:
    return pb.ChurnNote(feature=one.feature, kind=one.kind, text=one.text)
