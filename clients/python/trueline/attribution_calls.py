"""Each call of the AttributionService as a value; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration

from trueline import attribution_mapping, mapping
from trueline.attribution import (
    AttributionDimension,
    AttributionReport,
    ChannelPaths,
    ExplainedJourney,
    Funnel,
    FunnelStage,
    ModelComparison,
)
from trueline.calls import Answer, Call, built
from trueline.operations import Operation, operation
from trueline.v1 import attribution_service_pb2 as pb

_SERVICE = "AttributionService"
_PAGE = 10_000


@built
def attribute_conversions(
    question: pb.AttributionQuestion,
    *,
    models: Sequence[str],
    by: Sequence[AttributionDimension | str],
    changed_since: datetime | None,
    page_token: str = "",
) -> Call[AttributionReport]:
    """AttributeConversions, all pages from the one of the token on."""
    request = pb.AttributeConversionsRequest(
        question=question,
        models=models,
        by=[_dimension(one) for one in by],
        changed_since=mapping.timestamp(changed_since),
        page_size=_PAGE,
        page_token=page_token,
    )
    return Call(_SERVICE, "AttributeConversions", request, attribution_mapping.report, paged=True)


@built
def compare_models(
    question: pb.AttributionQuestion, *, models: Sequence[str], baseline: str, page_token: str = ""
) -> Call[ModelComparison]:
    """CompareModels, all pages from the one of the token on."""
    request = pb.CompareModelsRequest(
        question=question, models=models, baseline=baseline, page_size=_PAGE, page_token=page_token
    )
    return Call(_SERVICE, "CompareModels", request, attribution_mapping.comparison, paged=True)


@built
def explain_journey(
    conversion_id: str, *, source: str, document: str, conversion: str, models: Sequence[str]
) -> Call[ExplainedJourney]:
    """ExplainJourney, all pages."""
    request = pb.ExplainJourneyRequest(
        conversion_id=conversion_id,
        source=source,
        document=document,
        conversion=conversion,
        models=models,
        page_size=_PAGE,
    )
    return Call(_SERVICE, "ExplainJourney", request, attribution_mapping.journey, paged=True)


@built
def list_paths(
    question: pb.AttributionQuestion, *, converted_only: bool, limit: int, page_token: str = ""
) -> Call[ChannelPaths]:
    """ListPaths, as many pages as it takes for so many paths and all moves."""
    if limit < 0:
        raise ValueError(f"limit is {limit}; give how many are wanted, or 0 for all")
    size = min(limit, _PAGE) if limit else _PAGE
    request = pb.ListPathsRequest(
        question=question, converted_only=converted_only, page_size=size, page_token=page_token
    )
    return Call(
        _SERVICE,
        "ListPaths",
        request,
        lambda answers: attribution_mapping.paths(answers, limit),
        paged=True,
        items="paths",
        most=limit,
        more="more_edges",
    )


@built
def get_funnel(
    question: pb.AttributionQuestion, steps: Sequence[FunnelStage], *, window: timedelta | None
) -> Call[Funnel]:
    """GetFunnel, all pages."""
    request = pb.GetFunnelRequest(
        question=question,
        steps=[pb.FunnelStepDefinition(name=step.name, events=step.events, roles=step.roles) for step in steps],
        page_size=_PAGE,
    )
    if window is not None:
        length = Duration()
        length.FromTimedelta(window)
        request.window.CopyFrom(length)
    return Call(_SERVICE, "GetFunnel", request, attribution_mapping.funnel, paged=True)


@built
def validate_attribution(
    question: pb.AttributionQuestion,
    *,
    models: Sequence[str],
    held_out_share: float,
    resamples: int,
    confidence: float,
    seed: int,
    highest_order: int,
    request_id: str,
) -> Call[Operation]:
    """ValidateAttribution; a call that is tried again begins nothing twice."""
    request = pb.ValidateAttributionRequest(
        question=question,
        models=models,
        held_out_share=held_out_share,
        resamples=resamples,
        confidence=confidence,
        seed=seed,
        highest_order=highest_order,
        request_id=request_id or str(uuid4()),
    )
    return Call(_SERVICE, "ValidateAttribution", request, lambda answers: operation(answers[0].operation))


@built
def run_attribution(call: Call[Answer], request_id: str) -> Call[Operation]:
    """RunAttribution with what another call sends; a call that is tried again begins nothing twice."""
    request = pb.RunAttributionRequest(request_id=request_id or str(uuid4()))
    which = {"AttributeConversions": "report", "CompareModels": "comparison", "ListPaths": "paths"}[call.method]
    getattr(request, which).CopyFrom(call.request)
    return Call(_SERVICE, "RunAttribution", request, lambda answers: operation(answers[0].operation))


@built
def question(
    start: datetime, end: datetime, *, document: str, conversion: str, known_at: datetime | None, min_position: int
) -> pb.AttributionQuestion:
    """Which conversions are asked about."""
    return pb.AttributionQuestion(
        document=document,
        conversion=conversion,
        start_time=mapping.timestamp(start),
        end_time=mapping.timestamp(end),
        known_at=mapping.timestamp(known_at),
        min_position=min_position,
    )


def _dimension(one: AttributionDimension | str) -> pb.AttributionDimension.ValueType:
    known = [each for each in AttributionDimension if each is not AttributionDimension.UNSPECIFIED]
    if one not in known:
        raise ValueError(f"by has '{one}'; known: {', '.join(known)}")
    return pb.AttributionDimension.Value(f"ATTRIBUTION_DIMENSION_{AttributionDimension(one).name}")
