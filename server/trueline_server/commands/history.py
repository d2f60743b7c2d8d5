"""The history that a backtest replays: metrics and KPIs of a running server, read over its API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import grpc
from trueline.v1.kpi_service_pb2 import ListKpisRequest
from trueline.v1.kpi_service_pb2_grpc import KpiServiceStub
from trueline.v1.metric_service_pb2 import MetricPoint, QueryMetricRequest
from trueline.v1.metric_service_pb2_grpc import MetricServiceStub
from trueline_rules.alert_model import AlertRule
from trueline_rules.alerting.operands import LOOKBACK_US
from trueline_rules.alerting.series import Series
from trueline_rules.alerting.vectors import Labels, labels_of
from trueline_rules.backtesting.replay import History
from trueline_rules.metric_labels import label_names
from trueline_rules.model import Metric, RuleSet

from trueline_server.metrics.windows import span_us
from trueline_server.transport.times import microseconds_of, timestamp_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CALL_S = 60.0
_PAGE = 100_000

# (kind, name) of what a fact comes from.
Source = tuple[str, str]


class HistoryReader:
    """Reads each source once, however many rules read it.

    Args:
        channel: to the server.
        token: credential; "" = none.
        start: of the backtest.
        end: of the backtest.
        every: distance of evaluations, at which KPIs are judged.
        progress: hears how much of the work is done, 0 to 1.

    """

    def __init__(
        self,
        channel: grpc.Channel,
        token: str,
        *,
        start: datetime,
        end: datetime,
        every: timedelta,
        progress: Callable[[float], None],
    ) -> None:
        self._metrics, self._kpis = MetricServiceStub(channel), KpiServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._start, self._end, self._every = start, end, every
        self._progress = progress
        self._known: dict[Source, History] = {}

    def read(self, sets: Sequence[tuple[RuleSet, Sequence[AlertRule]]]) -> None:
        """Read what some rules of some sets need: of each source as far back as any of them looks.

        Raises:
            grpc.RpcError: the server cannot be reached, or does not know a metric.

        """
        reach_us: dict[Source, int] = {}
        metrics: dict[str, Metric] = {}
        for rules, wanted in sets:
            for source in (source for rule in wanted for source in rule.facts.values()):
                looks_us = source.operand.over_us + source.operand.offset_us
                key = (source.kind, source.name)
                reach_us[key] = max(reach_us.get(key, 0), looks_us)
                if source.kind == "metric":
                    metrics[source.name] = rules.metrics[source.name]
        for name, metric in metrics.items():
            reach = timedelta(microseconds=reach_us["metric", name] + span_us(metric.step))
            self._known["metric", name] = self._metric(name, metric, reach)
        kpis_us = [looks_us for (kind, _), looks_us in reach_us.items() if kind == "kpi"]
        if kpis_us:
            self._read_kpis(timedelta(microseconds=max(kpis_us)))

    def of(self, rule: AlertRule) -> dict[str, History]:
        """What is known of the facts of a rule; facts of fact types have no history."""
        return {name: self._known.get((source.kind, source.name), History()) for name, source in rule.facts.items()}

    def _metric(self, name: str, metric: Metric, reach: timedelta) -> History:
        found: dict[Labels, list[tuple[int, float]]] = {}
        names = label_names(metric.group_by)
        token = ""
        while True:
            request = QueryMetricRequest(
                metric=name,
                start_time=timestamp_of(micros(self._start - reach)),
                end_time=timestamp_of(micros(self._end)),
                # As live: where nothing happened, a count is 0 and not unknown.
                fill_empty=not metric.group_by,
                page_size=_PAGE,
                page_token=token,
            )
            response = self._metrics.QueryMetric(request, timeout=_CALL_S, metadata=self._metadata)
            for point in response.points:
                if point.HasField("value"):
                    # A server with another definition may have other labels.
                    labels = labels_of({names.get(field, field): value for field, value in point.labels.items()})
                    found.setdefault(labels, []).append(_sample(point))
            token = response.next_page_token
            if not token:
                break
        series = [Series(labels, *_columns(samples)) for labels, samples in sorted(found.items())]
        return History(series, span_us(metric.step) + LOOKBACK_US)

    def _read_kpis(self, reach: timedelta) -> None:
        """Judge all KPIs at each evaluation and as far before as rules look; a value holds until the next."""
        found: dict[str, list[tuple[int, float]]] = {}
        before = -(-reach // self._every)
        instant = self._start - before * self._every
        steps = before + (self._end - self._start) // self._every + 1
        for number in range(steps):
            response = self._kpis.ListKpis(
                ListKpisRequest(at=timestamp_of(micros(instant)), page_size=1000),
                timeout=_CALL_S,
                metadata=self._metadata,
            )
            for kpi in response.kpis:
                samples = found.setdefault(kpi.name, [])
                if kpi.HasField("value"):
                    samples.append((micros(instant), kpi.value))
            self._progress((number + 1) / steps)
            instant += self._every
        # Behind its age a value would be held against evaluations at which there was none.
        lookback_us = self._every // _MICROSECOND - 1
        for name, samples in found.items():
            self._known["kpi", name] = History([Series((), *_columns(samples))], max(lookback_us, 1))


def micros(instant: datetime) -> int:
    """Microseconds since 1970 (UTC)."""
    return (instant - _EPOCH) // _MICROSECOND


def _columns(samples: list[tuple[int, float]]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    return tuple(instant for instant, _ in samples), tuple(value for _, value in samples)


def _sample(point: MetricPoint) -> tuple[int, float]:
    return microseconds_of(point.window_end, "window_end"), point.value
