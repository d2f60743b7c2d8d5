"""Each call of the contract as a value: where it goes, what it carries, how its answer is read.

The sync and the async client only differ in how they carry a call out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeVar

from google.protobuf.message import Message

from trueline import facts, mapping
from trueline.batch import ColumnBatch
from trueline.errors import unbuildable
from trueline.event import Event
from trueline.results import (
    AlignmentScore,
    DataQuality,
    EventMapping,
    IngestResult,
    KpiValue,
    Metric,
    MetricSeries,
    PriorityAction,
    Status,
)
from trueline.v1 import (
    alert_service_pb2_grpc,
    attribution_service_pb2_grpc,
    checkpoint_service_pb2_grpc,
    churn_service_pb2_grpc,
    compliance_service_pb2_grpc,
    fact_service_pb2,
    fact_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    kpi_service_pb2,
    kpi_service_pb2_grpc,
    metric_service_pb2,
    metric_service_pb2_grpc,
    operation_service_pb2_grpc,
    rule_service_pb2_grpc,
    scoring_service_pb2_grpc,
    study_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
)

# Events a unary call carries; far below the server's limit, so that one call stays short.
CALL_EVENTS = 1_000
# Facts that one call puts in, subjects that one call asks about, and facts that one page answers.
CALL_FACTS = 1_000
CALL_SUBJECTS = 100
FACT_PAGE = 5_000

Answer = TypeVar("Answer")
Given = ParamSpec("Given")


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """A unary call.

    Attributes:
        service: name of the service, e.g. "IngestService".
        method: name of the method.
        request: what is sent.
        read: the result of the answers: one, or all pages of a list in order.
        paged: True if `request.page_token` continues an answer with `next_page_token`.
        items: the repeated field that pages are made of, where `most` bounds it.
        most: no further page is fetched once so many items are there; 0 = all pages, below 0 = they are.
        more: the field by which an answer says that pages go on with something beside the items; it is fetched whole.

    """

    service: str
    method: str
    request: Message
    read: Callable[[Sequence[Any]], Answer]
    paged: bool = False
    items: str = ""
    most: int = 0
    more: str = ""

    def next_page(self, answer: Any) -> Call[Answer] | None:
        """The call for the page after `answer`; None on the last one."""
        if not self.paged or not answer.next_page_token:
            return None
        request: Any = type(self.request)()
        request.CopyFrom(self.request)
        request.page_token = answer.next_page_token
        left = self.most
        if self.most:
            left -= len(getattr(answer, self.items))
            if left <= 0:
                if not self.more or not getattr(answer, self.more):
                    return None
                left = -1
            request.page_size = min(request.page_size, max(left, 1))
        return replace(self, request=request, most=left)


class Stubs:
    """The stubs of all services over one channel, sync or async."""

    def __init__(self, channel: Any) -> None:
        self._stubs: dict[str, Any] = {
            "IngestService": ingest_service_pb2_grpc.IngestServiceStub(channel),
            "MetricService": metric_service_pb2_grpc.MetricServiceStub(channel),
            "KpiService": kpi_service_pb2_grpc.KpiServiceStub(channel),
            "AlertService": alert_service_pb2_grpc.AlertServiceStub(channel),
            "AttributionService": attribution_service_pb2_grpc.AttributionServiceStub(channel),
            "CheckpointService": checkpoint_service_pb2_grpc.CheckpointServiceStub(channel),
            "ChurnService": churn_service_pb2_grpc.ChurnServiceStub(channel),
            "ComplianceService": compliance_service_pb2_grpc.ComplianceServiceStub(channel),
            "FactService": fact_service_pb2_grpc.FactServiceStub(channel),
            "OperationService": operation_service_pb2_grpc.OperationServiceStub(channel),
            "RuleService": rule_service_pb2_grpc.RuleServiceStub(channel),
            "StudyService": study_service_pb2_grpc.StudyServiceStub(channel),
            "ScoringService": scoring_service_pb2_grpc.ScoringServiceStub(channel),
            "SystemService": system_service_pb2_grpc.SystemServiceStub(channel),
        }

    def method(self, service: str, method: str) -> Any:
        """The callable of one method."""
        return getattr(self._stubs[service], method)


def built(build: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """A builder of a request, whose refusal of a value is an error like others.

    It raises InvalidRequestError where a value fits no field of the contract: a number beyond its bits, a time without
    a zone, a text that is no Unicode.
    """

    @functools.wraps(build)
    def guarded(*args: Given.args, **how: Given.kwargs) -> Answer:
        try:
            return build(*args, **how)
        except (ValueError, OverflowError) as error:
            raise unbuildable(error) from error

    return guarded


@built
def ingest(events: Sequence[Event]) -> Call[IngestResult]:
    """IngestEvents with up to `CALL_EVENTS` events."""
    request = ingest_service_pb2.IngestEventsRequest(events=[mapping.event_to_proto(event) for event in events])
    return Call(
        "IngestService",
        "IngestEvents",
        request,
        lambda answers: mapping.ingest_result(answers[0].outcome, events),
    )


@built
def ingest_columns(batch: ColumnBatch) -> Call[IngestResult]:
    """IngestColumns with up to `CALL_EVENTS` events."""
    return Call(
        "IngestService",
        "IngestColumns",
        ingest_service_pb2.IngestColumnsRequest(columns=batch.to_proto()),
        lambda answers: mapping.ingest_result(answers[0].outcome, batch.origins),
    )


@built
def finish_import(source: str) -> Call[int]:
    """FinishImport."""
    request = ingest_service_pb2.FinishImportRequest(source=source)
    return Call("IngestService", "FinishImport", request, lambda answers: int(answers[0].position))


@built
def list_metrics(page_size: int) -> Call[tuple[Metric, ...]]:
    """ListMetrics, all pages."""
    return Call(
        "MetricService",
        "ListMetrics",
        metric_service_pb2.ListMetricsRequest(page_size=page_size),
        lambda answers: tuple(mapping.metric(item) for answer in answers for item in answer.metrics),
        paged=True,
    )


@built
def query_metric(
    metric: str,
    *,
    start: datetime | None,
    end: datetime | None,
    labels: Mapping[str, str] | None,
    fill_empty: bool,
    min_position: int,
    page_size: int,
) -> Call[MetricSeries]:
    """QueryMetric, all pages."""
    request = metric_service_pb2.QueryMetricRequest(
        metric=metric,
        start_time=mapping.timestamp(start),
        end_time=mapping.timestamp(end),
        labels=labels,
        fill_empty=fill_empty,
        min_position=min_position,
        page_size=page_size,
    )
    return Call("MetricService", "QueryMetric", request, mapping.metric_series, paged=True)


@built
def list_kpis(at: datetime | None, known_at: datetime | None, page_size: int) -> Call[tuple[KpiValue, ...]]:
    """ListKpis, all pages."""
    request = kpi_service_pb2.ListKpisRequest(
        at=mapping.timestamp(at), known_at=mapping.timestamp(known_at), page_size=page_size
    )
    return Call(
        "KpiService",
        "ListKpis",
        request,
        lambda answers: tuple(mapping.kpi_value(item) for answer in answers for item in answer.kpis),
        paged=True,
    )


@built
def alignment_score(
    scorecard: str, at: datetime | None, known_at: datetime | None, min_position: int
) -> Call[AlignmentScore]:
    """GetAlignmentScore."""
    request = kpi_service_pb2.GetAlignmentScoreRequest(
        scorecard=scorecard,
        at=mapping.timestamp(at),
        known_at=mapping.timestamp(known_at),
        min_position=min_position,
    )
    return Call("KpiService", "GetAlignmentScore", request, lambda answers: mapping.alignment_score(answers[0].score))


@built
def priority_actions(scorecard: str, at: datetime | None, limit: int) -> Call[tuple[PriorityAction, ...]]:
    """ListPriorityActions."""
    request = kpi_service_pb2.ListPriorityActionsRequest(scorecard=scorecard, at=mapping.timestamp(at), limit=limit)
    return Call("KpiService", "ListPriorityActions", request, lambda answers: mapping.priority_actions(answers[0]))


@built
def data_quality(at: datetime | None) -> Call[DataQuality]:
    """GetDataQuality."""
    request = kpi_service_pb2.GetDataQualityRequest(at=mapping.timestamp(at))
    return Call("KpiService", "GetDataQuality", request, lambda answers: mapping.data_quality(answers[0]))


@built
def put_facts(given: Sequence[facts.Fact]) -> Call[facts.FactsResult]:
    """PutFacts."""
    return Call("FactService", "PutFacts", facts.put_request(given), lambda answers: facts.put_result(answers[0]))


@built
def get_facts(
    subject: str, subject_ids: Sequence[str], names: Sequence[str], at: datetime | None, known_at: datetime | None
) -> Call[facts.FactsOfSubjects]:
    """GetFacts."""
    request = fact_service_pb2.GetFactsRequest(
        subject=subject,
        subject_ids=subject_ids,
        names=names,
        at=mapping.timestamp(at),
        known_at=mapping.timestamp(known_at),
    )
    return Call("FactService", "GetFacts", request, lambda answers: facts.facts_of_subjects(answers[0]))


@built
def list_facts(
    subject: str, subject_id: str, names: Sequence[str], at: datetime | None, known_at: datetime | None
) -> Call[list[facts.Fact]]:
    """ListFacts, all pages."""
    request = fact_service_pb2.ListFactsRequest(
        subject=subject,
        subject_id=subject_id,
        names=names,
        at=mapping.timestamp(at),
        known_at=mapping.timestamp(known_at),
        page_size=FACT_PAGE,
    )
    return Call("FactService", "ListFacts", request, facts.known_facts, paged=True)


@built
def status(min_position: int) -> Call[Status]:
    """GetStatus."""
    request = system_service_pb2.GetStatusRequest(min_position=min_position)
    return Call("SystemService", "GetStatus", request, lambda answers: mapping.status(answers[0]))


@built
def resolve_mapping(name: str | None, yaml: str | None, file_name: str) -> Call[EventMapping]:
    """ResolveEventMapping by name or by the text of a rule file."""
    if (name is None) == (yaml is None):
        raise ValueError("give either the name of a mapping or the text of a rule file")
    which = {"name": name} if name is not None else {"yaml": yaml or ""}
    request = system_service_pb2.ResolveEventMappingRequest(file_name=file_name, **which)
    return Call("SystemService", "ResolveEventMapping", request, lambda answers: mapping.event_mapping(answers[0]))
