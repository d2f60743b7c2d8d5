"""Begins the escalations of groups and runs them: their pure machine on timers, and what its actions do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, select
from trueline_rules.escalation import machine
from trueline_rules.escalation.actions import (
    Action,
    DeadlineMissed,
    EmptyLevel,
    Exhausted,
    NotifyLevel,
    Rearmed,
)
from trueline_rules.escalation.state import EscalationState
from trueline_rules.escalation_model import CaseKind as PolicyKind
from trueline_rules.escalation_model import EscalationPolicy
from trueline_rules.model import RuleSet
from trueline_rules.routing.groups import Member
from trueline_stores.state.case_tables import CASES, GROUP_MEMBERS

from trueline_server.alerts import pages
from trueline_server.alerts.escalation import Escalation
from trueline_server.alerts.groups import StoredGroup, groups_of, read_groups, write_group
from trueline_server.alerts.putting_aside import put_aside
from trueline_server.alerts.routing import routing_of
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.cases import changes, store
from trueline_server.cases.model import SYSTEM, CaseState, EventKind
from trueline_server.timers.store import Timer, clear_timer, set_timer, set_timers
from trueline_server.timers.wheel import TimerWheel

ESCALATION_TIMER = "escalation"
_NOBODY: frozenset[str] = frozenset()


class Escalating:
    """Escalates groups. Everything happens in the caller's transaction.

    Alerts that are told together are one escalation: one policy, one set of clocks, one message to each level. It
    begins at the look at their group at which they first could be told; what comes later is another one. Its levels
    are told while one of its alerts fires that nobody has acknowledged and nothing suppresses. It is acknowledged when
    all of them are, and over when none of them fires in the group any more.
    """

    def __init__(self, rules: Callable[[str], RuleSet], suppressing: Suppressing, wheel: TimerWheel) -> None:
        self._rules = rules
        self._suppressing = suppressing
        wheel.handle(ESCALATION_TIMER, self._due)

    def look(
        self,
        connection: Connection,
        stored: StoredGroup,
        firing: Sequence[Member],
        told: frozenset[str],
        now_us: int,
    ) -> StoredGroup:
        """Begin an escalation for alerts that none is about, and tell the end of those that are over.

        Args:
            connection: in a transaction.
            stored: the group, which was looked at just now.
            firing: its alerts that fire and that nothing suppresses.
            told: the channels that its route tells just now; a level that is due at once does not say the same there
                again.
            now_us: the server's clock.

        """
        routing = routing_of(self._rules(stored.tenant))
        policy = routing.policies.get(stored.destination.escalation)
        escalated = stored.escalated
        fresh = [member for member in firing if member.case not in escalated]
        if policy is not None and fresh:
            stored = self._begin(connection, stored, policy, fresh, told=told, now_us=now_us)
        ended = [
            each if each.live or each.closed else pages.tell_end(connection, stored, each, routing, now_us)
            for each in stored.escalations
        ]
        stored = replace(stored, escalations=tuple(each for each in ended if not each.over))
        wait(connection, stored, now_us)
        return stored

    def follow(self, connection: Connection, stored: StoredGroup, by: str, now_us: int) -> StoredGroup:
        """Follow what became of the alerts of a group, which are written already: acknowledged, taken back, resolved.

        Args:
            connection: in a transaction.
            stored: the group with its members as they are now.
            by: who acknowledged one of them; "" = nobody did.
            now_us: the server's clock.

        """
        if not any(each.live for each in stored.escalations):
            return stored
        nobodys = self._unacknowledged(connection, stored)
        after = tuple(
            self._follow(connection, stored, each, nobodys, by=by, now_us=now_us) if each.live else each
            for each in stored.escalations
        )
        if after == stored.escalations:
            return stored
        followed = replace(stored, escalations=after)
        wait(connection, followed, now_us)
        return followed

    def _begin(
        self,
        connection: Connection,
        stored: StoredGroup,
        policy: EscalationPolicy,
        fresh: Sequence[Member],
        *,
        told: frozenset[str],
        now_us: int,
    ) -> StoredGroup:
        if policy.case is PolicyKind.BACKLOG:
            put_aside(connection, stored.tenant, fresh, now_us)
        state = machine.begin(policy, now_us)
        cases = frozenset(member.case for member in fresh)
        if not cases & self._unacknowledged(connection, stored):
            # Somebody brought them along from another route.
            holders = {case.acknowledged_by for case in store.find_cases(connection, stored.tenant, cases).values()}
            state, _ = machine.acknowledge(state, now_us, ", ".join(sorted(holders)))
        begun = Escalation(f"{stored.group.opened_us}/{stored.flushes}", cases, state)
        begun = self._run(connection, stored, begun, now_us, told)
        return replace(stored, escalations=(*stored.escalations, begun))

    def _follow(
        self,
        connection: Connection,
        stored: StoredGroup,
        escalation: Escalation,
        nobodys: set[str],
        *,
        by: str,
        now_us: int,
    ) -> Escalation:
        state = escalation.state
        firing = {one.case for one in _firing(stored, escalation)}
        why = ""
        if not firing:
            after, actions = machine.resolve(state, now_us)
            why = "it was over before this went out"
        elif firing & nobodys:
            after, actions = machine.unacknowledge(state, now_us)
        elif state.acknowledged_us is None:
            after, actions = machine.acknowledge(state, now_us, by or SYSTEM)
            why = f"{by or SYSTEM} had it before this went out"
        else:
            return escalation
        if why:
            escalation = pages.drop_held(connection, stored, escalation, why, now_us)
        return self._act(connection, stored, escalation.moved(after), actions, now_us=now_us)

    def _due(self, connection: Connection, timer: Timer, now_us: int) -> None:
        """The timer of the escalations of a group."""
        stored = read_groups(connection, timer.tenant, [timer.subject]).get(timer.subject)
        if stored is None:
            return
        # An acknowledgement may have run out in another group.
        after = self.follow(connection, stored, "", now_us)
        ran = tuple(self._run(connection, after, each, now_us) for each in after.escalations)
        after = replace(after, escalations=ran)
        write_group(connection, stored, after)
        wait(connection, after, now_us)

    def _run(
        self,
        connection: Connection,
        stored: StoredGroup,
        escalation: Escalation,
        now_us: int,
        told: frozenset[str] = _NOBODY,
    ) -> Escalation:
        """Do what is due; a level waits while everything that it would tell of is suppressed."""
        state = escalation.state
        step, rearm_us = state.step, state.rearm_us
        tells = step is not None and step.at_us <= now_us
        # An acknowledgement that runs out has its level told again at once.
        rearms = rearm_us is not None and rearm_us <= now_us
        if (tells or rearms) and not self._told(connection, stored, escalation, now_us, held=rearms):
            state = _later(state, now_us + stored.destination.timing.group_interval_us, tells=tells, rearms=rearms)
        after, actions = machine.due(state, now_us, routing_of(self._rules(stored.tenant)).directory)
        return self._act(connection, stored, escalation.moved(after), actions, now_us=now_us, already=told)

    def _act(
        self,
        connection: Connection,
        stored: StoredGroup,
        escalation: Escalation,
        actions: Iterable[Action],
        *,
        now_us: int,
        already: frozenset[str] = _NOBODY,
    ) -> Escalation:
        """Do what actions ask for."""
        for action in actions:
            match action:
                case NotifyLevel():
                    members = self._told(connection, stored, escalation, now_us)
                    escalation = pages.tell_level(
                        connection, stored, escalation, action, members=members, already=already, now_us=now_us
                    )
                case EmptyLevel():
                    text = f"level {action.name} reaches nobody ({action.why}); the next one is told at once"
                    kind, more = EventKind.ESCALATED, {"level": action.name, "empty": True}
                    pages.note(connection, stored, escalation, kind, text, now_us=now_us, **more)
                case Rearmed():
                    self._rearm(connection, stored, escalation, action, now_us)
                case Exhausted():
                    text = "all levels were told, and nobody has acknowledged"
                    kind = EventKind.ESCALATED
                    pages.note(connection, stored, escalation, kind, text, now_us=now_us, exhausted=True)
                case DeadlineMissed():
                    quiet = escalation.live and not self._told(connection, stored, escalation, now_us, held=True)
                    pages.tell_missed(connection, stored, escalation, action, now_us, quiet=quiet)
        return escalation

    def _rearm(
        self, connection: Connection, stored: StoredGroup, escalation: Escalation, action: Rearmed, now_us: int
    ) -> None:
        """An acknowledgement that ran out is taken back from the cases, too; one by hand has been."""
        if not action.timed_out:
            return
        mine = {one.fingerprint: one.case for one in _firing(stored, escalation)}
        cases = store.find_cases(connection, stored.tenant, mine.values())
        held = [case for case in cases.values() if case.state is CaseState.ACKNOWLEDGED]
        text = f"the acknowledgement by {action.by} ran out before it was resolved"
        changed = [changes.unacknowledge(case, SYSTEM, now_us, text) for case in held]
        store.update_cases(connection, [case for case, _ in changed])
        store.insert_events(connection, stored.tenant, [event for _, event in changed], now_us)
        others = set().union(*groups_of(connection, stored.tenant, mine).values()) - {stored.id}
        set_timers(connection, [Timer(stored.tenant, ESCALATION_TIMER, name, now_us) for name in sorted(others)])

    def _told(
        self,
        connection: Connection,
        stored: StoredGroup,
        escalation: Escalation,
        now_us: int,
        *,
        held: bool = False,
    ) -> list[Member]:
        """The alerts that a level is told of: those that fire, that nobody has acknowledged and nothing suppresses.

        `held` takes in those that somebody has, for their acknowledgement runs out.
        """
        rules = self._rules(stored.tenant)
        why = self._suppressing.why(connection, stored.tenant, rules, stored.destination, now_us)
        nobodys = self._unacknowledged(connection, stored)
        return [
            member
            for member in sorted(_firing(stored, escalation), key=lambda member: member.fingerprint)
            if (held or member.case in nobodys) and why(dict(member.labels)) is None
        ]

    def _unacknowledged(self, connection: Connection, stored: StoredGroup) -> set[str]:
        """The cases of a group that fire and that nobody has acknowledged."""
        members = GROUP_MEMBERS.c
        query = (
            select(members.case_id)
            .join(CASES, (CASES.c.tenant == members.tenant) & (CASES.c.id == members.case_id))
            .where(members.tenant == stored.tenant, members.group_id == stored.id, members.firing)
            .where(CASES.c.state == CaseState.OPEN.value)
        )
        return set(connection.execute(query).scalars())


def wait(connection: Connection, stored: StoredGroup, now_us: int) -> None:
    """Set the timer of what comes next in the escalations of a group."""
    instants = [each.state.next_us for each in stored.escalations]
    next_us = min((at_us for at_us in instants if at_us is not None), default=None)
    if next_us is None:
        clear_timer(connection, stored.tenant, ESCALATION_TIMER, stored.id)
    else:
        set_timer(connection, Timer(stored.tenant, ESCALATION_TIMER, stored.id, max(next_us, now_us)))


def _firing(stored: StoredGroup, escalation: Escalation) -> list[Member]:
    return [one for one in stored.group.members.values() if one.firing and escalation.is_about(one)]


def _later(state: EscalationState, at_us: int, *, tells: bool, rearms: bool) -> EscalationState:
    """What is due now is due later."""
    step = state.step
    return replace(
        state,
        step=replace(step, at_us=at_us) if step is not None and tells else step,
        rearm_us=at_us if rearms else state.rearm_us,
    )
