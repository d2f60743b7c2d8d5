"""Whatever happens to a case, in whatever order and by whatever clock: no step twice, and no waiting without an end."""

import json

from escalation_policies import DAY, HOUR, NOON, all_but, policies
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from trueline_rules.escalation.actions import Action, DeadlineMissed, EmptyLevel, Exhausted, NotifyLevel, Rearmed
from trueline_rules.escalation.business_time import opens
from trueline_rules.escalation.machine import SET_BACK_US, acknowledge, begin, done, due, reopen, resolve, unacknowledge
from trueline_rules.escalation.state import EscalationState, Step
from trueline_rules.escalation_model import EscalationPolicy

# The longest that anything waits: 90 minutes, of which business hours and a weekend with a holiday make days.
LONGEST = 6 * DAY


class Case(RuleBasedStateMachine):
    """A case that people and timers do random things to, on a clock that leaps to and fro."""

    @initialize(policy=policies(), later=st.integers(0, 7 * DAY))
    def begin(self, policy: EscalationPolicy, later: int) -> None:
        """Open it at any time of a week."""
        self.now = NOON + later
        self.policy = policy
        self.state = begin(policy, self.now)
        self.made: list[Step] = []
        self.away: tuple[str, ...] = ()
        self.note(())

    def note(self, actions: tuple[Action, ...]) -> None:
        """Check what comes out of each transition."""
        for place, action in enumerate(actions):
            if isinstance(action, NotifyLevel | EmptyLevel):
                assert not self.made or action.step > self.made[-1]
                assert action.step.at_us == self.now
                assert opens(self.now, self.policy.hours) == self.now
                assert action.step.tries <= self.policy.levels[action.step.level].repeat + 1
                self.made.append(action.step)
            if isinstance(action, NotifyLevel):
                assert action.recipients
                # One level at a time: whoever is told has time to act before the next one is.
                assert not any(isinstance(later, NotifyLevel | EmptyLevel) for later in actions[place + 1 :])
            if isinstance(action, EmptyLevel):
                assert action.why
                self.check_empty(action, actions[place + 1 :])
            if isinstance(action, DeadlineMissed):
                assert action.at_us <= self.now

    def check_empty(self, empty: EmptyLevel, after: tuple[Action, ...]) -> None:
        """After an empty level comes the next one in the same instant, or the end of the round."""
        if empty.step.level + 1 < len(self.policy.levels):
            following = after[0]
            assert isinstance(following, NotifyLevel | EmptyLevel)
            assert (following.step.round, following.step.level) == (empty.step.round, empty.step.level + 1)
        else:
            assert after == ((Exhausted(),) if self.state.exhausted else ())

    @rule(away=st.lists(st.sampled_from("abc"), unique=True))
    def people_come_and_go(self, away: list[str]) -> None:
        """Targets reach nobody, or somebody again."""
        self.away = tuple(away)

    @rule()
    def fire_in_time(self) -> None:
        """The timer fires when it is due; fired again it does nothing."""
        if self.state.next_us is not None:
            self.now = max(self.now, self.state.next_us)
        self.fire()
        again, actions = due(self.state, self.now, all_but(*self.away))
        assert (again, actions) == (self.state, ())

    @rule(late=st.integers(0, 3 * DAY))
    def fire_late(self, late: int) -> None:
        """The timer fires late, or the clock leaps forward: what is due is done, one level at most."""
        self.now = max(self.now, self.state.next_us or 0) + late
        self.fire()

    @rule(pause=st.integers(0, 2 * HOUR))
    def fire_at_random(self, pause: int) -> None:
        """A timer fires that nobody set."""
        self.now += pause
        due_before = self.state.next_us
        state, actions = due(self.state, self.now, all_but(*self.away))
        if due_before is None or due_before > self.now:
            assert actions == ()
        self.state = state
        self.note(actions)

    @rule(back=st.integers(0, 10 * DAY))
    def set_clock_back(self, back: int) -> None:
        """The clock leaps back; what was to come stays as near as it was."""
        self.now -= back
        self.fire()
        assert self.state.next_us is None or self.state.next_us <= self.now + LONGEST + SET_BACK_US

    def fire(self) -> None:
        """Fire the timer now."""
        self.state, actions = due(self.state, self.now, all_but(*self.away))
        self.note(actions)
        assert self.state.next_us is None or self.state.next_us > self.now

    @precondition(lambda self: self.state.resolved_us is None)
    @rule(by=st.sampled_from(["ada", "bob"]))
    def acknowledge(self, by: str) -> None:
        """Somebody takes care."""
        self.state, actions = acknowledge(self.state, self.now, by)
        assert (self.state.step, self.state.by) == (None, by)
        self.note(actions)

    @rule()
    def unacknowledge(self) -> None:
        """Nobody takes care any more."""
        held = self.state.acknowledged_us is not None
        self.state, actions = unacknowledge(self.state, self.now)
        assert any(isinstance(action, Rearmed) for action in actions) == held
        self.note(actions)

    @rule()
    def resolve(self) -> None:
        """It is over."""
        self.state, actions = resolve(self.state, self.now)
        assert self.state.step is None
        assert self.state.rearm_us is None
        self.note(actions)

    @rule()
    def reopen(self) -> None:
        """It is not."""
        self.state, actions = reopen(self.state, self.now)
        self.note(actions)

    @rule(which=st.sampled_from(["update", "post_mortem", "inform:users"]))
    def do(self, which: str) -> None:
        """Somebody does what has a deadline."""
        self.state, actions = done(self.state, which, self.now)
        self.note(actions)

    @invariant()
    def it_ends_or_waits_for_a_known_instant(self) -> None:
        """Open and not acknowledged, it has a step to come or is exhausted; nothing waits longer than its span."""
        if not hasattr(self, "state"):
            return
        state = self.state
        waiting = state.resolved_us is None and state.acknowledged_us is None
        assert (state.step is not None or state.exhausted) == waiting
        if state.acknowledged_us is not None and self.policy.acknowledge_timeout_us is not None:
            assert state.rearm_us is not None
        for at_us in [deadline.at_us for deadline in state.deadlines]:
            assert at_us <= state.seen_us + LONGEST + SET_BACK_US
        if state.step is not None:
            assert state.step.at_us <= state.seen_us + LONGEST + SET_BACK_US

    @invariant()
    def it_can_be_kept(self) -> None:
        """A restart at any moment changes nothing."""
        if hasattr(self, "state"):
            assert EscalationState.from_dict(json.loads(json.dumps(self.state.to_dict()))) == self.state

    def teardown(self) -> None:
        """Left alone with its timers, it comes to an end: it is quiet, or only misses its updates."""
        if not hasattr(self, "state") or self.state.resolved_us is not None:
            return
        for _ in range(200):
            if self.state.step is None and self.state.rearm_us is None:
                return
            self.fire_in_time()
        # Updates are due for ever, so they may come between any two steps.
        assert self.policy.targets.update_every_us is not None


Case.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCase = Case.TestCase
