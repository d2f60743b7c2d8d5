"""Queues notifications in the state database, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select
from trueline_stores.state.case_tables import NOTIFICATIONS

from trueline_server.alerts.messages import NewNotification

_CHUNK = 500


def queue(connection: Connection, tenant: str, new: Sequence[NewNotification], now_us: int) -> int:
    """Queue messages to be sent now; one whose key is there already is not queued again. Answers how many were."""
    own = NOTIFICATIONS.c
    there: set[str] = set()
    for start in range(0, len(new), _CHUNK):
        ids = [each.id for each in new[start : start + _CHUNK]]
        there |= set(connection.execute(select(own.id).where(own.tenant == tenant, own.id.in_(ids))).scalars())
    rows = [
        {
            "tenant": tenant,
            "id": each.id,
            "channel": each.channel,
            "person": each.person,
            "group_id": each.group_id,
            "reason": each.reason,
            "content": dict(each.content),
            "state": "queued",
            "attempts": 0,
            "due_us": now_us,
            "created_us": now_us,
            "finished_us": None,
            "error": "",
            "sent_as": None,
            "give_up_us": None,
        }
        for each in new
        if each.id not in there
    ]
    if rows:
        connection.execute(insert(NOTIFICATIONS), rows)
    return len(rows)
