"""Puts alerts into groups, and tells each group when its time has come: who, why, and why not the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection
from trueline_rules.alerting.vectors import Labels, labels_of
from trueline_rules.model import RuleSet
from trueline_rules.routing.groups import Flushed, Member, NotifyReason, add_all, flush, group_labels
from trueline_rules.routing_model import Destination

from trueline_server.alerts.cases import AlertChange
from trueline_server.alerts.escalating import Escalating
from trueline_server.alerts.groups import (
    StoredGroup,
    group_id,
    groups_of,
    new_group,
    read_groups,
    withheld_groups,
    write_group,
)
from trueline_server.alerts.messages import MOST_ALERTS, NewNotification, content_of, message_key
from trueline_server.alerts.queueing import queue
from trueline_server.alerts.routing import Routing, routing_of
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.cases import store
from trueline_server.cases.model import SYSTEM, CaseState, EventKind, NewEvent
from trueline_server.timers.store import Timer, set_timer
from trueline_server.timers.wheel import TimerWheel

GROUP_TIMER, SILENCE_TIMER = "group", "silence"


@dataclass(slots=True)
class _Move:
    """What alerts do to a group: it may be opened for them, if it has a destination."""

    opening: tuple[Destination, Labels] | None = None
    members: dict[str, Member] = field(default_factory=dict)


class Dispatcher:
    """Dispatches alerts. Everything happens in the caller's transaction, together with what it is the consequence of.

    A group is opened by its first alert, looked at when its timer runs, and over when nobody has to be told any more.
    What is to be said is queued as notifications, whose keys are made of the occasion: made again, they are the same.
    """

    def __init__(
        self, rules: Callable[[str], RuleSet], suppressing: Suppressing, escalating: Escalating, wheel: TimerWheel
    ) -> None:
        self._rules = rules
        self._suppressing = suppressing
        self._escalating = escalating
        wheel.handle(GROUP_TIMER, self.flush)
        wheel.handle(SILENCE_TIMER, lambda connection, timer, now_us: self.hurry(connection, timer.tenant, now_us))

    def take(self, connection: Connection, tenant: str, alerts: Sequence[AlertChange], now_us: int) -> None:
        """Take alerts that were opened, changed, acknowledged or resolved; their cases are written already."""
        routing = routing_of(self._rules(tenant))
        self._suppressing.changed(tenant)
        moves = self._moves(connection, tenant, routing, alerts)
        cases = {change.case.key: change.case.id for change in alerts}
        by = next((c.case.acknowledged_by for c in alerts if c.case.state is CaseState.ACKNOWLEDGED), "")
        known = read_groups(connection, tenant, moves)
        for name, move in moves.items():
            before = known.get(name)
            after = _put(before, move, tenant, routing, now_us)
            if after is None:
                continue
            after = replace(after, cases={**after.cases, **{key: cases[key] for key in move.members}})
            write_group(connection, before, after)
            if before is None or before.group.over:
                set_timer(connection, Timer(tenant, GROUP_TIMER, name, after.group.next_flush_us))
            followed = self._escalating.follow(connection, after, by, now_us)
            if followed is not after:
                write_group(connection, after, followed)

    def flush(self, connection: Connection, timer: Timer, now_us: int) -> None:
        """Look at a group whose time has come: queue what is to be told of it, and set its next time."""
        stored = read_groups(connection, timer.tenant, [timer.subject]).get(timer.subject)
        if stored is None:
            return
        rules = self._rules(stored.tenant)
        why = self._suppressing.why(connection, stored.tenant, rules, stored.destination, now_us)
        found = {one.fingerprint: why(dict(one.labels)) for one in stored.group.members.values() if one.firing}
        suppressed = {name: reason for name, reason in found.items() if reason is not None}
        flushed = flush(stored.group, stored.destination.timing, now_us, suppressed)
        after = replace(stored, group=flushed.group, flushes=stored.flushes + 1)
        self._notify(connection, stored, flushed, now_us)
        self._tell(connection, stored, flushed, now_us)
        if flushed.reason is not None:
            fresh = [one for one in flushed.firing if one.fingerprint in flushed.causes]
            told = frozenset(stored.destination.channels)
            after = self._escalating.begin(connection, after, fresh, told, now_us)
        self._look_again(connection, stored.tenant, flushed)
        write_group(connection, stored, after)
        if not after.group.over:
            set_timer(connection, Timer(stored.tenant, GROUP_TIMER, stored.id, after.group.next_flush_us))

    def hurry(self, connection: Connection, tenant: str, now_us: int) -> None:
        """Look at all groups with suppressed alerts now: a silence began, changed or ended."""
        self._suppressing.changed(tenant)
        for name in withheld_groups(connection, tenant):
            set_timer(connection, Timer(tenant, GROUP_TIMER, name, now_us))

    def silences_changed(self, connection: Connection, tenant: str, ends_us: Sequence[int], now_us: int) -> None:
        """Silences were put in or ended; `ends_us` is when those that were put in will end."""
        self.hurry(connection, tenant, now_us)
        for end_us in ends_us:
            set_timer(connection, Timer(tenant, SILENCE_TIMER, str(end_us), end_us))

    def _look_again(self, connection: Connection, tenant: str, flushed: Flushed) -> None:
        """Have what is suppressed looked at when that ends by itself; what stands in a file tells nobody of its end."""
        for until_us in {why.until_us for _, why in flushed.suppressed if why.until_us is not None}:
            set_timer(connection, Timer(tenant, SILENCE_TIMER, str(until_us), until_us))

    def _moves(
        self, connection: Connection, tenant: str, routing: Routing, alerts: Sequence[AlertChange]
    ) -> dict[str, _Move]:
        """What each group gets, by its id."""
        inside = groups_of(connection, tenant, [change.case.key for change in alerts])
        moves: defaultdict[str, _Move] = defaultdict(_Move)
        for change in alerts:
            labels = change.case.labels
            member, there = _member(change), set()
            for destination in routing.tree.destinations(labels) if change.firing else ():
                own = group_labels(destination, labels)
                name = group_id(tenant, destination.path, own)
                moves[name].opening = destination, own
                moves[name].members[member.fingerprint] = member
                there.add(name)
            # Where it is over, or where its labels take it no more, it does not fire any longer.
            for name in inside.get(member.fingerprint, set()) - there:
                moves[name].members[member.fingerprint] = replace(member, firing=False)
        return moves

    def _notify(self, connection: Connection, stored: StoredGroup, flushed: Flushed, now_us: int) -> None:
        if flushed.reason is None or not stored.destination.channels:
            return
        told = [*flushed.firing, *flushed.resolved]
        shown = told[:MOST_ALERTS]
        cases = store.find_cases(connection, stored.tenant, [stored.cases[one.fingerprint] for one in shown])
        content = content_of(
            stored,
            flushed.reason.value,
            [(one, cases.get(stored.cases[one.fingerprint])) for one in shown],
            total=len(told),
            suppressed=flushed.suppressed,
            now_us=now_us,
            status="firing" if flushed.firing else "resolved",
        )
        occasion = f"flush/{stored.group.opened_us}/{stored.flushes}"
        new = [
            NewNotification(
                id=message_key(stored.tenant, stored.id, occasion, channel),
                channel=channel,
                person="",
                group_id=stored.id,
                reason=flushed.reason.value,
                content=content,
            )
            for channel in stored.destination.channels
        ]
        queue(connection, stored.tenant, new, now_us)

    def _tell(self, connection: Connection, stored: StoredGroup, flushed: Flushed, now_us: int) -> None:
        """Put into the timelines who was told and why, and what newly is not told and why."""
        events = []
        route = "/".join(stored.destination.path)
        channels = list(stored.destination.channels)
        if flushed.reason is not None and channels:
            causes = frozenset(flushed.causes)
            about = [one for one in (*flushed.firing, *flushed.resolved) if one.fingerprint in causes]
            # A repeat is about all of them; the first ones tell of it.
            about = about or list(flushed.firing[:MOST_ALERTS])
            told = {"group": stored.id, "route": route, "reason": flushed.reason.value, "channels": channels}
            text = f"told {', '.join(channels)}: {_REASONS[flushed.reason]}"
            events += [_event(stored, one, EventKind.NOTIFIED, text, told) for one in about]
        for one, why in flushed.suppressed:
            if one.fingerprint not in stored.group.withheld:
                details: dict[str, object] = {
                    "group": stored.id,
                    "route": route,
                    "kind": why.kind.value,
                    "by": why.by,
                }
                if why.until_us is not None:
                    details["until_us"] = why.until_us
                text = f"not told on route {route}: {why.kind.value} by {why.by}"
                events.append(_event(stored, one, EventKind.SUPPRESSED, text, details))
        for one in flushed.unsent:
            over = {"group": stored.id, "route": route, "kind": "resolved_in_time"}
            text = f"not told on route {route}: it was over before anybody had to be told"
            events.append(_event(stored, one, EventKind.SUPPRESSED, text, over))
        store.insert_events(connection, stored.tenant, events, now_us)


_REASONS = {
    NotifyReason.FIRST: "the first alerts of the group",
    NotifyReason.NEW_ALERTS: "new alerts in the group",
    NotifyReason.UNSUPPRESSED: "nothing suppresses it any more",
    NotifyReason.SEVERITY_CHANGED: "its severity changed",
    NotifyReason.ALL_RESOLVED: "all alerts of the group are resolved",
    NotifyReason.SOME_RESOLVED: "some alerts of the group are resolved",
    NotifyReason.REPEAT: "it still fires",
}


def _put(before: StoredGroup | None, move: _Move, tenant: str, routing: Routing, now_us: int) -> StoredGroup | None:
    """A group with what it gets; None if there is none and nothing to open one for."""
    if before is not None and not before.group.over:
        group = add_all(before.group, move.members.values(), before.destination.timing, now_us)
        return before if group is None else replace(before, group=group)
    if move.opening is None:
        return None
    destination, labels = move.opening
    known = None if before is None else before.group
    group = add_all(known, move.members.values(), destination.timing, now_us)
    if group is None or group.over:
        return None
    policy = routing.policies.get(destination.escalation)
    opened = new_group(tenant, destination, labels, policy, group)
    return opened if before is None else replace(opened, escalation=before.escalation)


def _member(change: AlertChange) -> Member:
    case = change.case
    return Member(
        fingerprint=case.key,
        labels=labels_of(case.labels),
        severity=case.severity,
        firing=change.firing,
        since_us=case.starts_us,
        changed_us=case.changed_us if case.ends_us is None else case.ends_us,
    )


def _event(stored: StoredGroup, member: Member, kind: EventKind, text: str, details: Mapping[str, object]) -> NewEvent:
    return NewEvent(stored.cases[member.fingerprint], kind, text, SYSTEM, details)
