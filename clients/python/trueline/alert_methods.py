"""The methods of the sync client that are about alerts, silences and notifications."""

from __future__ import annotations

from collections.abc import Generator, Sequence
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


class AlertMethods:
    """Calls of the AlertService, over the calls of the client that has them."""

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def _watch(
        self, watch: watching.Watch[watching.Read], give_up_after: float, on_wait: watching.OnWait
    ) -> Generator[watching.Read, None, None]:
        raise NotImplementedError

    def list_alerts(
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
        """Alerts, the newest first.

        Args:
            states: only in these; () = in all.
            kind: only of this one; "" = of all.
            severity: only of this one, as the label of that name says; "" = of all.
            rule: only of this one; "" = of all.
            owner: only of this one; "" = of nobody, None = of all.
            matchers: only those whose labels match all of these, e.g. 'severity="critical"', 'region=~"eu|us"'.
            limit: at most so many; 0 = all.
            timeout: seconds for each page.

        """
        call = alert_calls.list_alerts(
            states=states, kind=kind, severity=severity, rule=rule, owner=owner, matchers=matchers, limit=limit
        )
        return self._call(call, timeout)

    def get_alert(self, alert: str, *, timeout: float | None = None) -> AlertDetails:
        """All about an alert: timeline, groups, escalations, deadlines, what was said of it, why nothing is."""
        return self._call(alert_calls.get_alert(alert), timeout)

    def acknowledge_alert(
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
        """Say who has an alert; its escalation stops.

        Args:
            alert: its id.
            author: who has it.
            note: for the timeline.
            etag: of the alert as it was seen; "" = whatever it is.
            request_id: the same for the same change, however often it is called; "" = a new one.
            validate_only: only say what would be.
            timeout: seconds.

        Raises:
            NotFoundError: there is no such alert.
            PreconditionError: it is resolved.
            EtagMismatchError: somebody else changed it; nothing was changed.

        """
        by = By(author, note, etag, request_id, validate_only)
        return self._call(alert_calls.acknowledge_alert(alert, by), timeout)

    def acknowledge_alerts(
        self,
        *,
        author: str,
        matchers: Sequence[str] = (),
        group: str = "",
        note: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> AcknowledgedAlerts:
        """Say who has many alerts: those of a group, or all whose labels match, that nobody has. At most 1,000 in a
        call: call it again while there are `more`.

        Args:
            author: who has them.
            matchers: only those whose labels match all of these; () = whatever they are, with a group.
            group: only those of the group with this id; "" = of any, with matchers.
            note: for their timelines.
            validate_only: only count them, all that there are.
            timeout: seconds.

        Raises:
            InvalidRequestError: a matcher is none, there is no such group, or neither is given.

        """
        call = alert_calls.acknowledge_alerts(
            matchers=matchers, group=group, author=author, note=note, validate_only=validate_only
        )
        return self._call(call, timeout)

    def unacknowledge_alert(
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
        """Say that nobody has an alert any more; its escalation goes on. See `acknowledge_alert`."""
        by = By(author, note, etag, request_id, validate_only)
        return self._call(alert_calls.unacknowledge_alert(alert, by), timeout)

    def resolve_alert(
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
        """End an alert by hand. It stays resolved while its rule fires on; see `acknowledge_alert`."""
        by = By(author, note, etag, request_id, validate_only)
        return self._call(alert_calls.resolve_alert(alert, by), timeout)

    def assign_alert(
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
        """Say whose an alert is to see to; "" = nobody's. See `acknowledge_alert`."""
        by = By(author, note, etag, request_id, validate_only)
        return self._call(alert_calls.assign_alert(alert, owner, by), timeout)

    def add_note(
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
        """Add to the timeline of an alert.

        Args:
            alert: its id.
            text: what is to be noted.
            author: who notes it.
            meets: the deadline that is met with it, like "update" or "post_mortem"; "" = none.
            request_id: the same for the same note, however often it is called; "" = a new one.
            validate_only: only say whether it could be done.
            timeout: seconds.

        """
        call = alert_calls.add_note(
            alert, text, author=author, meets=meets, request_id=request_id, validate_only=validate_only
        )
        return self._call(call, timeout)

    def watch_alerts(
        self,
        *,
        resume_token: str = "",
        heartbeat: float = 10.0,
        give_up_after: float = 120.0,
        on_wait: watching.OnWait = None,
    ) -> Generator[AlertsMessage, None, None]:
        """The alerts that are not resolved, `Synced`, then each change; see `watch_metrics`.

        After a reconnect come the changes that were missed and `Synced`, without a snapshot: each change comes once.
        """
        return self._watch(watching.alerts_watch(resume_token, heartbeat), give_up_after, on_wait)

    def create_silence(
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
        """Keep alerts from being notified for a while.

        Args:
            matchers: which; all must hold, e.g. ['rule="churn_high"', 'plan!=enterprise'].
            author: who says so.
            reason: why.
            ends: until when, or how long; at most a year.
            starts: from when on; None = now.
            request_id: the same for the same silence, however often it is called; "" = a new one.
            validate_only: only say what it would be, and how many alerts it would concern.
            timeout: seconds.

        """
        call = alert_calls.create_silence(
            matchers,
            author=author,
            reason=reason,
            ends=ends,
            starts=starts,
            request_id=request_id,
            validate_only=validate_only,
        )
        return self._call(call, timeout)

    def list_silences(
        self, *, ended: bool = False, limit: int = 0, timeout: float | None = None
    ) -> tuple[Silence, ...]:
        """Silences, also those of rule files, those that end last first; `ended`: also those that have ended."""
        return self._call(alert_calls.list_silences(ended, limit), timeout)

    def expire_silence(self, silence: str, *, validate_only: bool = False, timeout: float | None = None) -> Silence:
        """End a silence now."""
        return self._call(alert_calls.expire_silence(silence, validate_only=validate_only), timeout)

    def list_notifications(
        self,
        *,
        state: NotificationState | str = "",
        channel: str = "",
        group: str = "",
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[Notification, ...]:
        """What was said, is still to be said, or could not be (state "dead"), the newest first; `limit` 0 = all."""
        call = alert_calls.list_notifications(state=state, channel=channel, group=group, limit=limit)
        return self._call(call, timeout)

    def get_notification(self, notification: str, *, timeout: float | None = None) -> NotificationDetails:
        """A notification with what it says and every try to deliver it."""
        return self._call(alert_calls.get_notification(notification), timeout)

    def resend_notification(
        self,
        notification: str,
        *,
        author: str,
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> Notification:
        """Have a notification tried again now, with the same idempotency key; `author` asks for it.

        The same `request_id` has it sent again once, however often it is called; "" = a new one.
        """
        call = alert_calls.resend_notification(
            notification, author=author, request_id=request_id, validate_only=validate_only
        )
        return self._call(call, timeout)

    def list_alert_groups(
        self, *, route: str = "", limit: int = 100, timeout: float | None = None
    ) -> tuple[AlertGroup, ...]:
        """The groups that are not over, the newest first, with their escalations; `limit` 0 = all."""
        return self._call(alert_calls.list_alert_groups(route, limit), timeout)
