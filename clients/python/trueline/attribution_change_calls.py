"""The calls of the AttributionService about single conversions, as values; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trueline import attribution_change_mapping, mapping
from trueline.attribution_changes import AttributionChanges
from trueline.calls import Call, built
from trueline.v1 import attribution_service_pb2 as pb

SERVICE = "AttributionService"
STREAM = "StreamJourneys"
_PAGE = 1_000


@built
def list_changes(
    question: pb.AttributionQuestion, *, since: datetime | int, models: Sequence[str], limit: int
) -> Call[AttributionChanges]:
    """ListAttributionChanges, as many pages as it takes."""
    if limit < 0:
        raise ValueError(f"limit is {limit}; give how many are wanted, or 0 for all")
    size = min(limit, _PAGE) if limit else _PAGE
    at = mapping.timestamp(since if isinstance(since, datetime) else None)
    request = pb.ListAttributionChangesRequest(question=question, models=models, page_size=size, changed_since=at)
    if isinstance(since, int):
        request.since_position = since
    read = attribution_change_mapping.changes
    return Call(SERVICE, "ListAttributionChanges", request, read, paged=True, items="changes", most=limit)


@built
def stream_journeys(question: pb.AttributionQuestion, models: Sequence[str]) -> pb.StreamJourneysRequest:
    """The request of StreamJourneys."""
    return pb.StreamJourneysRequest(question=question, models=models)
