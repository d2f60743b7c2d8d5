"""The escalation of one case, as functions from a state, an event and an instant to the next state and its actions.

Only `due` tells anybody. Callers run it whenever `state.next_us` has come, and right after each other function: once
more or later than needed does no harm. It makes at most one step that reaches somebody, and what comes after it is
counted from when it was made: after an outage or a leap of the clock each level still gets its time.
"""

from __future__ import annotations

from dataclasses import replace

from trueline_rules.escalation.actions import (
    Action,
    DeadlineMissed,
    EmptyLevel,
    Exhausted,
    NotifyLevel,
    Reach,
    Rearmed,
    Recipient,
    Unreached,
)
from trueline_rules.escalation.business_time import add, opens
from trueline_rules.escalation.snapshot import policy_of, snapshot
from trueline_rules.escalation.state import (
    INFORM,
    POST_MORTEM,
    RESOLVE,
    RESPOND,
    UPDATE,
    Deadline,
    EscalationState,
    Step,
)
from trueline_rules.escalation_model import EscalationPolicy, PostMortem

# Clocks of several machines differ by less; one that is further back was set back.
SET_BACK_US = 60_000_000

Moved = tuple[EscalationState, tuple[Action, ...]]


def begin(policy: EscalationPolicy, now_us: int) -> EscalationState:
    """Open the escalation of a case; the policy is kept as it is now."""
    state = EscalationState(policy=snapshot(policy), opened_us=now_us, started_us=now_us, seen_us=now_us)
    return _started(state, policy, now_us)


def due(state: EscalationState, now_us: int, reach: Reach) -> Moved:
    """Do what is due at an instant: tell a level, go past empty ones, re-arm, note deadlines that were missed.

    Args:
        state: of a case; one that waits for nothing, or for later, comes back as it is.
        now_us: the server's clock.
        reach: whom a target reaches now.

    """
    policy = policy_of(state.policy)
    moved = _at(state, now_us)
    if moved.next_us is None or moved.next_us > now_us:
        # Not worth writing down, unless the clock was set back.
        return (moved if moved.next_us != state.next_us else state), ()
    state, actions = _settle(moved, policy, now_us)
    if state.rearm_us is not None and state.rearm_us <= now_us:
        state, rearmed = _rearm(state, policy, now_us, timed_out=True)
        actions += rearmed
    while (step := state.step) is not None and step.at_us <= now_us:
        opening = opens(now_us, policy.hours)
        if opening > now_us:
            # The timer is late, and the business has closed meanwhile.
            state = replace(state, step=replace(step, at_us=opening))
            break
        state, action = _tell(state, policy, step, now_us, reach)
        actions.append(action)
        if state.exhausted:
            actions.append(Exhausted())
    return state, tuple(actions)


def acknowledge(state: EscalationState, now_us: int, by: str) -> Moved:
    """Somebody takes care: nobody else is told, until it times out. Again = it holds from now on, for `by`.

    Raises:
        ValueError: if the case is resolved.

    """
    if state.resolved_us is not None:
        raise ValueError("the case is resolved; reopen it before it is acknowledged")
    policy = policy_of(state.policy)
    state, actions = _settle(_at(state, now_us), policy, now_us)
    timeout = policy.acknowledge_timeout_us
    state = replace(
        state,
        step=None,
        exhausted=False,
        responded_us=now_us if state.responded_us is None else state.responded_us,
        acknowledged_us=now_us,
        by=by,
        rearm_us=None if timeout is None else add(now_us, timeout, policy.hours),
        deadlines=_without(state.deadlines, RESPOND),
    )
    return state, tuple(actions)


def unacknowledge(state: EscalationState, now_us: int) -> Moved:
    """Take an acknowledgement back: the level told last is told again. One that is not acknowledged stays as it is."""
    if state.acknowledged_us is None or state.resolved_us is not None:
        return state, ()
    policy = policy_of(state.policy)
    state, actions = _settle(_at(state, now_us), policy, now_us)
    state, rearmed = _rearm(state, policy, now_us, timed_out=False)
    return state, (*actions, *rearmed)


def resolve(state: EscalationState, now_us: int) -> Moved:
    """End it: nobody is told any more; what is left is the post-mortem, if the policy wants one by some time."""
    if state.resolved_us is not None:
        return state, ()
    policy = policy_of(state.policy)
    state, actions = _settle(_at(state, now_us), policy, now_us)
    within = policy.targets.post_mortem_within_us
    wanted = policy.targets.post_mortem is PostMortem.REQUIRED and within is not None
    deadlines = (Deadline(POST_MORTEM, add(now_us, within or 0, policy.hours)),) if wanted else ()
    state = replace(
        state, step=None, rearm_us=None, acknowledged_us=None, resolved_us=now_us, exhausted=False, deadlines=deadlines
    )
    return state, tuple(actions)


def reopen(state: EscalationState, now_us: int, policy: EscalationPolicy | None = None) -> Moved:
    """Begin again from the first level, in a new round; with the policy given, else with the one kept.

    One that is not resolved stays as it is.
    """
    if state.resolved_us is None:
        return state, ()
    state, actions = _settle(_at(state, now_us), policy_of(state.policy), now_us)
    kept = state.policy if policy is None else snapshot(policy)
    state = replace(state, policy=kept, started_us=now_us, told=None, responded_us=None, by="", resolved_us=None)
    return _started(state, policy_of(kept), now_us), tuple(actions)


