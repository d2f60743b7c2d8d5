"""The methods of the async client that are about alerts, silences and notifications."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta

from trueline import alert_calls, watching
from trueline.alert_calls import By
from trueline.alerts import (
    AcknowledgedAlerts,
    Alert,
    AlertDetails,
    AlertGroup,
    AlertKind,
    AlertsMessage,
    CaseState,
    CreatedSilence,
    Notification,
    NotificationDetails,
    NotificationState,
    Silence,
)
from trueline.calls import Answer, Call


class AsyncAlertMethods:
    """Calls of the AlertService, over the calls of the client that has them."""

    async def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def _watch(
        self, watch: watching.Watch[watching.Read], give_up_after: float, on_wait: watching.OnWait
    ) -> AsyncGenerator[watching.Read, None]:
        raise NotImplementedError

    async def list_alerts(
        self,
        *,
        states: Sequence[CaseState | str] = (),
        kind: AlertKind | str = "",
        severity: str = "",
        rule: str = "",
        owner: str | None = None,
        matchers: Sequence[str] = (),
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[Alert, ...]:
        """See `TruelineClient.list_alerts`."""
        call = alert_calls.list_alerts(
            states=states, kind=kind, severity=severity, rule=rule, owner=owner, matchers=matchers, limit=limit
        )
        return await self._call(call, timeout)

    async def get_alert(self, alert: str, *, timeout: float | None = None) -> AlertDetails:
        """See `TruelineClient.get_alert`."""
        return await self._call(alert_calls.get_alert(alert), timeout)

    async def acknowledge_alert(
        self,
        alert: str,
        *,
        author: str,
        note: str = "",
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Alert:
        """See `TruelineClient.acknowledge_alert`."""
        by = By(author, note, etag, request_id, validate_only)
        return await self._call(alert_calls.acknowledge_alert(alert, by), timeout)

    async def acknowledge_alerts(
        self,
        *,
        author: str,
        matchers: Sequence[str] = (),
        group: str = "",
        note: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> AcknowledgedAlerts:
        """See `TruelineClient.acknowledge_alerts`."""
        call = alert_calls.acknowledge_alerts(
            matchers=matchers, group=group, author=author, note=note, validate_only=validate_only
        )
        return await self._call(call, timeout)

    async def unacknowledge_alert(
        self,
        alert: str,
        *,
        author: str,
        note: str = "",
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Alert:
        """See `TruelineClient.unacknowledge_alert`."""
        by = By(author, note, etag, request_id, validate_only)
        return await self._call(alert_calls.unacknowledge_alert(alert, by), timeout)

    async def resolve_alert(
        self,
        alert: str,
        *,
        author: str,
        note: str = "",
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Alert:
        """See `TruelineClient.resolve_alert`."""
        by = By(author, note, etag, request_id, validate_only)
        return await self._call(alert_calls.resolve_alert(alert, by), timeout)

    async def assign_alert(
        self,
        alert: str,
        owner: str,
        *,
        author: str,
        note: str = "",
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Alert:
        """See `TruelineClient.assign_alert`."""
        by = By(author, note, etag, request_id, validate_only)
        return await self._call(alert_calls.assign_alert(alert, owner, by), timeout)

    async def add_note(
        self,
        alert: str,
        text: str,
        *,
        author: str,
        meets: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Alert:
        """See `TruelineClient.add_note`."""
        call = alert_calls.add_note(
            alert, text, author=author, meets=meets, request_id=request_id, validate_only=validate_only
        )
        return await self._call(call, timeout)

    def watch_alerts(
        self,
        *,
        resume_token: str = "",
        heartbeat: float = 10.0,
        give_up_after: float = 120.0,
        on_wait: watching.OnWait = None,
    ) -> AsyncGenerator[AlertsMessage, None]:
        """See `TruelineClient.watch_alerts`."""
        return self._watch(watching.alerts_watch(resume_token, heartbeat), give_up_after, on_wait)

    async def create_silence(
        self,
        matchers: Sequence[str],
        *,
        author: str,
        reason: str,
        ends: datetime | timedelta,
        starts: datetime | None = None,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> CreatedSilence:
        """See `TruelineClient.create_silence`."""
        call = alert_calls.create_silence(
            matchers,
            author=author,
            reason=reason,
            ends=ends,
            starts=starts,
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self._call(call, timeout)

    async def list_silences(
        self, *, ended: bool = False, limit: int = 0, timeout: float | None = None
    ) -> tuple[Silence, ...]:
        """See `TruelineClient.list_silences`."""
        return await self._call(alert_calls.list_silences(ended, limit), timeout)

    async def expire_silence(
        self, silence: str, *, validate_only: bool = False, timeout: float | None = None
    ) -> Silence:
        """See `TruelineClient.expire_silence`."""
        return await self._call(alert_calls.expire_silence(silence, validate_only=validate_only), timeout)

    async def list_notifications(
        self,
        *,
        state: NotificationState | str = "",
        channel: str = "",
        group: str = "",
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[Notification, ...]:
        """See `TruelineClient.list_notifications`."""
        call = alert_calls.list_notifications(state=state, channel=channel, group=group, limit=limit)
        return await self._call(call, timeout)

    async def get_notification(self, notification: str, *, timeout: float | None = None) -> NotificationDetails:
        """See `TruelineClient.get_notification`."""
        return await self._call(alert_calls.get_notification(notification), timeout)

    async def resend_notification(
        self,
        notification: str,
        *,
        author: str,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Notification:
        """See `TruelineClient.resend_notification`."""
        call = alert_calls.resend_notification(
            notification, author=author, request_id=request_id, validate_only=validate_only
        )
        return await self._call(call, timeout)

    async def list_alert_groups(
        self, *, route: str = "", limit: int = 100, timeout: float | None = None
    ) -> tuple[AlertGroup, ...]:
        """See `TruelineClient.list_alert_groups`."""
        return await self._call(alert_calls.list_alert_groups(route, limit), timeout)
