"""Maps alerts, their timelines, groups, escalations, silences and notifications to protobuf."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from trueline.v1 import alert_service_pb2 as pb
from trueline.v1 import case_pb2
from trueline_rules.escalation.snapshot import policy_of
from trueline_rules.escalation.state import EscalationState
from trueline_rules.routing.groups import NotifyReason
from trueline_rules.routing_model import SuppressedBy

from trueline_server.alerts.details import AlertDetails, Suppressed
from trueline_server.alerts.escalation import Escalation
from trueline_server.alerts.groups import StoredGroup
from trueline_server.alerts.silences import KnownSilence
from trueline_server.cases.model import Case, CaseEvent, CaseKind, CaseState, EventKind
from trueline_server.notifications.content import cases_of, number_of, text_of
from trueline_server.notifications.model import Delivery, Notification, NotificationState, Outcome
from trueline_server.rules.values import map_value_to_proto
from trueline_server.transport.times import duration_of, timestamp_if, timestamp_of

# Ids that stand in a group; of the others it tells how many they are.
MOST_IDS = 100
# Of the escalations of a group, the newest.
MOST_ESCALATIONS = 20

STATES: Mapping[CaseState, case_pb2.CaseState.ValueType] = {
    state: case_pb2.CaseState.Value(f"CASE_STATE_{state.name}") for state in CaseState
}
STATE_NAMES = {number: state for state, number in STATES.items()}
KINDS: Mapping[CaseKind, pb.AlertKind.ValueType] = {
    CaseKind.ALERT: pb.ALERT_KIND_RULE,
    CaseKind.ESCALATION: pb.ALERT_KIND_CHECKPOINT,
}
NOTIFICATION_STATES: Mapping[NotificationState, pb.NotificationState.ValueType] = {
    state: pb.NotificationState.Value(f"NOTIFICATION_STATE_{state.name}") for state in NotificationState
}
_EVENTS = {kind: case_pb2.CaseEventKind.Value(f"CASE_EVENT_KIND_{kind.name}") for kind in EventKind}
_REASONS = {reason.value: pb.NotifyReason.Value(f"NOTIFY_REASON_{reason.name}") for reason in NotifyReason} | {
    "escalation": pb.NOTIFY_REASON_ESCALATION,
    "moved": pb.NOTIFY_REASON_MOVED,
    "deadline_missed": pb.NOTIFY_REASON_DEADLINE_MISSED,
}
_SUPPRESSIONS = {kind: pb.SuppressionKind.Value(f"SUPPRESSION_KIND_{kind.name}") for kind in SuppressedBy}
_OUTCOMES = {outcome: pb.DeliveryOutcome.Value(f"DELIVERY_OUTCOME_{outcome.name}") for outcome in Outcome}
# Of the details of a case, these have fields of their own, or are of no use outside.
_OWN_FIELDS = frozenset({"values", "row", "runbook", "owner", "state"})


def map_alert_to_proto(case: Case) -> pb.Alert:
    """An alert."""
    details = case.details
    return pb.Alert(
        id=case.id,
        kind=KINDS.get(case.kind, pb.ALERT_KIND_UNSPECIFIED),
        state=STATES[case.state],
        severity=case.severity,
        title=case.title,
        text=case.text,
        labels=dict(case.labels),
        owner=case.owner,
        rule=case.rule,
        rule_revision=case.revision,
        starts_at=timestamp_of(case.starts_us),
        ends_at=timestamp_if(case.ends_us),
        opened_at=timestamp_of(case.opened_us),
        changed_at=timestamp_of(case.changed_us),
        acknowledged_at=timestamp_if(case.acknowledged_us),
        acknowledged_by=case.acknowledged_by,
        resolved_at=timestamp_if(case.resolved_us),
        etag=str(case.version),
        fingerprint=case.key,
        evaluation=str(details.get("state", "")),
        runbook=str(details.get("runbook") or ""),
        rule_owner=str(details.get("owner") or ""),
        values={name: map_value_to_proto(_plain(value)) for name, value in (details.get("values") or {}).items()},
        details=texts_of({name: value for name, value in details.items() if name not in _OWN_FIELDS}),
    )


def map_event_to_proto(event: CaseEvent) -> case_pb2.CaseEvent:
    """Something that happened to a case."""
    return case_pb2.CaseEvent(
        number=event.number,
        case_id=event.case_id,
        at=timestamp_of(event.at_us),
        kind=_EVENTS[event.kind],
        actor=event.actor,
        text=event.text,
        details=texts_of(event.details),
    )


def map_details_to_proto(details: AlertDetails) -> pb.GetAlertResponse:
    """All about an alert."""
    return pb.GetAlertResponse(
        alert=map_alert_to_proto(details.case),
        timeline=[map_event_to_proto(event) for event in details.timeline],
        earlier_events=details.earlier_events,
        groups=[map_group_to_proto(group) for group in details.groups],
        notifications=[map_notification_to_proto(each) for each in details.notifications],
        suppressions=[_map_suppressed(each) for each in details.suppressed],
    )


def map_group_to_proto(stored: StoredGroup) -> pb.AlertGroup:
    """A group, with its escalations."""
    group = stored.group
    firing = sum(member.firing for member in group.members.values())
    return pb.AlertGroup(
        id=stored.id,
        route="/".join(stored.destination.path),
        labels=dict(stored.labels),
        channels=stored.destination.channels,
        opened_at=timestamp_of(group.opened_us),
        next_flush=None if group.over else timestamp_of(group.next_flush_us),
        sent_at=None if group.sent is None else timestamp_of(group.sent.at_us),
        firing=firing,
        resolved=len(group.members) - firing,
        suppressed=len(group.withheld & group.members.keys()),
        escalations=[_map_escalation(each) for each in stored.escalations[-MOST_ESCALATIONS:]],
        escalations_total=len(stored.escalations),
        alerts=_ids(one.case for one in group.members.values()),
    )


def map_notification_to_proto(notification: Notification) -> pb.Notification:
    """What is said to one channel."""
    content = notification.content
    return pb.Notification(
        id=notification.id,
        channel=notification.channel,
        person=notification.person,
        group_id=notification.group_id,
        reason=_REASONS.get(notification.reason, pb.NOTIFY_REASON_UNSPECIFIED),
        reason_text=notification.reason,
        state=NOTIFICATION_STATES[notification.state],
        attempts=notification.attempts,
        due=timestamp_of(notification.due_us),
        created_at=timestamp_of(notification.created_us),
        finished_at=timestamp_if(notification.finished_us),
        error=notification.error,
        sent_as=notification.sent_as or "",
        give_up_at=timestamp_if(notification.give_up_us),
        alerts=cases_of(content)[:MOST_IDS],
        alerts_total=number_of(content, "alerts_total"),
        status=text_of(content, "status"),
    )


def map_delivery_to_proto(delivery: Delivery) -> pb.Delivery:
    """A try to deliver."""
    return pb.Delivery(
        at=timestamp_of(delivery.at_us),
        took=duration_of(delivery.took_us),
        outcome=_OUTCOMES[delivery.outcome],
        answer=delivery.answer,
    )


def map_silence_to_proto(silence: KnownSilence, now_us: int) -> pb.Silence:
    """A silence as it is at an instant."""
    return pb.Silence(
        id=silence.id,
        matchers=silence.matchers,
        author=silence.author,
        reason=silence.reason,
        starts_at=timestamp_of(silence.starts_us),
        ends_at=timestamp_of(silence.ends_us),
        created_at=timestamp_if(silence.created_us),
        active=silence.active(now_us),
        expired=silence.expired,
        in_file=silence.created_us is None,
    )


def texts_of(details: Mapping[str, Any]) -> dict[str, str]:
    """JSON values by name as texts; what is none is left out."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in details.items()
        if value is not None
    }


