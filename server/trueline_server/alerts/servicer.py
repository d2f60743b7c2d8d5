"""The AlertService over the wire: pages, changes by hand, silences, notifications and the watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from trueline.v1 import alert_service_pb2 as pb
from trueline.v1 import alert_service_pb2_grpc, case_pb2

from trueline_server.alerts.acknowledging import Choice
from trueline_server.alerts.listing import ALERT_KINDS, AlertFilter
from trueline_server.alerts.mapping import (
    KINDS,
    STATE_NAMES,
    map_alert_to_proto,
    map_details_to_proto,
    map_group_to_proto,
)
from trueline_server.alerts.notification_calls import NotificationCalls
from trueline_server.alerts.service import AlertService, Asked
from trueline_server.alerts.silence_calls import SilenceCalls
from trueline_server.alerts.silences import read_matchers
from trueline_server.alerts.watch import AlertWatch
from trueline_server.cases.model import Case
from trueline_server.errors import invalid_field
from trueline_server.rules.mapping import ANSWER_BYTES
from trueline_server.transport.repeated import request_of
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.tokens import Tokens, binding_of

# Changes wait for each other; those that wait here hold no thread, which reads need.
_CHANGED_AT_ONCE = 1

Answer = TypeVar("Answer")


class AlertServicer(alert_service_pb2_grpc.AlertServiceServicer):
    """All calls; those about silences and about notifications are done by others."""

    def __init__(
        self,
        service: AlertService,
        watch: AlertWatch,
        tokens: Tokens,
        *,
        silences: SilenceCalls,
        notifications: NotificationCalls,
    ) -> None:
        self._service = service
        self._watch = watch
        self._tokens = tokens
        self._silences = silences
        self._notifications = notifications
        self._changing = asyncio.Semaphore(_CHANGED_AT_ONCE)

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Any) -> pb.ListAlertsResponse:
        """Alerts, the newest first; the token of a page has the last numbers that were looked at."""
        chosen, binding = _filter(request), binding_of(request, "page_size", "page_token")
        after = None
        if request.page_token:
            sealed = self._tokens.open(binding, request.page_token, "page_token")
            after = tuple(int(number) for number in sealed.split(","))
        size = min(request.page_size or 100, 1000)
        while True:
            page = await asyncio.to_thread(self._service.list, current_tenant(), chosen, after=after, most=size)
            alerts = [map_alert_to_proto(case) for case in page.alerts]
            if sum(alert.ByteSize() + 8 for alert in alerts) <= ANSWER_BYTES or size == 1:
                break
            # What does not fit is read again with the next page.
            size = max(1, size // 2)
        token = "" if page.after is None else self._tokens.seal(binding, ",".join(map(str, page.after)))
        return pb.ListAlertsResponse(alerts=alerts, next_page_token=token)

    async def GetAlert(self, request: pb.GetAlertRequest, context: Any) -> pb.GetAlertResponse:
        """All about an alert."""
        return map_details_to_proto(await asyncio.to_thread(self._service.get, current_tenant(), request.id))

    async def AcknowledgeAlert(self, request: pb.AcknowledgeAlertRequest, context: Any) -> pb.AcknowledgeAlertResponse:
        """Somebody has it."""
        return pb.AcknowledgeAlertResponse(alert=await self._change(self._service.acknowledge, _asked(request)))

    async def AcknowledgeAlerts(
        self, request: pb.AcknowledgeAlertsRequest, context: Any
    ) -> pb.AcknowledgeAlertsResponse:
        """Somebody has many."""
        tenant, choice = current_tenant(), Choice(read_matchers(request.matchers), request.group)
        if request.validate_only:
            taken = await asyncio.to_thread(self._service.count_nobodys, tenant, choice)
        else:
            async with self._changing:
                call = self._service.acknowledge_many
                taken = await asyncio.to_thread(call, tenant, choice, request.author, request.note)
            self._watch.wake()
        return pb.AcknowledgeAlertsResponse(acknowledged=taken.count, more=taken.more)

    async def UnacknowledgeAlert(
        self, request: pb.UnacknowledgeAlertRequest, context: Any
    ) -> pb.UnacknowledgeAlertResponse:
        """Nobody has it any more."""
        return pb.UnacknowledgeAlertResponse(alert=await self._change(self._service.unacknowledge, _asked(request)))

    async def ResolveAlert(self, request: pb.ResolveAlertRequest, context: Any) -> pb.ResolveAlertResponse:
        """It is over."""
        return pb.ResolveAlertResponse(alert=await self._change(self._service.resolve, _asked(request)))

    async def AssignAlert(self, request: pb.AssignAlertRequest, context: Any) -> pb.AssignAlertResponse:
        """It is somebody's to see to."""
        alert = await self._change(lambda asked: self._service.assign(asked, request.owner), _asked(request))
        return pb.AssignAlertResponse(alert=alert)

    async def AddNote(self, request: pb.AddNoteRequest, context: Any) -> pb.AddNoteResponse:
        """Something for the timeline."""
        asked = Asked(
            current_tenant(),
            request.id,
            request.author,
            note=request.text,
            request=request_of(request),
            validate_only=request.validate_only,
        )
        return pb.AddNoteResponse(alert=await self._change(lambda told: self._service.note(told, request.meets), asked))

    async def WatchAlerts(self, request: pb.WatchAlertsRequest, context: Any) -> None:  # type: ignore[override]
        """Writes to the context and yields nothing, as the other watches do."""
        await self._watch.run(request, context.write)

    async def CreateSilence(self, request: pb.CreateSilenceRequest, context: Any) -> pb.CreateSilenceResponse:
        """A silence is put in."""
        return await self._silences.create(request)

    async def ListSilences(self, request: pb.ListSilencesRequest, context: Any) -> pb.ListSilencesResponse:
        """Silences, those that end last first."""
        return await self._silences.list(request)

    async def ExpireSilence(self, request: pb.ExpireSilenceRequest, context: Any) -> pb.ExpireSilenceResponse:
        """A silence ends."""
        return await self._silences.expire(request)

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Any
    ) -> pb.ListNotificationsResponse:
        """Notifications, the newest first."""
        return await self._notifications.list(request)

    async def GetNotification(self, request: pb.GetNotificationRequest, context: Any) -> pb.GetNotificationResponse:
        """A notification with every try to deliver it."""
        return await self._notifications.get(request)

    async def ResendNotification(
        self, request: pb.ResendNotificationRequest, context: Any
    ) -> pb.ResendNotificationResponse:
        """A notification goes again."""
        answer = await self._notifications.resend(request)
        self._watch.wake()
        return answer

    async def ListAlertGroups(self, request: pb.ListAlertGroupsRequest, context: Any) -> pb.ListAlertGroupsResponse:
        """Groups, the newest first; the token of a page has opening and id of the last one on it."""
        binding = binding_of(request, "page_size", "page_token")
        after = None
        if request.page_token:
            opened_us, _, group = self._tokens.open(binding, request.page_token, "page_token").partition(" ")
            after = int(opened_us), group
        size = min(request.page_size or 100, 1000)
        found = await asyncio.to_thread(
            self._service.groups, current_tenant(), route=request.route, after=after, most=size + 1
        )
        page, token = found[:size], ""
        if len(found) > size:
            token = self._tokens.seal(binding, f"{page[-1].group.opened_us} {page[-1].id}")
        return pb.ListAlertGroupsResponse(groups=[map_group_to_proto(each) for each in page], next_page_token=token)

    async def _change(self, make: Callable[[Asked], Case], asked: Asked) -> pb.Alert:
        async with self._changing:
            case = await asyncio.to_thread(make, asked)
        self._watch.wake()
        return map_alert_to_proto(case)


def _asked(request: Any) -> Asked:
    return Asked(
        current_tenant(),
        request.id,
        request.author,
        note=request.note,
        etag=request.etag,
        request=request_of(request),
        validate_only=request.validate_only,
    )


def _filter(request: pb.ListAlertsRequest) -> AlertFilter:
    kinds = tuple(kind for kind in ALERT_KINDS if request.kind in (pb.ALERT_KIND_UNSPECIFIED, KINDS[kind]))
    if not kinds:
        raise invalid_field("kind", f"is {request.kind}, which is no AlertKind")
    return AlertFilter(
        states=frozenset(_states(request.states)),
        kinds=kinds,
        severity=request.severity,
        rule=request.rule,
        owner=request.owner if request.HasField("owner") else None,
        matchers=read_matchers(request.matchers),
    )


def _states(numbers: Sequence[int]) -> Any:
    for position, number in enumerate(numbers):
        if number not in STATE_NAMES:
            raise invalid_field(f"states[{position}]", f"is {number}, which is no state; leave it out for all states")
        yield STATE_NAMES[case_pb2.CaseState.ValueType(number)]
