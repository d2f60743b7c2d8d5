"""Maps KPIs, scores and actions to protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from trueline.v1 import kpi_service_pb2 as pb
from trueline.v1 import metric_service_pb2
from trueline_rules.model import Direction

from trueline_server.kpis.board import AlignmentScore, JudgedKpi, PriorityAction, ScoreItem
from trueline_server.kpis.score import Band
from trueline_server.metrics.mapping import COMPLETENESS
from trueline_server.transport.times import timestamp_if, timestamp_of

_DIRECTIONS: Mapping[Direction, pb.Direction.ValueType] = {
    Direction.HIGHER: pb.DIRECTION_HIGHER,
    Direction.LOWER: pb.DIRECTION_LOWER,
}
_BANDS: Mapping[Band | None, pb.Band.ValueType] = {
    None: pb.BAND_UNSPECIFIED,
    Band.ON_TRACK: pb.BAND_ON_TRACK,
    Band.AT_RISK: pb.BAND_AT_RISK,
    Band.OFF_TRACK: pb.BAND_OFF_TRACK,
}


class KpiMapping:
    """Maps to protobuf; knows the allowed lateness, which tells provisional from complete."""

    def __init__(self, allowed_lateness_us: int) -> None:
        self._allowed_lateness_us = allowed_lateness_us

    def kpi(self, judged: JudgedKpi) -> pb.KpiValue:
        """A KPI with its value."""
        kpi, result = judged.kpi, judged.result
        completeness = metric_service_pb2.COMPLETENESS_UNSPECIFIED
        if result.value is not None:
            completeness = COMPLETENESS[result.instant.completeness(result.period_end_us, self._allowed_lateness_us)]
        watermark_us = result.instant.shown_watermark_us()
        return pb.KpiValue(
            name=kpi.metadata.name,
            description=kpi.metadata.description,
            unit=kpi.unit,
            direction=_DIRECTIONS[kpi.direction],
            target=kpi.target,
            value=result.value,
            missing=result.missing,
            numerator=result.numerator,
            denominator=result.denominator,
            period_start=timestamp_if(result.period_start_us),
            period_end=timestamp_if(result.period_end_us),
            completeness=completeness,
            at=timestamp_of(result.instant.at_us),
            computed_at=timestamp_of(result.computed_at_us),
            # Before the first event nothing is complete.
            watermark=None if watermark_us <= 0 else timestamp_of(watermark_us),
            attainment=judged.attainment,
            band=_BANDS[judged.band],
            action=kpi.action,
            owner=kpi.metadata.owner,
            source=kpi.source if kpi.basis != "assumed" else f"assumed: {kpi.source}",
            rule_revision=result.rule_revision,
        )

    def score(self, score: AlignmentScore) -> pb.AlignmentScore:
        """A score as a tree."""
        kpis = score.kpis
        return pb.AlignmentScore(
            scorecard=score.scorecard,
            score=score.value,
            band=_BANDS[score.band],
            coverage=score.coverage,
            items=[self._item(item) for item in score.items],
            at=timestamp_of(kpis.at_us),
            computed_at=timestamp_of(kpis.computed_at_us),
            watermark=None if kpis.watermark_us <= 0 else timestamp_of(kpis.watermark_us),
            synthetic=kpis.synthetic,
        )

    def action(self, action: PriorityAction) -> pb.PriorityAction:
        """A priority action."""
        judged = action.item.judged
        return pb.PriorityAction(
            rank=action.rank, kpi=self.kpi(judged), points=action.item.part.missed, action=judged.kpi.action
        )

    def quality(self, score: AlignmentScore) -> pb.GetDataQualityResponse:
        """The checks of a scorecard of limits; a check passes when its limit is kept."""
        return pb.GetDataQualityResponse(
            score=score.value,
            band=_BANDS[score.band],
            coverage=score.coverage,
            checks=[
                pb.QualityCheck(kpi=self.kpi(item.judged), passed=item.judged.attainment == 1.0) for item in score.items
            ],
        )

    def _item(self, item: ScoreItem) -> pb.ScoreItem:
        part = item.part
        return pb.ScoreItem(
            kpi=self.kpi(item.judged),
            weight=part.weight,
            effective_weight=part.effective_weight,
            contribution=part.contribution,
            missed=part.missed,
        )
