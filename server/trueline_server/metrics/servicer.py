"""The MetricService over the wire: checks, pages and waits around the reader and the watches."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from trueline.v1 import metric_service_pb2 as pb
from trueline.v1 import metric_service_pb2_grpc

from trueline_server.metrics.mapping import map_metric_to_proto, map_point_to_proto
from trueline_server.metrics.points import PointKey
from trueline_server.metrics.reader import MetricReader
from trueline_server.metrics.watch import MetricWatch
from trueline_server.transport.progress import Progress
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in, timestamp_if
from trueline_server.transport.tokens import Tokens, binding_of

# Clients read messages of up to 4 MiB by default; a page is cut before that, whatever page_size says.
PAGE_BYTES = 3 * 1024 * 1024


class MetricServicer(metric_service_pb2_grpc.MetricServiceServicer):
    """ListMetrics, QueryMetric, WatchMetrics."""

    def __init__(self, reader: MetricReader, watch: MetricWatch, progress: Progress, tokens: Tokens) -> None:
        self._reader = reader
        self._watch = watch
        self._progress = progress
        self._tokens = tokens

    async def ListMetrics(self, request: pb.ListMetricsRequest, context: Any) -> pb.ListMetricsResponse:
        """Metrics by name; the token of a page is the last name on it."""
        binding = binding_of(request, "page_size", "page_token")
        after = self._tokens.open(binding, request.page_token, "page_token") if request.page_token else ""
        size = min(request.page_size or 100, 1000)
        page = await asyncio.to_thread(self._reader.list_metrics, current_tenant(), page_size=size, after=after)
        return pb.ListMetricsResponse(
            metrics=[map_metric_to_proto(metric) for metric in page.metrics],
            next_page_token="" if page.next_after is None else self._tokens.seal(binding, page.next_after),
        )

    async def QueryMetric(self, request: pb.QueryMetricRequest, context: Any) -> pb.QueryMetricResponse:
        """Points by window end and labels; the token of a page is the key of the last point on it."""
        binding = binding_of(request, "page_size", "page_token", "min_position")
        after = _key_of(self._tokens.open(binding, request.page_token, "page_token")) if request.page_token else None
        start_us = instant_in(request, "start_time")
        end_us = instant_in(request, "end_time")
        await self._progress.wait(request.min_position)
        # Read before the query: what it answers is at least as new.
        position = self._progress.position
        page = await asyncio.to_thread(
            self._reader.query,
            current_tenant(),
            request.metric,
            start_us=start_us,
            end_us=end_us,
            labels=dict(request.labels),
            fill_empty=request.fill_empty,
            page_size=min(request.page_size or 10_000, 100_000),
            after=after,
        )
        response = pb.QueryMetricResponse(watermark=timestamp_if(page.watermark_us), position=position)
        next_after, room = page.next_after, PAGE_BYTES
        for number, point in enumerate(page.points):
            message = map_point_to_proto(point)
            room -= message.ByteSize() + 8
            if room < 0 and number:
                next_after = page.points[number - 1].key
                break
            response.points.append(message)
        if next_after is not None:
            response.next_page_token = self._tokens.seal(binding, json.dumps(next_after))
        return response

    async def WatchMetrics(self, request: pb.WatchMetricsRequest, context: Any) -> None:  # type: ignore[override]
        """Writes to the context and yields nothing: a reader that blocks a `yield` could not be cut."""
        await self._watch.run(request, context.write)


def _key_of(payload: str) -> PointKey:
    end_us, labels = json.loads(payload)
    return int(end_us), tuple(labels)
