"""Maps studies to protobuf."""

from __future__ import annotations

from decimal import Decimal

from trueline.v1 import kpi_service_pb2, metric_service_pb2
from trueline.v1 import study_service_pb2 as pb
from trueline_rules.model import Direction
from trueline_rules.study_model import StudyType

from trueline_server.studies.comparing import Change, Comparison
from trueline_server.studies.model import Campaign, Completeness, Difference, Estimate, Figure, StudyRun, Verdict
from trueline_server.transport.times import timestamp_if, timestamp_of

_TYPES = {str(each): pb.StudyType.Value(f"STUDY_TYPE_{each.name}") for each in StudyType}
_DIRECTIONS = {each: kpi_service_pb2.Direction.Value(f"DIRECTION_{each.name}") for each in Direction}
_VERDICTS: dict[Verdict, pb.StudyVerdict.ValueType] = {
    Verdict.BETTER: pb.STUDY_VERDICT_BETTER,
    Verdict.WORSE: pb.STUDY_VERDICT_WORSE,
    Verdict.NO_EVIDENCE: pb.STUDY_VERDICT_NO_EVIDENCE_OF_CHANGE,
    Verdict.INSUFFICIENT_DATA: pb.STUDY_VERDICT_INSUFFICIENT_DATA,
}
_COMPLETENESS = {
    Completeness.PROVISIONAL: metric_service_pb2.COMPLETENESS_PROVISIONAL,
    Completeness.COMPLETE: metric_service_pb2.COMPLETENESS_COMPLETE,
}


def result_of(run: StudyRun) -> bytes:
    """What the operation of a study answers, see RunStudyResult."""
    return pb.RunStudyResult(run=map_run_to_proto(run)).SerializeToString(deterministic=True)


def map_run_to_proto(run: StudyRun, *, whole: bool = True) -> pb.StudyRun:
    """A finished run; `whole` = with its figures and campaigns."""
    message = pb.StudyRun(
        id=run.id,
        study=run.study,
        type=_TYPES.get(run.type, pb.STUDY_TYPE_UNSPECIFIED),
        definition=run.definition,
        rule_revision=run.revision,
        currency=run.currency,
        confidence=run.confidence,
        least=run.least,
        start_time=timestamp_of(run.start_us),
        end_time=timestamp_of(run.end_us),
        previous_start_time=timestamp_of(run.previous_start_us),
        previous_end_time=timestamp_of(run.previous_end_us),
        position=run.position,
        watermark=timestamp_if(run.watermark_us),
        completeness=_COMPLETENESS[run.completeness],
        started_at=timestamp_of(run.started_us),
        finished_at=timestamp_of(run.finished_us),
        notes=run.notes,
    )
    if whole:
        for group in run.groups:
            message.groups.add(
                breakdown=group.breakdown, group=group.name, figures=[_figure(figure) for figure in group.figures]
            )
        message.campaigns.extend(_campaign(campaign) for campaign in run.campaigns)
    return message


def map_comparison_to_proto(compared: Comparison) -> pb.CompareStudiesResponse:
    """Two runs side by side."""
    return pb.CompareStudiesResponse(
        before=map_run_to_proto(compared.before, whole=False),
        after=map_run_to_proto(compared.after, whole=False),
        changes=[_change(change) for change in compared.changes],
        same_period=compared.same_period,
    )


def _change(change: Change) -> pb.StudyChange:
    return pb.StudyChange(
        breakdown=change.breakdown,
        group=change.group,
        name=change.name,
        unit=change.unit,
        before=None if change.before is None else _estimate(change.before),
        after=None if change.after is None else _estimate(change.after),
        difference=_difference(change.difference),
        verdict=pb.STUDY_VERDICT_UNSPECIFIED if change.verdict is None else _VERDICTS[change.verdict],
    )


def _figure(figure: Figure) -> pb.StudyFigure:
    return pb.StudyFigure(
        name=figure.name,
        area=figure.area,
        unit=figure.unit,
        direction=_DIRECTIONS[figure.direction],
        now=_estimate(figure.now),
        previous=_estimate(figure.previous),
        difference=_difference(figure.difference),
        verdict=_VERDICTS[figure.verdict],
        reason=figure.reason,
        method=figure.method,
    )


def _estimate(estimate: Estimate) -> pb.StudyEstimate:
    return pb.StudyEstimate(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        observations=estimate.observations,
        inputs=[pb.StudyInput(name=each.name, value=_decimal(each.value), unit=each.unit) for each in estimate.inputs],
        missing=estimate.missing,
    )


def _difference(difference: Difference | None) -> pb.StudyDifference | None:
    if difference is None:
        return None
    return pb.StudyDifference(
        value=difference.value,
        low=difference.low,
        high=difference.high,
        p_value=difference.p_value,
        adjusted_p_value=difference.adjusted_p_value,
    )


def _campaign(campaign: Campaign) -> pb.StudyCampaign:
    return pb.StudyCampaign(
        campaign=campaign.id,
        groups=campaign.groups,
        cost=_decimal(campaign.cost),
        value=_decimal(campaign.value),
        conversions=_decimal(campaign.conversions),
        roi=campaign.roi,
    )


def _decimal(value: Decimal) -> str:
    """In plain digits; those that say nothing are left out."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
