"""Puts alerts into groups, and tells each group when its time has come: who, why, and why not the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection
from trueline_rules.alerting.vectors import Labels
from trueline_rules.model import RuleSet
from trueline_rules.routing.groups import Flushed, Member, add_all, due, flush, group_labels
from trueline_rules.routing_model import Destination

from trueline_server.alerts.cases import AlertChange
from trueline_server.alerts.escalating import Escalating
from trueline_server.alerts.groups import (
    StoredGroup,
    group_id,
    groups_of,
    look_at,
    member_of,
    read_groups,
    withheld_groups,
    write_group,
)
from trueline_server.alerts.routing import Routing, routing_of
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.alerts.telling import tell_route
from trueline_server.cases import store
from trueline_server.timers.store import Timer, set_timer, set_timers
from trueline_server.timers.wheel import TimerWheel

GROUP_TIMER, SILENCE_TIMER = "group", "silence"
# Groups that are due within this are looked at in the same tick. One that cannot be holds up no other for longer.
_AT_ONCE_US = 10_000_000


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
        wheel.handle(SILENCE_TIMER, self._silence_ends)

    def take(self, connection: Connection, tenant: str, alerts: Sequence[AlertChange], now_us: int) -> None:
        """Take alerts that were opened, changed, acknowledged or resolved; their cases are written already."""
        rules = self._rules(tenant)
        self._suppressing.changed(tenant)
        moves = self._moves(connection, tenant, routing_of(rules), alerts)
        known = read_groups(connection, tenant, moves)
        for name, move in moves.items():
            before = known.get(name)
            after = _put(before, move, tenant, rules.revision, now_us)
            if after is None:
                continue
            write_group(connection, before, after)
            if before is None or before.group.over:
                set_timer(connection, Timer(tenant, GROUP_TIMER, name, after.group.next_flush_us))
            followed = self._escalating.follow(connection, after, now_us)
            if followed is not after:
                write_group(connection, after, followed)

    def flush(self, connection: Connection, timer: Timer, now_us: int) -> None:
        """Look at a group whose time has come: queue what is to be told of it, and set its next time."""
        stored = read_groups(connection, timer.tenant, [timer.subject]).get(timer.subject)
        if stored is None:
            return
        if not due(stored.group, stored.destination.timing, now_us):
            # All timers were hastened, for the clock may have been set back: this one has time.
            set_timer(connection, Timer(stored.tenant, GROUP_TIMER, stored.id, stored.group.next_flush_us))
            return
        if _comes_before(connection, stored, now_us):
            set_timer(connection, Timer(stored.tenant, GROUP_TIMER, stored.id, now_us))
            return
        rules = self._rules(stored.tenant)
        if stored.revision != rules.revision:
            stored = self._route_again(connection, stored, rules, now_us)
        why = self._suppressing.why(connection, stored.tenant, rules, stored.destination, now_us)
        found = {one.fingerprint: why(dict(one.labels)) for one in stored.group.members.values() if one.firing}
        suppressed = {name: reason for name, reason in found.items() if reason is not None}
        destination = stored.destination
        repeats = routing_of(rules).is_open(destination.escalation, now_us)
        flushed = flush(stored.group, destination.timing, now_us, suppressed, repeats=repeats)
        told = tell_route(connection, stored, flushed, now_us)
        after = replace(stored, group=flushed.group, flushes=stored.flushes + 1)
        after = self._escalating.look(connection, after, flushed.firing, told, now_us)
        self._look_again(connection, stored.tenant, flushed)
        write_group(connection, stored, after)
        if not after.group.over:
            set_timer(connection, Timer(stored.tenant, GROUP_TIMER, stored.id, after.group.next_flush_us))

    def hurry(self, connection: Connection, tenant: str, now_us: int) -> None:
        """Look at all groups with suppressed alerts now: a silence began, changed or ended."""
        self._suppressing.changed(tenant)
        names = withheld_groups(connection, tenant)
        look_at(connection, tenant, names, now_us)
        set_timers(connection, [Timer(tenant, GROUP_TIMER, name, now_us) for name in names])

    def silences_changed(self, connection: Connection, tenant: str, ends_us: Sequence[int], now_us: int) -> None:
        """Silences were put in or ended; `ends_us` is when those that were put in will end."""
        self.hurry(connection, tenant, now_us)
        for end_us in ends_us:
            set_timer(connection, Timer(tenant, SILENCE_TIMER, str(end_us), end_us))

    def _silence_ends(self, connection: Connection, timer: Timer, now_us: int) -> None:
        """The timer of the end of a silence, which is its subject."""
        if int(timer.subject) > now_us:
            set_timer(connection, Timer(timer.tenant, SILENCE_TIMER, timer.subject, int(timer.subject)))
        else:
            self.hurry(connection, timer.tenant, now_us)

    def _route_again(self, connection: Connection, stored: StoredGroup, rules: RuleSet, now_us: int) -> StoredGroup:
        """A group as the rules in force have it: other files may send its alerts elsewhere, or tell them to others."""
        write_group(connection, stored, replace(stored, revision=rules.revision))
        firing = [one.case for one in stored.group.members.values() if one.firing]
        cases = store.find_cases(connection, stored.tenant, firing)
        self.take(connection, stored.tenant, [AlertChange(case, True) for case in cases.values()], now_us)
        return read_groups(connection, stored.tenant, [stored.id])[stored.id]

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
            member, there = member_of(change.case, firing=change.firing), set()
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


def _put(before: StoredGroup | None, move: _Move, tenant: str, revision: str, now_us: int) -> StoredGroup | None:
    """A group with what it gets; None if there is none and nothing to open one for."""
    if before is not None and not before.group.over:
        destination = before.destination if move.opening is None else move.opening[0]
        members = [_as_known(before, member) for member in move.members.values()]
        group = add_all(before.group, members, destination.timing, now_us)
        return before if group is None else replace(before, group=group, destination=destination)
    if move.opening is None:
        return None
    destination, labels = move.opening
    known = None if before is None else before.group
    group = add_all(known, move.members.values(), destination.timing, now_us)
    if group is None or group.over:
        return None
    name = group_id(tenant, destination.path, labels)
    waiting = () if before is None else before.escalations
    return StoredGroup(tenant, name, labels, destination, revision, group, escalations=waiting)


def _comes_before(connection: Connection, stored: StoredGroup, now_us: int) -> bool:
    """Whether a new group with alerts that left this one is due now, too: it tells of them first."""
    left = [one.fingerprint for one in stored.group.members.values() if not one.firing]
    if stored.group.sent is None or not left:
        return False
    inside = groups_of(connection, stored.tenant, left)
    others = read_groups(connection, stored.tenant, set().union(*inside.values()) - {stored.id})
    return any(
        each.group.sent is None and 0 <= now_us - each.group.next_flush_us < _AT_ONCE_US for each in others.values()
    )


def _as_known(stored: StoredGroup, member: Member) -> Member:
    """What leaves a group leaves it as it was known there, not as what it has become."""
    known = stored.group.members.get(member.fingerprint)
    return member if member.firing or known is None else replace(known, firing=False, changed_us=member.changed_us)
