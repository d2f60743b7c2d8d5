"""Cases as values: what they are about, where they stand, what happened to them. No database, no protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# Who acts where nobody does.
SYSTEM = "trueline"

# Severities that have a rank; others count least.
WORST_FIRST = ("critical", "high", "warning", "medium", "low", "info")


def is_worse(severity: str, than: str) -> bool:
    """Whether a severity is worse than another one."""
    ranks = {name: rank for rank, name in enumerate(WORST_FIRST)}
    return ranks.get(severity, len(ranks)) < ranks.get(than, len(ranks))


class CaseKind(StrEnum):
    """What a case is about. The value is what its ids begin with."""

    ALERT = "alert"
    BACKLOG = "backlog"
    ESCALATION = "escalation"


class CaseState(StrEnum):
    """Where a case stands: nobody has it, somebody has it, it is over."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class EventKind(StrEnum):
    """What happened to a case."""

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


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to open.

    Attributes:
        kind: what it is about.
        key: what identifies that; at most one case of a kind and key is open.
        severity: how bad: "warning", "critical", or what the kind has.
        title: for people, one line.
        text: for people.
        labels: by which it is routed and found.
        details: what a program needs, JSON.
        owner: who has it; "" = nobody.
        rule: that made it; "" if none did.
        revision: of the rule set.
        starts_us: when what it is about began, in the time of the events (µs since 1970, UTC).

    """

    kind: CaseKind
    key: str
    severity: str
    title: str
    text: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    rule: str = ""
    revision: str = ""
    starts_us: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """A case. Instants in µs since 1970 (UTC); those of the server's clock but for `starts_us` and `ends_us`.

    Attributes:
        tenant: whose.
        id: "alert-17".
        number: 17.
        state: where it stands.
        ends_us: when what it is about ended, in the time of the events; None while it lasts.
        opened_us, changed_us: when it was opened, and last changed.
        acknowledged_us, acknowledged_by: since when who has it; None and "" if nobody has.
        resolved_us: when it was over; None before.
        version: counts its changes, from 1; as text it is the etag.

    """

    tenant: str
    id: str
    kind: CaseKind
    number: int
    key: str
    state: CaseState
    severity: str
    title: str
    text: str
    labels: Mapping[str, str]
    details: Mapping[str, Any]
    owner: str
    rule: str
    revision: str
    starts_us: int
    ends_us: int | None
    opened_us: int
    changed_us: int
    acknowledged_us: int | None
    acknowledged_by: str
    resolved_us: int | None
    version: int

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.state is not CaseState.RESOLVED


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """Something that happened to a case.

    Attributes:
        number: ascends over all cases of a server, with gaps.
        case_id: of the case.
        at_us: when, by the server's clock (µs since 1970, UTC).
        kind: what.
        actor: who; SYSTEM if nobody.
        text: for people.
        details: what a program needs, JSON.

    """

    number: int
    case_id: str
    at_us: int
    kind: EventKind
    actor: str
    text: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happens to a case; see CaseEvent."""

    case_id: str
    kind: EventKind
    text: str = ""
    actor: str = SYSTEM
    details: Mapping[str, Any] = field(default_factory=dict)
