"""Calls of the AlertService about notifications: lists, every try of one, and sending one again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from trueline.v1 import alert_service_pb2 as pb

from trueline_server.alerts.mapping import NOTIFICATION_STATES, map_delivery_to_proto, map_notification_to_proto
from trueline_server.errors import invalid_field
from trueline_server.notifications.model import Delivery, Notification
from trueline_server.notifications.store import NotificationStore
from trueline_server.transport.repeated import request_of
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.tokens import Tokens, binding_of

_STATES = {number: state for state, number in NOTIFICATION_STATES.items()}


class NotificationCalls:
    """ListNotifications, GetNotification, ResendNotification."""

    def __init__(self, store: NotificationStore, tokens: Tokens, wake: Callable[[], None]) -> None:
        """`wake` has the sender look for what is due."""
        self._store = store
        self._tokens = tokens
        self._wake = wake

    async def list(self, request: pb.ListNotificationsRequest) -> pb.ListNotificationsResponse:
        """Notifications; the token of a page has instant and id of the last one on it."""
        if request.state != pb.NOTIFICATION_STATE_UNSPECIFIED and request.state not in _STATES:
            raise invalid_field("state", f"is {request.state}, which is no NotificationState")
        binding = binding_of(request, "page_size", "page_token")
        before = None
        if request.page_token:
            created_us, _, last = self._tokens.open(binding, request.page_token, "page_token").partition(" ")
            before = int(created_us), last
        size = min(request.page_size or 100, 1000)
        found = await asyncio.to_thread(
            self._store.list,
            current_tenant(),
            group_id=request.group_id,
            channel=request.channel,
            state=_STATES.get(request.state),
            before=before,
            most=size + 1,
        )
        page, token = found[:size], ""
        if len(found) > size:
            token = self._tokens.seal(binding, f"{page[-1].created_us} {page[-1].id}")
        return pb.ListNotificationsResponse(
            notifications=[map_notification_to_proto(each) for each in page], next_page_token=token
        )

    async def get(self, request: pb.GetNotificationRequest) -> pb.GetNotificationResponse:
        """A notification, what it says, and every try to deliver it."""
        found, deliveries = await asyncio.to_thread(self._read, current_tenant(), request.id)
        return pb.GetNotificationResponse(
            notification=map_notification_to_proto(found),
            content=json_format.ParseDict(dict(found.content), Struct()),
            deliveries=[map_delivery_to_proto(each) for each in deliveries],
        )

    async def resend(self, request: pb.ResendNotificationRequest) -> pb.ResendNotificationResponse:
        """A notification goes again, or it is only told that it could."""
        tenant = current_tenant()
        if request.validate_only:
            found = await asyncio.to_thread(self._store.get, tenant, request.id)
        else:
            found = await asyncio.to_thread(self._store.resend, tenant, request.id, request.author, request_of(request))
            self._wake()
        return pb.ResendNotificationResponse(notification=map_notification_to_proto(found))

    def _read(self, tenant: str, notification: str) -> tuple[Notification, Sequence[Delivery]]:
        return self._store.get(tenant, notification), self._store.deliveries(tenant, notification)
