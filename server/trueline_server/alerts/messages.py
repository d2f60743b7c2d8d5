"""What notifications say: content as JSON, and the key that a message keeps however often it is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from trueline_rules.escalation.actions import DeadlineMissed
from trueline_rules.routing.groups import Member
from trueline_rules.routing_model import Suppression

from trueline_server.alerts.groups import StoredGroup
from trueline_server.cases.model import Case

# Alerts that a message tells one by one; of the others it tells how many they are.
MOST_ALERTS = 100
_KEY_BYTES = 16
# Of a key so many hex digits are the group's.
_OF_GROUP = 8
# What a message says of an alert; MOVED: it fires on, and another route tells of it.
FIRING, RESOLVED, MOVED = "firing", "resolved", "moved"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewNotification:
    """A message to one channel that is to be queued.

    Attributes:
        id: the idempotency key.
        channel: name of the NotificationChannel.
        person: whom it is for; "" = nobody in particular.
        group_id: of the group that it tells of.
        reason: why.
        content: what, JSON.

    """

    id: str
    channel: str
    person: str
    group_id: str
    reason: str
    content: Mapping[str, Any]


def message_key(tenant: str, group: str, occasion: str, channel: str) -> str:
    """32 hex digits over what a message is about: the same occasion makes the same message.

    Messages of one instant go in the order of their keys, and a limit may hold back the last of them. So keys begin
    with the group's: occasions count what a simulation leaps over, and it would send others of them first.
    """
    canonical = json.dumps([tenant, group, occasion, channel], ensure_ascii=False, separators=(",", ":"))
    return group[:_OF_GROUP] + hashlib.blake2b(canonical.encode(), digest_size=_KEY_BYTES).hexdigest()[_OF_GROUP:]


def content_of(
    stored: StoredGroup,
    reason: str,
    told: Sequence[tuple[Member, Case | None]],
    *,
    total: int,
    suppressed: Sequence[tuple[Member, Suppression]],
    now_us: int,
    escalation: Mapping[str, Any] | None = None,
    deadline: DeadlineMissed | None = None,
) -> dict[str, Any]:
    """The content of a message about a group.

    Args:
        stored: the group.
        reason: why it goes out.
        told: alerts with their cases, at most MOST_ALERTS.
        total: how many alerts it is about.
        suppressed: those that fire and are not told.
        now_us: the server's clock.
        escalation: its id; policy, level, try and round, where a level is told.
        deadline: that was missed.

    """
    alerts = [_alert(member, case) for member, case in told]
    found = {alert["status"] for alert in alerts}
    return {
        "reason": reason,
        "status": next(status for status in (FIRING, RESOLVED, MOVED) if status in found),
        "tenant": stored.tenant,
        "group": {"id": stored.id, "route": "/".join(stored.destination.path), "labels": dict(stored.labels)},
        "alerts": alerts,
        "alerts_total": total,
        "suppressed": [
            {"case": member.case, "kind": why.kind.value, "by": why.by} for member, why in suppressed[:MOST_ALERTS]
        ],
        "suppressed_total": len(suppressed),
        "escalation": escalation,
        "deadline": None if deadline is None else {"name": deadline.which, "due": written(deadline.at_us)},
        "at": written(now_us),
    }


def written(instant_us: int) -> str:
    """An instant (µs since 1970, UTC) as RFC 3339."""
    return (_EPOCH + timedelta(microseconds=instant_us)).isoformat().replace("+00:00", "Z")


def _alert(member: Member, case: Case | None) -> dict[str, Any]:
    details: Mapping[str, Any] = {} if case is None else case.details
    return {
        "case": "" if case is None else case.id,
        "fingerprint": member.fingerprint,
        "status": _status(member, case),
        "severity": member.severity,
        "rule": "" if case is None else case.rule,
        "labels": dict(member.labels),
        "title": "" if case is None else case.title,
        "text": "" if case is None else case.text,
        "values": dict(details.get("values", {})),
        "starts_at": written(member.since_us),
        "ends_at": None if case is None or case.ends_us is None else written(case.ends_us),
        "runbook": details.get("runbook", ""),
    }


def _status(member: Member, case: Case | None) -> str:
    """What an alert is to a group: one that fires elsewhere is not resolved."""
    if member.firing:
        return FIRING
    return MOVED if case is not None and case.is_open else RESOLVED
