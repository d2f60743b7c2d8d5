"""Each call of the AlertService as a value; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration

from trueline import alert_mapping, mapping
from trueline.alerts import (
    AcknowledgedAlerts,
    Alert,
    AlertDetails,
    AlertGroup,
    AlertKind,
    CaseState,
    CreatedSilence,
    Notification,
    NotificationDetails,
    NotificationState,
    Silence,
)
from trueline.calls import Call, built
from trueline.v1 import alert_service_pb2 as pb
from trueline.v1 import case_pb2

_SERVICE = "AlertService"
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class By:
    """Who changes an alert, why, and under which conditions.

    Attributes:
        author: who.
        note: for the timeline.
        etag: of the alert as it was seen; "" = whatever it is.
        request_id: "" = a new one.
        validate_only: only say what would be.

    """

    author: str
    note: str = ""
    etag: str = ""
    request_id: str = ""
    validate_only: bool = False

    def fields(self) -> dict[str, Any]:
        """As fields of a request."""
        return {
            "author": self.author,
            "note": self.note,
            "etag": self.etag,
            "request_id": self.request_id or str(uuid4()),
            "validate_only": self.validate_only,
        }


@built
def list_alerts(
    *,
    states: Sequence[CaseState | str],
    kind: AlertKind | str,
    severity: str,
    rule: str,
    owner: str | None,
    matchers: Sequence[str],
    limit: int,
) -> Call[tuple[Alert, ...]]:
    """ListAlerts, as many pages as it takes."""
    request = pb.ListAlertsRequest(
        states=[case_pb2.CaseState.Value(f"CASE_STATE_{CaseState(state).name}") for state in states],
        kind=pb.AlertKind.Value(f"ALERT_KIND_{AlertKind(kind or 'unspecified').name}"),
        severity=severity,
        rule=rule,
        matchers=_listed(matchers),
        page_size=_page(limit),
    )
    if owner is not None:
        request.owner = owner
    return Call(_SERVICE, "ListAlerts", request, alert_mapping.alerts_of, paged=True, items="alerts", most=limit)


@built
def get_alert(alert: str) -> Call[AlertDetails]:
    """GetAlert."""
    request = pb.GetAlertRequest(id=alert)
    return Call(_SERVICE, "GetAlert", request, lambda answers: alert_mapping.alert_details(answers[0]))


@built
def acknowledge_alert(alert: str, by: By) -> Call[Alert]:
    """AcknowledgeAlert."""
    return Call(_SERVICE, "AcknowledgeAlert", pb.AcknowledgeAlertRequest(id=alert, **by.fields()), _alert)


@built
def acknowledge_alerts(
    *, matchers: Sequence[str], group: str, author: str, note: str, validate_only: bool
) -> Call[AcknowledgedAlerts]:
    """AcknowledgeAlerts, once."""
    request = pb.AcknowledgeAlertsRequest(
        matchers=_listed(matchers), group=group, author=author, note=note, validate_only=validate_only
    )

    def read(answers: Sequence[Any]) -> AcknowledgedAlerts:
        return AcknowledgedAlerts(answers[0].acknowledged, answers[0].more)

    return Call(_SERVICE, "AcknowledgeAlerts", request, read)


@built
def unacknowledge_alert(alert: str, by: By) -> Call[Alert]:
    """UnacknowledgeAlert."""
    return Call(_SERVICE, "UnacknowledgeAlert", pb.UnacknowledgeAlertRequest(id=alert, **by.fields()), _alert)


@built
def resolve_alert(alert: str, by: By) -> Call[Alert]:
    """ResolveAlert."""
    return Call(_SERVICE, "ResolveAlert", pb.ResolveAlertRequest(id=alert, **by.fields()), _alert)


@built
def assign_alert(alert: str, owner: str, by: By) -> Call[Alert]:
    """AssignAlert."""
    return Call(_SERVICE, "AssignAlert", pb.AssignAlertRequest(id=alert, owner=owner, **by.fields()), _alert)


@built
def add_note(alert: str, text: str, *, author: str, meets: str, request_id: str, validate_only: bool) -> Call[Alert]:
    """AddNote."""
    request = pb.AddNoteRequest(
        id=alert,
        text=text,
        author=author,
        meets=meets,
        request_id=request_id or str(uuid4()),
        validate_only=validate_only,
    )
    return Call(_SERVICE, "AddNote", request, _alert)


@built
def create_silence(
    matchers: Sequence[str],
    *,
    author: str,
    reason: str,
    ends: datetime | timedelta,
    starts: datetime | None,
    request_id: str,
    validate_only: bool,
) -> Call[CreatedSilence]:
    """CreateSilence."""
    request = pb.CreateSilenceRequest(
        matchers=_listed(matchers),
        author=author,
        reason=reason,
        starts_at=mapping.timestamp(starts),
        request_id=request_id or str(uuid4()),
        validate_only=validate_only,
    )
    if isinstance(ends, timedelta):
        length = Duration()
        length.FromTimedelta(ends)
        request.duration.CopyFrom(length)
    else:
        ends_at = mapping.timestamp(ends)
        assert ends_at is not None
        request.ends_at.CopyFrom(ends_at)
    return Call(_SERVICE, "CreateSilence", request, lambda answers: alert_mapping.created_silence(answers[0]))


@built
def list_silences(ended: bool, limit: int) -> Call[tuple[Silence, ...]]:
    """ListSilences, as many pages as it takes."""
    request = pb.ListSilencesRequest(show_ended=ended, page_size=_page(limit))
    return Call(_SERVICE, "ListSilences", request, alert_mapping.silences, paged=True, items="silences", most=limit)


@built
def expire_silence(silence: str, *, validate_only: bool) -> Call[Silence]:
    """ExpireSilence."""
    request = pb.ExpireSilenceRequest(id=silence, validate_only=validate_only)
    return Call(_SERVICE, "ExpireSilence", request, lambda answers: alert_mapping.silence(answers[0].silence))


@built
def list_notifications(
    *, state: NotificationState | str, channel: str, group: str, limit: int
) -> Call[tuple[Notification, ...]]:
    """ListNotifications, as many pages as it takes."""
    name = NotificationState(state or "unspecified").name
    request = pb.ListNotificationsRequest(
        state=pb.NotificationState.Value(f"NOTIFICATION_STATE_{name}"),
        channel=channel,
        group_id=group,
        page_size=_page(limit),
    )
    read = alert_mapping.notifications
    return Call(_SERVICE, "ListNotifications", request, read, paged=True, items="notifications", most=limit)


@built
def get_notification(notification: str) -> Call[NotificationDetails]:
    """GetNotification."""
    request = pb.GetNotificationRequest(id=notification)
    return Call(_SERVICE, "GetNotification", request, lambda answers: alert_mapping.notification_details(answers[0]))


@built
def resend_notification(notification: str, *, author: str, request_id: str, validate_only: bool) -> Call[Notification]:
    """ResendNotification."""
    request = pb.ResendNotificationRequest(
        id=notification, author=author, validate_only=validate_only, request_id=request_id or str(uuid4())
    )
    read = alert_mapping.notification
    return Call(_SERVICE, "ResendNotification", request, lambda answers: read(answers[0].notification))


@built
def list_alert_groups(route: str, limit: int) -> Call[tuple[AlertGroup, ...]]:
    """ListAlertGroups, as many pages as it takes."""
    request = pb.ListAlertGroupsRequest(route=route, page_size=_page(limit))
    return Call(_SERVICE, "ListAlertGroups", request, alert_mapping.groups, paged=True, items="groups", most=limit)


def _alert(answers: Sequence[Any]) -> Alert:
    return alert_mapping.alert(answers[0].alert)


def _listed(matchers: Sequence[str]) -> list[str]:
    """A text by itself is one matcher, not as many as it has letters."""
    return [matchers] if isinstance(matchers, str) else list(matchers)


def _page(limit: int) -> int:
    if limit < 0:
        raise ValueError(f"limit is {limit}; give how many are wanted, or 0 for all")
    return min(limit, _PAGE) if limit else _PAGE
