"""Runs the escalations of groups: their pure machine on timers, and what its actions do."""

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
from trueline_rules.escalation.snapshot import policy_of
from trueline_rules.escalation.state import EscalationState
from trueline_rules.escalation_model import CaseKind as PolicyKind
from trueline_rules.model import RuleSet
from trueline_rules.routing.groups import Member
from trueline_stores.state.case_tables import CASES, GROUP_MEMBERS

from trueline_server.alerts.groups import StoredGroup, read_groups, write_group
from trueline_server.alerts.messages import MOST_ALERTS, NewNotification, content_of, message_key
from trueline_server.alerts.queueing import queue
from trueline_server.alerts.routing import routing_of
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.cases import changes, store
from trueline_server.cases.model import SYSTEM, Case, CaseKind, CaseState, EventKind, NewCase, NewEvent
from trueline_server.timers.store import Timer, clear_timer, set_timer
from trueline_server.timers.wheel import TimerWheel

ESCALATION_TIMER = "escalation"


class Escalating:
    """Escalates groups. Everything happens in the caller's transaction.

    One escalation tells of all alerts of its group: its levels are told while one of them fires that nobody has
    acknowledged and nothing suppresses. It is acknowledged when all of them are, and resolved when all of them are.
    """

    def __init__(self, rules: Callable[[str], RuleSet], suppressing: Suppressing, wheel: TimerWheel) -> None:
        self._rules = rules
        self._suppressing = suppressing
        wheel.handle(ESCALATION_TIMER, self._due)

    def begin(
        self,
        connection: Connection,
        stored: StoredGroup,
        fresh: Sequence[Member],
        told: frozenset[str],
        now_us: int,
    ) -> StoredGroup:
        """Begin the escalation of a group that is told for the first time, or again; tell the first level if it is due.

        Args:
            connection: in a transaction.
            stored: the group; without a policy it comes back as it is.
            fresh: the alerts that it is told for.
            told: the channels that its route tells of them just now; a level that is due at once does not say the same
                there again.
            now_us: the server's clock.

        """
        if stored.policy is None or not fresh:
            return stored
        policy = policy_of(stored.policy)
        if policy.case is PolicyKind.BACKLOG:
            self._put_aside(connection, stored, fresh, now_us)
            return stored
        state = stored.escalation
        if state is None:
            begun = replace(stored, escalation=machine.begin(policy, now_us))
            return self._run(connection, begun, now_us, told)
        if state.resolved_us is not None:
            reopened, actions = machine.reopen(state, now_us, policy)
            return self._after(connection, replace(stored, escalation=reopened), actions, now_us, told)
        return stored

    def follow(self, connection: Connection, stored: StoredGroup, by: str, now_us: int) -> StoredGroup:
        """Follow what became of the alerts of a group, which are written already: acknowledged, taken back, resolved.

        Args:
            connection: in a transaction.
            stored: the group with its members as they are now.
            by: who acknowledged one of them; "" = nobody did.
            now_us: the server's clock.

        """
        state = stored.escalation
        if state is None or state.resolved_us is not None:
            return stored
        if not any(member.firing for member in stored.group.members.values()):
            after, actions = machine.resolve(state, now_us)
        elif self._unacknowledged(connection, stored):
            after, actions = machine.unacknowledge(state, now_us)
        elif state.acknowledged_us is None:
            after, actions = machine.acknowledge(state, now_us, by or SYSTEM)
        else:
            return stored
        return self._after(connection, replace(stored, escalation=after), actions, now_us)

    def _due(self, connection: Connection, timer: Timer, now_us: int) -> None:
        """The timer of an escalation."""
        stored = read_groups(connection, timer.tenant, [timer.subject]).get(timer.subject)
        if stored is None or stored.escalation is None:
            return
        after = self._run(connection, stored, now_us)
        write_group(connection, stored, after)

    def _run(
        self, connection: Connection, stored: StoredGroup, now_us: int, told: frozenset[str] = frozenset()
    ) -> StoredGroup:
        """Do what is due; a level waits while everything that it would tell of is suppressed."""
        assert stored.escalation is not None
        state = stored.escalation
        step, rearm_us = state.step, state.rearm_us
        tells = step is not None and step.at_us <= now_us
        # An acknowledgement that runs out has its level told again at once.
        rearms = rearm_us is not None and rearm_us <= now_us
        if (tells or rearms) and not self._told(connection, stored, now_us, held=rearms):
            later_us = now_us + stored.destination.timing.group_interval_us
            state = replace(
                state,
                step=replace(step, at_us=later_us) if step is not None and tells else step,
                rearm_us=later_us if rearms else rearm_us,
            )
        rules = self._rules(stored.tenant)
        after, actions = machine.due(state, now_us, routing_of(rules).directory)
        return self._after(connection, replace(stored, escalation=after), actions, now_us, told)

    def _after(
        self,
        connection: Connection,
        stored: StoredGroup,
        actions: Iterable[Action],
        now_us: int,
        told: frozenset[str] = frozenset(),
    ) -> StoredGroup:
        """Do what actions ask for, and set the timer of what comes next."""
        for action in actions:
            self._act(connection, stored, action, now_us, told)
        assert stored.escalation is not None
        next_us = stored.escalation.next_us
        if next_us is None:
            clear_timer(connection, stored.tenant, ESCALATION_TIMER, stored.id)
        else:
            set_timer(connection, Timer(stored.tenant, ESCALATION_TIMER, stored.id, max(next_us, now_us)))
        return stored

    def _act(
        self, connection: Connection, stored: StoredGroup, action: Action, now_us: int, already: frozenset[str]
    ) -> None:
        match action:
            case NotifyLevel():
                self._notify(connection, stored, action, now_us, already)
            case EmptyLevel():
                told = f"level {action.name} reaches nobody ({action.why}); the next one is told at once"
                self._tell(connection, stored, EventKind.ESCALATED, told, now_us, level=action.name, empty=True)
            case Rearmed():
                self._rearm(connection, stored, action, now_us)
            case Exhausted():
                told = "all levels were told, and nobody has acknowledged"
                self._tell(connection, stored, EventKind.ESCALATED, told, now_us, exhausted=True)
            case DeadlineMissed():
                told = f"{_DEADLINES.get(action.which, action.which)} was missed"
                self._tell(connection, stored, EventKind.DEADLINE_MISSED, told, now_us, which=action.which)

    def _notify(
        self, connection: Connection, stored: StoredGroup, action: NotifyLevel, now_us: int, already: frozenset[str]
    ) -> None:
        assert stored.policy is not None
        members = self._told(connection, stored, now_us)
        cases = _cases_of(connection, stored, members[:MOST_ALERTS])
        about = {
            "policy": stored.policy["name"],
            "level": action.name,
            "try": action.step.tries,
            "round": action.step.round,
        }
        new = [
            NewNotification(
                id=message_key(
                    stored.tenant,
                    stored.id,
                    f"escalation/{stored.group.opened_us}/{action.step.key}",
                    recipient.channel,
                ),
                channel=recipient.channel,
                person=recipient.person,
                group_id=stored.id,
                reason="escalation",
                content=content_of(
                    stored,
                    "escalation",
                    [(member, cases.get(stored.cases[member.fingerprint])) for member in members[:MOST_ALERTS]],
                    total=len(members),
                    suppressed=(),
                    now_us=now_us,
                    status="firing",
                    escalation={**about, "person": recipient.person},
                ),
            )
            for recipient in action.recipients
            if recipient.channel not in already
        ]
        queue(connection, stored.tenant, new, now_us)
        who = ", ".join(dict.fromkeys(each.person or each.channel for each in action.recipients))
        again = f", {action.step.tries}. time" if action.step.tries > 1 else ""
        missing = "".join(f"; {each.target} reaches nobody: {each.why}" for each in action.unreached)
        recipients = [each.channel for each in action.recipients]
        told = f"level {action.name} told{again}: {who}{missing}"
        self._tell(connection, stored, EventKind.ESCALATED, told, now_us, recipients=recipients, **about)

    def _rearm(self, connection: Connection, stored: StoredGroup, action: Rearmed, now_us: int) -> None:
        """An acknowledgement that ran out is taken back from the cases, too; one by hand has been."""
        if not action.timed_out:
            return
        cases = _cases_of(connection, stored, [each for each in stored.group.members.values() if each.firing])
        held = [case for case in cases.values() if case.state is CaseState.ACKNOWLEDGED]
        text = f"the acknowledgement by {action.by} ran out before it was resolved"
        changed = [changes.unacknowledge(case, SYSTEM, now_us, text) for case in held]
        store.update_cases(connection, [case for case, _ in changed])
        store.insert_events(connection, stored.tenant, [event for _, event in changed], now_us)

    def _tell(
        self,
        connection: Connection,
        stored: StoredGroup,
        kind: EventKind,
        text: str,
        now_us: int,
        **details: object,
    ) -> None:
        events = [
            NewEvent(stored.cases[member.fingerprint], kind, text, SYSTEM, {"group": stored.id, **details})
            for member in stored.group.members.values()
            if member.firing
        ]
        store.insert_events(connection, stored.tenant, events, now_us)

    def _put_aside(self, connection: Connection, stored: StoredGroup, fresh: Sequence[Member], now_us: int) -> None:
        """What a policy sends to the backlog is an item there, about which nobody is paged."""
        keys = [f"alert:{member.fingerprint}" for member in fresh]
        there = store.find_open(connection, stored.tenant, CaseKind.BACKLOG, keys)
        cases = _cases_of(connection, stored, fresh)
        new = []
        for key, member in zip(keys, fresh, strict=True):
            case = cases.get(stored.cases[member.fingerprint])
            if key not in there and case is not None:
                details = {"alert": case.id, "priority": case.severity}
                new.append(
                    NewCase(
                        kind=CaseKind.BACKLOG,
                        key=key,
                        severity=case.severity,
                        title=case.title,
                        text=case.text,
                        labels=case.labels,
                        details=details,
                        rule=case.rule,
                        revision=case.revision,
                        starts_us=case.starts_us,
                    )
                )
        opened = store.insert_cases(connection, stored.tenant, new, now_us)
        store.insert_events(
            connection,
            stored.tenant,
            [NewEvent(case.id, EventKind.OPENED, f"put aside for {case.details['alert']}") for case in opened],
            now_us,
        )

    def _told(self, connection: Connection, stored: StoredGroup, now_us: int, *, held: bool = False) -> list[Member]:
        """The alerts that a level is told of: those that fire, that nobody has acknowledged and nothing suppresses.

        `held` takes in those that somebody has, for their acknowledgement runs out.
        """
        rules = self._rules(stored.tenant)
        why = self._suppressing.why(connection, stored.tenant, rules, stored.destination, now_us)
        nobodys = self._unacknowledged(connection, stored)
        members = sorted(stored.group.members.values(), key=lambda member: member.fingerprint)
        return [
            member
            for member in members
            if member.firing and (held or member.fingerprint in nobodys) and why(dict(member.labels)) is None
        ]

    def _unacknowledged(self, connection: Connection, stored: StoredGroup) -> set[str]:
        """The fingerprints of the alerts of a group that fire and that nobody has acknowledged."""
        members = GROUP_MEMBERS.c
        query = (
            select(members.fingerprint)
            .join(CASES, (CASES.c.tenant == members.tenant) & (CASES.c.id == members.case_id))
            .where(members.tenant == stored.tenant, members.group_id == stored.id, members.firing)
            .where(CASES.c.state == CaseState.OPEN.value)
        )
        return set(connection.execute(query).scalars())


_DEADLINES = {
    "respond": "the time to respond",
    "update": "the time for an update",
    "resolve": "the time to resolve",
    "post_mortem": "the time for the post-mortem",
}


def _cases_of(connection: Connection, stored: StoredGroup, members: Iterable[Member]) -> dict[str, Case]:
    return store.find_cases(connection, stored.tenant, [stored.cases[member.fingerprint] for member in members])


def progress(state: EscalationState | None) -> str:
    """Where an escalation stands, for people."""
    if state is None:
        return "not begun"
    if state.resolved_us is not None:
        return "resolved"
    if state.acknowledged_us is not None:
        return f"acknowledged by {state.by}"
    return "exhausted" if state.exhausted else f"level {state.level + 1}"
