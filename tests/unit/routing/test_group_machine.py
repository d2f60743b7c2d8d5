"""Groups of alerts: when they tell, what, and why."""

from __future__ import annotations

from trueline_rules.routing.groups import Group, Member, NotifyReason, add, add_all, due, flush, group_labels
from trueline_rules.routing_model import ALL, Destination, SuppressedBy, Suppression, Timing

SECOND = 1_000_000
MINUTE = 60 * SECOND
TIMING = Timing(30 * SECOND, 5 * MINUTE, 240 * MINUTE)
SILENCED = Suppression(SuppressedBy.SILENCED, "deploy")


def member(name: str = "a", *, firing: bool = True, severity: str = "warning") -> Member:
    """An alert called like its fingerprint."""
    return Member(name, (("rule", name),), severity, firing, 0, 0)


def opened(*members: Member) -> Group:
    """A group that these alerts opened at 0."""
    group = add_all(None, members, TIMING, 0)
    assert group is not None
    return group


def put(group: Group, changed: Member, now_us: int) -> Group:
    """The group with a change."""
    after = add(group, changed, TIMING, now_us)
    assert after is not None
    return after


def told(*members: Member) -> Group:
    """A group of which these alerts were told at 30 s."""
    return flush(opened(*members), TIMING, 30 * SECOND, {}).group


def test_a_group_waits_and_then_tells_all_alerts_at_once() -> None:
    """The first flush is group_wait after the first alert, and the next one group_interval after that."""
    group = put(opened(member("b")), member("a"), 29 * SECOND)

    assert not due(group, TIMING, 30 * SECOND - 1)
    assert due(group, TIMING, 30 * SECOND)
    flushed = flush(group, TIMING, 30 * SECOND, {})
    assert (flushed.reason, [one.fingerprint for one in flushed.firing]) == (NotifyReason.FIRST, ["a", "b"])
    assert flushed.group.next_flush_us == 30 * SECOND + 5 * MINUTE


def test_what_is_resolved_before_the_first_flush_is_never_told() -> None:
    """The group is over without a word, and says which alerts it never told of."""
    flushed = flush(put(opened(member()), member(firing=False), SECOND), TIMING, 30 * SECOND, {})

    assert flushed.reason is None
    assert [one.fingerprint for one in flushed.unsent] == ["a"]
    assert flushed.group.over


def test_a_resolved_alert_opens_no_group() -> None:
    """There is nothing to tell of an alert that nobody was told of."""
    assert add(None, member(firing=False), TIMING, 0) is None


def test_nothing_new_says_nothing_until_the_repeat() -> None:
    """Flushes between the first notification and repeat_interval are silent; the repeat comes on its time."""
    group = told(member())
    reasons = []
    while len(reasons) < 50:
        now_us = group.next_flush_us
        flushed = flush(group, TIMING, now_us, {})
        reasons.append(flushed.reason)
        group = flushed.group

    assert [at for at, reason in enumerate(reasons, 1) if reason is not None] == [48]
    assert reasons[47] is NotifyReason.REPEAT


def test_a_repeat_may_have_to_wait() -> None:
    """While nothing may be said again it is not; once it may, the next flush says it. What is new is told anyway."""
    group, at_us = told(member()), 0
    for look in range(60):
        at_us = 30 * SECOND + (look + 1) * 5 * MINUTE
        flushed = flush(group, TIMING, at_us, {}, repeats=False)
        assert flushed.reason is None
        group = flushed.group
    assert flush(group, TIMING, at_us + 5 * MINUTE, {}).reason is NotifyReason.REPEAT
    more = put(group, member("b"), at_us + MINUTE)
    assert flush(more, TIMING, at_us + 5 * MINUTE, {}, repeats=False).reason is NotifyReason.NEW_ALERTS


def test_a_new_alert_is_told_at_the_next_flush() -> None:
    """All that fires is told again, and the new alert is the cause."""
    flushed = flush(put(told(member("a")), member("b"), MINUTE), TIMING, 6 * MINUTE, {})

    assert (flushed.reason, flushed.causes) == (NotifyReason.NEW_ALERTS, ("b",))
    assert [one.fingerprint for one in flushed.firing] == ["a", "b"]


def test_a_worse_severity_is_told() -> None:
    """A warning that became critical does not wait for the repeat."""
    flushed = flush(put(told(member()), member(severity="critical"), MINUTE), TIMING, 6 * MINUTE, {})

    assert (flushed.reason, flushed.causes) == (NotifyReason.SEVERITY_CHANGED, ("a",))


