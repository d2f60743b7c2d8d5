"""Leaps over looks at groups that say nothing: an alert that fires for weeks is else looked at every five minutes.

What a look would come to is asked of the pure machine that decides it live. A group whose next looks say nothing waits
for the first that says something; as soon as anything happens, it is put back to where it would be without the leap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, update
from trueline_rules.model import RuleSet
from trueline_rules.routing.groups import Group, flush
from trueline_rules.routing_model import Suppression, Timing
from trueline_stores.state.case_tables import ALERT_GROUPS

from trueline_server.alerts.dispatching import GROUP_TIMER
from trueline_server.alerts.groups import StoredGroup, read_groups
from trueline_server.alerts.routing import routing_of
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.timers.store import Timer, set_timer


@dataclass(frozen=True, slots=True)
class _Leap:
    """A group is looked at next at `next_us`, instead of at `first_us` and each interval after it.

    Looks are counted, for messages are named by their number: those left out count, too.
    """

    first_us: int
    interval_us: int
    next_us: int
    flushes: int


class Leaps:
    """Moves the timers of groups, in the caller's transactions."""

    def __init__(self, tenant: str, rules: RuleSet, suppressing: Suppressing, end_us: int) -> None:
        self._tenant = tenant
        self._rules = rules
        self._suppressing = suppressing
        self._end_us = end_us
        routing = routing_of(rules)
        # What begins and ends by itself could make a look say something that it does not say now.
        self._still = not (routing.silences or routing.maintenances)
        self._policies = frozenset(routing.policies)
        self._with_hours = frozenset(name for name, policy in routing.policies.items() if policy.hours is not None)
        self._leaps: dict[str, _Leap] = {}

    def ahead(self, connection: Connection, now_us: int) -> None:
        """Let the groups leap that were looked at just now."""
        if not self._still:
            return
        rows = ALERT_GROUPS.c
        query = select(rows.id, rows.next_flush_us).where(rows.tenant == self._tenant, rows.next_flush_us > now_us)
        waiting = {row.id: row.next_flush_us for row in connection.execute(query)}
        # One that was looked at before its time, as a silence ended, is where that look put it.
        self._leaps = {name: leap for name, leap in self._leaps.items() if waiting.get(name) == leap.next_us}
        names = [name for name in waiting if name not in self._leaps]
        for name, stored in read_groups(connection, self._tenant, names).items():
            timing, first_us = stored.destination.timing, stored.group.next_flush_us
            if stored.group.over or first_us - now_us != timing.group_interval_us or self._has_hours(stored):
                continue
            suppressed = self._suppressed(connection, stored, now_us)
            next_us = self._next(stored.group, timing, suppressed)
            if next_us > first_us and not self._escalates(stored, suppressed):
                leap = self._leaps[name] = _Leap(first_us, timing.group_interval_us, next_us, stored.flushes)
                self._move(connection, name, leap, next_us)

    def back(self, connection: Connection, now_us: int) -> None:
        """Put all groups back to their next look from now on, for something happens now."""
        for name, leap in self._leaps.items():
            looks = max(0, -(-(now_us - leap.first_us) // leap.interval_us))
            self._move(connection, name, leap, min(leap.next_us, leap.first_us + looks * leap.interval_us))
        self._leaps.clear()

    def _next(self, group: Group, timing: Timing, suppressed: dict[str, Suppression]) -> int:
        """The next look that says something, or is beyond the end."""
        while group.next_flush_us <= self._end_us:
            done = flush(group, timing, group.next_flush_us, suppressed)
            same = replace(group, next_flush_us=done.group.next_flush_us) == done.group
            if done.reason is not None or done.unsent or not same:
                break
            group = done.group
        return group.next_flush_us

    def _suppressed(self, connection: Connection, stored: StoredGroup, now_us: int) -> dict[str, Suppression]:
        why = self._suppressing.why(connection, self._tenant, self._rules, stored.destination, now_us)
        found = {one.fingerprint: why(dict(one.labels)) for one in stored.group.members.values() if one.firing}
        return {name: reason for name, reason in found.items() if reason is not None}

    def _escalates(self, stored: StoredGroup, suppressed: Mapping[str, Suppression]) -> bool:
        """Whether an escalation begins at the next look, or the end of one is told."""
        loud = {one.case for one in stored.group.members.values() if one.firing and one.fingerprint not in suppressed}
        begins = stored.destination.escalation in self._policies and not loud <= stored.escalated
        return begins or any(not each.live and not each.closed for each in stored.escalations)

    def _has_hours(self, stored: StoredGroup) -> bool:
        destination = stored.destination
        return bool(destination.mute or destination.active or destination.escalation in self._with_hours)

    def _move(self, connection: Connection, name: str, leap: _Leap, at_us: int) -> None:
        flushes = leap.flushes + (at_us - leap.first_us) // leap.interval_us
        key = (ALERT_GROUPS.c.tenant == self._tenant, ALERT_GROUPS.c.id == name)
        connection.execute(update(ALERT_GROUPS).where(*key).values(next_flush_us=at_us, flushes=flushes))
        set_timer(connection, Timer(self._tenant, GROUP_TIMER, name, at_us))
