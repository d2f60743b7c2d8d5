"""Groups of alerts in the state database. Everything here runs in the caller's transaction."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, select, update
from trueline_rules.alerting.vectors import Labels, labels_of
from trueline_rules.routing.groups import Group, Member, Sent
from trueline_rules.routing_model import Destination, TimeInterval, Timing
from trueline_stores.state.case_tables import ALERT_GROUPS, GROUP_MEMBERS

from trueline_server.alerts.escalation import Escalation, read_escalations, write_escalations
from trueline_server.cases.model import Case

_BYTES = 16
_CHUNK = 500
# Made once: thousands of groups may be looked at in a tick, and making such a statement takes longer than running it.
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_MEMBERS_OF = select(GROUP_MEMBERS).where(GROUP_MEMBERS.c.tenant == bindparam("of"), GROUP_MEMBERS.c.group_id.in_(_IDS))
_GROUPS = select(ALERT_GROUPS).where(ALERT_GROUPS.c.tenant == bindparam("of"), ALERT_GROUPS.c.id.in_(_IDS))
_KEY = (ALERT_GROUPS.c.tenant == bindparam("of"), ALERT_GROUPS.c.id == bindparam("which"))
_DELETE = delete(ALERT_GROUPS).where(*_KEY)
_UPDATE = update(ALERT_GROUPS).where(*_KEY)


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A group with everything that is kept of it.

    Attributes:
        tenant: whose.
        id: digest of tenant, route and labels.
        labels: that its alerts share.
        destination: as the rules had it when the group was looked at last.
        revision: of these rules.
        group: of the pure machine.
        flushes: how often it was flushed.
        escalations: those that are not over, the oldest first.

    """

    tenant: str
    id: str
    labels: Labels
    destination: Destination
    revision: str
    group: Group
    flushes: int = 0
    escalations: tuple[Escalation, ...] = ()

    @property
    def escalated(self) -> frozenset[str]:
        """The cases that a live escalation is about."""
        return frozenset().union(*(each.cases for each in self.escalations if each.live))


def group_id(tenant: str, path: Sequence[str], labels: Labels) -> str:
    """32 hex digits over tenant, route and labels."""
    canonical = json.dumps([tenant, list(path), labels], ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=_BYTES).hexdigest()


def read_groups(connection: Connection, tenant: str, ids: Collection[str]) -> dict[str, StoredGroup]:
    """Groups by id, with their members."""
    found: dict[str, StoredGroup] = {}
    listed = sorted(ids)
    for start in range(0, len(listed), _CHUNK):
        part = listed[start : start + _CHUNK]
        members: defaultdict[str, list[Any]] = defaultdict(list)
        which = {"of": tenant, "ids": part}
        for row in connection.execute(_MEMBERS_OF, which):
            members[row.group_id].append(row)
        escalations = read_escalations(connection, tenant, part)
        for row in connection.execute(_GROUPS, which):
            found[row.id] = _stored(row, members[row.id], escalations.get(row.id, ()))
    return found


