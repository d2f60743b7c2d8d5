"""The services of a server over its backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trueline_server.alerts.notification_calls import NotificationCalls
from trueline_server.alerts.scheduled import evaluation_runs
from trueline_server.alerts.service import AlertService
from trueline_server.alerts.servicer import AlertServicer
from trueline_server.alerts.silence_calls import SilenceCalls
from trueline_server.alerts.silences import SilenceService
from trueline_server.alerts.watch import AlertWatch
from trueline_server.attribution.answer_pages import AnswerPages
from trueline_server.attribution.answering import Answering
from trueline_server.attribution.kept_answers import KeptAnswers
from trueline_server.attribution.long_calls import LongCalls
from trueline_server.attribution.servicer import AttributionServicer
from trueline_server.backtests.calls import BacktestCalls
from trueline_server.backtests.history import HistoryReader
from trueline_server.backtests.operation import BacktestOperation
from trueline_server.backtests.scheduled import backtest_runs
from trueline_server.backtests.service import Backtests
from trueline_server.bootstrap.backend import Backend
from trueline_server.bootstrap.churning import open_churn
from trueline_server.bootstrap.compliance import make_compliance
from trueline_server.bootstrap.reading import SECOND_US, confinement, metric_reader
from trueline_server.bootstrap.scoring import make_scoring
from trueline_server.bootstrap.studies import open_studies
from trueline_server.checkpoints.backlog import BacklogService
from trueline_server.checkpoints.cases import CheckpointCases
from trueline_server.checkpoints.mapping import result_of
from trueline_server.checkpoints.operation import CheckpointOperation
from trueline_server.checkpoints.readings import CellReader
from trueline_server.checkpoints.scheduled import checkpoint_runs
from trueline_server.checkpoints.service import CheckpointService
from trueline_server.checkpoints.servicer import CheckpointServicer
from trueline_server.churn.scheduled import churn_runs
from trueline_server.churn.servicer import ChurnServicer
from trueline_server.clock import Clock
from trueline_server.compliance.turning import TurnWatch
from trueline_server.decisions.calls import DecisionCalls
from trueline_server.decisions.explaining import DecisionExplainer
from trueline_server.decisions.requests import RequestLog
from trueline_server.facts.service import FactService
from trueline_server.facts.servicer import FactServicer
from trueline_server.facts.store import FactStore
from trueline_server.ingest.service import Ingestion, IngestLimits
from trueline_server.ingest.servicer import IngestServicer
from trueline_server.ingest.validate import EventLimits
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.mapping import KpiMapping
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.servicer import KpiServicer
from trueline_server.kpis.watch import AlignmentWatch
from trueline_server.metrics.hub import MetricHub
from trueline_server.metrics.reader import MetricReader
from trueline_server.metrics.servicer import MetricServicer
from trueline_server.metrics.watch import MetricWatch
from trueline_server.notifications.health import NotificationHealth
from trueline_server.operations.runner import Operations
from trueline_server.operations.servicer import OperationServicer
from trueline_server.rules.changing import RuleChanger
from trueline_server.rules.life_calls import LifeCalls
from trueline_server.rules.live_facts import LiveFacts
from trueline_server.rules.series_reader import SeriesReader
from trueline_server.rules.service import RuleService
from trueline_server.rules.servicer import RuleServicer
from trueline_server.rules.watch import RulesWatch
from trueline_server.schedules.model import RunKind
from trueline_server.schedules.runner import ScheduleRunner
from trueline_server.schedules.service import ScheduleService
from trueline_server.scoring.health_watch import HealthWatch
from trueline_server.settings import Settings
from trueline_server.simulation.operation import SimulationOperation
from trueline_server.simulation.service import Simulations
from trueline_server.studies.scheduled import study_runs
from trueline_server.studies.servicer import StudyServicer
from trueline_server.system.health import SystemHealth
from trueline_server.system.servicer import SystemServicer
from trueline_server.system.status import StatusReader
from trueline_server.transport.progress import Progress


@dataclass(frozen=True, slots=True)
class Around:
    """What services need beside the backend: how far it has come, who is told, and long work."""

    settings: Settings
    backend: Backend
    clock: Clock
    progress: Progress
    hub: MetricHub
    ingestion: Ingestion
    rules_watch: RulesWatch
    operations: Operations
    started_at_us: int


@dataclass(frozen=True, slots=True)
class Services:
    """The servicers by the names of their services, and what runs schedules and looks around, not started yet."""

    servicers: dict[str, object]
    schedules: ScheduleRunner
    turns: TurnWatch
    healths: HealthWatch


def make_services(around: Around) -> Services:
    """Make the services; the kinds of long work are registered then."""
    settings, backend, clock = around.settings, around.backend, around.clock
    tokens, book = backend.tokens, backend.book
    reader = metric_reader(settings, backend.warehouse, book.of, clock)
    kpis = KpiService(backend.materialiser, backend.evaluator, backend.clocks, book.of, clock)
    watch = MetricWatch(reader, around.hub, backend.log, tokens, clock)
    backtests = _backtests(settings, backend, reader, clock)
    backtest = BacktestOperation(backtests, around.operations)
    simulation = SimulationOperation(Simulations(backtests), around.operations)
    studies = open_studies(settings, backend, around.operations, clock)
    churn = open_churn(backend, around.operations, clock)
    others = {"study": study_runs(studies), "churn": churn_runs(churn.training)}
    checkpoints, schedules = _checkpoint_servicer(around, kpis, reader, backtest, others)
    compliance = make_compliance(settings, backend, around.ingestion, clock)
    scoring = make_scoring(settings, backend, around.ingestion, churn.service, clock)
    servicers: dict[str, object] = {
        "IngestService": IngestServicer(around.ingestion),
        "MetricService": MetricServicer(reader, watch, around.progress, tokens),
        "KpiService": _kpi_servicer(settings, backend, kpis, around.progress, clock),
        "FactService": FactServicer(FactService(FactStore(backend.warehouse), book.of, clock), tokens),
        "RuleService": RuleServicer(
            _rule_service(settings, backend, kpis, reader, clock),
            _life_calls(backend, around.rules_watch, clock),
            _decision_calls(backend, clock),
            tokens,
            backtests=BacktestCalls(backtest, simulation),
        ),
        "AlertService": _alert_servicer(backend, clock),
        "CheckpointService": checkpoints,
        "AttributionService": _attribution_servicer(around),
        "ScoringService": scoring.servicer,
        "StudyService": StudyServicer(studies, tokens, around.progress),
        "ChurnService": ChurnServicer(churn.service, churn.training, around.progress),
        "ComplianceService": compliance.servicer,
        "OperationService": OperationServicer(around.operations, tokens, settings.default_deadline_s),
        "SystemService": _system_servicer(around),
    }
    return Services(servicers, schedules, compliance.watch, scoring.watch)


def _checkpoint_servicer(
    around: Around, kpis: KpiService, reader: MetricReader, backtest: BacktestOperation, others: Mapping[str, RunKind]
) -> tuple[CheckpointServicer, ScheduleRunner]:
    """Checkpoints, and the schedules that run them."""
    backend, clock = around.backend, around.clock
    state, rules = backend.state, backend.book.of
    cells = CellReader(kpis, reader, FactStore(backend.warehouse))
    cases = CheckpointCases(backend.alerts.dispatcher.take)
    operation = CheckpointOperation(state, rules, cells, cases, around.operations, clock=clock, result_of=result_of)
    checkpoints = CheckpointService(state, rules, operation, backend.clocks, clock)
    kinds = {
        "checkpoint": checkpoint_runs(checkpoints),
        "backtest": backtest_runs(backtest),
        "evaluate": evaluation_runs(backend.alerts.live),
        **others,
    }
    runner = ScheduleRunner(state, rules, lambda: backend.clocks.read(clock()), kinds, clock)
    servicer = CheckpointServicer(
        checkpoints, BacklogService(state, clock), ScheduleService(state, rules, runner, clock), backend.tokens
    )
    return servicer, runner


def _attribution_servicer(around: Around) -> AttributionServicer:
    asking = around.backend.attribution
    answering = Answering(asking, AnswerPages(around.backend.tokens, KeptAnswers()))
    return AttributionServicer(answering, LongCalls(asking, answering, around.operations), around.progress)


def _system_servicer(around: Around) -> SystemServicer:
    backend = around.backend
    notifications = NotificationHealth(backend.alerts.notifications, backend.alerts.sender, around.clock)
    health = SystemHealth(
        backend.log.end,
        lambda: backend.writer.processed_position,
        backend.flow,
        lambda: backend.warehouse.query("SELECT 1"),
        backend.book,
        others=(notifications.read,),
    )
    return SystemServicer(
        StatusReader(backend.warehouse, around.settings.max_disorder_s * SECOND_US),
        health,
        backend.log.end,
        around.progress,
        rules=backend.book.of,
        started_at_us=around.started_at_us,
    )


def _alert_servicer(backend: Backend, clock: Clock) -> AlertServicer:
    alerts, tokens = backend.alerts, backend.tokens
    silences = SilenceService(backend.state, backend.book.of, alerts.dispatcher.silences_changed, clock)
    return AlertServicer(
        AlertService(backend.state, alerts.dispatcher.take, clock),
        AlertWatch(backend.state, tokens, clock, backend.cases),
        tokens,
        silences=SilenceCalls(silences, tokens, clock),
        notifications=NotificationCalls(alerts.notifications, tokens, alerts.sender.wake),
    )


def metric_hub(settings: Settings, backend: Backend, clock: Clock, position: int) -> MetricHub:
    """What feeds the watchers of metrics."""
    return MetricHub(
        metric_reader(settings, backend.warehouse, backend.book.of, clock),
        position,
        settings.publish_interval_ms / 1000,
    )


def ingestion_of(settings: Settings, backend: Backend, clock: Clock) -> Ingestion:
    """What takes events in."""
    limits = IngestLimits(
        max_events=settings.max_events_per_call,
        max_bytes=settings.max_bytes_per_call,
        max_lag_events=settings.max_lag_events,
        event=EventLimits(settings.max_properties, settings.max_property_bytes, settings.max_future_s),
    )
    return Ingestion(backend.log, lambda: backend.writer.processed_position, limits, clock)


def _kpi_servicer(
    settings: Settings, backend: Backend, service: KpiService, progress: Progress, clock: Clock
) -> KpiServicer:
    mapping = KpiMapping(settings.allowed_lateness_s * SECOND_US)
    watch = AlignmentWatch(
        service, backend.materialiser, mapping=mapping, progress=progress, tokens=backend.tokens, clock=clock
    )
    return KpiServicer(service, watch, mapping, progress, backend.tokens)


def _rule_service(
    settings: Settings, backend: Backend, kpis: KpiService, reader: MetricReader, clock: Clock
) -> RuleService:
    # An evaluator of its own: rule files that are tried out must not push the statements in force out of their cache.
    trial = Evaluator(confinement(settings, backend.warehouse), clock)
    facts = LiveFacts(kpis, reader, backend.warehouse, FactStore(backend.warehouse))
    requests = RequestLog(backend.decisions, backend.recorder)
    return RuleService(backend.book.of, facts, backend.clocks, clock, trial.problems, requests=requests)


def _life_calls(backend: Backend, watch: RulesWatch, clock: Clock) -> LifeCalls:
    changer = RuleChanger(backend.state, clock)
    return LifeCalls(backend.book, backend.activation, changer, watch, backend.tokens)


def _decision_calls(backend: Backend, clock: Clock) -> DecisionCalls:
    explainer = DecisionExplainer(backend.decisions, backend.book.rules_at, backend.recorder)
    return DecisionCalls(backend.decisions, explainer, backend.book, backend.tokens, clock)


def _backtests(settings: Settings, backend: Backend, reader: MetricReader, clock: Clock) -> Backtests:
    # Rule sets that are not in force, as in _rule_service.
    trial = Evaluator(confinement(settings, backend.warehouse), clock)
    series = SeriesReader(reader, FactStore(backend.warehouse))
    history = HistoryReader(series, trial, backend.clocks, clock)
    return Backtests(backend.book.of, backend.book, history, refused=trial.problems, clocks=backend.clocks, clock=clock)