def _map_escalation(escalation: Escalation) -> pb.Escalation:
    state = escalation.state
    policy = policy_of(state.policy)
    names = [level.name for level in policy.levels]
    told, step = state.told, state.step
    at = step or told
    waits = state.acknowledged_us is None and state.resolved_us is None
    return pb.Escalation(
        policy=policy.metadata.name,
        level=names[told.level] if told is not None else "",
        told_at=None if told is None else timestamp_of(told.at_us),
        next_level=names[step.level] if step is not None and waits else "",
        next_at=timestamp_of(step.at_us) if step is not None and waits else None,
        round=0 if at is None else at.round + 1,
        exhausted=state.exhausted,
        acknowledged_at=timestamp_if(state.acknowledged_us),
        acknowledged_by=state.by,
        acknowledged_until=timestamp_if(state.rearm_us),
        deadlines=_map_deadlines(state),
        levels=len(names),
        alerts=_ids(escalation.cases),
        alerts_total=len(escalation.cases),
        begun_at=timestamp_of(state.opened_us),
    )


def _map_deadlines(state: EscalationState) -> Iterable[pb.Deadline]:
    ordered = sorted(state.deadlines, key=lambda deadline: deadline.at_us)
    return [pb.Deadline(name=each.which, due=timestamp_of(each.at_us)) for each in ordered]


def _map_suppressed(suppressed: Suppressed) -> pb.Suppression:
    return pb.Suppression(
        kind=_SUPPRESSIONS[suppressed.kind],
        by=suppressed.by,
        until=timestamp_if(suppressed.until_us),
        group_id=suppressed.group_id,
        since=timestamp_of(suppressed.since_us),
    )


def _ids(cases: Iterable[str]) -> list[str]:
    """Ids of alerts in order, at most MOST_IDS."""
    return sorted(set(cases), key=lambda case: (len(case), case))[:MOST_IDS]


def _plain(value: object) -> object:
    """A value of JSON as a fact has it."""
    return frozenset(map(str, value)) if isinstance(value, list) else value
