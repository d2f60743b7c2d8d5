"""What both clients' watches share: the messages, the token to go on from, and the guard against silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from trueline import alert_mapping, mapping, rule_sets
from trueline.alerts import AlertsMessage
from trueline.errors import TruelineError, unbuildable
from trueline.results import (
    Heartbeat,
    MetricChanges,
    MetricMessage,
    MetricSnapshot,
    ScoreChange,
    ScoreMessage,
    ScoreSnapshot,
    Synced,
)
from trueline.rule_sets import RulesMessage
from trueline.v1 import alert_service_pb2, kpi_service_pb2, metric_service_pb2, rule_service_pb2

# A stream is dead when so many heartbeats in a row are missing.
_MISSED_HEARTBEATS = 3

Read = TypeVar("Read")
OnWait = Callable[[TruelineError], Any] | None


class Watch(Generic[Read]):
    """One watch over all its connections: makes the requests, reads the messages, keeps the resume token.

    The token of a snapshot's messages is not taken until SYNCED has come: a connection that is cut within a snapshot
    starts it again, so no point of it is lost. Points may come twice, then, in the same state. A message of a kind in
    `whole` is complete in itself, and its token is taken at once.
    """

    def __init__(
        self,
        service: str,
        method: str,
        *,
        request: Callable[[str], Message],
        read: Callable[[str, Any, str], Read],
        resume_token: str,
        heartbeat: float,
        whole: frozenset[str] = frozenset(),
    ) -> None:
        self.service = service
        self.method = method
        self.token = resume_token
        self.silence = heartbeat * _MISSED_HEARTBEATS
        self._request = request
        self._read = read
        self._whole = whole
        self._synced = False

    def request(self) -> Message:
        """The request of the next connection: from the last token on.

        Raises:
            InvalidRequestError: a value fits no field of the contract.

        """
        self._synced = False
        try:
            return self._request(self.token)
        except (ValueError, OverflowError) as error:
            raise unbuildable(error) from error

    def read(self, message: Any) -> Read:
        """The typed form of a message, with the token that continues after it."""
        kind = message.WhichOneof("event")
        self._synced = self._synced or kind == "synced"
        if (self._synced or kind in self._whole) and message.resume_token:
            self.token = message.resume_token
        return self._read(kind, message, self.token)


def metric_watch(
    metrics: Sequence[str], labels: Mapping[str, str] | None, resume_token: str, heartbeat: float
) -> Watch[MetricMessage]:
    """A watch of metrics."""

    def request(token: str) -> Message:
        return metric_service_pb2.WatchMetricsRequest(
            metrics=metrics, labels=labels, resume_token=token, heartbeat_interval=_duration(heartbeat)
        )

    return Watch(
        "MetricService",
        "WatchMetrics",
        request=request,
        read=_metric_message,
        resume_token=resume_token,
        heartbeat=heartbeat,
    )


def score_watch(scorecard: str, resume_token: str, heartbeat: float) -> Watch[ScoreMessage]:
    """A watch of a score."""

    def request(token: str) -> Message:
        return kpi_service_pb2.WatchAlignmentRequest(
            scorecard=scorecard, resume_token=token, heartbeat_interval=_duration(heartbeat)
        )

    return Watch(
        "KpiService",
        "WatchAlignment",
        request=request,
        read=_score_message,
        resume_token=resume_token,
        heartbeat=heartbeat,
    )


def rules_watch(resume_token: str, heartbeat: float) -> Watch[RulesMessage]:
    """A watch of the rules in force."""

    def request(token: str) -> Message:
        return rule_service_pb2.WatchRulesRequest(resume_token=token, heartbeat_interval=_duration(heartbeat))

    return Watch(
        "RuleService",
        "WatchRules",
        request=request,
        read=_rules_message,
        resume_token=resume_token,
        heartbeat=heartbeat,
        whole=frozenset({"change"}),
    )


def alerts_watch(resume_token: str, heartbeat: float) -> Watch[AlertsMessage]:
    """A watch of alerts."""

    def request(token: str) -> Message:
        return alert_service_pb2.WatchAlertsRequest(resume_token=token, heartbeat_interval=_duration(heartbeat))

    return Watch(
        "AlertService",
        "WatchAlerts",
        request=request,
        read=_alerts_message,
        resume_token=resume_token,
        heartbeat=heartbeat,
        whole=frozenset({"change"}),
    )


def _metric_message(kind: str, message: Any, token: str) -> MetricMessage:
    if kind == "snapshot":
        return MetricSnapshot(tuple(map(mapping.metric_point, message.snapshot.points)), token)
    if kind == "changes":
        return MetricChanges(tuple(map(mapping.metric_point, message.changes.points)), token)
    return _sign(kind, message, token)


def _score_message(kind: str, message: Any, token: str) -> ScoreMessage:
    if kind == "snapshot":
        return ScoreSnapshot(mapping.alignment_score(message.snapshot), token)
    if kind == "change":
        return ScoreChange(mapping.alignment_score(message.change), token)
    return _sign(kind, message, token)


def _rules_message(kind: str, message: Any, token: str) -> RulesMessage:
    found = rule_sets.rules_message(kind, message, token)
    return _sign(kind, message, token) if found is None else found


def _alerts_message(kind: str, message: Any, token: str) -> AlertsMessage:
    found = alert_mapping.alerts_message(kind, message, token)
    return _sign(kind, message, token) if found is None else found


def _sign(kind: str, message: Any, token: str) -> Synced | Heartbeat:
    if kind == "synced":
        return Synced(message.synced.position, token)
    # A kind that a newer server may send counts as a sign of life.
    beat = message.heartbeat
    return Heartbeat(mapping.instant(beat, "time"), beat.position, token)


def _duration(seconds: float) -> Duration:
    message = Duration()
    message.FromMicroseconds(round(seconds * 1_000_000))
    return message


class SilenceGuard:
    """Cancels a sync stream when an answer that is due stays out too long; a thread of its own, as reading blocks.

    `due` says whether an answer is waited for: a reader that is busy with the last message hears nothing new.
    """

    def __init__(self, limit: float, cancel: Callable[[], Any], due: Callable[[], bool]) -> None:
        self.fired = False
        self._limit = limit
        self._cancel = cancel
        self._due = due
        self._heard = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._guard, name="trueline-silence", daemon=True)
        self._thread.start()

    def hear(self) -> None:
        """Note a sign of life."""
        self._heard = time.monotonic()

    def end(self) -> None:
        """Stop guarding."""
        self._ended.set()

    def _guard(self) -> None:
        while not self._ended.wait(self._limit / 4):
            if not self._due():
                self.hear()
            elif time.monotonic() - self._heard > self._limit:
                self.fired = True
                self._cancel()
                return
