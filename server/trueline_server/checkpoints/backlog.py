"""The use case of the backlog: lists items, tells all about one, and changes what people may change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select
from trueline_rules.checkpoint_model import Priority
from trueline_stores.state.case_tables import CASES
from trueline_stores.state.database import StateDatabase

from trueline_server.cases import changes, requests
from trueline_server.cases import store as case_store
from trueline_server.cases.changes import Changed, refuse_other_version
from trueline_server.cases.model import Case, CaseEvent, CaseKind, CaseState, EventKind, NewEvent
from trueline_server.cases.requests import UNREPEATED, Request
from trueline_server.checkpoints.misses import SEVERITY_LABEL
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field

_MOST_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class BacklogItem:
    """An item with its timeline, the oldest event first.

    `severity` of the case is the priority. Its `details`, of those from checkpoints: policy, cell, checkpoint (the last
    that missed), first_checkpoint, misses (how many), value, target, direction, unit, missed_by, action, runbook,
    escalation (id of its case, absent if there is none), priority_by (who set the priority, absent if nobody did),
    resolved_by_checkpoint (absent while it is open, or if somebody called it done and no checkpoint has passed since).
    """

    case: Case
    events: tuple[CaseEvent, ...]


@dataclass(frozen=True, slots=True)
class BacklogChange:
    """What is to be changed of an item; None = stays.

    Attributes:
        owner: who sees to it; "" = nobody.
        priority: how urgent; checkpoints do not change it any more.
        state: RESOLVED = done; ACKNOWLEDGED = somebody works on it; OPEN = nobody does any more.
        note: for the timeline; "" = none.

    """

    owner: str | None = None
    priority: Priority | None = None
    state: CaseState | None = None
    note: str = ""


class BacklogService:
    """Answers about the backlog. Methods block; thread-safe."""

    def __init__(self, state: StateDatabase, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def list(
        self,
        tenant: str,
        *,
        states: Collection[CaseState] = (),
        priority: Priority | None = None,
        owner: str | None = None,
        policy: str = "",
        before: int | None = None,
        most: int = 100,
    ) -> Sequence[Case]:
        """Items, the newest first.

        Args:
            tenant: whose.
            states: only in these; () = all.
            priority: only of this one; None = all.
            owner: only of this one ("" = of nobody); None = all.
            policy: only from checkpoints of this policy; "" = all.
            before: only with numbers below this one; None = all.
            most: at most so many.

        """
        table = CASES.c
        query = select(table.id).where(table.tenant == tenant, table.kind == CaseKind.BACKLOG.value)
        if states:
            query = query.where(table.state.in_([state.value for state in states]))
        if priority is not None:
            query = query.where(table.severity == priority.value)
        if owner is not None:
            query = query.where(table.owner == owner)
        if policy:
            query = query.where(table.rule == policy)
        if before is not None:
            query = query.where(table.number < before)
        with self._state.reading() as connection:
            ids = connection.execute(query.order_by(table.number.desc()).limit(most)).scalars().all()
            found = [case_store.find_case(connection, tenant, str(each)) for each in ids]
        return [case for case in found if case is not None]

    def get(self, tenant: str, item: str) -> BacklogItem:
        """An item by its id, "backlog-3".

        Raises:
            TruelineError: UNKNOWN_CASE.

        """
        with self._state.reading() as connection:
            case = _find(connection, tenant, item)
            return BacklogItem(case, tuple(case_store.events_of(connection, tenant, item, most=_MOST_EVENTS)))

    def update(
        self,
        tenant: str,
        item: str,
        change: BacklogChange,
        *,
        by: str,
        etag: str = "",
        request: Request = UNREPEATED,
        validate_only: bool = False,
    ) -> Case:
        """Change an item; all of the change or nothing. With `validate_only` it is only told what it would be.

        A request that comes again changes nothing more and is answered with the item as it is then.

        Raises:
            TruelineError: UNKNOWN_CASE; CASE_RESOLVED; ETAG_MISMATCH; INVALID_FIELD (nothing to change, or the request
                id was given with another request).

        """
        if change == BacklogChange():
            raise invalid_field("update_mask", "names nothing to change: owner, priority, state or note")
        if validate_only:
            with self._state.reading() as connection:
                case = _find(connection, tenant, item)
                refuse_other_version(case, etag)
                return _changed(case, change, by, self._clock())[0]
        with self._state.writing() as connection:
            now_us = self._clock()
            case = _find(connection, tenant, item)
            if requests.answered(connection, tenant, request, now_us) is not None:
                return case
            refuse_other_version(case, etag)
            after, events = _changed(case, change, by, now_us)
            case_store.update_cases(connection, [after])
            case_store.insert_events(connection, tenant, events, now_us)
            requests.remember(connection, tenant, request, item, now_us)
            return after


def _changed(case: Case, change: BacklogChange, by: str, now_us: int) -> tuple[Case, list[NewEvent]]:
    events: list[NewEvent] = []
    after = case

    def take(changed: Changed) -> None:
        nonlocal after
        after = changed[0]
        events.append(changed[1])

    if change.owner is not None and change.owner != after.owner:
        take(changes.assign(after, change.owner, by, now_us))
    if change.priority is not None:
        if not after.is_open:
            # Refuses with the words of all changes of what is resolved.
            changes.assign(after, after.owner, by, now_us)
        told = {"priority": change.priority.value, "priority_by": by}
        take(changes.change_details(after, told, by, now_us))
        severity = change.priority.value
        after = replace(after, severity=severity, labels={**after.labels, SEVERITY_LABEL: severity})
    if change.state is not None and change.state is not after.state:
        take(_moved(after, change.state, by, now_us))
    if change.note:
        events.append(NewEvent(case.id, EventKind.NOTE, change.note, by))
    # One change for those who hold the former version, however many fields it has.
    return replace(after, changed_us=now_us, version=case.version + 1), events


def _moved(case: Case, state: CaseState, by: str, now_us: int) -> Changed:
    if state is CaseState.RESOLVED:
        return changes.resolve(case, by, now_us)
    if state is CaseState.ACKNOWLEDGED:
        return changes.acknowledge(case, by, now_us)
    return changes.unacknowledge(case, by, now_us)


def _find(connection: Connection, tenant: str, item: str) -> Case:
    found = case_store.find_case(connection, tenant, item)
    if found is None or found.kind is not CaseKind.BACKLOG:
        raise TruelineError(
            "NOT_FOUND",
            "UNKNOWN_CASE",
            f"no backlog item '{item}' is kept; see ListBacklogItems (trueline backlog list)",
            metadata={"case": item},
        )
    return found
