"""Whatever is seen, whatever the policies: what always holds of the alert state machine."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from replaying import EU, MINUTE_US, US, Replay, over, rows, spec
from trueline_rules.alerting.machine import WHOLE_RULE, evaluate
from trueline_rules.alerting.model import (
    ACTIVE,
    AlertSpec,
    Failure,
    Instance,
    OnError,
    OnMissing,
    OnNoData,
    OnVanished,
    Outcome,
    State,
)
from trueline_rules.alerting.vectors import Labels, labels_of

AP = labels_of({"region": "ap"})
Seen = Mapping[Labels, float | None] | Failure

minutes = st.integers(0, 4).map(lambda n: n * MINUTE_US)
rules = st.builds(
    lambda **parts: spec(warning=over(1), critical=over(5), **parts),
    for_us=minutes,
    keep_firing_for_us=minutes,
    retention_us=minutes,
    on_missing=st.sampled_from(OnMissing),
    on_no_data=st.sampled_from(OnNoData),
    on_error=st.sampled_from(OnError),
    on_vanished=st.sampled_from(OnVanished),
    vanished_after=st.integers(1, 3),
)
values = st.sampled_from([0, 0, 2, 2, 9, None])
seen = st.dictionaries(st.sampled_from([EU, US, AP]), values, max_size=3) | st.just(Failure("broken"))
histories = st.lists(seen, max_size=25)


def _replay(rule: AlertSpec, history: list[Any]) -> Replay:
    replay = Replay(rule)
    for given_rows in history:
        replay.step(given_rows)
    return replay


@given(rules, histories)
def test_nothing_fires_before_its_time(rule: AlertSpec, history: list[Seen]) -> None:
    """What fires has been active for at least `for`, and was PENDING, or `for` is 0, or it had fired before."""
    for told in _replay(rule, history).transitions:
        if told.after.state is State.FIRING:
            assert told.after.active_since_us is not None
            assert told.at_us - told.after.active_since_us >= rule.for_us
            fired = told.before.fired_us is not None
            assert told.before.state is State.PENDING or rule.for_us == 0 or fired


@given(rules, histories)
def test_transitions_chain(rule: AlertSpec, history: list[Seen]) -> None:
    """Each transition of a label set begins where the last one ended; before the first and after a drop is INACTIVE."""
    replay = _replay(rule, history)
    for labels in (WHOLE_RULE, EU, US, AP):
        told = [t for t in replay.transitions if t.after.labels == labels]
        path = [(State.INACTIVE, None), *((t.after.state, t.after.severity) for t in told)]
        assert [(t.before.state, t.before.severity) for t in told] == path[:-1]
        now = replay.instances.get(labels, Instance(rule.name, labels))
        assert path[-1] == (now.state, now.severity)
        assert all(one != other for one, other in pairwise(path))
        assert all(one.at_us < other.at_us for one, other in pairwise(told))


@given(rules, histories)
def test_a_restart_changes_nothing(rule: AlertSpec, history: list[Seen]) -> None:
    """With instances written and read again before each evaluation it goes as without."""
    straight, restored = Replay(rule), Replay(rule)
    for given_rows in history:
        restored.instances = pickle.loads(pickle.dumps(dict(restored.instances)))
        assert straight.step(given_rows) == restored.step(given_rows)


@given(rules, histories, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_count(rule: AlertSpec, history: list[Seen], random: Any) -> None:
    """Rows and instances in any order give the same evaluation, in the same order."""
    straight, shuffled = Replay(rule), Replay(rule)
    for given_rows in history:
        other = given_rows
        if not isinstance(given_rows, Failure):
            other = dict(random.sample(list(given_rows.items()), len(given_rows)))
        known = list(shuffled.instances.items())
        shuffled.instances = dict(random.sample(known, len(known)))
        one, two = straight.step(given_rows), shuffled.step(other)
        assert one == two
        assert [i.labels for i in one.instances] == sorted(i.labels for i in one.instances)


@given(rules, histories)
def test_label_sets_are_alone(rule: AlertSpec, history: list[Seen]) -> None:
    """What happens to one label set is the same without all the others."""
    crowd, alone = Replay(rule), Replay(rule)
    for given_rows in history:
        own = given_rows
        if not isinstance(given_rows, Failure):
            own = {labels: value for labels, value in given_rows.items() if labels == EU}
        crowd.step(given_rows)
        alone.step(own)
        assert crowd.instances.get(EU) == alone.instances.get(EU)


@given(rules, histories)
def test_instances_make_sense(rule: AlertSpec, history: list[Seen]) -> None:
    """Clocks and severity are there exactly where they mean something, and there is always an instance."""
    replay = Replay(rule)
    for given_rows in history:
        done = replay.step(given_rows)
        assert done.outcome is (Outcome.FAILED if isinstance(given_rows, Failure) else Outcome.DONE)
        assert replay.instances
        for instance in replay.instances.values():
            fires = instance.state in {State.FIRING, State.RECOVERING}
            lost = instance.state in {State.NO_DATA, State.ERROR} and instance.fired_us is not None
            assert (instance.active_since_us is not None) == (instance.state in ACTIVE or lost)
            assert (instance.fired_us is not None) == (fires or lost)
            assert (instance.severity is not None) == (instance.state in {*ACTIVE, State.RESOLVED} or lost)
            assert (instance.false_since_us is None) or instance.state is State.RECOVERING or lost
            assert instance.since_us is not None
            assert instance.evaluated_us == (replay.minute - 1) * MINUTE_US


@given(rules, histories, seen, st.integers(-5, 5))
def test_refused_instants_change_nothing(rule: AlertSpec, history: list[Seen], more: Seen, ahead: int) -> None:
    """The same instant again, an earlier one, and one beyond the watermark leave everything as it was."""
    replay = _replay(rule, [*history, {EU: 2}])
    last_us = (replay.minute - 1) * MINUTE_US
    at_us = last_us + ahead * MINUTE_US
    done = evaluate(rule, replay.instances.values(), at_us, last_us, more if isinstance(more, Failure) else rows(more))
    assert done.outcome is (
        Outcome.BEYOND_WATERMARK if ahead > 0 else Outcome.REPEATED if ahead == 0 else Outcome.BACKWARDS
    )
    assert (done.instances, done.transitions) == (tuple(replay.instances.values()), ())
