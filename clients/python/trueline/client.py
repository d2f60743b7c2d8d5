"""The sync client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self

import grpc
import tenacity
from google.protobuf.message import Message

from trueline import calls, channel, facts, mapping, retries, watching
from trueline.alert_methods import AlertMethods
from trueline.attribution_change_methods import AttributionChangeMethods
from trueline.attribution_methods import AttributionMethods
from trueline.batch import ColumnBatch
from trueline.calls import Answer, Call
from trueline.checkpoint_methods import CheckpointMethods
from trueline.churn_methods import ChurnMethods
from trueline.compliance_methods import ComplianceMethods
from trueline.errors import TruelineError, decode, unavailable
from trueline.event import Event
from trueline.health_methods import HealthMethods
from trueline.operation_methods import OperationMethods
from trueline.results import (
    AlignmentScore,
    DataQuality,
    EventMapping,
    IngestResult,
    KpiValue,
    Metric,
    MetricMessage,
    MetricSeries,
    PriorityAction,
    ScoreMessage,
    Status,
)
from trueline.retries import RetryPolicy
from trueline.rule_methods import RuleMethods
from trueline.scoring_methods import ScoringMethods
from trueline.study_methods import StudyMethods
from trueline.v1 import ingest_service_pb2


class TruelineClient(
    RuleMethods,
    OperationMethods,
    AlertMethods,
    CheckpointMethods,
    AttributionMethods,
    AttributionChangeMethods,
    StudyMethods,
    ChurnMethods,
    ScoringMethods,
    HealthMethods,
    ComplianceMethods,
):
    """A client of one server, for any number of threads.

    Every call has a deadline that bounds all its tries together, and is tried again when no server answered or the
    server asked for it (UNAVAILABLE, RESOURCE_EXHAUSTED with a delay). Every method raises `TruelineError`.

    Args:
        address: host:port.
        token: the credential; None for an open server.
        timeout: seconds a call may take with all its tries, unless the call says otherwise.
        retry: how often and after which pauses a call is tried again.
        secure: TLS with the system's certificates.

    """

    def __init__(
        self,
        address: str = channel.DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        secure: bool = False,
    ) -> None:
        self.address = address
        self.timeout = timeout
        self.retry = retry or RetryPolicy()
        self._metadata = channel.credentials(token)
        self._channel = channel.open_channel(address, secure=secure)
        self._stubs = calls.Stubs(self._channel)
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel; open watches and streams end."""
        self._ended.set()
        self._channel.close()

    def ingest(self, events: Iterable[Event], *, timeout: float | None = None) -> IngestResult:
        """Send events, a thousand a call, and wait until they are durable. For many events use `BatchingSender`."""
        events = list(events)
        parts = [events[i : i + calls.CALL_EVENTS] for i in range(0, len(events), calls.CALL_EVENTS)]
        return mapping.merged([self._call(calls.ingest(part), timeout) for part in parts], list(map(len, parts)))

    def ingest_columns(self, batch: ColumnBatch, *, timeout: float | None = None) -> IngestResult:
        """Send events that are in columns already, a thousand a call; the cheap form of `ingest`."""
        parts = [batch.rows(i, i + calls.CALL_EVENTS) for i in range(0, len(batch), calls.CALL_EVENTS)]
        results = [self._call(calls.ingest_columns(part), timeout) for part in parts]
        return mapping.merged(results, list(map(len, parts)))

    def stream(self, batches: Iterable[ColumnBatch | Sequence[Event]]) -> Iterator[IngestResult]:
        """Send batches over one connection, and answer each, in order, when it is durable.

        Further batches are sent before an answer arrives. Nothing is tried again: what was answered stays accepted,
        and on an error the batches from the first unanswered one on may be sent again. No deadline.
        """
        sent: list[ColumnBatch] = []

        def requests() -> Iterator[ingest_service_pb2.StreamEventsRequest]:
            for number, batch in enumerate(batches):
                columns = batch if isinstance(batch, ColumnBatch) else ColumnBatch.from_events(batch)
                sent.append(columns)
                yield ingest_service_pb2.StreamEventsRequest(batch_id=str(number), columns=columns.to_proto())

        with self._decoded():
            answers = self.open_stream(requests())
            for number, answer in enumerate(answers):
                yield mapping.ingest_result(answer.outcome, sent[number].origins)
                sent[number] = ColumnBatch(ids=(), source="", name="", occurred_at_us=())

    def finish_import(self, source: str, *, timeout: float | None = None) -> int:
        """Write the end mark of a source, so that its windows become complete; answers its log position."""
        return self._call(calls.finish_import(source), timeout)

    def list_metrics(self, *, page_size: int = 0, timeout: float | None = None) -> tuple[Metric, ...]:
        """All metrics, by name."""
        return self._call(calls.list_metrics(page_size), timeout)

    def query_metric(
        self,
        metric: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        labels: Mapping[str, str] | None = None,
        fill_empty: bool = False,
        min_position: int = 0,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> MetricSeries:
        """The points of a metric whose windows end in (start, end], by window end and labels.

        Args:
            metric: its name.
            start: None = the newest window only.
            end: None = no bound.
            labels: only groups with these labels.
            fill_empty: also windows without events, with 0; needs start and end, and a metric without groups.
            min_position: wait until this log position is processed.
            page_size: points a page; 0 = 10,000. All pages are fetched.
            timeout: seconds for each page.

        """
        call = calls.query_metric(
            metric,
            start=start,
            end=end,
            labels=labels,
            fill_empty=fill_empty,
            min_position=min_position,
            page_size=page_size,
        )
        return self._call(call, timeout)

    def watch_metrics(
        self,
        metrics: Sequence[str] = (),
        *,
        labels: Mapping[str, str] | None = None,
        resume_token: str = "",
        heartbeat: float = 10.0,
        give_up_after: float = 120.0,
        on_wait: watching.OnWait = None,
    ) -> Generator[MetricMessage, None, None]:
        """Metrics as they change: a snapshot, `Synced`, changes, heartbeats. Empty `metrics` = all.

        Connects again by itself and goes on from the last token, without a gap; then a snapshot of what changed since
        and `Synced` come again. Ends when it is closed (`close()`) or the client is, or with an error that connecting
        again does not mend, e.g. `ResumeTokenExpiredError`. The first connection is tried as often as any call.

        Args:
            metrics: names.
            labels: only groups with these labels.
            resume_token: go on after the message that had it; "" = from now, with a snapshot.
            heartbeat: seconds between signs of life of the server; three missing ones are a lost connection.
            give_up_after: seconds that a lost server is waited for.
            on_wait: hears why the server is waited for, once each time; None = nobody does.

        """
        return self._watch(watching.metric_watch(metrics, labels, resume_token, heartbeat), give_up_after, on_wait)

    def kpis(
        self, *, at: datetime | None = None, known_at: datetime | None = None, timeout: float | None = None
    ) -> tuple[KpiValue, ...]:
        """All KPIs, by name: at an instant, as corrected since or as known at `known_at`."""
        return self._call(calls.list_kpis(at, known_at, 0), timeout)

    def alignment_score(
        self,
        *,
        scorecard: str = "",
        at: datetime | None = None,
        known_at: datetime | None = None,
        min_position: int = 0,
        timeout: float | None = None,
    ) -> AlignmentScore:
        """The score over the KPIs of a scorecard ("alignment" by default).

        With `min_position` it is computed afresh after that log position is processed, instead of looked up.
        """
        return self._call(calls.alignment_score(scorecard, at, known_at, min_position), timeout)

    def priority_actions(
        self, *, scorecard: str = "", at: datetime | None = None, limit: int = 0, timeout: float | None = None
    ) -> tuple[PriorityAction, ...]:
        """What to do, ranked by the points of score that it would win; `limit` 0 = all."""
        return self._call(calls.priority_actions(scorecard, at, limit), timeout)

    def watch_alignment(
        self,
        *,
        scorecard: str = "",
        resume_token: str = "",
        heartbeat: float = 10.0,
        give_up_after: float = 120.0,
        on_wait: watching.OnWait = None,
    ) -> Generator[ScoreMessage, None, None]:
        """The score as it changes; see `watch_metrics`."""
        return self._watch(watching.score_watch(scorecard, resume_token, heartbeat), give_up_after, on_wait)

    def data_quality(self, *, at: datetime | None = None, timeout: float | None = None) -> DataQuality:
        """How far the events can be trusted."""
        return self._call(calls.data_quality(at), timeout)

    def put_facts(self, given: Iterable[facts.Fact], *, timeout: float | None = None) -> facts.FactsResult:
        """Put facts in, a thousand a call, and wait until they are durable; those that are wrong are told one by one.

        Putting the same facts again changes nothing.
        """
        listed, step = list(given), calls.CALL_FACTS
        parts = [listed[start : start + step] for start in range(0, len(listed), step)]
        results = [self._call(calls.put_facts(part), timeout) for part in parts]
        return facts.joined(results, step)

    def get_facts(
        self,
        subject: str,
        subject_ids: Iterable[str],
        *,
        names: Sequence[str] = (),
        at: datetime | None = None,
        known_at: datetime | None = None,
        timeout: float | None = None,
    ) -> facts.FactsOfSubjects:
        """All that is known of subjects as it was at an instant, a hundred a call; what is not known is named.

        Args:
            subject: kind of the subjects ("account", "user", …), as fact types name it.
            subject_ids: which ones; each is answered once.
            names: only these facts; () = all that fact types declare of this kind.
            at: the instant; None = that of `known_at`, or now.
            known_at: what was recorded later is left out; None = all that is known now.
            timeout: seconds for each call.

        """
        ids, step = list(dict.fromkeys(subject_ids)), calls.CALL_SUBJECTS
        parts = [ids[start : start + step] for start in range(0, len(ids), step)]
        return facts.gathered(
            [self._call(calls.get_facts(subject, part, names, at, known_at), timeout) for part in parts]
        )

    def list_facts(
        self,
        subject: str,
        *,
        subject_id: str = "",
        names: Sequence[str] = (),
        at: datetime | None = None,
        known_at: datetime | None = None,
        timeout: float | None = None,
    ) -> list[facts.Fact]:
        """Facts of a kind of subject ("account", "user", …) as they were at an instant, by name and subject.

        Args:
            subject: the kind, as fact types name it.
            subject_id: only of this subject; "" = of all.
            names: only these facts; () = all.
            at: the instant; None = that of `known_at`, or now.
            known_at: what was recorded later is left out; None = all that is known now.
            timeout: seconds.

        """
        return self._call(calls.list_facts(subject, subject_id, names, at, known_at), timeout)

    def status(self, *, min_position: int = 0, timeout: float | None = None) -> Status:
        """The server's status, once `min_position` is processed."""
        return self._call(calls.status(min_position), timeout)

    def resolve_mapping(
        self, name: str | None = None, *, yaml: str | None = None, file_name: str = "", timeout: float | None = None
    ) -> EventMapping:
        """How the columns of a file become events: by name, or from the text of a rule file."""
        return self._call(calls.resolve_mapping(name, yaml, file_name), timeout)

    def open_stream(self, requests: Iterator[ingest_service_pb2.StreamEventsRequest]) -> Any:
        """A StreamEvents call as gRPC gives it, without retries; what `BatchingSender` is made of."""
        return self._stubs.method("IngestService", "StreamEvents")(requests, metadata=self._metadata)

    @contextmanager
    def _decoded(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            raise decode(error, self.address) from None

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        answers = []
        page: Call[Answer] | None = call
        while page is not None:
            answers.append(self._unary(page, self.timeout if timeout is None else timeout))
            page = page.next_page(answers[-1])
        return call.read(answers)

    def _unary(self, call: Call[Any], timeout: float) -> Any:
        method = self._stubs.method(call.service, call.method)
        deadline = time.monotonic() + timeout

        def attempt() -> Any:
            with self._decoded():
                return method(call.request, timeout=max(0.001, deadline - time.monotonic()), metadata=self._metadata)

        return tenacity.Retrying(**retries.options(self.retry, timeout))(attempt)

    def _begin(
        self, service: str, method: str, request: Message, timeout: float | None
    ) -> tuple[Any, Any, Callable[[grpc.RpcError], TruelineError]]:
        """The first message of a stream, the stream, and what its errors are; tried again until it is begun."""
        called = self._stubs.method(service, method)

        def attempt() -> tuple[Any, Any]:
            with self._decoded():
                call = called(request, timeout=timeout, metadata=self._metadata)
                return next(call), call

        first, call = tenacity.Retrying(**retries.options(self.retry, timeout))(attempt)
        return first, call, lambda error: decode(error, self.address)

    def _watch(
        self, watch: watching.Watch[watching.Read], give_up_after: float, on_wait: watching.OnWait
    ) -> Generator[watching.Read, None, None]:
        # A connection counts as made when its first message is there, so the pauses grow until then.
        chosen = retries.options(self.retry, None, when=self._mends, sleep=self._ended.wait)
        while not self._closed:
            messages = None
            try:
                messages, first = tenacity.Retrying(**chosen)(self._connect, watch)
                chosen = retries.options(
                    self.retry.endless(), give_up_after, when=self._mends, sleep=self._ended.wait, on_wait=on_wait
                )
                yield watch.read(first)
                for message in messages:
                    yield watch.read(message)
            except TruelineError as error:
                if self._closed:
                    return
                if messages is None or not self._mends(error):
                    raise
            finally:
                if messages is not None:
                    messages.close()

    @property
    def _closed(self) -> bool:
        return self._ended.is_set()

    def _mends(self, error: BaseException) -> bool:
        return not self._closed and retries.is_interruption(error)

    def _connect(self, watch: watching.Watch[Any]) -> tuple[Generator[Any, None, None], Any]:
        if self._closed:
            raise unavailable("the client is closed")
        method = self._stubs.method(watch.service, watch.method)
        messages = self._listen(method(watch.request(), metadata=self._metadata), watch.silence)
        return messages, next(messages)

    def _listen(self, call: Any, silence: float) -> Generator[Any, None, None]:
        """The messages of one connection; its silence and its end are errors like others."""
        reading = True
        guard = watching.SilenceGuard(silence, call.cancel, lambda: reading)
        try:
            for message in call:
                reading = False
                yield message
                guard.hear()
                reading = True
        except grpc.RpcError as error:
            if guard.fired:
                raise unavailable(f"{self.address} was silent for {silence:g} s") from None
            raise decode(error, self.address) from None
        finally:
            guard.end()
            call.cancel()
        raise unavailable(f"{self.address} ended the stream")
