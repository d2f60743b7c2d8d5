"""Opens, changes and resolves the cases of alerts, in the transaction of the evaluation that calls for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from trueline_rules.alerting.model import Instance, State, Transition

from trueline_server.alerts.evaluation import Evaluated, RuleTransitions
from trueline_server.alerts.wanted import WantedCase, keys_of, wanted_cases
from trueline_server.cases import changes, store
from trueline_server.cases.model import SYSTEM, Case, CaseKind, EventKind, NewCase, NewEvent
from trueline_server.clock import Clock
from trueline_server.decisions.recording import sensitive_facts


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert as it is now, and whether it is over."""

    case: Case
    firing: bool


# Hears of alerts that were opened, changed or resolved, in the same transaction: connection, tenant, alerts, now.
Hears = Callable[[Connection, str, Sequence[AlertChange], int], None]


class AlertCases:
    """Keeps the cases of alerts as evaluations call for them: one open case for each alert, whatever is repeated."""

    def __init__(self, hears: Hears, clock: Clock) -> None:
        self._hears = hears
        self._clock = clock

    def take(self, connection: Connection, evaluated: Evaluated) -> None:
        """Take what an evaluation changed."""
        wanted = [found for each in evaluated.evaluation.changed for found in _wanted(evaluated, each)]
        if not wanted:
            return
        now_us = self._clock()
        tenant = evaluated.tenant
        keys = [key for each in wanted for key in each.keys]
        known = store.find_open(connection, tenant, CaseKind.ALERT, keys)
        opened: list[NewCase] = []
        changed: list[Case] = []
        events: list[NewEvent] = []
        over: list[Case] = []
        for each in wanted:
            cases = {case.key: case for case in each.cases}
            for key in each.keys:
                case = known.get(key)
                if key in cases and case is None and key not in each.had:
                    opened.append(_new(cases[key], each.rule, evaluated.rules.revision))
                elif key in cases and case is not None:
                    after, told = _moved(case, cases[key], each.instance, evaluated.rules.revision, now_us)
                    changed.append(after)
                    events += told
                elif case is not None:
                    ends_us = evaluated.instant_us
                    after, event = changes.resolve(case, SYSTEM, now_us, each.instance.message, ends_us=ends_us)
                    over.append(after)
                    events.append(event)
        new = store.insert_cases(connection, tenant, opened, now_us)
        store.update_cases(connection, [*changed, *over])
        events += [NewEvent(case.id, EventKind.OPENED, case.text, SYSTEM, {"severity": case.severity}) for case in new]
        store.insert_events(connection, tenant, events, now_us)
        self._hears(
            connection,
            tenant,
            [*(AlertChange(case, True) for case in [*new, *changed]), *(AlertChange(case, False) for case in over)],
            now_us,
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one transition calls for: all keys of its cases, those that are to be open, and those that were before.

    What was to be open before and is not was resolved by hand, and stays so until the alert is over.
    """

    rule: str
    instance: Instance
    keys: tuple[str, ...]
    cases: list[WantedCase]
    had: frozenset[str]


def _wanted(evaluated: Evaluated, changed: RuleTransitions) -> list[_Wanted]:
    found = []
    hidden = frozenset() if changed.rule is None else sensitive_facts(changed.rule, evaluated.rules)
    for transition in changed.transitions:
        if not _matters(transition):
            continue
        after = transition.after
        cases: list[WantedCase] = []
        had: frozenset[str] = frozenset()
        if changed.rule is not None:
            cases = wanted_cases(evaluated.tenant, changed.rule, after, hidden)
            before = wanted_cases(evaluated.tenant, changed.rule, transition.before, hidden)
            had = frozenset(case.key for case in before)
        keys = keys_of(evaluated.tenant, changed.name, after.labels)
        found.append(_Wanted(changed.name, after, keys, cases, had))
    return found


def _matters(transition: Transition) -> bool:
    """Whether it can open, change or end a case: what is only pending has none."""
    quiet = {State.INACTIVE, State.PENDING}
    return not (transition.before.state in quiet and transition.after.state in quiet)


def _new(wanted: WantedCase, rule: str, revision: str) -> NewCase:
    return NewCase(
        kind=CaseKind.ALERT,
        key=wanted.key,
        severity=wanted.severity,
        title=wanted.title,
        text=wanted.text,
        labels=wanted.labels,
        details=wanted.details,
        rule=rule,
        revision=revision,
        starts_us=wanted.starts_us,
    )


def _moved(
    case: Case, wanted: WantedCase, instance: Instance, revision: str, now_us: int
) -> tuple[Case, list[NewEvent]]:
    """An open alert whose severity or state changed."""
    events: list[NewEvent] = []
    after = case
    if case.severity != wanted.severity:
        after, event = changes.change_severity(case, wanted.severity, now_us, wanted.text)
        events.append(event)
    before_state = case.details.get("state")
    if before_state != instance.state.value:
        events.append(NewEvent(case.id, EventKind.NOTE, _STATES.get(instance.state, instance.state.value)))
    version = case.version + 1
    after = replace(
        after,
        text=wanted.text,
        labels=wanted.labels,
        details={**case.details, **wanted.details},
        revision=revision,
        changed_us=now_us,
        version=version,
    )
    return after, events


_STATES = {
    State.FIRING: "the condition holds again",
    State.RECOVERING: "the condition does not hold any more; it fires on until keep_firing_for is over",
    State.NO_DATA: "facts that the rule reads have no value any more, so nobody knows whether it is over",
    State.ERROR: "the rule cannot be evaluated any more, so nobody knows whether it is over",
}
