"""Begins the escalations of groups and runs them: their pure machine on timers, and what its actions do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, select
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
# Who has the alerts of a group that fire; made once, for thousands of groups in a tick.
_HOLDS = (
    select(GROUP_MEMBERS.c.case_id, CASES.c.acknowledged_by, CASES.c.acknowledged_us)
    .join(CASES, (CASES.c.tenant == GROUP_MEMBERS.c.tenant) & (CASES.c.id == GROUP_MEMBERS.c.case_id))
    .where(GROUP_MEMBERS.c.tenant == bindparam("of"), GROUP_MEMBERS.c.group_id == bindparam("which"))
    .where(GROUP_MEMBERS.c.firing)
)


@dataclass(frozen=True, slots=True)
class _Hold:
    """Who has an alert, since when (µs since 1970, UTC); "" and 0 = nobody."""

    by: str
    since_us: int


class Escalating:
    """Escalates groups. Everything happens in the caller's transaction.

    Alerts that are told together are one escalation: one policy, one set of clocks, one message to each level. It
    begins at the look at their group at which they first could be told; what comes later is another one. Where its
    alerts part ways it splits, and each part goes on with the clocks that it has: when somebody has some of them and
    not the others, and when some are suppressed as a level is told of the others. So whatever holds of an escalation
    holds of each of its alerts. It is over when none of them fires in the group any more.
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
        begun = () if policy is None else self._begin(connection, stored, policy, fresh, told=told, now_us=now_us)
        stored = replace(stored, escalations=(*stored.escalations, *begun))
        again = frozenset(member.fingerprint for member in fresh) if begun else frozenset()
        after = []
        for each in stored.escalations:
            if each.live or each.closed:
                after.append(each)
                continue
            pages.tell_end(connection, stored, each, again=again, now_us=now_us)
            after.append(replace(each, closed=True))
        stored = replace(stored, escalations=tuple(each for each in after if not each.over))
        wait(connection, stored, now_us)
        return stored

    def follow(self, connection: Connection, stored: StoredGroup, now_us: int) -> StoredGroup:
        """Follow what became of the alerts of a group, which are written: acknowledged, taken back, resolved, gone."""
        if not any(each.live for each in stored.escalations):
            return stored
        held = self._held(connection, stored)
        kept: list[Escalation] = []
        parted: list[Escalation] = []
        for each in stored.escalations:
            if not each.live:
                kept.append(each)
                continue
            first, *others = _parts(each, held, now_us)
            kept.append(self._follow(connection, stored, first, held, now_us))
            parted += [self._follow(connection, stored, other, held, now_us) for other in others]
        after = tuple(_join(kept, parted, now_us))
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
    ) -> list[Escalation]:
        if not fresh:
            return []
        if policy.case is PolicyKind.BACKLOG:
            put_aside(connection, stored.tenant, fresh, now_us)
        cases = frozenset(member.case for member in fresh)
        # Whoever was told of one of them before it was over for a moment hears of its end when it is over for good.
        heard = pages.heard_of(connection, stored, fresh)
        name = f"{stored.group.opened_us}/{stored.flushes}"
        begun = Escalation(name, cases, machine.begin(policy, now_us), heard)
        # Somebody may have brought some of them along from another route.
        held = self._held(connection, stored)
        new = [self._follow(connection, stored, part, held, now_us) for part in _parts(begun, held, now_us)]
        return [each for part in new for each in self._run(connection, stored, part, now_us, told)]

    def _follow(
        self,
        connection: Connection,
        stored: StoredGroup,
        escalation: Escalation,
        held: Mapping[str, _Hold],
        now_us: int,
    ) -> Escalation:
        """Follow an escalation all of whose alerts the same person has, or nobody, or that fire no more."""
        state = escalation.state
        holds = [held[case] for case in escalation.cases if case in held]
        why = ""
        if not holds:
            after, actions = machine.resolve(state, now_us)
            why = "it was over before this went out"
        elif not holds[0].by:
            after, actions = machine.unacknowledge(state, now_us)
        elif _is_news(state, holds):
            after, actions = machine.acknowledge(state, now_us, holds[0].by)
            why = f"{holds[0].by} had it before this went out"
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
        after = self.follow(connection, stored, now_us)
        ran = tuple(each for one in after.escalations for each in self._run(connection, after, one, now_us))
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
    ) -> list[Escalation]:
        """Do what is due; a level waits for alerts that are suppressed, which go their own way if others are not."""
        state = escalation.state
        tells = state.step is not None and state.step.at_us <= now_us
        # An acknowledgement that runs out has its level told again at once.
        rearms = state.rearm_us is not None and state.rearm_us <= now_us
        parts = [escalation]
        if tells or rearms:
            later = _later(state, now_us + stored.destination.timing.group_interval_us, tells=tells, rearms=rearms)
            loud = {one.case for one in self._loud(connection, stored, escalation, now_us)}
            quiet = frozenset(one.case for one in _firing(stored, escalation)) - loud
            if not loud:
                parts = [escalation.moved(later)]
            elif quiet:
                told_of, waits = escalation.split(quiet, now_us)
                parts = [told_of, waits.moved(later)]
        directory = routing_of(self._rules(stored.tenant)).directory
        ran = []
        for part in parts:
            after, actions = machine.due(part.state, now_us, directory)
            ran.append(self._act(connection, stored, part.moved(after), actions, now_us=now_us, already=told))
        return ran

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
                    members = self._loud(connection, stored, escalation, now_us)
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
                    quiet = escalation.live and not self._loud(connection, stored, escalation, now_us)
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

    def _loud(self, connection: Connection, stored: StoredGroup, escalation: Escalation, now_us: int) -> list[Member]:
        """The alerts of an escalation that fire and that nothing suppresses."""
        rules = self._rules(stored.tenant)
        why = self._suppressing.why(connection, stored.tenant, rules, stored.destination, now_us)
        firing = sorted(_firing(stored, escalation), key=lambda member: member.fingerprint)
        return [member for member in firing if why(dict(member.labels)) is None]

    def _held(self, connection: Connection, stored: StoredGroup) -> dict[str, _Hold]:
        """Who has the alerts of a group that fire, by case."""
        found = connection.execute(_HOLDS, {"of": stored.tenant, "which": stored.id})
        return {case: _Hold(by, since_us or 0) for case, by, since_us in found}


