"""Random histories of a group against a plain account of what its receivers know: none lost, nothing without reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.routing.groups import Flushed, Group, Member, NotifyReason, add, due, flush
from trueline_rules.routing_model import SuppressedBy, Suppression, Timing

WAIT, INTERVAL, REPEAT = 30, 300, 1200
TIMING = Timing(WAIT, INTERVAL, REPEAT)
NAMES = st.sampled_from("abc")
SILENCED = Suppression(SuppressedBy.SILENCED, "s")

fires = st.tuples(st.just("fire"), NAMES, st.sampled_from(["warning", "critical"]))
resolves = st.tuples(st.just("resolve"), NAMES)
silences = st.tuples(st.just("silence"), NAMES)
unsilences = st.tuples(st.just("unsilence"), NAMES)
# Mostly as long as it takes to the next flush, so that each change has its own.
waits = st.tuples(st.just("wait"), st.sampled_from([300, 300, 300, 1, 29, 30, 301, 1200, 5000]))
histories = st.lists(fires | fires | resolves | silences | unsilences | waits | waits | waits, max_size=60)


@dataclass
class Plain:
    """What is true, and what the receivers were told, written down as it comes.

    Attributes:
        true: alerts that fire now, with their severities.
        silent: alerts that must not be told now.
        believed: what the receivers take for firing.
        held: what fired in silence when the group was last looked at.
        spoke_at: when the receivers last heard something.

    """

    true: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    believed: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    spoke_at: int | None = None

    def ought(self, now: int) -> set[NotifyReason]:
        """Every reason to speak now; empty if there is none."""
        loud = {name: severity for name, severity in self.true.items() if name not in self.silent}
        reasons = set()
        if any(name not in self.believed and name not in self.held for name in loud):
            reasons.add(NotifyReason.FIRST if self.spoke_at is None else NotifyReason.NEW_ALERTS)
        if any(name in self.held for name in loud):
            reasons.add(NotifyReason.UNSUPPRESSED)
        if any(name in self.believed and self.believed[name] != severity for name, severity in loud.items()):
            reasons.add(NotifyReason.SEVERITY_CHANGED)
        if self.believed.keys() - self.true.keys():
            reasons.add(NotifyReason.SOME_RESOLVED if self.true else NotifyReason.ALL_RESOLVED)
        if loud and not reasons and self.spoke_at is not None and now - self.spoke_at >= REPEAT:
            reasons.add(NotifyReason.REPEAT)
        return reasons

    def look(self, flushed: Flushed, now: int) -> None:
        """Compare a flush with what ought to come of it, and write down what the receivers heard."""
        reasons = self.ought(now)
        assert (flushed.reason in reasons) if reasons else flushed.reason is None
        loud = {name: severity for name, severity in self.true.items() if name not in self.silent}
        if flushed.reason is not None:
            assert {one.fingerprint: one.severity for one in flushed.firing} == loud
            assert {one.fingerprint for one in flushed.resolved} == self.believed.keys() - self.true.keys()
            kept = {name: severity for name, severity in self.believed.items() if name in self.true}
            self.believed = kept | loud
            self.spoke_at = now
        self.held = self.true.keys() & self.silent
        assert {one.fingerprint for one, _ in flushed.suppressed} == self.held
        # Nothing that fires is lost: it is told, or held back for a reason that is named.
        assert flushed.group.members.keys() == self.true.keys()
        assert self.believed.keys() | self.held == self.true.keys() | self.held


@settings(max_examples=1000, deadline=None)
@given(history=histories)
def test_receivers_know_what_is_true(history: list[tuple[str, ...]]) -> None:
    """Each flush tells exactly what the account says, for a reason that it knows, and at the time it says."""
    plain = Plain()
    group: Group | None = None
    now, opened_at, last_flush = 0, 0, None
    for kind, *rest in [*history, ("wait", 5000)]:
        if kind == "wait":
            end = now + int(rest[0])
            while group is not None and not group.over and group.next_flush_us <= end:
                now = group.next_flush_us
                assert now == (opened_at + WAIT if last_flush is None else last_flush + INTERVAL)
                assert due(group, TIMING, now)
                flushed = flush(group, TIMING, now, dict.fromkeys(plain.silent, SILENCED))
                plain.look(flushed, now)
                group, last_flush = flushed.group, now
            now = end
        elif kind == "silence":
            plain.silent.add(rest[0])
        elif kind == "unsilence":
            plain.silent.discard(rest[0])
        else:
            name, severity = rest[0], rest[1] if kind == "fire" else "warning"
            if group is None or group.over:
                # Nobody believes anything any more: what comes now is a first alert.
                assert plain.believed == {}
                plain.spoke_at, plain.held, opened_at, last_flush = None, set(), now, None
            if kind == "fire":
                plain.true[name] = severity
            else:
                plain.true.pop(name, None)
            group = add(group, Member(name, (), severity, kind == "fire", now, now), TIMING, now)
    if group is not None:
        # After the last wait all is told or held back.
        assert plain.ought(group.next_flush_us) <= {NotifyReason.REPEAT, NotifyReason.UNSUPPRESSED}


@settings(max_examples=100, deadline=None)
@given(delays=st.lists(st.integers(0, 100), min_size=40, max_size=40))
def test_late_flushes_repeat_no_sooner_and_hardly_later(delays: list[int]) -> None:
    """However late each flush is, a repeat comes at the first one that is repeat_interval or more after the last."""
    group = add(None, Member("a", (), "warning", True, 0, 0), TIMING, 0)
    assert group is not None
    spoke: list[int] = []
    for delay in delays:
        now = group.next_flush_us + delay
        flushed = flush(group, TIMING, now, {})
        if flushed.reason is not None:
            spoke.append(now)
        else:
            assert now - spoke[-1] < REPEAT
        group = flushed.group
    assert all(later - earlier >= REPEAT for earlier, later in pairwise(spoke))