def done(state: EscalationState, which: str, now_us: int) -> Moved:
    """Note that something with a deadline was done: UPDATE begins anew, the others are over."""
    policy = policy_of(state.policy)
    state, actions = _settle(_at(state, now_us), policy, now_us)
    left = _without(state.deadlines, which)
    every = policy.targets.update_every_us
    if which == UPDATE and every is not None and state.resolved_us is None:
        left += (Deadline(UPDATE, add(now_us, every, policy.hours)),)
    return replace(state, deadlines=left), tuple(actions)


def _started(state: EscalationState, policy: EscalationPolicy, now_us: int) -> EscalationState:
    """The first step of a round and the deadlines of a case that opens."""
    targets, hours = policy.targets, policy.hours
    spans = {RESPOND: targets.respond_within_us, UPDATE: targets.update_every_us, RESOLVE: targets.resolve_within_us}
    spans |= {f"{INFORM}{inform.who}": inform.within_us for inform in targets.inform}
    deadlines = [Deadline(which, add(now_us, span, hours)) for which, span in spans.items() if span is not None]
    state = replace(state, rounds_left=policy.rounds, exhausted=False, deadlines=tuple(deadlines))
    return _round(state, 0, _after(now_us, policy.levels[0].after_us, policy)) if policy.levels else state


def _tell(
    state: EscalationState, policy: EscalationPolicy, step: Step, now_us: int, reach: Reach
) -> tuple[EscalationState, Action]:
    """Make the step that is due, and set the next one."""
    level = policy.levels[step.level]
    made = replace(step, at_us=now_us)
    recipients: dict[str, Recipient] = {}
    unreached = []
    for target in level.notify:
        reached = reach(target, now_us)
        for recipient in reached.recipients:
            recipients.setdefault(recipient.channel, recipient)
        if not reached.recipients:
            unreached.append(Unreached(target, reached.why))
    action: Action
    if recipients:
        action = NotifyLevel(made, level.name, tuple(recipients.values()), tuple(unreached))
    else:
        action = EmptyLevel(made, level.name, tuple(unreached))
    return _set_next(replace(state, told=made), policy, made, reached=bool(recipients)), action


def _set_next(state: EscalationState, policy: EscalationPolicy, made: Step, *, reached: bool) -> EscalationState:
    """The step after one that was made: the level again, the next level, the next round, or none."""
    level, now_us = policy.levels[made.level], made.at_us
    if reached and made.tries <= level.repeat:
        step = replace(made, tries=made.tries + 1, at_us=_after(now_us, level.every_us, policy))
        return replace(state, step=step)
    if made.level + 1 < len(policy.levels):
        waited = (made.tries - 1) * level.every_us
        wait = policy.levels[made.level + 1].after_us - waited
        at_us = _after(now_us, wait, policy) if reached else now_us
        return replace(state, step=Step(made.round, made.level + 1, 1, at_us))
    if state.rounds_left:
        at_us = _after(now_us, policy.round_after_us, policy)
        return _round(replace(state, rounds_left=state.rounds_left - 1), 0, at_us)
    return replace(state, step=None, exhausted=True)


def _rearm(state: EscalationState, policy: EscalationPolicy, now_us: int, *, timed_out: bool) -> Moved:
    """The level told last is told again at once, in a new round, for it may have been told in this one."""
    rearmed = Rearmed(state.by, timed_out)
    state = replace(state, rounds_left=policy.rounds, acknowledged_us=None, by="", rearm_us=None)
    if policy.levels:
        state = _round(state, max(state.level, 0), _after(now_us, 0, policy))
    return state, (rearmed,)


def _round(state: EscalationState, level: int, at_us: int) -> EscalationState:
    """A round that no step had before begins at a level."""
    return replace(state, step=Step(state.rounds, level, 1, at_us), rounds=state.rounds + 1)


def _after(now_us: int, span_us: int, policy: EscalationPolicy) -> int:
    """When a level is told that is due after a span: not while the business is closed."""
    return opens(add(now_us, span_us, policy.hours), policy.hours)


def _settle(state: EscalationState, policy: EscalationPolicy, now_us: int) -> tuple[EscalationState, list[Action]]:
    """Note the deadlines that have passed, each once; updates are due again from now on."""
    missed = sorted((found for found in state.deadlines if found.at_us <= now_us), key=lambda found: found.at_us)
    if not missed:
        return state, []
    left = tuple(found for found in state.deadlines if found.at_us > now_us)
    every = policy.targets.update_every_us
    if every is not None and any(found.which == UPDATE for found in missed):
        left += (Deadline(UPDATE, add(now_us, every, policy.hours)),)
    return replace(state, deadlines=left), [DeadlineMissed(found.which, found.at_us) for found in missed]


def _without(deadlines: tuple[Deadline, ...], which: str) -> tuple[Deadline, ...]:
    return tuple(deadline for deadline in deadlines if deadline.which != which)


def _at(state: EscalationState, now_us: int) -> EscalationState:
    """Note the instant; if the clock was set back, what is to come is as far off as it was before."""
    back = now_us - state.seen_us
    if back >= -SET_BACK_US:
        return replace(state, seen_us=max(now_us, state.seen_us)) if back > 0 else state
    step, rearm_us = state.step, state.rearm_us
    return replace(
        state,
        seen_us=now_us,
        step=None if step is None else replace(step, at_us=step.at_us + back),
        rearm_us=None if rearm_us is None else rearm_us + back,
        deadlines=tuple(replace(deadline, at_us=deadline.at_us + back) for deadline in state.deadlines),
    )