def wait(connection: Connection, stored: StoredGroup, now_us: int) -> None:
    """Set the timer of what comes next in the escalations of a group."""
    instants = [each.state.next_us for each in stored.escalations]
    next_us = min((at_us for at_us in instants if at_us is not None), default=None)
    if next_us is None:
        clear_timer(connection, stored.tenant, ESCALATION_TIMER, stored.id)
    else:
        set_timer(connection, Timer(stored.tenant, ESCALATION_TIMER, stored.id, max(next_us, now_us)))


def _parts(escalation: Escalation, held: Mapping[str, _Hold], now_us: int) -> list[Escalation]:
    """An escalation by who has its alerts: first what stays, with those that fire no more, then what parts from it."""
    by: defaultdict[str, set[str]] = defaultdict(set)
    for case in escalation.cases & held.keys():
        by[held[case].by].add(case)
    stays = escalation.state.by if escalation.state.by in by else min(by, default="")
    parts = []
    for name in sorted(by.keys() - {stays}):
        escalation, part = escalation.split(frozenset(by[name]), now_us)
        parts.append(part)
    return [escalation, *parts]


def _join(kept: Sequence[Escalation], parted: Sequence[Escalation], now_us: int) -> list[Escalation]:
    """Let what parted join what the same person has of the same beginning: else each alert would end up on its own."""
    found = list(kept)
    for part in parted:
        for at, each in enumerate(found):
            if part.state.by and each.live and _mark(each) == _mark(part):
                state, _ = machine.acknowledge(each.state, now_us, part.state.by)
                found[at] = each.joined(part).moved(state)
                break
        else:
            found.append(part)
    return found


def _mark(escalation: Escalation) -> tuple[object, ...]:
    state = escalation.state
    return state.by, state.opened_us, state.policy


def _is_news(state: EscalationState, holds: Sequence[_Hold]) -> bool:
    """Whether somebody else acknowledged, or the same person again, than is known."""
    since_us = max(each.since_us for each in holds)
    return state.acknowledged_us is None or state.by != holds[0].by or since_us > state.acknowledged_us


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