def groups_of(connection: Connection, tenant: str, fingerprints: Collection[str]) -> dict[str, set[str]]:
    """The ids of the groups that alerts are in, by fingerprint."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    listed = sorted(fingerprints)
    own = GROUP_MEMBERS.c
    for start in range(0, len(listed), _CHUNK):
        part = listed[start : start + _CHUNK]
        query = select(own.fingerprint, own.group_id).where(own.tenant == tenant, own.fingerprint.in_(part))
        for fingerprint, group in connection.execute(query):
            found[fingerprint].add(group)
    return found


def told_elsewhere(connection: Connection, stored: StoredGroup, cases: Iterable[Case]) -> dict[str, frozenset[str]]:
    """The channels that other groups told of alerts as firing, by case; those that they are told of later are not."""
    known = {case.key: case.id for case in cases}
    inside = groups_of(connection, stored.tenant, known)
    groups = read_groups(connection, stored.tenant, set().union(*inside.values()) - {stored.id})
    found = {}
    for key, case in known.items():
        sent = [groups[name] for name in inside.get(key, ()) if name in groups and _was_told(groups[name], key, case)]
        found[case] = frozenset(channel for group in sent for channel in group.destination.channels)
    return found


def _was_told(stored: StoredGroup, fingerprint: str, case: str) -> bool:
    sent = stored.group.sent
    return sent is not None and sent.cases.get(fingerprint) == case


def withheld_groups(connection: Connection, tenant: str) -> list[str]:
    """The ids of the groups some of whose alerts were suppressed at their last flush."""
    rows = ALERT_GROUPS.c
    found = connection.execute(select(rows.id, rows.withheld).where(rows.tenant == tenant))
    return [row.id for row in found if row.withheld]


def look_at(connection: Connection, tenant: str, ids: Iterable[str], now_us: int) -> None:
    """Have groups be due now, before their time."""
    rows = ALERT_GROUPS.c
    for name in ids:
        connection.execute(
            update(ALERT_GROUPS).where(rows.tenant == tenant, rows.id == name).values(next_flush_us=now_us)
        )


def firing_alerts(connection: Connection, tenant: str) -> list[tuple[str, Mapping[str, str]]]:
    """Fingerprint and labels of all alerts that fire, those first that have fired longest."""
    own = GROUP_MEMBERS.c
    query = select(own.fingerprint, own.labels).where(own.tenant == tenant, own.firing).order_by(own.since_us)
    return list({row.fingerprint: (row.fingerprint, dict(row.labels)) for row in connection.execute(query)}.values())


def write_group(connection: Connection, before: StoredGroup | None, after: StoredGroup) -> None:
    """Write a group, and what changed of its members and escalations; one that waits for nothing is deleted."""
    key = {"of": after.tenant, "which": after.id}
    known = () if before is None else before.escalations
    write_escalations(connection, after.tenant, after.id, known, after.escalations)
    if after.group.over and all(each.over for each in after.escalations):
        connection.execute(_DELETE, key)
    elif before is None:
        connection.execute(insert(ALERT_GROUPS), [_group_row(after)])
    else:
        connection.execute(_UPDATE, key | _group_row(after))
    there = before.group.members if before is not None else {}
    gone = [fingerprint for fingerprint in there if fingerprint not in after.group.members]
    changed = [one for name, one in after.group.members.items() if there.get(name) != one]
    _delete_members(
        connection, after.tenant, after.id, [*gone, *(m.fingerprint for m in changed if m.fingerprint in there)]
    )
    if changed:
        connection.execute(insert(GROUP_MEMBERS), [_member_row(after, member) for member in changed])


def _delete_members(connection: Connection, tenant: str, group: str, fingerprints: Sequence[str]) -> None:
    own = GROUP_MEMBERS.c
    for start in range(0, len(fingerprints), _CHUNK):
        part = fingerprints[start : start + _CHUNK]
        connection.execute(
            delete(GROUP_MEMBERS).where(own.tenant == tenant, own.group_id == group, own.fingerprint.in_(part))
        )


def member_of(case: Case, *, firing: bool) -> Member:
    """A case as a member of a group."""
    return Member(
        fingerprint=case.key,
        labels=labels_of(case.labels),
        severity=case.severity,
        firing=firing,
        since_us=case.starts_us,
        changed_us=case.changed_us if case.ends_us is None else case.ends_us,
        case=case.id,
    )


def _group_row(stored: StoredGroup) -> dict[str, Any]:
    group = stored.group
    told = group.sent
    sent = None if told is None else {"at_us": told.at_us, "firing": dict(told.firing), "cases": dict(told.cases)}
    return {
        "tenant": stored.tenant,
        "id": stored.id,
        "route": "/".join(stored.destination.path),
        "labels": [list(pair) for pair in stored.labels],
        "destination": {"destination": asdict(stored.destination), "revision": stored.revision},
        "opened_us": group.opened_us,
        "next_flush_us": group.next_flush_us,
        "flushes": stored.flushes,
        "sent": sent,
        "withheld": sorted(group.withheld),
    }


def _member_row(stored: StoredGroup, member: Member) -> dict[str, Any]:
    return {
        "tenant": stored.tenant,
        "group_id": stored.id,
        "fingerprint": member.fingerprint,
        "case_id": member.case,
        "labels": dict(member.labels),
        "severity": member.severity,
        "firing": member.firing,
        "since_us": member.since_us,
        "changed_us": member.changed_us,
    }


def _stored(row: Any, members: Iterable[Any], escalations: Iterable[Escalation]) -> StoredGroup:
    sent = row.sent
    group = Group(
        opened_us=row.opened_us,
        next_flush_us=row.next_flush_us,
        members={each.fingerprint: _member(each) for each in members},
        sent=None if sent is None else Sent(sent["at_us"], sent["firing"], sent.get("cases", {})),
        withheld=frozenset(row.withheld),
    )
    return StoredGroup(
        tenant=row.tenant,
        id=row.id,
        labels=tuple((name, value) for name, value in row.labels),
        destination=_destination(row.destination["destination"]),
        revision=row.destination.get("revision", ""),
        group=group,
        flushes=row.flushes,
        escalations=tuple(escalations),
    )


def _member(row: Any) -> Member:
    labels = tuple(sorted(row.labels.items()))
    return Member(row.fingerprint, labels, row.severity, row.firing, row.since_us, row.changed_us, row.case_id)


def _destination(kept: Mapping[str, Any]) -> Destination:
    return Destination(
        path=tuple(kept["path"]),
        channels=tuple(kept["channels"]),
        escalation=kept["escalation"],
        group_by=tuple(kept["group_by"]),
        timing=Timing(**kept["timing"]),
        mute=tuple(_interval(each) for each in kept["mute"]),
        active=tuple(_interval(each) for each in kept["active"]),
    )


def _interval(kept: Mapping[str, Any]) -> TimeInterval:
    ranges = {name: tuple((first, last) for first, last in kept[name]) for name in kept if name != "location"}
    return TimeInterval(**ranges, location=kept["location"])
