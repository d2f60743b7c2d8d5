"""The use case of alerts: lists them, tells all about one, and changes them as people ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from trueline_stores.state.database import StateDatabase

from trueline_server.alerts import acknowledging, deadlines
from trueline_server.alerts.acknowledging import Choice, Taken
from trueline_server.alerts.cases import AlertChange, Hears
from trueline_server.alerts.details import AlertDetails, details_of, groups_about, newest_groups
from trueline_server.alerts.groups import StoredGroup
from trueline_server.alerts.listing import ALERT_KINDS, AlertFilter, AlertPage, list_alerts
from trueline_server.cases import changes, requests, store
from trueline_server.cases.changes import Changed
from trueline_server.cases.model import Case, CaseState, EventKind, NewEvent
from trueline_server.cases.requests import UNREPEATED, Request
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that somebody asks for.

    Attributes:
        tenant: whose alert.
        alert: its id.
        by: who asks.
        note: for the timeline.
        etag: of the alert as the caller saw it; "" = whatever it is.
        request: by which it is known when it comes again.
        validate_only: whether it is only told what would be.

    """

    tenant: str
    alert: str
    by: str
    note: str = ""
    etag: str = ""
    request: Request = UNREPEATED
    validate_only: bool = False


# Makes a change of a case; None = there is nothing to change.
_Make = Callable[[Case, int], Changed | None]


class AlertService:
    """Answers about alerts and changes them, each change in one transaction. Methods block; thread-safe."""

    def __init__(self, state: StateDatabase, hears: Hears, clock: Clock) -> None:
        """`hears` hears of each change by hand, in its transaction."""
        self._state = state
        self._hears = hears
        self._clock = clock

    def list(
        self, tenant: str, chosen: AlertFilter, *, after: tuple[int, ...] | None = None, most: int = 100
    ) -> AlertPage:
        """A page of alerts, the newest first; see `list_alerts`."""
        with self._state.reading() as connection:
            return list_alerts(connection, tenant, chosen, after=after, most=most)

    def get(self, tenant: str, alert: str) -> AlertDetails:
        """All about an alert.

        Raises:
            TruelineError: UNKNOWN_CASE.

        """
        with self._state.reading() as connection:
            return details_of(connection, _found(connection, tenant, alert))

    def groups(
        self, tenant: str, *, route: str = "", after: tuple[int, str] | None = None, most: int = 100
    ) -> Sequence[StoredGroup]:
        """Groups that are not over, the newest first; see `newest_groups`."""
        with self._state.reading() as connection:
            return newest_groups(connection, tenant, route=route, after=after, most=most)

    def acknowledge(self, asked: Asked) -> Case:
        """Somebody has it.

        Raises:
            TruelineError: UNKNOWN_CASE; CASE_RESOLVED; ETAG_MISMATCH; INVALID_FIELD (the request id was given before).

        """
        return self._change(asked, lambda case, now_us: changes.acknowledge(case, asked.by, now_us, asked.note))

    def acknowledge_many(self, tenant: str, choice: Choice, by: str, note: str) -> Taken:
        """Somebody has all that are chosen and that nobody has, at most a thousand; see `acknowledging.take`."""
        with self._state.writing() as connection:
            now_us = self._clock()
            taken, cases = acknowledging.take(connection, tenant, choice, by, note, now_us=now_us)
            if cases:
                self._hears(connection, tenant, [AlertChange(case, True) for case in cases], now_us)
            return taken

    def count_nobodys(self, tenant: str, choice: Choice) -> Taken:
        """How many alerts are chosen and nobody has; see `acknowledging.count`."""
        with self._state.reading() as connection:
            return acknowledging.count(connection, tenant, choice)

    def unacknowledge(self, asked: Asked) -> Case:
        """Nobody has it any more; one that nobody has stays as it is. Raises as `acknowledge`."""

        def make(case: Case, now_us: int) -> Changed | None:
            if case.state is CaseState.OPEN:
                return None
            return changes.unacknowledge(case, asked.by, now_us, asked.note)

        return self._change(asked, make)

    def resolve(self, asked: Asked) -> Case:
        """It is over, whatever its rule says until it fires anew. Raises as `acknowledge`."""
        return self._change(
            asked, lambda case, now_us: changes.resolve(case, asked.by, now_us, asked.note), firing=False
        )

    def assign(self, asked: Asked, owner: str) -> Case:
        """It is somebody's to see to; "" = nobody's. Raises as `acknowledge`."""

        def make(case: Case, now_us: int) -> Changed:
            after, event = changes.assign(case, owner, asked.by, now_us)
            return after, replace(event, text=asked.note)

        return self._change(asked, make)

    def note(self, asked: Asked, meets: str = "") -> Case:
        """Something for the timeline, also of a resolved alert.

        Args:
            asked: `note` is what is noted; the etag is not looked at, because nothing is decided on what was read.
            meets: the deadline that is met with it; "" = none.

        Raises:
            TruelineError: UNKNOWN_CASE; INVALID_FIELD (no such deadline, or the request id was given before).

        """
        if asked.validate_only:
            with self._state.reading() as connection:
                case = _found(connection, asked.tenant, asked.alert)
                _with_deadline(connection, case, meets)
                return case
        with self._state.writing() as connection:
            now_us = self._clock()
            known = _answered(connection, asked, now_us)
            if known is not None:
                return known
            case = _found(connection, asked.tenant, asked.alert)
            for group in _with_deadline(connection, case, meets):
                deadlines.meet(connection, group, case.id, meets, now_us)
            details = {"meets": meets} if meets else {}
            event = NewEvent(case.id, EventKind.NOTE, asked.note, asked.by, details)
            store.insert_events(connection, asked.tenant, [event], now_us)
            _remember(connection, asked, now_us)
            return case

    def _change(self, asked: Asked, make: _Make, *, firing: bool = True) -> Case:
        if asked.validate_only:
            with self._state.reading() as connection:
                case = _found(connection, asked.tenant, asked.alert)
                changes.refuse_other_version(case, asked.etag)
                tried = make(case, self._clock())
                return case if tried is None else tried[0]
        with self._state.writing() as connection:
            now_us = self._clock()
            known = _answered(connection, asked, now_us)
            if known is not None:
                return known
            case = _found(connection, asked.tenant, asked.alert)
            changes.refuse_other_version(case, asked.etag)
            changed = make(case, now_us)
            if changed is not None:
                case, event = changed
                store.update_cases(connection, [case])
                store.insert_events(connection, asked.tenant, [event], now_us)
                self._hears(connection, asked.tenant, [AlertChange(case, firing)], now_us)
            _remember(connection, asked, now_us)
            return case


