"""Entries of what happened to alerts: opened, changed, untold, escalated, taken by somebody, over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trueline_server.cases.model import SYSTEM, Case, CaseEvent, CaseKind, EventKind
from trueline_server.simulation.around import MOST_NAMED, Around
from trueline_server.simulation.model import Entry, EntryKind
from trueline_server.simulation.wording import NO_CHANNELS, RESOLVED_IN_TIME, alike, subject_of, why_untold

_BY_HAND = frozenset({EventKind.ACKNOWLEDGED, EventKind.UNACKNOWLEDGED})


def case_entries(events: Iterable[CaseEvent], around: Around, silences: Mapping[str, str]) -> Iterator[Entry]:
    """The entries of all events, in order.

    Args:
        events: in order.
        around: of the same simulation.
        silences: what silences are called, by id.

    """
    made = _Made(around, silences)
    for said in _together(events, around.cases):
        yield from made.of(said)


@dataclass(slots=True)
class _Said:
    """Events that say the same of several alerts at an instant."""

    first: CaseEvent
    cases: list[Case] = field(default_factory=list)


def _together(events: Iterable[CaseEvent], cases: Mapping[str, Case]) -> list[_Said]:
    """What is said of a group is said of all of it; else alerts are told one by one, since each has its own values."""
    found: dict[tuple[Any, ...], _Said] = {}
    for event in events:
        case = cases[event.case_id]
        of = case.rule if event.kind in _BY_HAND else event.details.get("group") or case.id
        found.setdefault((event.at_us, event.kind, event.actor, event.text, of), _Said(event)).cases.append(case)
    return list(found.values())


class _Made:
    def __init__(self, around: Around, silences: Mapping[str, str]) -> None:
        self._around = around
        self._silences = silences
        # By alert, as it was when an entry is made.
        self._severity: dict[str, str] = {}
        # Alerts that were suppressed: that they are over in time is not why nobody was told.
        self._untold: set[str] = set()

    def of(self, said: _Said) -> Iterator[Entry]:
        event, cases = said.first, said.cases
        match event.kind:
            case EventKind.OPENED:
                yield from self._opened(event, cases)
            case EventKind.SUPPRESSED:
                yield from self._suppressed(event, cases)
            case EventKind.ESCALATED:
                yield self._escalated(event, cases)
            case EventKind.DEADLINE_MISSED:
                which = str(event.details.get("which", ""))
                yield self._about(event, cases, EntryKind.DEADLINE_MISSED, event.text, deadline=which)
            case EventKind.SEVERITY_CHANGED:
                before, after = str(event.details["from"]), str(event.details["to"])
                self._severity[cases[0].id] = after
                yield self._about(event, cases, EntryKind.CHANGED, f"{before} → {after}: {event.text}")
            case EventKind.NOTE:
                kind, meets = (
                    EntryKind.CHANGED if event.actor == SYSTEM else EntryKind.NOTED,
                    event.details.get("meets"),
                )
                yield self._about(event, cases, kind, f"{meets} is done" if meets else event.text)
            case _ if event.kind in _PLAIN:
                kind, text = _PLAIN[event.kind]
                yield self._about(event, cases, kind, event.text or text.format(by=event.actor))
        # Who was told, and what was not delivered, shows from the messages.

    def _opened(self, event: CaseEvent, cases: Sequence[Case]) -> Iterator[Entry]:
        (case,) = cases
        self._severity[case.id] = str(event.details.get("severity") or case.severity)
        if case.kind is CaseKind.BACKLOG:
            yield self._about(event, cases, EntryKind.BACKLOG, "put into the backlog; nobody is told")
            return
        yield self._about(event, cases, EntryKind.OPENED, event.text)
        destinations = self._around.destinations(case.labels)
        if not any(one.channels or one.escalation for one in destinations):
            route = ", ".join("/".join(one.path) for one in destinations)
            text = f"route {route} has neither channels nor an escalation"
            yield self._about(event, cases, EntryKind.UNTOLD, text, reason=NO_CHANNELS, route=route)

    def _suppressed(self, event: CaseEvent, cases: Sequence[Case]) -> Iterator[Entry]:
        route, kind, by = (str(event.details.get(name, "")) for name in ("route", "kind", "by"))
        if kind == RESOLVED_IN_TIME:
            cases = [case for case in cases if case.id not in self._untold]
            if not cases:
                return
        self._untold.update(case.id for case in cases)
        yield self._about(
            event,
            cases,
            EntryKind.UNTOLD,
            why_untold(kind, self._silences.get(by, by)),
            reason=kind,
            route=route,
            channels=self._around.channels_of(route),
        )

    def _escalated(self, event: CaseEvent, cases: Sequence[Case]) -> Entry:
        details = event.details
        if details.get("exhausted"):
            return self._about(event, cases, EntryKind.EXHAUSTED, event.text)
        level = str(details.get("level", ""))
        missing = bool(details.get("empty")) or "reaches nobody" in event.text
        return self._about(
            event,
            cases,
            EntryKind.UNREACHED if missing else EntryKind.LEVEL,
            event.text,
            level=level,
            policy=str(details.get("policy") or self._around.policy_of(cases[0], level)),
            attempt=int(details.get("try", 0)),
            channels=tuple(details.get("recipients", ())),
        )

    def _about(
        self,
        event: CaseEvent,
        cases: Sequence[Case],
        kind: EntryKind,
        text: str,
        channels: tuple[str, ...] = (),
        **more: Any,
    ) -> Entry:
        """An entry about the alerts of an event."""
        rules = list(dict.fromkeys(case.rule for case in cases))
        labels = alike({**case.labels, "severity": self._severity.get(case.id, case.severity)} for case in cases)
        rule = rules[0] if len(rules) == 1 else ""
        people = self._around.people_of(channels)
        return Entry(
            event.at_us,
            kind,
            subject_of(rule or f"{len(rules)} rules", labels, len(cases)),
            text,
            rule=rule,
            labels=labels,
            severity=labels.get("severity", ""),
            alerts=tuple(case.id for case in cases[:MOST_NAMED]),
            alerts_total=len(cases),
            channels=channels,
            people=people if event.actor == SYSTEM else (event.actor,),
            **more,
        )


_PLAIN = {
    EventKind.RESOLVED: (EntryKind.RESOLVED, "its condition does not hold any more"),
    EventKind.ACKNOWLEDGED: (EntryKind.ACKNOWLEDGED, "{by} has it; no further level is told"),
    EventKind.UNACKNOWLEDGED: (EntryKind.UNACKNOWLEDGED, "{by} gives it back"),
}
