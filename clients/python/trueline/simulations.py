"""Simulations: who would have been told of what, when and why, and why not the others; and their messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from trueline.backtests import HistoryNote, history_notes
from trueline.mapping import enum_names, instant
from trueline.v1 import simulation_pb2


class TimelineEntryKind(StrEnum):
    """What an entry of a timeline tells.

    PENDING: a condition holds, not yet for long enough. CALMED: it did not hold for long enough. OPENED, CHANGED,
    RESOLVED: an alert. SENT: a message went out. HELD: notifications wait for the rate limit of their channel. UNTOLD:
    nobody is told of an alert. UNSENT: a notification that its channel does not want, or whose channel is not there.
    LEVEL: a level of an escalation is told. UNREACHED: it, or some of it, reaches nobody. EXHAUSTED: all levels were
    told. DEADLINE_MISSED: what a policy promises did not happen in time. ACKNOWLEDGED, UNACKNOWLEDGED, NOTED: by whom.
    SILENCED, SILENCE_ENDED: what people put in. BACKLOG: it became an item there, and nobody is told. IGNORED: what
    somebody wanted to do had no alert that it could be done to.
    """

    UNSPECIFIED = "unspecified"
    PENDING = "pending"
    CALMED = "calmed"
    OPENED = "opened"
    CHANGED = "changed"
    RESOLVED = "resolved"
    SENT = "sent"
    HELD = "held"
    UNTOLD = "untold"
    UNSENT = "unsent"
    LEVEL = "level"
    UNREACHED = "unreached"
    EXHAUSTED = "exhausted"
    DEADLINE_MISSED = "deadline_missed"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    NOTED = "noted"
    SILENCED = "silenced"
    SILENCE_ENDED = "silence_ended"
    BACKLOG = "backlog"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happens in a simulation.

    Attributes:
        subject: what it is about, for people: an alert, a message, a silence.
        text: why, or what more there is to say, for people.
        rule: of its alerts; "" = of several, or none.
        labels: that its alerts have alike.
        severity: the worst of its alerts; "" = none.
        alerts: ids within the simulation, maybe fewer than `alerts_total`.
        channels: that it goes to, or would have gone to.
        people: whose these are, and who acts.
        reason: why a message goes out ("first", "repeat", "escalation", …), or why nobody is told ("silenced", …).
        route: that led to it; "" = several, or none.
        policy, level, attempt: of an escalation; attempt counts from 1 in each round.
        deadline: that was missed.
        parts: how many notifications a message bundles, or how many wait.
        waited: how long the first notification of a message waited.

    """

    at: datetime | None
    kind: TimelineEntryKind
    subject: str
    text: str
    rule: str
    labels: Mapping[str, str]
    severity: str
    alerts: tuple[str, ...]
    alerts_total: int
    channels: tuple[str, ...]
    people: tuple[str, ...]
    reason: str
    route: str
    policy: str
    level: str
    attempt: int
    deadline: str
    parts: int
    waited: timedelta


@dataclass(frozen=True, slots=True)
class RecipientCount:
    """What went to a channel: messages, the notifications in them, and those that waited for its rate limit."""

    channel: str
    person: str
    messages: int
    notifications: int
    held: int
    longest_wait: timedelta


@dataclass(frozen=True, slots=True)
class LevelCount:
    """How often a level of a policy was told, and how often it, or some of it, reached nobody."""

    policy: str
    level: str
    told: int
    unreached: int


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """A timeline in numbers.

    Attributes:
        opened, resolved, open: alerts; `open` at the end.
        recipients: all channels, by person and name.
        untold: what nobody was told, by reason.
        levels: in the order in which they were reached.
        exhausted: escalations that came to their end without an acknowledgement.
        deadlines: missed, by name.
        waiting: notifications that still waited for a rate limit at the end.

    """

    opened: int
    resolved: int
    open: int
    recipients: tuple[RecipientCount, ...]
    untold: Mapping[str, int]
    levels: tuple[LevelCount, ...]
    exhausted: int
    deadlines: Mapping[str, int]
    waiting: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a simulation came to.

    Attributes:
        start, last, every: the evaluations.
        end: when the clock stopped.
        rules: names of the alert rules that were evaluated.
        evaluations: of a rule at an instant.
        entries: by time; maybe fewer than `total_entries`.
        summary: of all of them.
        notes: what must be known of the values.
        watermark: up to where the events behind them were complete; None before the first event.

    """

    start: datetime | None
    last: datetime | None
    end: datetime | None
    every: timedelta
    rule_revision: str
    rules: tuple[str, ...]
    evaluations: int
    entries: tuple[TimelineEntry, ...]
    total_entries: int
    summary: SimulationSummary
    notes: tuple[HistoryNote, ...]
    watermark: datetime | None


_KINDS = enum_names(TimelineEntryKind, simulation_pb2.TimelineEntryKind)


def simulation(message: simulation_pb2.SimulateRulesResult) -> Simulation:
    """What a simulation came to."""
    return Simulation(
        start=instant(message, "start_time"),
        last=instant(message, "last_time"),
        end=instant(message, "end_time"),
        every=message.every.ToTimedelta(),
        rule_revision=message.rule_revision,
        rules=tuple(message.rules),
        evaluations=message.evaluations,
        entries=_entries(message.entries),
        total_entries=message.total_entries,
        summary=_summary(message.summary),
        notes=history_notes(message.notes),
        watermark=instant(message, "watermark"),
    )


def _entries(messages: Iterable[simulation_pb2.TimelineEntry]) -> tuple[TimelineEntry, ...]:
    return tuple(
        TimelineEntry(
            at=instant(item, "at"),
            kind=_KINDS.get(item.kind, TimelineEntryKind.UNSPECIFIED),
            subject=item.subject,
            text=item.text,
            rule=item.rule,
            labels=dict(sorted(item.labels.items())),
            severity=item.severity,
            alerts=tuple(item.alerts),
            alerts_total=item.alerts_total,
            channels=tuple(item.channels),
            people=tuple(item.people),
            reason=item.reason,
            route=item.route,
            policy=item.policy,
            level=item.level,
            attempt=item.attempt,
            deadline=item.deadline,
            parts=item.parts,
            waited=item.waited.ToTimedelta(),
        )
        for item in messages
    )


def _summary(message: simulation_pb2.SimulationSummary) -> SimulationSummary:
    return SimulationSummary(
        opened=message.opened,
        resolved=message.resolved,
        open=message.open,
        recipients=tuple(
            RecipientCount(
                channel=item.channel,
                person=item.person,
                messages=item.messages,
                notifications=item.notifications,
                held=item.held,
                longest_wait=item.longest_wait.ToTimedelta(),
            )
            for item in message.recipients
        ),
        untold=dict(sorted(message.untold.items())),
        levels=tuple(LevelCount(item.policy, item.level, item.told, item.unreached) for item in message.levels),
        exhausted=message.exhausted,
        deadlines=dict(sorted(message.deadlines.items())),
        waiting=message.waiting,
    )
