"""Late events change points and KPIs that were judged: their rules are judged again, and what differs is told."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.columns import join_columns
from trueline_rules.alerting.vectors import AlertingError, Labels, Row
from trueline_rules.expressions.errors import FactValueError
from trueline_rules.model import RuleSet
from trueline_rules.rule_index import RuleIndex
from trueline_stores.state.database import StateDatabase

from trueline_server.alerts.corrected_kpis import CorrectedKpis
from trueline_server.alerts.evaluation import compile_rules
from trueline_server.alerts.fingerprints import fingerprint_of
from trueline_server.alerts.kpi_values import Rows
from trueline_server.alerts.reading import InstantReader, InstantValues
from trueline_server.cases import store
from trueline_server.cases.model import CaseKind, EventKind, NewEvent
from trueline_server.clock import Clock
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.model import Decision
from trueline_server.decisions.recording import DecisionRecorder, Judged

_log = logging.getLogger(__name__)

# Instants that are judged again in one look; of a flood of late events the newest instants tell enough.
MOST_INSTANTS = 20
_MOST_CHANGES = 10_000
_REMEMBERED = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Windows that were judged, and changed behind a log position.
_CHANGED = (
    "SELECT DISTINCT metric, toUnixTimestamp64Micro(pane_end) AS end_us FROM trueline.points "
    "WHERE tenant = {tenant:String} AND (metric, definition) IN {metrics:Array(Tuple(String, String))} "
    "AND revision > {position:UInt64} AND revision <= {up_to:UInt64} AND late_events > 0 "
    "AND pane_end <= fromUnixTimestamp64Micro({evaluated_us:Int64}, 'UTC') "
    "ORDER BY end_us DESC LIMIT {most:UInt32}"
)
# Of the events that came behind a log position the earliest that belongs to a time that was judged.
_EARLIEST = (
    "SELECT toUnixTimestamp64Micro(minOrNull(occurred_at)) FROM trueline.events WHERE tenant = {tenant:String} "
    "AND position > {position:UInt64} AND position <= {up_to:UInt64} "
    "AND occurred_at <= fromUnixTimestamp64Micro({evaluated_us:Int64}, 'UTC')"
)
# Instants of KPIs that are judged again in one look: each costs a statement for each KPI.
MOST_KPI_INSTANTS = 3
# States in which a condition held when it was judged.
_HELD = ("pending", "firing")


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at: changes behind one log position up to another, of windows up to the last instant judged."""

    position: int
    up_to: int
    evaluated_us: int
    interval_us: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A label set that should have been judged otherwise."""

    rule: CompiledRule
    labels: Labels
    row: Row | None
    was: str
    should: str


class Corrections:
    """Judges again what late events changed. What fires is judged by the newest points at the next instant anyhow; here
    it shows whether an instant that is past should have been judged otherwise. Methods block; used by one thread.
    """

    def __init__(
        self,
        rows: Rows,
        reader: InstantReader,
        state: StateDatabase,
        log: DecisionLog,
        recorder: DecisionRecorder,
        *,
        clock: Clock,
        kpis: tuple[CorrectedKpis, InstantReader] | None = None,
    ) -> None:
        """`kpis` computes KPIs anew, and reads everything else as `reader` does; None = KPIs are left as they were."""
        self._rows = rows
        self._kpis = kpis
        self._reader = reader
        self._state = state
        self._log = log
        self._recorder = recorder
        self._clock = clock
        self._indexes: OrderedDict[str, RuleIndex] = OrderedDict()

    def look(self, tenant: str, rules: RuleSet, look: Look) -> int:
        """Judge again what was corrected; answers how many label sets should have been judged otherwise.

        Raises:
            StoreError: a store cannot answer; the same look may be repeated, and tells nothing twice.

        """
        if look.up_to <= look.position:
            return 0
        index = self._index(rules)
        return self._look_at_metrics(tenant, rules, index, look) + self._look_at_kpis(tenant, rules, index, look)

    def _look_at_metrics(self, tenant: str, rules: RuleSet, index: RuleIndex, look: Look) -> int:
        metrics = [(name, rules.metrics[name].definition) for kind, name in sorted(index.sources) if kind == "metric"]
        if not metrics:
            return 0
        parameters = {**_parameters(tenant, look), "metrics": metrics, "most": _MOST_CHANGES}
        instants: dict[int, set[tuple[str, str]]] = {}
        for metric, end_us in self._rows.query(_CHANGED, parameters):
            # The first evaluation that saw the window whole.
            at_us = -(-int(end_us) // look.interval_us) * look.interval_us
            if at_us <= look.evaluated_us:
                instants.setdefault(at_us, set()).add(("metric", str(metric)))
        chosen = sorted(instants, reverse=True)[:MOST_INSTANTS]
        if len(chosen) < len(instants):
            told = "late events of tenant %s changed %d instants that were judged; the newest %d are judged again"
            _log.warning(told, tenant, len(instants), len(chosen))
        differing = 0
        for at_us in chosen:
            woken = index.woken_by(instants[at_us])
            values = self._reader.read(tenant, rules, woken, at_us, watermark_us=look.evaluated_us, waits=False)
            differing += self._differing(tenant, rules, woken, values, at_us)
        return differing

    def _look_at_kpis(self, tenant: str, rules: RuleSet, index: RuleIndex, look: Look) -> int:
        """Compute the KPIs that rules read anew, at a few instants between the earliest late event and the last one
        that was judged. A KPI looks far back, so a late event changes all values since; few of them tell enough."""
        sources = [source for source in index.sources if source[0] == "kpi"]
        if self._kpis is None or not sources:
            return 0
        ((first_us,),) = self._rows.query(_EARLIEST, _parameters(tenant, look))
        if first_us is None:
            return 0
        kpis, reader = self._kpis
        kpis.begin()
        differing = 0
        interval_us = look.interval_us
        for number in _spread(-(-int(first_us) // interval_us), look.evaluated_us // interval_us):
            at_us = number * interval_us
            woken = [rule for rule in index.woken_by(sources) if _is_judged(rule, at_us)]
            values = reader.read(tenant, rules, woken, at_us, watermark_us=look.evaluated_us, waits=False)
            if kpis.spent:
                told = "late events of tenant %s changed KPIs that take long to compute; not all are judged again"
                _log.warning(told, tenant)
                break
            differing += self._differing(tenant, rules, woken, values, at_us)
        return differing

    def _differing(
        self, tenant: str, rules: RuleSet, woken: Sequence[CompiledRule], values: InstantValues, at_us: int
    ) -> int:
        """Judge rules at an instant again and tell what differs."""
        found = [each for rule in woken for each in self._judge(tenant, rule, values, at_us)]
        self._tell(tenant, rules, found, at_us, values.watermark_us)
        return len(found)

    def _judge(self, tenant: str, rule: CompiledRule, values: InstantValues, at_us: int) -> list[_Found]:
        """The label sets of a rule that should have been judged otherwise; none of a rule that cannot be judged."""
        if any(source not in values.columns for source in rule.rule.facts.values()):
            return []
        now = _EPOCH + timedelta(microseconds=at_us)
        try:
            columns = {name: values.columns[source] for name, source in rule.rule.facts.items()}
            table = join_columns(columns, rule.looked_up)
            rows = {labels: table.row(number) for number, labels in enumerate(table.labels)}
            should = {labels: rule.severity(row.values, now) for labels, row in rows.items()}
        except (AlertingError, FactValueError):
            return []
        was = self._recorded(tenant, rule, at_us)
        found = []
        for labels in sorted({*was, *should}):
            before, after = was.get(labels, "inactive"), should.get(labels, "none")
            if before.startswith(_HELD) != (after in {"warning", "critical"}):
                found.append(_Found(rule, labels, rows.get(labels), before, after))
        return found

    def _recorded(self, tenant: str, rule: CompiledRule, at_us: int) -> dict[Labels, str]:
        """The states that label sets had at an instant, by the last transition of each until then."""
        return dict(self._log.last_states(tenant, rule.rule.metadata.name, at_us + 1))

    def _tell(self, tenant: str, rules: RuleSet, found: Sequence[_Found], at_us: int, watermark_us: int | None) -> None:
        decisions = [
            self._recorder.record(
                Judged(
                    rules=rules,
                    rule=each.rule,
                    tenant=tenant,
                    at_us=at_us,
                    watermark_us=watermark_us,
                    labels=each.labels,
                    facts={} if each.row is None else each.row.values,
                    decision=each.should,
                    before=each.was,
                    after=each.should,
                    reason=_reason(each),
                ),
                kind="correction",
            )
            for each in found
        ]
        if not decisions:
            return
        with self._state.writing() as connection:
            self._log.keep(connection, decisions)
            keys = {fingerprint_of(tenant, each.rule, each.labels): each for each in decisions}
            cases = store.find_open(connection, tenant, CaseKind.ALERT, keys)
            events = [_event(case.id, keys[key], at_us) for key, case in cases.items()]
            store.insert_events(connection, tenant, events, self._clock())

    def _index(self, rules: RuleSet) -> RuleIndex:
        known = self._indexes.pop(rules.revision, None) or RuleIndex(compile_rules(rules))
        self._indexes[rules.revision] = known
        while len(self._indexes) > _REMEMBERED:
            self._indexes.popitem(last=False)
        return known


def _parameters(tenant: str, look: Look) -> dict[str, Any]:
    return {"tenant": tenant, "position": look.position, "up_to": look.up_to, "evaluated_us": look.evaluated_us}


def _spread(first: int, last: int) -> list[int]:
    """At most a few numbers from the last to the first, as far apart from each other as they can be."""
    if last < first:
        return []
    steps = min(last - first, MOST_KPI_INSTANTS - 1)
    return [last - (last - first) * step // max(steps, 1) for step in range(steps + 1)]


def _is_judged(rule: CompiledRule, at_us: int) -> bool:
    """Whether live evaluation judges a rule at an instant."""
    return rule.rule.live and (not rule.rule.every_us or at_us % rule.rule.every_us == 0)


def _reason(found: _Found) -> str:
    if found.row is None:
        return "vanished"
    return {"none": "false", "unknown": "unknown"}.get(found.should, "true")


def _event(case_id: str, decision: Decision, at_us: int) -> NewEvent:
    at = (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%d %H:%M:%S UTC")
    should = "did not hold" if decision.decision in {"none", "unknown"} else f"held ({decision.decision})"
    text = f"late events changed what was judged at {at}: the condition {should}; it was {decision.before} then"
    return NewEvent(case_id, EventKind.NOTE, text, details={"decision": decision.id})
