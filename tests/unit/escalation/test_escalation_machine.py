"""One case is escalated: whom it goes to next, what stops it, what starts it again, and what a leap of time does."""

import json

import pytest
from escalation_policies import DAY, HOUR, LOG, MINUTE, NOON, OPS, all_but, everybody, level, nobody, policy
from trueline_rules.escalation.actions import (
    DeadlineMissed,
    EmptyLevel,
    Exhausted,
    NotifyLevel,
    Reach,
    Rearmed,
    Unreached,
)
from trueline_rules.escalation.machine import acknowledge, begin, done, due, reopen, resolve, unacknowledge
from trueline_rules.escalation.snapshot import policy_of, snapshot
from trueline_rules.escalation.state import EscalationState
from trueline_rules.escalation_model import BusinessHours, EscalationPolicy, Inform, Level, PostMortem, Targets

L1, L2, L3 = level("L1"), level("L2", 15 * MINUTE), level("engineering", 30 * MINUTE)


def _told(state: EscalationState, until_us: int, reach: Reach = everybody) -> list[tuple[str, str, int]]:
    """Run all timers in time: (what, key or name, minutes since noon) of what happens by an instant."""
    found = []
    while state.next_us is not None and state.next_us <= until_us:
        now_us = state.next_us
        state, actions = due(state, now_us, reach)
        assert actions
        for action in actions:
            detail = getattr(action, "which", None) or (action.step.key if hasattr(action, "step") else "")
            found.append((type(action).__name__, detail, (now_us - NOON) // MINUTE))
    return found


def test_levels_are_told_one_after_the_other() -> None:
    """Each level is told its delay after the one before; then nobody is left and the case says so."""
    assert _told(begin(policy(L1, L2, L3), NOON), NOON + DAY) == [
        ("NotifyLevel", "0/0/1", 0),
        ("NotifyLevel", "0/1/1", 15),
        ("NotifyLevel", "0/2/1", 45),
        ("Exhausted", "", 45),
    ]


def test_a_level_is_told_again_before_the_next_one() -> None:
    """Repeats come between a level and the next, whose delay counts from when the level was told first."""
    repeated = level("L1", repeat=2, every_us=5 * MINUTE)
    assert _told(begin(policy(repeated, L2), NOON), NOON + DAY) == [
        ("NotifyLevel", "0/0/1", 0),
        ("NotifyLevel", "0/0/2", 5),
        ("NotifyLevel", "0/0/3", 10),
        ("NotifyLevel", "0/1/1", 15),
        ("Exhausted", "", 15),
    ]


def test_rounds_begin_again_from_the_first_level() -> None:
    """After the last level all begins again as often as the policy says, and each round has its own number."""
    found = _told(begin(policy(L1, L2, rounds=2, round_after_us=10 * MINUTE), NOON), NOON + DAY)
    assert found == [
        ("NotifyLevel", "0/0/1", 0),
        ("NotifyLevel", "0/1/1", 15),
        ("NotifyLevel", "1/0/1", 25),
        ("NotifyLevel", "1/1/1", 40),
        ("NotifyLevel", "2/0/1", 50),
        ("NotifyLevel", "2/1/1", 65),
        ("Exhausted", "", 65),
    ]


def test_the_first_level_may_wait() -> None:
    """A delay of the first level gives the case time to end by itself."""
    assert _told(begin(policy(level("L1", 5 * MINUTE)), NOON), NOON + 5 * MINUTE - 1) == []


def test_an_empty_level_goes_on_at_once_and_is_told_of() -> None:
    """If nobody is on call the next level is told in the same instant, and the reason is there."""
    state, actions = due(begin(policy(level("L1", notify=OPS), L2), NOON), NOON, all_but("ops"))
    assert isinstance(actions[0], EmptyLevel)
    assert actions[0].why == "schedule ops: nobody is on call"
    assert isinstance(actions[1], NotifyLevel)
    assert actions[1].step.key == "0/1/1"
    assert isinstance(actions[2], Exhausted)
    assert state.next_us is None


def test_a_level_that_becomes_empty_goes_on_too() -> None:
    """A level that was told once and reaches nobody at its repeat does not hold up the next one."""
    repeated = level("L1", repeat=3, every_us=MINUTE, notify=OPS)
    state, _ = due(begin(policy(repeated, L2), NOON), NOON, everybody)
    state, actions = due(state, NOON + MINUTE, all_but("ops"))
    assert [type(action) for action in actions] == [EmptyLevel, NotifyLevel, Exhausted]


def test_if_all_levels_are_empty_rounds_still_wait() -> None:
    """Empty levels are gone past at once, but the next round waits: someone may have come on call by then."""
    found = _told(begin(policy(L1, L2, rounds=1, round_after_us=HOUR), NOON), NOON + DAY, nobody)
    assert found == [
        ("EmptyLevel", "0/0/1", 0),
        ("EmptyLevel", "0/1/1", 0),
        ("EmptyLevel", "1/0/1", 60),
        ("EmptyLevel", "1/1/1", 60),
        ("Exhausted", "", 60),
    ]


def test_targets_that_reach_nobody_are_named_beside_those_that_do() -> None:
    """A level with one empty target still tells the others, each channel once."""
    both = Level("L1", 0, (OPS, LOG, LOG))
    _, (action, _) = due(begin(policy(both), NOON), NOON, all_but("ops"))
    assert isinstance(action, NotifyLevel)
    assert [recipient.channel for recipient in action.recipients] == ["channel-log"]
    assert action.unreached == (Unreached(OPS, "nobody is on call"),)


def test_an_acknowledgement_stops_it_until_the_end() -> None:
    """Without a timeout nobody is told any more once somebody takes care."""
    state, _ = due(begin(policy(L1, L2), NOON), NOON, everybody)
    state, actions = acknowledge(state, NOON + MINUTE, "ada")
    assert (actions, state.next_us, state.by) == ((), None, "ada")
    assert due(state, NOON + DAY, everybody) == (state, ())


def test_an_acknowledgement_runs_out() -> None:
    """After the timeout the level told last is told again at once, and the escalation goes on from there."""
    three = policy(L1, L2, L3, acknowledge_timeout_us=HOUR)
    state, _ = due(begin(three, NOON), NOON, everybody)
    state, _ = due(state, NOON + 15 * MINUTE, everybody)
    state, _ = acknowledge(state, NOON + 20 * MINUTE, "ada")
    state, actions = due(state, NOON + 80 * MINUTE, everybody)
    assert actions[0] == Rearmed("ada", timed_out=True)
    assert isinstance(actions[1], NotifyLevel)
    assert (actions[1].step.key, state.by, state.acknowledged_us) == ("1/1/1", "", None)
    assert _told(state, NOON + DAY) == [("NotifyLevel", "1/2/1", 110), ("Exhausted", "", 110)]


def test_to_acknowledge_again_holds_longer() -> None:
    """A second acknowledgement counts the timeout anew and changes who takes care; the first response stays."""
    state, _ = acknowledge(begin(policy(L1, acknowledge_timeout_us=HOUR), NOON), NOON + MINUTE, "ada")
    state, _ = acknowledge(state, NOON + 30 * MINUTE, "bob")
    assert (state.by, state.rearm_us, state.responded_us) == ("bob", NOON + 90 * MINUTE, NOON + MINUTE)


def test_an_acknowledgement_can_be_taken_back() -> None:
    """By hand it works like the timeout, and only while there is one."""
    state, _ = due(begin(policy(L1, L2), NOON), NOON, everybody)
    assert unacknowledge(state, NOON + 1) == (state, ())
    state, _ = acknowledge(state, NOON + MINUTE, "ada")
    state, actions = unacknowledge(state, NOON + 2 * MINUTE)
    assert actions == (Rearmed("ada", timed_out=False),)
    assert _told(state, NOON + 2 * MINUTE) == [("NotifyLevel", "1/0/1", 2)]


def test_a_case_that_nobody_took_goes_on_after_it_was_taken_and_left() -> None:
    """Exhausted, acknowledged and timed out, it begins anew with all its rounds."""
    once = policy(L1, acknowledge_timeout_us=HOUR)
    state, actions = due(begin(once, NOON), NOON, everybody)
    assert isinstance(actions[-1], Exhausted)
    state, _ = acknowledge(state, NOON + MINUTE, "ada")
    assert not state.exhausted
    assert [what for what, _, _ in _told(state, NOON + DAY)] == ["Rearmed", "NotifyLevel", "Exhausted"]


def test_a_resolved_case_is_quiet() -> None:
    """Nobody is told any more, and it cannot be acknowledged; resolving it again does nothing."""
    state, _ = due(begin(policy(L1, L2), NOON), NOON, everybody)
    state, actions = resolve(state, NOON + MINUTE)
    assert (actions, state.ended) == ((), True)
    assert resolve(state, NOON + 2 * MINUTE) == (state, ())
    assert unacknowledge(state, NOON + 2 * MINUTE) == (state, ())
    assert due(state, NOON + DAY, everybody) == (state, ())
    with pytest.raises(ValueError, match="reopen it"):
        acknowledge(state, NOON + DAY, "ada")


def test_a_case_that_opens_again_begins_at_the_first_level() -> None:
    """It goes through the levels in a new round; with the policy of now only if that is given."""
    state, _ = due(begin(policy(L1, L2), NOON), NOON, everybody)
    assert reopen(state, NOON + 1) == (state, ())
    state, _ = due(state, NOON + 15 * MINUTE, everybody)
    state, _ = resolve(state, NOON + HOUR)
    again, _ = reopen(state, NOON + 2 * HOUR)
    assert _told(again, NOON + DAY) == [
        ("NotifyLevel", "1/0/1", 120),
        ("NotifyLevel", "1/1/1", 135),
        ("Exhausted", "", 135),
    ]
    changed, _ = reopen(state, NOON + 2 * HOUR, policy(L1))
    assert [key for _, key, _ in _told(changed, NOON + DAY)] == ["1/0/1", ""]
    assert (changed.opened_us, changed.started_us) == (NOON, NOON + 2 * HOUR)


def test_a_reopened_case_with_fewer_levels_can_be_rearmed() -> None:
    """What was told under the old policy says nothing about the levels of the new one."""
    state = begin(policy(L1, L2, L3), NOON)
    for minutes in (0, 15, 45):
        state, _ = due(state, NOON + minutes * MINUTE, everybody)
    state, _ = reopen(resolve(state, NOON + HOUR)[0], NOON + HOUR, policy(L1))
    state, _ = unacknowledge(acknowledge(state, NOON + HOUR, "ada")[0], NOON + HOUR)
    assert [key for _, key, _ in _told(state, NOON + DAY)] == ["2/0/1", ""]


def test_a_late_timer_gives_each_level_its_time() -> None:
    """After an outage of hours one level is told, not all that would have been; the next has its full delay."""
    state = begin(policy(L1, L2, L3), NOON)
    state, actions = due(state, NOON + 5 * HOUR, everybody)
    assert [type(action) for action in actions] == [NotifyLevel]
    assert state.next_us == NOON + 5 * HOUR + 15 * MINUTE


def test_a_timer_that_fires_early_or_twice_does_nothing() -> None:
    """Each step is made once, whoever asks how often."""
    state, _ = due(begin(policy(L1, L2), NOON), NOON, everybody)
    assert due(state, NOON, everybody) == (state, ())
    assert due(state, NOON + 15 * MINUTE - 1, everybody) == (state, ())


def test_a_clock_set_back_does_not_hold_up_a_case() -> None:
    """What was 15 minutes off is 15 minutes off after the leap; a small difference between machines changes nothing."""
    state, _ = due(begin(policy(L1, L2, targets=Targets(resolve_within_us=4 * HOUR)), NOON), NOON, everybody)
    assert due(state, NOON - 1_000_000, everybody) == (state, ())
    back, actions = due(state, NOON - 30 * DAY, everybody)
    assert actions == ()
    assert back.next_us == NOON - 30 * DAY + 15 * MINUTE
    assert back.deadlines[0].at_us == NOON - 30 * DAY + 4 * HOUR


TARGETS = Targets(
    respond_within_us=15 * MINUTE,
    update_every_us=30 * MINUTE,
    resolve_within_us=2 * HOUR,
    post_mortem=PostMortem.REQUIRED,
    post_mortem_within_us=2 * DAY,
    inform=(Inform("all stakeholders", HOUR), Inform("the press")),
)


def test_each_missed_deadline_is_told_once() -> None:
    """Response, updates, information and resolution are told when they are overdue; updates are due again then."""
    found = _told(begin(policy(L1, targets=TARGETS), NOON), NOON + 2 * HOUR)
    assert [(which, at) for what, which, at in found if what == "DeadlineMissed"] == [
        ("respond", 15),
        ("update", 30),
        ("inform:all stakeholders", 60),
        ("update", 60),
        ("update", 90),
        ("resolve", 120),
        ("update", 120),
    ]


def test_deadlines_that_are_met_are_not_told() -> None:
    """An acknowledgement is a response, an update puts off the next one, and the end ends all but the post-mortem."""
    state, _ = acknowledge(begin(policy(L1, targets=TARGETS), NOON), NOON + 5 * MINUTE, "ada")
    state, _ = done(state, "update", NOON + 20 * MINUTE)
    state, _ = done(state, "inform:all stakeholders", NOON + 20 * MINUTE)
    assert state.next_us == NOON + 50 * MINUTE
    state, actions = resolve(state, NOON + 40 * MINUTE)
    assert (actions, state.ended) == ((), False)
    assert state.next_us == NOON + 40 * MINUTE + 2 * DAY
    ended, _ = done(state, "post_mortem", NOON + DAY)
    assert ended.ended
    missed, actions = due(state, NOON + 3 * DAY, everybody)
    assert actions == (DeadlineMissed("post_mortem", NOON + 40 * MINUTE + 2 * DAY),)
    assert missed.ended


def test_a_deadline_missed_before_its_timer_fired_is_told_by_whatever_comes_first() -> None:
    """Acknowledged after its time but before the late timer, the response is still a late one."""
    state = begin(policy(L1, targets=Targets(respond_within_us=15 * MINUTE)), NOON)
    state, actions = acknowledge(state, NOON + HOUR, "ada")
    assert actions == (DeadlineMissed("respond", NOON + 15 * MINUTE),)
    assert due(state, NOON + DAY, everybody) == (state, ())


OFFICE = BusinessHours("Europe/Berlin", (0, 1, 2, 3, 4), 9 * 60, 17 * 60)


def test_clocks_stand_still_while_the_business_is_closed() -> None:
    """What opens on Friday evening is told on Monday at nine, and its deadlines count from then."""
    friday_evening = NOON + 4 * DAY + 8 * HOUR
    monday_nine = NOON + 7 * DAY - 4 * HOUR
    state = begin(policy(L1, L2, hours=OFFICE, targets=Targets(respond_within_us=4 * HOUR)), friday_evening)
    assert state.next_us == monday_nine
    assert state.deadlines[0].at_us == monday_nine + 4 * HOUR


def test_nobody_is_told_as_the_business_closes() -> None:
    """A delay that ends at five tells the next level at nine, while a deadline at five is at five."""
    four_forty_five = NOON + 3 * HOUR + 45 * MINUTE
    limits = Targets(respond_within_us=15 * MINUTE)
    state, _ = due(begin(policy(L1, L2, hours=OFFICE, targets=limits), four_forty_five), four_forty_five, everybody)
    assert state.step is not None
    assert state.step.at_us == NOON + 20 * HOUR
    assert state.deadlines[0].at_us == NOON + 4 * HOUR


def test_a_late_timer_does_not_tell_anybody_at_night() -> None:
    """Due at three in the afternoon and fired at eight in the evening, the level is told the next morning."""
    state = begin(policy(L1, hours=OFFICE), NOON + 2 * HOUR)
    late, actions = due(state, NOON + 8 * HOUR, everybody)
    assert actions == ()
    assert late.next_us == NOON + 20 * HOUR


@pytest.mark.parametrize("kept", [policy(L1, L2), policy(L1, hours=OFFICE, targets=TARGETS, rounds=1)], ids=str)
def test_a_case_can_be_kept_as_json(kept: EscalationPolicy) -> None:
    """State and policy come back from JSON as they were."""
    assert policy_of(json.loads(json.dumps(snapshot(kept)))) == kept
    state, _ = due(begin(kept, NOON), NOON, everybody)
    assert EscalationState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
