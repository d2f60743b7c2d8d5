"""Alerts, what happened to them, who was told of them and who not; as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from trueline.results import Heartbeat, Synced
from trueline.rule_results import FactValue


class CaseState(StrEnum):
    """Where a case stands: nobody has it, somebody has it, it is over for good."""

    UNSPECIFIED = "unspecified"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class CaseEventKind(StrEnum):
    """What happened to a case."""

    UNSPECIFIED = "unspecified"
    OPENED = "opened"
    SEVERITY_CHANGED = "severity_changed"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    RESOLVED = "resolved"
    OWNER_CHANGED = "owner_changed"
    CHANGED = "changed"
    NOTE = "note"
    NOTIFIED = "notified"
    SUPPRESSED = "suppressed"
    ESCALATED = "escalated"
    DELIVERY_FAILED = "delivery_failed"
    DEADLINE_MISSED = "deadline_missed"


class AlertKind(StrEnum):
    """What opened an alert: an alert rule, or a cell of a checkpoint that misses its target."""

    UNSPECIFIED = "unspecified"
    RULE = "rule"
    CHECKPOINT = "checkpoint"


class NotifyReason(StrEnum):
    """Why a group of alerts was notified; UNSPECIFIED where it was for something else."""

    UNSPECIFIED = "unspecified"
    FIRST = "first"
    NEW_ALERTS = "new_alerts"
    UNSUPPRESSED = "unsuppressed"
    SEVERITY_CHANGED = "severity_changed"
    ALL_RESOLVED = "all_resolved"
    SOME_RESOLVED = "some_resolved"
    REPEAT = "repeat"
    ESCALATION = "escalation"
    MOVED = "moved"
    DEADLINE_MISSED = "deadline_missed"


class SuppressionKind(StrEnum):
    """Why an alert is not notified."""

    UNSPECIFIED = "unspecified"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    MAINTENANCE = "maintenance"
    MUTED = "muted"
    INACTIVE = "inactive"


class NotificationState(StrEnum):
    """Where a notification stands; DEAD could not be delivered, DROPPED was not wanted by its channel."""

    UNSPECIFIED = "unspecified"
    QUEUED = "queued"
    SENT = "sent"
    DEAD = "dead"
    DROPPED = "dropped"


class DeliveryOutcome(StrEnum):
    """What came of a try; after UNKNOWN and INTERRUPTED a message may have arrived."""

    UNSPECIFIED = "unspecified"
    STARTED = "started"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert.

    Attributes:
        id: "alert-17", of a checkpoint "escalation-3".
        severity: "warning" or "critical"; of a checkpoint "critical", "high", "medium" or "low".
        title: one line for people.
        text: where it stands.
        labels: by which it is routed, silenced and found.
        owner: who sees to it; "" = nobody.
        rule: the alert rule; "" of a checkpoint.
        rule_revision: of the rule set that judged last.
        starts_at, ends_at: in the time of the events; `ends_at` None while it lasts, and where a person ended it.
        opened_at, changed_at, resolved_at: by the server's clock.
        acknowledged_at, acknowledged_by: since when who has it; None and "" if nobody has.
        etag: give it back to change what was read.
        fingerprint: the same for the same label set of a rule, also of a later alert.
        evaluation: what its rule said last: "firing", "recovering", "no_data", "error"; "" of a checkpoint.
        runbook: where it says what to do; may be "".
        rule_owner: who answers for the rule; may be "".
        values: what its conditions read last; sensitive ones are masked.
        details: what else a program may need; what is no text is JSON.

    """

    id: str
    kind: AlertKind
    state: CaseState
    severity: str
    title: str
    text: str
    labels: Mapping[str, str]
    owner: str
    rule: str
    rule_revision: str
    starts_at: datetime | None
    ends_at: datetime | None
    opened_at: datetime | None
    changed_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    resolved_at: datetime | None
    etag: str
    fingerprint: str
    evaluation: str
    runbook: str
    rule_owner: str
    values: Mapping[str, FactValue]
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Something that happened to a case; `actor` "trueline" = nobody did it."""

    number: int
    case: str
    at: datetime | None
    kind: CaseEventKind
    actor: str
    text: str
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something that must happen by a time: "respond", "update", "resolve", "post_mortem", "inform:" and whom."""

    name: str
    due: datetime | None


