"""Maps what the AlertService answers from its protobuf messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf import json_format

from trueline import alerts
from trueline.alerts import (
    Alert,
    AlertChanged,
    AlertDetails,
    AlertGroup,
    AlertKind,
    AlertsSnapshot,
    CaseEvent,
    CaseEventKind,
    CaseState,
    CreatedSilence,
    Deadline,
    Delivery,
    DeliveryOutcome,
    Escalation,
    Notification,
    NotificationDetails,
    NotificationState,
    NotifyReason,
    Silence,
    Suppression,
    SuppressionKind,
)
from trueline.mapping import enum_names, instant
from trueline.rule_mapping import fact_value
from trueline.v1 import alert_service_pb2 as pb
from trueline.v1 import case_pb2

STATES = enum_names(CaseState, case_pb2.CaseState)
KINDS = enum_names(AlertKind, pb.AlertKind)
NOTIFICATION_STATES = enum_names(NotificationState, pb.NotificationState)
_EVENTS = enum_names(CaseEventKind, case_pb2.CaseEventKind)
_REASONS = enum_names(NotifyReason, pb.NotifyReason)
_SUPPRESSIONS = enum_names(SuppressionKind, pb.SuppressionKind)
_OUTCOMES = enum_names(DeliveryOutcome, pb.DeliveryOutcome)


def alert(message: pb.Alert) -> Alert:
    """An alert."""
    return Alert(
        id=message.id,
        kind=KINDS.get(message.kind, AlertKind.UNSPECIFIED),
        state=STATES.get(message.state, CaseState.UNSPECIFIED),
        severity=message.severity,
        title=message.title,
        text=message.text,
        labels=dict(message.labels),
        owner=message.owner,
        rule=message.rule,
        rule_revision=message.rule_revision,
        starts_at=instant(message, "starts_at"),
        ends_at=instant(message, "ends_at"),
        opened_at=instant(message, "opened_at"),
        changed_at=instant(message, "changed_at"),
        acknowledged_at=instant(message, "acknowledged_at"),
        acknowledged_by=message.acknowledged_by,
        resolved_at=instant(message, "resolved_at"),
        etag=message.etag,
        fingerprint=message.fingerprint,
        evaluation=message.evaluation,
        runbook=message.runbook,
        rule_owner=message.rule_owner,
        values={name: fact_value(value) for name, value in message.values.items()},
        details=dict(message.details),
    )


def alerts_of(pages: Sequence[pb.ListAlertsResponse]) -> tuple[Alert, ...]:
    """The alerts of all pages."""
    return tuple(alert(item) for page in pages for item in page.alerts)


def event(message: case_pb2.CaseEvent) -> CaseEvent:
    """Something that happened to a case."""
    return CaseEvent(
        number=message.number,
        case=message.case_id,
        at=instant(message, "at"),
        kind=_EVENTS.get(message.kind, CaseEventKind.UNSPECIFIED),
        actor=message.actor,
        text=message.text,
        details=dict(message.details),
    )


def alert_details(message: pb.GetAlertResponse) -> AlertDetails:
    """All about an alert."""
    return AlertDetails(
        alert=alert(message.alert),
        timeline=tuple(map(event, message.timeline)),
        earlier_events=message.earlier_events,
        groups=tuple(map(group, message.groups)),
        notifications=tuple(map(notification, message.notifications)),
        suppressions=tuple(map(_suppression, message.suppressions)),
    )


def groups(pages: Sequence[pb.ListAlertGroupsResponse]) -> tuple[AlertGroup, ...]:
    """The groups of all pages."""
    return tuple(group(item) for page in pages for item in page.groups)


def group(message: pb.AlertGroup) -> AlertGroup:
    """A group."""
    return AlertGroup(
        id=message.id,
        route=message.route,
        labels=dict(message.labels),
        channels=tuple(message.channels),
        opened_at=instant(message, "opened_at"),
        next_flush=instant(message, "next_flush"),
        sent_at=instant(message, "sent_at"),
        firing=message.firing,
        resolved=message.resolved,
        suppressed=message.suppressed,
        escalations=tuple(map(_escalation, message.escalations)),
        escalations_total=message.escalations_total,
        alerts=tuple(message.alerts),
    )


def notifications(pages: Sequence[pb.ListNotificationsResponse]) -> tuple[Notification, ...]:
    """The notifications of all pages."""
    return tuple(notification(item) for page in pages for item in page.notifications)


def notification(message: pb.Notification) -> Notification:
    """A notification."""
    return Notification(
        id=message.id,
        channel=message.channel,
        person=message.person,
        group=message.group_id,
        reason=_REASONS.get(message.reason, NotifyReason.UNSPECIFIED),
        reason_text=message.reason_text,
        state=NOTIFICATION_STATES.get(message.state, NotificationState.UNSPECIFIED),
        attempts=message.attempts,
        due=instant(message, "due"),
        created_at=instant(message, "created_at"),
        finished_at=instant(message, "finished_at"),
        error=message.error,
        sent_as=message.sent_as,
        give_up_at=instant(message, "give_up_at"),
        alerts=tuple(message.alerts),
        alerts_total=message.alerts_total,
        status=message.status,
    )


def notification_details(message: pb.GetNotificationResponse) -> NotificationDetails:
    """A notification with its content and every try to deliver it."""
    tries = (
        Delivery(
            instant(each, "at"),
            each.took.ToTimedelta(),
            _OUTCOMES.get(each.outcome, DeliveryOutcome.UNSPECIFIED),
            each.answer,
        )
        for each in message.deliveries
    )
    content = json_format.MessageToDict(message.content)
    return NotificationDetails(notification(message.notification), content, tuple(tries))


def silences(pages: Sequence[pb.ListSilencesResponse]) -> tuple[Silence, ...]:
    """The silences of all pages."""
    return tuple(silence(item) for page in pages for item in page.silences)


def silence(message: pb.Silence) -> Silence:
    """A silence."""
    return Silence(
        id=message.id,
        matchers=tuple(message.matchers),
        author=message.author,
        reason=message.reason,
        starts_at=instant(message, "starts_at"),
        ends_at=instant(message, "ends_at"),
        created_at=instant(message, "created_at"),
        active=message.active,
        expired=message.expired,
        in_file=message.in_file,
    )


def created_silence(message: pb.CreateSilenceResponse) -> CreatedSilence:
    """A silence that was put in."""
    return CreatedSilence(silence(message.silence), message.matching_alerts)


def alerts_message(kind: str, message: Any, token: str) -> alerts.AlertsMessage | None:
    """A message of a watch; None for those that all watches have."""
    if kind == "snapshot":
        return AlertsSnapshot(tuple(map(alert, message.snapshot.alerts)), token)
    if kind == "change":
        return AlertChanged(alert(message.change.alert), tuple(map(event, message.change.events)), token)
    return None


def _escalation(message: pb.Escalation) -> Escalation:
    return Escalation(
        policy=message.policy,
        level=message.level,
        told_at=instant(message, "told_at"),
        next_level=message.next_level,
        next_at=instant(message, "next_at"),
        round=message.round,
        levels=message.levels,
        exhausted=message.exhausted,
        acknowledged_at=instant(message, "acknowledged_at"),
        acknowledged_by=message.acknowledged_by,
        acknowledged_until=instant(message, "acknowledged_until"),
        deadlines=tuple(Deadline(each.name, instant(each, "due")) for each in message.deadlines),
        alerts=tuple(message.alerts),
        alerts_total=message.alerts_total,
        begun_at=instant(message, "begun_at"),
    )


def _suppression(message: pb.Suppression) -> Suppression:
    return Suppression(
        kind=_SUPPRESSIONS.get(message.kind, SuppressionKind.UNSPECIFIED),
        by=message.by,
        since=instant(message, "since"),
        until=instant(message, "until"),
        group=message.group_id,
    )