def _found(connection: Connection, tenant: str, alert: str) -> Case:
    case = store.find_case(connection, tenant, alert)
    if case is None or case.kind not in ALERT_KINDS:
        way_out = "; a backlog item is changed with UpdateBacklogItem" if case is not None else ""
        told = f"there is no alert '{alert[:64]}'{way_out or '; see ListAlerts (trueline alerts)'}"
        raise TruelineError("NOT_FOUND", "UNKNOWN_CASE", told, metadata={"case": alert[:64]})
    return case


def _answered(connection: Connection, asked: Asked, now_us: int) -> Case | None:
    """The alert as it is now, if the request was done before."""
    known = requests.answered(connection, asked.tenant, asked.request, now_us)
    return None if known is None else _found(connection, asked.tenant, known)


def _remember(connection: Connection, asked: Asked, now_us: int) -> None:
    requests.remember(connection, asked.tenant, asked.request, asked.alert, now_us)


def _with_deadline(connection: Connection, case: Case, name: str) -> list[StoredGroup]:
    """The groups of an alert that wait for a deadline; none if none is asked for."""
    if not name:
        return []
    groups = groups_about(connection, case)
    found = [group for group in groups if name in deadlines.names(group, case.id)]
    if not found:
        known = sorted({each for group in groups for each in deadlines.names(group, case.id)})
        way_out = f"it waits for {', '.join(known)}" if known else "it waits for none"
        raise invalid_field("meets", f"is '{name[:64]}', which is no deadline of {case.id}; {way_out}")
    return found
