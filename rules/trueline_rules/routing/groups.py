"""Groups of alerts: when they tell, what, and why; a pure machine on the server's clock (µs since 1970)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from trueline_rules.alerting.vectors import Labels, kept, labels_of
from trueline_rules.routing_model import ALL, Destination, Suppression, Timing


class NotifyReason(StrEnum):
    """Why a group is notified; of several that hold, the first one here."""

    FIRST = "first"
    NEW_ALERTS = "new_alerts"
    UNSUPPRESSED = "unsuppressed"
    SEVERITY_CHANGED = "severity_changed"
    ALL_RESOLVED = "all_resolved"
    SOME_RESOLVED = "some_resolved"
    REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class Member:
    """An alert in a group.

    Attributes:
        since_us: since when it fires, in event time.
        changed_us: when it last changed, in event time.
        case: id of what sees to it; an alert that fires anew is a case of its own, and so is news.

    """

    fingerprint: str
    labels: Labels
    severity: str
    firing: bool
    since_us: int
    changed_us: int
    case: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What the receivers know.

    Attributes:
        at_us: when they were last notified.
        firing: fingerprint -> severity, of all that they take for firing.
        cases: fingerprint -> case, of the same.

    """

    at_us: int
    firing: Mapping[str, str]
    cases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """The alerts of a route that are told together.

    Attributes:
        opened_us: when its first alert came.
        next_flush_us: when it is looked at next.
        members: by fingerprint: those that fire, and those resolved since the last flush.
        sent: None = nobody was notified yet.
        withheld: fingerprints that were suppressed at the last flush.

    """

    opened_us: int
    next_flush_us: int
    members: Mapping[str, Member] = field(default_factory=dict)
    sent: Sent | None = None
    withheld: frozenset[str] = frozenset()

    @property
    def over(self) -> bool:
        """All alerts are resolved, and everybody knows who had to: it can be forgotten."""
        return not self.members


@dataclass(frozen=True, slots=True)
class Flushed:
    """What came of a flush.

    Attributes:
        group: as it is from now on.
        reason: why a notification goes out; None = none does.
        firing: what it tells as firing, in order of fingerprints.
        resolved: what it tells as resolved; each was told as firing before.
        suppressed: what fires and is not told, and why.
        unsent: what was resolved before anybody was told of it.
        causes: fingerprints of the alerts that are the reason; () for a repeat.

    """

    group: Group
    reason: NotifyReason | None
    firing: tuple[Member, ...]
    resolved: tuple[Member, ...]
    suppressed: tuple[tuple[Member, Suppression], ...]
    unsent: tuple[Member, ...]
    causes: tuple[str, ...]


def group_labels(destination: Destination, labels: Mapping[str, str]) -> Labels:
    """The labels that tell the group of an alert from the others of its route."""
    all_of_them = labels_of(labels)
    return all_of_them if destination.group_by == ALL else kept(all_of_them, destination.group_by)


def add(group: Group | None, member: Member, timing: Timing, now_us: int) -> Group | None:
    """Put an alert, or what became of it, into its group; see `add_all`."""
    return add_all(group, (member,), timing, now_us)


def add_all(group: Group | None, members: Iterable[Member], timing: Timing, now_us: int) -> Group | None:
    """Put alerts, or what became of them, into their group; of a fingerprint the last one counts.

    Args:
        group: None = there is none yet, or it is over and forgotten.
        members: costs what these and the group's are together, so that many should come at once.
        timing: of the destination; its group_wait_us begins with the first alert.
        now_us: the server's clock.

    Returns:
        The group; None if there is still none, because none of the alerts fires.

    """
    known = dict(group.members) if group is not None else {}
    for member in members:
        # What was told as firing is a member until its end is told; the end of anything else is nobody's news.
        if member.firing or member.fingerprint in known:
            known[member.fingerprint] = member
    if group is not None and not group.over:
        return replace(group, members=known)
    if not known:
        return group
    return Group(now_us, now_us + timing.group_wait_us, known)


