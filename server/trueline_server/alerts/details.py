"""All about one alert: timeline, groups, what was said of it, and why nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select
from trueline_rules.routing_model import SuppressedBy
from trueline_stores.state.case_tables import ALERT_GROUPS, CASE_EVENTS, NOTIFICATIONS, SILENCES

from trueline_server.alerts.groups import StoredGroup, groups_of, read_groups
from trueline_server.cases.model import Case, CaseEvent, EventKind
from trueline_server.cases.store import event_of
from trueline_server.notifications.content import cases_of
from trueline_server.notifications.model import Notification
from trueline_server.notifications.store import notification_of

MOST_EVENTS = 500
MOST_NOTIFICATIONS = 100
# Newest notifications of a group among which those of an alert are looked for.
_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Why an alert is not told in a group.

    Attributes:
        group_id: of the group.
        kind: why.
        by: silence, maintenance, inhibition or route.
        since_us: since when (µs since 1970, UTC).
        until_us: when it ends by itself; None = that depends on others.

    """

    group_id: str
    kind: SuppressedBy
    by: str
    since_us: int
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class AlertDetails:
    """All about an alert.

    Attributes:
        case: the alert.
        timeline: the oldest first, the last MOST_EVENTS.
        earlier_events: how many came before.
        groups: that it is in, or that still wait for something because of it, with the escalations about it.
        notifications: that tell of it, the newest first.
        suppressed: why it is not told, for each group in which that is so.

    """

    case: Case
    timeline: Sequence[CaseEvent]
    earlier_events: int
    groups: Sequence[StoredGroup]
    notifications: Sequence[Notification]
    suppressed: Sequence[Suppressed]


def details_of(connection: Connection, case: Case) -> AlertDetails:
    """All about an alert."""
    columns = CASE_EVENTS.c
    own = (columns.tenant == case.tenant, columns.case_id == case.id)
    newest = connection.execute(select(CASE_EVENTS).where(*own).order_by(columns.number.desc()).limit(MOST_EVENTS))
    timeline = [event_of(row) for row in newest.mappings()][::-1]
    total = connection.execute(select(func.count()).select_from(CASE_EVENTS).where(*own)).scalar_one()
    groups = _groups(connection, case, timeline)
    mentioned = {group.id for group in groups} | set(_mentioned(timeline))
    return AlertDetails(
        case=case,
        timeline=timeline,
        earlier_events=int(total) - len(timeline),
        groups=[_own(group, case) for group in groups],
        notifications=_notifications(connection, case, sorted(mentioned)),
        suppressed=_suppressed(connection, case, groups, timeline),
    )


def groups_about(connection: Connection, case: Case) -> list[StoredGroup]:
    """The groups that an alert is in, or that still wait for something because of it, e.g. for a post-mortem."""
    columns = CASE_EVENTS.c
    query = (
        select(CASE_EVENTS)
        .where(columns.tenant == case.tenant, columns.case_id == case.id)
        .order_by(columns.number.desc())
        .limit(MOST_EVENTS)
    )
    return _groups(connection, case, [event_of(row) for row in connection.execute(query).mappings()])


def newest_groups(
    connection: Connection, tenant: str, *, route: str = "", after: tuple[int, str] | None = None, most: int = 100
) -> list[StoredGroup]:
    """Groups, the newest first.

    Args:
        connection: in a transaction.
        tenant: whose.
        route: only of this one; "" = of all.
        after: opening and id of the last one of the page before; None = from the newest.
        most: at most so many.

    """
    rows = ALERT_GROUPS.c
    query = select(rows.id).where(rows.tenant == tenant)
    if route:
        query = query.where(rows.route == route)
    if after is not None:
        query = query.where((rows.opened_us < after[0]) | ((rows.opened_us == after[0]) & (rows.id < after[1])))
    ids = list(connection.execute(query.order_by(rows.opened_us.desc(), rows.id.desc()).limit(most)).scalars())
    found = read_groups(connection, tenant, ids)
    return [found[each] for each in ids if each in found]


def _groups(connection: Connection, case: Case, timeline: Iterable[CaseEvent]) -> list[StoredGroup]:
    inside = groups_of(connection, case.tenant, [case.key]).get(case.key, set())
    found = read_groups(connection, case.tenant, inside | set(_mentioned(timeline)))
    # A later alert about the same may be in the group that an earlier one was in.
    about = [
        group
        for group in found.values()
        if any(one.case == case.id for one in group.group.members.values())
        or any(case.id in each.cases for each in group.escalations)
    ]
    return sorted(about, key=lambda group: (group.group.opened_us, group.id))


def _own(group: StoredGroup, case: Case) -> StoredGroup:
    """A group with those of its escalations that are about an alert."""
    return replace(group, escalations=tuple(each for each in group.escalations if case.id in each.cases))


def _mentioned(timeline: Iterable[CaseEvent]) -> list[str]:
    return [str(event.details["group"]) for event in timeline if event.details.get("group")]


def _notifications(connection: Connection, case: Case, groups: Sequence[str]) -> list[Notification]:
    rows = NOTIFICATIONS.c
    found: list[Notification] = []
    for group in groups:
        query = (
            select(NOTIFICATIONS)
            .where(rows.tenant == case.tenant, rows.group_id == group)
            .order_by(rows.created_us.desc(), rows.id.desc())
            .limit(_LOOKED_AT)
        )
        each = (notification_of(row) for row in connection.execute(query).mappings())
        found += [one for one in each if case.id in cases_of(one.content)]
    found.sort(key=lambda one: (one.created_us, one.id), reverse=True)
    return found[:MOST_NOTIFICATIONS]


def _suppressed(
    connection: Connection, case: Case, groups: Iterable[StoredGroup], timeline: Sequence[CaseEvent]
) -> list[Suppressed]:
    """Of the groups that withhold it, why; the timeline tells it when it begins."""
    found = []
    for group in groups:
        if case.key not in group.group.withheld:
            continue
        for event in reversed(timeline):
            details = event.details
            if event.kind is EventKind.SUPPRESSED and details.get("group") == group.id and _is_kind(details):
                kind, by = SuppressedBy(details["kind"]), str(details.get("by", ""))
                until_us = event.details.get("until_us")
                if kind is SuppressedBy.SILENCED:
                    # Somebody may have ended it since.
                    until_us = _end_of(connection, case.tenant, by) or until_us
                found.append(Suppressed(group.id, kind, by, event.at_us, until_us))
                break
    return found


def _end_of(connection: Connection, tenant: str, silence: str) -> int | None:
    """When a silence ends that somebody put in; None of one of a rule file."""
    key = (SILENCES.c.tenant == tenant, SILENCES.c.id == silence)
    return connection.execute(select(SILENCES.c.ends_us).where(*key)).scalar()


def _is_kind(details: Any) -> bool:
    return details.get("kind") in set(SuppressedBy)
