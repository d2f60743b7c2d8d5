"""The numbers of a running server as Prometheus reads them: asked of the parts at each scrape, kept nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from trueline_server.rules.book import RuleBook
from trueline_server.rules.in_force import ACTIVE, EVERYBODY, SHADOW, LoadFailure, RuleChange

# Kinds of changes that are told as 0 until there is one: an alert on a rate needs the value before.
_KINDS = ("activated", "rolled_back", "shadowed", "shadow_ended", "loaded", "load_failed", "load_mended")


@dataclass(frozen=True, slots=True)
class DecisionNumbers:
    """Decisions written since the start by kind, dropped ones, and those that wait for the warehouse."""

    written: Mapping[str, int]
    dropped: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Sources:
    """What is asked at a scrape; each answers at once, or reads the state database.

    Attributes:
        log_end: last log position accepted.
        processed: last log position that is wholly in the warehouse.
        flow_healthy: whether the dataflow runs and nothing is wrong.
        flow_failures: how often something failed in it since the start.
        revisions: (tenant, stage) -> revision; tenants with rules of their own, and EVERYBODY.
        failures: tenant -> why its rules could not follow their files.
        evaluations: alert rules judged since the start, once for each instant, in force and in the shadow.
        decisions: of the decision log.
        others: families of further parts.

    """

    log_end: Callable[[], int]
    processed: Callable[[], int]
    flow_healthy: Callable[[], bool]
    flow_failures: Callable[[], int]
    revisions: Callable[[], Mapping[tuple[str, str], str]]
    failures: Callable[[], Mapping[str, LoadFailure]]
    evaluations: Callable[[], int]
    decisions: Callable[[], DecisionNumbers]
    others: tuple[Callable[[], Iterable[Metric]], ...] = ()


class ServerCollector(Collector):
    """Answers scrapes, on the threads of whoever serves them; hears of changes of rules on the activating thread."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._changes: Counter[str] = Counter(dict.fromkeys(_KINDS, 0))

    def note(self, change: RuleChange) -> None:
        """Count a change of rules; to be subscribed to the rule book."""
        self._changes[change.kind] += 1

    def describe(self) -> Iterator[Metric]:
        """Nothing: names are told with the numbers, so that registering asks no part."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All families."""
        info = GaugeMetricFamily("trueline_info", "The version that runs.", labels=["version"])
        info.add_metric([version("trueline")], 1)
        yield info
        yield from self._stream()
        yield from self._rules()
        yield from self._decisions()
        for part in self._sources.others:
            yield from part()

    def _stream(self) -> Iterator[Metric]:
        # The processed position first: read the other way round, a lag could be told that never was.
        processed, end = self._sources.processed(), self._sources.log_end()
        yield GaugeMetricFamily("trueline_log_position", "Last log position accepted.", end)
        yield GaugeMetricFamily("trueline_processed_position", "Last log position wholly in the warehouse.", processed)
        yield GaugeMetricFamily("trueline_lag_events", "Positions accepted and not processed.", max(end - processed, 0))
        healthy = float(self._sources.flow_healthy())
        yield GaugeMetricFamily("trueline_dataflow_up", "1 while the dataflow runs and nothing is wrong.", healthy)
        failures = self._sources.flow_failures()
        yield CounterMetricFamily("trueline_dataflow_failures", "Failures in the dataflow since the start.", failures)

    def _rules(self) -> Iterator[Metric]:
        told = 'Revision of the rules in force ("" = of all without their own) and in the shadow.'
        info = GaugeMetricFamily("trueline_rules_info", told, labels=["tenant", "stage", "revision"])
        for (tenant, stage), revision in sorted(self._sources.revisions().items()):
            info.add_metric([tenant, stage, revision], 1)
        yield info
        told = 'Whether rule files do not load, the operator\'s ("") or those of a tenant; the last good rules stay.'
        failed = GaugeMetricFamily("trueline_rules_load_failed", told, labels=["tenant"])
        failures = self._sources.failures()
        for tenant in sorted({EVERYBODY, *failures}):
            failed.add_metric([tenant], float(tenant in failures))
        yield failed
        changes = CounterMetricFamily("trueline_rule_changes", "Changes of rules since the start.", labels=["kind"])
        for kind, count in sorted(self._changes.items()):
            changes.add_metric([kind], count)
        yield changes
        told = "Alert rules judged since the start, in force and in the shadow, once for each instant."
        yield CounterMetricFamily("trueline_rule_evaluations", told, self._sources.evaluations())

    def _decisions(self) -> Iterator[Metric]:
        numbers = self._sources.decisions()
        told = "Decisions written to the decision log since the start."
        written = CounterMetricFamily("trueline_decisions_written", told, labels=["kind"])
        for kind, count in sorted({"transition": 0, "request": 0, SHADOW: 0, **numbers.written}.items()):
            written.add_metric([kind], count)
        yield written
        told = "Label sets that the rules in force and those in the shadow decided differently, since the start."
        yield CounterMetricFamily("trueline_shadow_differences", told, numbers.written.get(SHADOW, 0))
        yield CounterMetricFamily(
            "trueline_decisions_dropped", "Decisions on request that could not be logged.", numbers.dropped
        )
        yield GaugeMetricFamily("trueline_decisions_waiting", "Decisions on their way to the log.", numbers.waiting)


def revisions_in(book: RuleBook) -> dict[tuple[str, str], str]:
    """Revisions by tenant and stage."""
    active = {(tenant, ACTIVE): rules.revision for tenant, rules in book.rule_sets().items()}
    return active | {(tenant, SHADOW): rules.revision for tenant, rules in book.shadows().items()}