@dataclass(frozen=True, slots=True)
class Escalation:
    """How far alerts of a group are escalated that were told together.

    Attributes:
        policy: as it was when the escalation began.
        level, told_at: told last; "" and None if none was.
        next_level, next_at: told next; "" and None if none is.
        round: which round through all levels, from 1; 0 before the first.
        levels: how many levels the policy has.
        exhausted: all rounds are through, and nobody has acknowledged.
        acknowledged_until: when the acknowledgement runs out; None = it does not.
        deadlines: those to come, the next first.
        alerts: ids of the alerts that it is about, at most 100; alerts_total is how many.
        begun_at: when it began; its clocks count from then.

    """

    policy: str
    level: str
    told_at: datetime | None
    next_level: str
    next_at: datetime | None
    round: int
    levels: int
    exhausted: bool
    acknowledged_at: datetime | None
    acknowledged_by: str
    acknowledged_until: datetime | None
    deadlines: tuple[Deadline, ...]
    alerts: tuple[str, ...]
    alerts_total: int
    begun_at: datetime | None


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """The alerts of one route with the same values of group_by.

    Attributes:
        route: names of the routes from the root to its own, with "/" between.
        labels: that all its alerts have.
        channels: where it is notified.
        next_flush: when it is looked at next; None = not any more.
        sent_at: when receivers were last told of it; None = never.
        firing, resolved, suppressed: how many of its alerts fire, are over and not yet told, fire and are not told.
        escalations: those that are not over, the oldest first, at most 20; escalations_total is how many. Of
            `get_alert` those about the alert.
        alerts: ids, at most 100.

    """

    id: str
    route: str
    labels: Mapping[str, str]
    channels: tuple[str, ...]
    opened_at: datetime | None
    next_flush: datetime | None
    sent_at: datetime | None
    firing: int
    resolved: int
    suppressed: int
    escalations: tuple[Escalation, ...]
    escalations_total: int
    alerts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an alert is not notified in a group: by which silence, maintenance, inhibition or route, since when."""

    kind: SuppressionKind
    by: str
    since: datetime | None
    until: datetime | None
    group: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What is said to one channel.

    Attributes:
        id: the idempotency key that receivers see, unless it goes in a bundle.
        person: whom it is for; "" = nobody in particular.
        group: that it tells of; "" if of none.
        reason, reason_text: why, and the same as the channel is told.
        attempts: how often its delivery was tried.
        due: not before, while it is queued.
        finished_at: when it was sent, died or was dropped.
        error: why it is not sent yet, or died; "" = nothing is wrong.
        sent_as: key of the message that it went with; "" before.
        give_up_at: when it dies unless it is sent before.
        alerts: that it tells of, at most 100 of `alerts_total`.
        status: "firing" or "resolved"; "" where it tells of no alerts.

    """

    id: str
    channel: str
    person: str
    group: str
    reason: NotifyReason
    reason_text: str
    state: NotificationState
    attempts: int
    due: datetime | None
    created_at: datetime | None
    finished_at: datetime | None
    error: str
    sent_as: str
    give_up_at: datetime | None
    alerts: tuple[str, ...]
    alerts_total: int
    status: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to deliver a message, and what the other side said."""

    at: datetime | None
    took: timedelta
    outcome: DeliveryOutcome
    answer: str


@dataclass(frozen=True, slots=True)
class NotificationDetails:
    """A notification, what it says before its channel's template, and all tries to deliver it, the oldest first."""

    notification: Notification
    content: Mapping[str, Any]
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class AlertDetails:
    """All about an alert.

    Attributes:
        timeline: the oldest first.
        earlier_events: how many came before those.
        groups: that it is in, with their escalations and deadlines.
        notifications: that tell of it, the newest first.
        suppressions: why it is not told, for each group in which that is so.

    """

    alert: Alert
    timeline: tuple[CaseEvent, ...]
    earlier_events: int
    groups: tuple[AlertGroup, ...]
    notifications: tuple[Notification, ...]
    suppressions: tuple[Suppression, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that are not notified for a while.

    Attributes:
        id: of one of a rule file its name; "" if it was only validated.
        active: whether it holds now.
        expired: whether somebody ended it early.
        in_file: whether it stands in a rule file.

    """

    id: str
    matchers: tuple[str, ...]
    author: str
    reason: str
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime | None
    active: bool
    expired: bool
    in_file: bool


@dataclass(frozen=True, slots=True)
class AcknowledgedAlerts:
    """How many alerts were acknowledged at once, or would be; and whether there are more, for another call."""

    acknowledged: int
    more: bool


@dataclass(frozen=True, slots=True)
class CreatedSilence:
    """A silence that was put in, and how many alerts that are not resolved it matches now."""

    silence: Silence
    matching_alerts: int


@dataclass(frozen=True, slots=True)
class AlertsSnapshot:
    """Alerts that are not resolved, at the start of a watch; more may follow before `Synced`."""

    alerts: tuple[Alert, ...]
    resume_token: str


@dataclass(frozen=True, slots=True)
class AlertChanged:
    """What happened to one alert, which is told as it is now."""

    alert: Alert
    events: tuple[CaseEvent, ...]
    resume_token: str


AlertsMessage: TypeAlias = AlertsSnapshot | AlertChanged | Synced | Heartbeat