def due(group: Group, timing: Timing, now_us: int) -> bool:
    """Tell whether a group is to be flushed; a clock that was set back does not stop it for longer than a flush is."""
    longest = max(timing.group_wait_us, timing.group_interval_us)
    return now_us >= group.next_flush_us or group.next_flush_us - now_us > longest


def flush(
    group: Group, timing: Timing, now_us: int, suppressed: Mapping[str, Suppression], *, repeats: bool = True
) -> Flushed:
    """Say what a group tells now, and why; the group that comes of it holds once that is written down.

    Args:
        group: whose time has come, see `due`.
        timing: of its destination.
        now_us: the server's clock.
        suppressed: by fingerprint, those of its members that must not be told now. That an alert is resolved is told
            nevertheless, if it was told as firing.
        repeats: whether the same may be said again now; else it is at the first flush at which it may.

    """
    told = group.sent.firing if group.sent is not None else {}
    members = [group.members[fingerprint] for fingerprint in sorted(group.members)]
    firing = tuple(one for one in members if one.firing and one.fingerprint not in suppressed)
    held = tuple((one, suppressed[one.fingerprint]) for one in members if one.firing and one.fingerprint in suppressed)
    resolved = tuple(one for one in members if not one.firing and one.fingerprint in told)
    unsent = tuple(one for one in members if not one.firing and one.fingerprint not in told)
    reason, causes = _reason(group, timing, now_us, firing, resolved, alone=not held, repeats=repeats)
    sent = group.sent
    if reason is not None:
        kept_back = {one.fingerprint: told[one.fingerprint] for one, _ in held if one.fingerprint in told}
        cases = {name: case for name, case in _cases(group).items() if name in kept_back}
        sent = Sent(
            now_us,
            {one.fingerprint: one.severity for one in firing} | kept_back,
            {one.fingerprint: one.case for one in firing} | cases,
        )
    elif sent is not None and sent.at_us > now_us:
        # Sent before the clock was set back: else the repeat would be late by as much.
        sent = replace(sent, at_us=now_us)
    after = Group(
        opened_us=group.opened_us,
        next_flush_us=now_us + timing.group_interval_us,
        members={one.fingerprint: one for one in members if one.firing},
        sent=sent,
        withheld=frozenset(one.fingerprint for one, _ in held),
    )
    return Flushed(after, reason, firing, resolved, held, unsent, causes)


def _reason(
    group: Group,
    timing: Timing,
    now_us: int,
    firing: tuple[Member, ...],
    resolved: tuple[Member, ...],
    *,
    alone: bool,
    repeats: bool,
) -> tuple[NotifyReason | None, tuple[str, ...]]:
    """Why a notification goes out, and which alerts make it so; `alone` = no other alert fires, suppressed."""
    told = group.sent.firing if group.sent is not None else {}
    cases = _cases(group)
    back = tuple(one.fingerprint for one in firing if one.fingerprint in group.withheld)
    fresh = tuple(
        one.fingerprint
        for one in firing
        if one.fingerprint not in group.withheld
        and (one.fingerprint not in told or cases.get(one.fingerprint, one.case) != one.case)
    )
    changed = tuple(one.fingerprint for one in firing if told.get(one.fingerprint, one.severity) != one.severity)
    gone = tuple(one.fingerprint for one in resolved)
    found = (
        (NotifyReason.FIRST, fresh if group.sent is None else ()),
        (NotifyReason.NEW_ALERTS, fresh),
        (NotifyReason.UNSUPPRESSED, back),
        (NotifyReason.SEVERITY_CHANGED, changed),
        (NotifyReason.ALL_RESOLVED, gone if alone and not firing else ()),
        (NotifyReason.SOME_RESOLVED, gone),
    )
    for reason, causes in found:
        if causes:
            return reason, causes
    last = group.sent
    again = last is not None and bool(last.firing) and now_us - last.at_us >= timing.repeat_interval_us
    if firing and again and repeats:
        return NotifyReason.REPEAT, ()
    return None, ()


def _cases(group: Group) -> Mapping[str, str]:
    """The cases of the alerts that the receivers take for firing."""
    return group.sent.cases if group.sent is not None else {}
