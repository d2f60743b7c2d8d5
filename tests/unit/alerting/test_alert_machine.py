"""Each edge of the alert state machine: for, keep_firing_for, severities, missing data, errors, limits, time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from replaying import EU, MINUTE_US, US, Replay, over, rows, spec, states_of
from trueline_rules.alerting.machine import WHOLE_RULE, evaluate
from trueline_rules.alerting.model import (
    AlertSpec,
    Failure,
    Instance,
    OnError,
    OnMissing,
    OnNoData,
    OnVanished,
    Outcome,
    Reason,
    Severity,
    State,
)
from trueline_rules.alerting.vectors import Row, labels_of

M = MINUTE_US
BROKEN = Failure("the warehouse did not answer")


def test_fires_at_once_without_for() -> None:
    """Without `for` the first true evaluation fires."""
    assert Replay(spec()).states(0, 2, 2, 0) == ["inactive", "firing", "firing", "resolved"]


def test_for_counts_from_the_first_true_evaluation() -> None:
    """It fires when exactly `for` has passed, and starts anew after a false one."""
    replay = Replay(spec(for_us=2 * M))
    assert replay.states(2, 2, 0, 2, 2, 2) == ["pending", "pending", "inactive", "pending", "pending", "firing"]
    fired = replay.instances[EU]
    assert (fired.active_since_us, fired.fired_us, fired.since_us, fired.last_true_us) == (3 * M, 5 * M, 5 * M, 5 * M)


def test_keep_firing_for_counts_from_the_first_false_evaluation() -> None:
    """It recovers until exactly `keep_firing_for` has passed; a true evaluation in between fires on, at once."""
    replay = Replay(spec(for_us=M, keep_firing_for_us=2 * M))
    assert replay.states(2, 2, 0, 0, 2) == ["pending", "firing", "recovering", "recovering", "firing"]
    assert replay.states(0, 0, 0) == ["recovering", "recovering", "resolved"]


def test_pending_is_not_kept() -> None:
    """What has not fired has nothing to keep."""
    assert Replay(spec(for_us=2 * M, keep_firing_for_us=5 * M)).states(2, 0) == ["pending", "inactive"]


def test_resolved_is_kept_for_the_retention() -> None:
    """It is RESOLVED up to and including the retention, then quiet; fired again, it begins anew."""
    replay = Replay(spec(retention_us=2 * M))
    assert replay.states(2, 0, 0, 0, 0) == ["firing", "resolved", "resolved", "resolved", "inactive"]
    replay = Replay(spec(for_us=M))
    assert replay.states(2, 2, 0, 2, 2) == ["pending", "firing", "resolved", "pending", "firing"]
    assert replay.instances[EU].fired_us == 4 * M


def test_a_vanished_label_set_resolves_and_is_dropped() -> None:
    """As in Prometheus: pending goes, firing is resolved, held by keep_firing_for; dropped after the retention."""
    assert Replay(spec(for_us=2 * M)).states(2, "gone") == ["pending", ""]
    assert Replay(spec(retention_us=M)).states(2, "gone", "gone", "gone") == ["firing", "resolved", "resolved", ""]
    assert Replay(spec(keep_firing_for_us=M)).states(2, "gone", "gone") == ["firing", "recovering", "resolved"]
    assert Replay(spec()).states(0, "gone") == ["inactive", ""]


def test_a_dropped_label_set_ended_inactive() -> None:
    """The last transition of what is dropped leads to INACTIVE, so that the next one can begin there."""
    replay = Replay(spec(retention_us=M))
    replay.states(2, "gone", "gone", "gone", 2)
    assert states_of(replay.transitions, EU) == [
        (State.INACTIVE, State.FIRING),
        (State.FIRING, State.RESOLVED),
        (State.RESOLVED, State.INACTIVE),
        (State.INACTIVE, State.FIRING),
    ]


def test_vanished_after() -> None:
    """A label set may be gone for some evaluations before it means anything; a row in between starts the count anew."""
    replay = Replay(spec(vanished_after=3))
    assert replay.states(2, "gone", "gone", 2, "gone", "gone", "gone") == ["firing"] * 6 + ["resolved"]
    replay = Replay(spec(vanished_after=2))
    assert replay.states(0, "gone", "gone") == ["inactive", "inactive", ""]
    replay = Replay(spec(vanished_after=5, retention_us=M))
    assert replay.states(2, 0, "gone", "gone") == ["firing", "resolved", "resolved", "inactive"]


def test_vanished_without_data() -> None:
    """By policy what vanishes is without data, even if it was quiet, until its data is back."""
    vanished: dict[str, Any] = {"on_vanished": OnVanished.NO_DATA, "vanished_after": 2}
    replay = Replay(spec(**vanished))
    assert replay.states(0, "gone", "gone", "gone", 0) == ["inactive", "inactive", "no_data", "no_data", "inactive"]
    replay = Replay(spec(**vanished, on_no_data=OnNoData.ALERTING))
    assert replay.states(0, "gone", "gone") == ["inactive", "inactive", "firing"]
    assert replay.instances[EU].reason is Reason.VANISHED
    replay = Replay(spec(**vanished, on_no_data=OnNoData.KEEP))
    assert replay.states(2, "gone", "gone", "gone") == ["firing"] * 4


@pytest.mark.parametrize(
    ("on_missing", "expected"),
    [
        (OnMissing.NO_DATA, ["firing", "no_data", "resolved", "no_data"]),
        (OnMissing.FALSE, ["firing", "resolved", "resolved", "resolved"]),
        (OnMissing.TRUE, ["firing", "firing", "resolved", "firing"]),
    ],
)
def test_on_missing(on_missing: OnMissing, expected: list[str]) -> None:
    """An unknown condition is without data, false or true, as the rule says."""
    assert Replay(spec(on_missing=on_missing)).states(2, None, 0, None) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (OnNoData.NO_DATA, ["inactive", "no_data", "pending", "no_data", "pending", "firing", "no_data", "firing"]),
        (OnNoData.OK, ["inactive", "inactive", "pending", "inactive", "pending", "firing", "resolved", "pending"]),
        (OnNoData.KEEP, ["inactive", "inactive", "pending", "pending", "firing", "firing", "firing", "firing"]),
        (OnNoData.ALERTING, ["inactive", "pending", "firing", "firing", "firing", "firing", "firing", "firing"]),
    ],
)
def test_on_no_data(policy: OnNoData, expected: list[str]) -> None:
    """Without data: a state that forgets a pending alert and not a firing one; or false; or kept; or true."""
    assert Replay(spec(for_us=M, on_no_data=policy)).states(0, None, 2, None, 2, 2, None, 2) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (OnError.ERROR, ["inactive", "inactive", "pending", "error", "pending", "firing", "error", "firing"]),
        (OnError.OK, ["inactive", "inactive", "pending", "inactive", "pending", "firing", "resolved", "pending"]),
        (OnError.KEEP, ["inactive", "inactive", "pending", "pending", "firing", "firing", "firing", "firing"]),
        (OnError.ALERTING, ["inactive", "inactive", "pending", "firing", "firing", "firing", "firing", "firing"]),
    ],
)
def test_on_error(policy: OnError, expected: list[str]) -> None:
    """An error concerns the label sets that are not quiet; for those it is as with data that is missing."""
    replay = Replay(spec(for_us=M, on_error=policy))
    assert replay.states(0, BROKEN, 2, BROKEN, 2, 2, BROKEN, 2) == expected


def test_no_data_does_not_end_a_recovery() -> None:
    """What fired is still firing or recovering when the data is back, by the clock that ran on."""
    replay = Replay(spec(keep_firing_for_us=3 * M))
    assert replay.states(2, 0, None, 0, 0) == ["firing", "recovering", "no_data", "recovering", "resolved"]
    assert replay.transitions[-1].after.severity is Severity.WARNING


def test_an_error_is_told_by_the_rule() -> None:
    """A rule that fails has an instance of its own with the message, which goes when the rule works again."""
    replay = Replay(spec())
    replay.step({EU: 2, US: 0})
    done = replay.step(BROKEN)
    assert (done.outcome, done.message) == (Outcome.FAILED, BROKEN.message)
    assert [replay.state(labels) for labels in (WHOLE_RULE, EU, US)] == ["error", "error", "inactive"]
    assert replay.instances[WHOLE_RULE].message == BROKEN.message
    replay.step({EU: 2, US: 0})
    assert [replay.state(labels) for labels in (WHOLE_RULE, EU, US)] == ["", "firing", "inactive"]
    assert states_of(replay.transitions, WHOLE_RULE) == [(State.INACTIVE, State.ERROR), (State.ERROR, State.INACTIVE)]


def test_an_error_leaves_what_is_over() -> None:
    """A resolved alert grows old, and a label set that is gone stays gone, while the rule fails."""
    replay = Replay(spec(retention_us=2 * M))
    assert replay.states(2, 0, BROKEN, BROKEN, BROKEN) == ["firing", "resolved", "resolved", "resolved", "inactive"]
    replay = Replay(spec(vanished_after=2))
    assert replay.states(2, "gone", BROKEN, "gone") == ["firing", "firing", "error", "resolved"]


def test_an_error_can_alert() -> None:
    """By policy a rule that fails is an alert itself, with the worst severity that it has."""
    replay = Replay(spec(on_error=OnError.ALERTING, critical=over(9)))
    replay.step(BROKEN)
    assert (replay.state(WHOLE_RULE), replay.instances[WHOLE_RULE].severity) == ("firing", Severity.CRITICAL)
    replay.step({EU: 0})
    assert replay.state(WHOLE_RULE) == "resolved"


def test_a_rule_without_rows_is_seen() -> None:
    """A rule that looks at nothing is without data as a whole, until there is a row."""
    replay = Replay(spec())
    replay.step({})
    assert (replay.state(WHOLE_RULE), replay.instances[WHOLE_RULE].reason) == ("no_data", Reason.NO_ROWS)
    replay.step({})
    replay.step({EU: 0})
    assert list(replay.instances) == [EU]
    replay.step({})
    assert replay.state(WHOLE_RULE) == "no_data"


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        ({"on_missing": OnMissing.FALSE}, "inactive"),
        ({"on_missing": OnMissing.TRUE}, "firing"),
        ({"on_no_data": OnNoData.ALERTING}, "firing"),
        ({"on_no_data": OnNoData.OK}, "inactive"),
    ],
)
def test_policies_of_a_rule_without_rows(parts: dict[str, Any], state: str) -> None:
    """No row at all is an unknown condition."""
    replay = Replay(spec(**parts))
    replay.step({})
    assert replay.state(WHOLE_RULE) == state


def test_the_whole_rule_goes_at_once() -> None:
    """The instance of a rule without rows goes with the first row, however long label sets are waited for."""
    replay = Replay(spec(vanished_after=3, on_vanished=OnVanished.NO_DATA))
    replay.step({})
    replay.step({EU: 0})
    assert list(replay.instances) == [EU]


def test_no_rows_while_something_lasts() -> None:
    """While a label set recovers, or is waited for, the rule as a whole says nothing."""
    replay = Replay(spec(keep_firing_for_us=2 * M))
    replay.step({EU: 2})
    replay.step({})
    assert list(replay.instances) == [EU]
    replay = Replay(spec(vanished_after=2))
    replay.step({EU: 0})
    replay.step({})
    assert list(replay.instances) == [EU]
    replay.step({})
    assert list(replay.instances) == [WHOLE_RULE]


def test_a_rule_without_labels() -> None:
    """Its only row has no labels; losing the row is losing the data."""
    replay = Replay(spec())
    assert replay.states(2, None, 2, labels=()) == ["firing", "no_data", "firing"]
    replay.step({})
    assert replay.state(()) == "no_data"
    assert replay.states(2, 0, labels=()) == ["firing", "resolved"]


BOTH: dict[str, Any] = {"warning": over(1), "critical": over(5)}


def _severities(replay: Replay, *given: float | None) -> list[str]:
    severities = []
    for value in given:
        replay.step({EU: value})
        severities.append(str(replay.instances[EU].severity))
    return severities


def test_critical_wins() -> None:
    """A change of severity is a transition, and does not begin `for` anew."""
    replay = Replay(spec(**BOTH, for_us=2 * M))
    assert _severities(replay, 2, 9, 9, 2, 0, 0) == ["warning", "critical", "critical", "warning", "warning", "warning"]
    told = [(t.at_us // M, t.after.state.value, str(t.after.severity)) for t in replay.transitions]
    assert told == [
        (0, "pending", "warning"),
        (1, "pending", "critical"),
        (2, "firing", "critical"),
        (3, "firing", "warning"),
        (4, "resolved", "warning"),
    ]


def test_an_unknown_critical_is_no_improvement() -> None:
    """While the warning holds and the critical condition is unknown, a critical alert stays critical."""
    known = {"a": 2, "b": 9}
    conditions = {
        "warning": lambda values: values["a"] > 1,
        "critical": lambda values: None if values["b"] is None else values["b"] > 5,
    }
    rule = spec(**conditions)
    first = evaluate(rule, (), 0, 0, [Row(EU, known)])
    second = evaluate(rule, first.instances, M, M, [Row(EU, {**known, "b": None})])
    alone = evaluate(rule, (), 0, 0, [Row(EU, {**known, "b": None})])
    assert second.instances[0].severity is Severity.CRITICAL
    assert alone.instances[0].severity is Severity.WARNING
    unknown = evaluate(rule, (), 0, 0, [Row(EU, {"a": 0, "b": None})])
    assert unknown.instances[0].state is State.NO_DATA


@pytest.mark.parametrize("parts", [{"on_missing": OnMissing.TRUE}, {"on_no_data": OnNoData.ALERTING}])
def test_a_policy_keeps_the_severity(parts: dict[str, Any]) -> None:
    """An alert that goes on without data is as severe as it was, where its conditions do not say otherwise."""
    replay = Replay(spec(**BOTH, **parts))
    assert replay.states(9, labels=()) == ["firing"]
    replay.step({})
    assert replay.instances[()].severity is Severity.CRITICAL
    assert replay.states(9, None, labels=EU) == ["firing", "firing"]
    assert replay.instances[EU].severity is Severity.CRITICAL


def test_a_longer_for_does_not_end_an_alert() -> None:
    """What fires goes on firing when its rule is edited to wait longer."""
    replay = Replay(spec())
    replay.step({EU: 2})
    replay.spec = spec(for_us=10 * M)
    assert replay.states(2, 0) == ["firing", "resolved"]


def test_values_are_kept_with_the_instance() -> None:
    """What was seen goes with the instance and its transition; without rows the last values stay."""
    replay = Replay(spec())
    replay.step({EU: 2})
    assert replay.transitions[0].after.values == (("value", 2),)
    assert replay.transitions[0].before.values == ()
    replay.step(BROKEN)
    assert replay.instances[EU].values == (("value", 2),)


def test_beyond_the_limit_nothing_is_taken() -> None:
    """More alerts than the limit are an error of the rule: no row counts, label sets do as its policy says."""
    replay = Replay(spec(critical=over(9), limit=1, on_error=OnError.KEEP))
    replay.step({EU: 2, US: 0})
    done = replay.step({EU: 0, US: 2, labels_of({"region": "ap"}): 20})
    assert done.outcome is Outcome.FAILED
    assert done.message == (
        "rule r has 2 active instances (1 critical, 1 warning), its limit is 1; none of them is taken"
    )
    assert [replay.state(labels) for labels in (EU, US)] == ["firing", "inactive"]
    (told,) = done.transitions
    assert (told.after.labels, told.after.state, told.after.reason) == (WHOLE_RULE, State.ERROR, Reason.OVER_LIMIT)
    assert told.after.message == done.message
    assert replay.step({EU: 2, US: 0}).outcome is Outcome.DONE
    assert [replay.state(labels) for labels in (WHOLE_RULE, EU, US)] == ["", "firing", "inactive"]


@pytest.mark.parametrize(
    ("policy", "state"),
    [(OnError.OK, "error"), (OnError.ERROR, "error"), (OnError.KEEP, "firing"), (OnError.ALERTING, "firing")],
)
def test_beyond_the_limit_nothing_is_over(policy: OnError, state: str) -> None:
    """That there are too many alerts ends none of them, also where an error counts as good; the rule itself is told."""
    replay = Replay(spec(limit=1, on_error=policy))
    replay.step({EU: 2, US: 0})
    replay.step({EU: 2, US: 2})
    assert (replay.state(EU), replay.state(WHOLE_RULE)) == (state, "error")
    assert replay.instances[EU].fired_us is not None


def test_no_limit() -> None:
    """A limit of 0 is none."""
    replay = Replay(spec(limit=0))
    replay.step({labels_of({"n": str(n)}): 2 for n in range(1500)})
    assert len(replay.instances) == 1500


def test_rows_of_the_same_labels() -> None:
    """Two rows of one label set are an error of the rule, not a guess."""
    done = evaluate(spec(), (), 0, 0, [*rows({EU: 2, US: 2}), *rows({US: 0})])
    assert (done.outcome, done.message) == (Outcome.FAILED, 'rule r has two rows for {region="us"}')


def test_time() -> None:
    """An instant beyond the watermark, before the last one, or the same again is refused, and nothing changes."""
    known = evaluate(spec(), (), 5 * M, 5 * M, rows({EU: 2})).instances
    for instant_us, watermark_us, outcome, message in [
        (7 * M, 6 * M, Outcome.BEYOND_WATERMARK, "rule r waits: 420000000 is beyond the watermark 360000000"),
        (5 * M, 9 * M, Outcome.REPEATED, "rule r was evaluated at 300000000"),
        (4 * M, 9 * M, Outcome.BACKWARDS, "rule r was evaluated at 300000000, 240000000 is before that"),
    ]:
        done = evaluate(spec(), known, instant_us, watermark_us, rows({EU: 0}))
        assert (done.outcome, done.message, done.transitions) == (outcome, message, ())
        assert done.instances == known


def test_time_is_known_after_any_evaluation() -> None:
    """Whatever an evaluation found, the same instant again is refused."""
    for given in ([], rows({EU: 0}), BROKEN):
        first = evaluate(spec(), (), M, M, given)
        again = evaluate(spec(), first.instances, M, M, rows({EU: 2}))
        assert again.outcome is Outcome.REPEATED


def test_a_restart_is_not_seen() -> None:
    """An alert that was pending before a restart fires when it would have, however long the pause was."""
    before = evaluate(spec(for_us=10 * M), (), 0, 0, rows({EU: 2}))
    restored = [replace(instance) for instance in before.instances]
    after = evaluate(spec(for_us=10 * M), restored, 10 * M, 10 * M, rows({EU: 2}))
    assert after.instances[0].state is State.FIRING


def test_instances_of_another_rule() -> None:
    """Instances of another rule, or two of one label set, are a mistake of the caller."""
    with pytest.raises(ValueError, match="is an instance of rule other, not of r"):
        evaluate(spec(), [Instance("other", EU)], 0, 0, [])
    with pytest.raises(ValueError, match="rule r has two instances for"):
        evaluate(spec(), [Instance("r", EU), Instance("r", EU)], 0, 0, [])


def test_labels_of_an_alert() -> None:
    """The rule's labels are added, and win; the identity is without them."""
    instance = Instance("r", labels_of({"region": "eu", "team": "x"}))
    assert instance.alert_labels(spec(labels={"team": "ops"})) == {"region": "eu", "team": "ops"}


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"warning": None}, "rule r has no condition; give it a warning, a critical one, or both"),
        ({"for_us": -1}, "for_us of rule r must not be negative, is -1"),
        ({"keep_firing_for_us": -1}, "keep_firing_for_us of rule r must not be negative"),
        ({"retention_us": -1}, "retention_us of rule r must not be negative"),
        ({"limit": -1}, "limit of rule r must not be negative"),
        ({"vanished_after": 0}, "vanished_after of rule r must be at least 1, is 0"),
    ],
)
def test_impossible_rules(parts: dict[str, Any], problem: str) -> None:
    """A rule that cannot be is refused when it is made."""
    with pytest.raises(ValueError, match=problem):
        AlertSpec(**{"name": "r", "warning": over(1), **parts})