def test_one_of_two_resolved_and_then_both() -> None:
    """What is resolved is told once; with the last one the group is over."""
    flushed = flush(put(told(member("a"), member("b")), member("a", firing=False), MINUTE), TIMING, 6 * MINUTE, {})
    assert (flushed.reason, flushed.causes) == (NotifyReason.SOME_RESOLVED, ("a",))
    assert [one.fingerprint for one in flushed.resolved] == ["a"]

    flushed = flush(put(flushed.group, member("b", firing=False), 7 * MINUTE), TIMING, 11 * MINUTE, {})
    assert (flushed.reason, flushed.causes) == (NotifyReason.ALL_RESOLVED, ("b",))
    assert flushed.group.over


def test_the_end_is_told_although_the_alert_was_silenced_meanwhile() -> None:
    """Whoever was told of a fire is told that it is out."""
    silenced = flush(told(member()), TIMING, 6 * MINUTE, {"a": SILENCED})
    assert (silenced.reason, [one.fingerprint for one, _ in silenced.suppressed]) == (None, ["a"])

    flushed = flush(put(silenced.group, member(firing=False), 7 * MINUTE), TIMING, 11 * MINUTE, {"a": SILENCED})
    assert flushed.reason is NotifyReason.ALL_RESOLVED
    assert [one.fingerprint for one in flushed.resolved] == ["a"]


def test_the_end_is_told_although_others_were_told_of_in_the_silence() -> None:
    """A notification about another alert does not make its receivers forget the one that is silenced."""
    group = put(told(member("a")), member("b"), MINUTE)
    without = flush(group, TIMING, 6 * MINUTE, {"a": SILENCED})
    assert [one.fingerprint for one in without.firing] == ["b"]

    flushed = flush(put(without.group, member("a", firing=False), 7 * MINUTE), TIMING, 11 * MINUTE, {})
    assert [one.fingerprint for one in flushed.resolved] == ["a"]


def test_what_was_silenced_all_the_time_ends_in_silence() -> None:
    """Nobody was told that it fires, so nobody is told that it does not."""
    silenced = flush(opened(member()), TIMING, 30 * SECOND, {"a": SILENCED})
    flushed = flush(put(silenced.group, member(firing=False), MINUTE), TIMING, 6 * MINUTE, {})

    assert (silenced.reason, flushed.reason, flushed.group.over) == (None, None, True)


def test_the_end_of_a_silence_is_told_at_the_next_flush() -> None:
    """An alert that fires on is told again without waiting for the repeat, told before or not."""
    known = flush(told(member()), TIMING, 6 * MINUTE, {"a": SILENCED})
    unknown = flush(opened(member()), TIMING, 30 * SECOND, {"a": SILENCED})

    for group in (known.group, unknown.group):
        flushed = flush(group, TIMING, 11 * MINUTE, {})
        assert (flushed.reason, flushed.causes) == (NotifyReason.UNSUPPRESSED, ("a",))


def test_an_alert_that_comes_back_before_a_flush_is_not_told_twice() -> None:
    """Resolved and firing again between two flushes, it fires for its receivers all the time."""
    group = put(put(told(member()), member(firing=False), MINUTE), member(), 2 * MINUTE)

    assert flush(group, TIMING, 6 * MINUTE, {}).reason is None


def test_a_group_that_is_over_begins_anew() -> None:
    """The next alert waits group_wait again, and is a first one."""
    over = flush(put(told(member()), member(firing=False), MINUTE), TIMING, 6 * MINUTE, {}).group
    group = put(over, member(), 60 * MINUTE)

    assert (group.opened_us, group.next_flush_us) == (60 * MINUTE, 60 * MINUTE + 30 * SECOND)
    assert flush(group, TIMING, group.next_flush_us, {}).reason is NotifyReason.FIRST


def test_a_clock_that_is_set_back_stops_no_group() -> None:
    """A day back: the group is due at once, and the repeat comes after its interval, not a day later."""
    day = 1440 * MINUTE
    group = flush(opened(member()), TIMING, day, {}).group
    assert due(group, TIMING, MINUTE)

    group = flush(group, TIMING, MINUTE, {}).group
    assert flush(group, TIMING, MINUTE + 240 * MINUTE - 1, {}).reason is None
    assert flush(group, TIMING, MINUTE + 240 * MINUTE, {}).reason is NotifyReason.REPEAT


def test_labels_of_groups() -> None:
    """The labels of group_by that the alert has; with '...' all of them; with none the same group for all."""
    labels = {"rule": "r", "team": "x", "empty": ""}

    def grouped(*by: str) -> tuple[tuple[str, str], ...]:
        return group_labels(Destination(("default",), (), "", by, TIMING), labels)

    assert grouped("rule", "region", "empty") == (("rule", "r"),)
    assert grouped(*ALL) == (("rule", "r"), ("team", "x"))
    assert grouped() == ()
