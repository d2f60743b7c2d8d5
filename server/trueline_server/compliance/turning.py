"""Looks at all controls from time to time, and tells those that turned as events that alert rules can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trueline_rules.compliance_model import TENANT, ComplianceFramework
from trueline_rules.model import RuleSet
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.compliance import store
from trueline_server.compliance.assessing import Assessments, Standing
from trueline_server.compliance.model import Status, Subject
from trueline_server.compliance.store import Turns
from trueline_server.facts.store import FactStore
from trueline_server.ingest.own_events import Appends, OwnEvent
from trueline_server.kpis.instants import Clocks
from trueline_server.looking import Looking
from trueline_server.rules.in_force import RulesOf

EVENT = "compliance_control_turned"
# Subjects that are judged in one go.
_PAGE = 1_000
_LOOK_EVERY_S = 1.0
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at a tenant found: the statuses to keep, and what turned since the last one."""

    turns: Mapping[tuple[Subject, str], Turns]
    events: list[OwnEvent]


class TurnWatch(Looking):
    """Tells controls that turned. `tick` blocks; one thread runs it."""

    def __init__(
        self,
        state: StateDatabase,
        facts: FactStore,
        assessments: Assessments,
        events: Appends,
        rules: RulesOf,
        *,
        clocks: Clocks,
        clock: Clock,
        interval_s: int,
    ) -> None:
        super().__init__("looking at controls", every_s=_LOOK_EVERY_S)
        self._state = state
        self._facts = facts
        self._assessments = assessments
        self._events = events
        self._rules = rules
        self._clocks = clocks
        self._clock = clock
        self._interval_us = interval_s * _SECOND_US
        self._due_us = 0

    def tick(self) -> None:
        """Look at all tenants if it is time.

        Raises:
            StoreError: a store cannot answer; what was not told is told by the next look.

        """
        now_us = self._clock()
        if now_us < self._due_us:
            return
        clocks = self._clocks.read(now_us)
        for tenant in self._tenants():
            if self._stopping.is_set():
                return
            # An event of today would move the instant judged of a tenant that has imported history alone.
            self.look(tenant, tell=tenant not in clocks or clocks[tenant].live)
        self._due_us = now_us + self._interval_us

    def look(self, tenant: str, *, tell: bool = True) -> int:
        """Look at a tenant's controls; how many turned since the last look. What is seen first has not turned.

        Events are appended before the statuses are kept: after a crash between, the next look makes the same ones,
        which are told once.
        """
        with self._state.reading() as connection:
            before = store.read_turns(connection, tenant)
        found = self._compare(tenant, before)
        if found.events and tell:
            self._events.append(tenant, found.events)
        changed = {key: turns for key, turns in found.turns.items() if turns != before.get(key)}
        if changed:
            with self._state.writing() as connection:
                store.keep_turns(connection, tenant, changed)
        return len(found.events)

    def _compare(self, tenant: str, before: Mapping[tuple[Subject, str], Turns]) -> _Look:
        look = _Look({}, [])
        turns: dict[tuple[Subject, str], Turns] = {}
        for kind in _kinds(self._rules(tenant)):
            after: str | None = ""
            while after is not None:
                page = self._assessments.postures(tenant, kind, after=after, most=_PAGE)
                for subject, standings in page.subjects.items():
                    for standing in standings:
                        key = (subject, standing.framework.name)
                        turns[key] = _turned(subject, standing, before.get(key), page.when.at_us, look.events)
                whole = kind == TENANT or len(page.subjects) < _PAGE
                after = None if whole else max(subject.id for subject in page.subjects)
        return _Look(turns, look.events)

    def _tenants(self) -> list[str]:
        with self._state.reading() as connection:
            known = store.tenants_of(connection)
        kinds = {kind for rules in (self._rules(tenant) for tenant in ("", *known)) for kind in _kinds(rules)}
        return sorted(known | set(self._facts.tenants(sorted(kinds))))


def _kinds(rules: RuleSet) -> list[str]:
    """Kinds of subjects that frameworks judge."""
    frameworks = rules.documents.get("ComplianceFramework", {}).values()
    kinds = {framework.subject for framework in frameworks if isinstance(framework, ComplianceFramework)}
    return sorted(kinds | {TENANT}) if kinds else []


def _turned(
    subject: Subject, standing: Standing, before: Turns | None, at_us: int, events: list[OwnEvent]
) -> dict[str, tuple[str, int]]:
    """The statuses to keep; what turned is added to the events."""
    found: dict[str, tuple[str, int]] = {}
    framework = standing.framework.framework
    for control, status in zip(framework.controls, standing.statuses, strict=True):
        former, turns = (before or {}).get(control.id, (status.value, 0))
        if former != status:
            turns += 1
            name = framework.metadata.name
            events.append(
                OwnEvent(
                    EVENT,
                    (subject.kind, subject.id, name, control.id, str(turns), former, status.value),
                    at_us,
                    {
                        "framework": name,
                        "control": control.id,
                        "subject_kind": subject.kind,
                        "subject": subject.fact_id,
                        "from": former,
                        "to": status.value,
                        "severity": control.severity.value,
                        # A number, so that the latest of a control tells a rule whether it fails.
                        "failing": float(status is Status.FAIL),
                    },
                )
            )
        found[control.id] = (status.value, turns)
    return found
