"""The history that a backtest replays: metrics and KPIs of a running server, read over its API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from trueline.v1.kpi_service_pb2 import ListKpisRequest
from trueline.v1.kpi_service_pb2_grpc import KpiServiceStub
from trueline.v1.metric_service_pb2 import MetricPoint, QueryMetricRequest
from trueline.v1.metric_service_pb2_grpc import MetricServiceStub
from trueline_rules.alert_model import AlertRule
from trueline_rules.alerting.operands import LOOKBACK_US
from trueline_rules.alerting.series import Series
from trueline_rules.alerting.vectors import Labels, labels_of
from trueline_rules.backtesting.replay import History
from trueline_rules.model import RuleSet, Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CALL_S = 60.0
_CALENDAR_DAYS = {"week": 7, "month": 31}
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

    def read(self, rules: RuleSet, wanted: Iterable[AlertRule]) -> None:
        """Read what some rules of a set need and is not known yet.

        Raises:
            grpc.RpcError: the server cannot be reached, or does not know a metric.

        """
        sources = {(source.kind, source.name): source for rule in wanted for source in rule.facts.values()}
        missing = [source for key, source in sources.items() if key not in self._known]
        for source in (one for one in missing if one.kind == "metric"):
            metric = rules.metrics[source.name]
            reach = timedelta(microseconds=source.operand.over_us + source.operand.offset_us + _length_us(metric.step))
            self._known["metric", source.name] = self._metric(source.name, metric.step, reach)
        if any(source.kind == "kpi" for source in missing):
            self._read_kpis()

    def of(self, rule: AlertRule) -> dict[str, History]:
        """What is known of the facts of a rule; facts of fact types have no history."""
        return {name: self._known.get((source.kind, source.name), History()) for name, source in rule.facts.items()}

    def _metric(self, name: str, step: Span, reach: timedelta) -> History:
        found: dict[Labels, list[tuple[int, float]]] = {}
        token = ""
        while True:
            request = QueryMetricRequest(
                metric=name,
                start_time=_timestamp(self._start - reach),
                end_time=_timestamp(self._end),
                page_size=_PAGE,
                page_token=token,
            )
            response = self._metrics.QueryMetric(request, timeout=_CALL_S, metadata=self._metadata)
            for point in response.points:
                if point.HasField("value"):
                    found.setdefault(labels_of(dict(point.labels)), []).append(_sample(point))
            token = response.next_page_token
            if not token:
                break
        series = [Series(labels, *_columns(samples)) for labels, samples in sorted(found.items())]
        return History(series, max(LOOKBACK_US, _length_us(step)))

    def _read_kpis(self) -> None:
        """Judge all KPIs at each evaluation; a value holds until the next."""
        found: dict[str, list[tuple[int, float]]] = {}
        instant, steps = self._start, (self._end - self._start) // self._every + 1
        for number in range(steps):
            response = self._kpis.ListKpis(
                ListKpisRequest(at=_timestamp(instant), page_size=1000), timeout=_CALL_S, metadata=self._metadata
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
    end = point.window_end
    return end.seconds * 1_000_000 + end.nanos // 1000, point.value


def _length_us(span: Span) -> int:
    return span.us or _CALENDAR_DAYS[span.calendar] * 86_400_000_000


def _timestamp(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message
