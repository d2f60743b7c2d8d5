"""The state machine of cases, pure: each change answers the case as it is then, and what its timeline says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trueline_server.cases.model import SYSTEM, Case, CaseState, EventKind, NewEvent, is_worse
from trueline_server.errors import TruelineError

Changed = tuple[Case, NewEvent]


def acknowledge(case: Case, by: str, now_us: int, text: str = "") -> Changed:
    """Somebody has it. Acknowledged by somebody else, it is theirs from now on.

    Raises:
        TruelineError: CASE_RESOLVED.

    """
    _refuse_resolved(case, "acknowledged")
    after = _next(case, now_us, state=CaseState.ACKNOWLEDGED, acknowledged_us=now_us, acknowledged_by=by)
    return after, NewEvent(case.id, EventKind.ACKNOWLEDGED, text, by)


def unacknowledge(case: Case, by: str, now_us: int, text: str = "") -> Changed:
    """Nobody has it any more, e.g. because it was not resolved in time.

    Raises:
        TruelineError: CASE_RESOLVED.

    """
    _refuse_resolved(case, "taken back")
    after = _next(case, now_us, state=CaseState.OPEN, acknowledged_us=None, acknowledged_by="")
    return after, NewEvent(case.id, EventKind.UNACKNOWLEDGED, text, by)


def resolve(case: Case, by: str, now_us: int, text: str = "", *, ends_us: int | None = None) -> Changed:
    """It is over; `ends_us` is when what it is about ended, in the time of the events.

    Raises:
        TruelineError: CASE_RESOLVED.

    """
    _refuse_resolved(case, "resolved")
    after = _next(case, now_us, state=CaseState.RESOLVED, resolved_us=now_us, ends_us=ends_us)
    return after, NewEvent(case.id, EventKind.RESOLVED, text, by)


def change_severity(case: Case, severity: str, now_us: int, text: str = "") -> Changed:
    """It became worse, or better. Who had it had something less bad: of what became worse nobody has said so yet."""
    after = _next(case, now_us, severity=severity)
    details = {"from": case.severity, "to": severity}
    if case.state is CaseState.ACKNOWLEDGED and is_worse(severity, case.severity):
        after = replace(after, state=CaseState.OPEN, acknowledged_us=None, acknowledged_by="")
        details["taken_from"] = case.acknowledged_by
        taken = f"nobody has it any more: {case.acknowledged_by} had it as {case.severity}"
        text = f"{text}; {taken}" if text else taken
    return after, NewEvent(case.id, EventKind.SEVERITY_CHANGED, text, SYSTEM, details)


def assign(case: Case, owner: str, by: str, now_us: int) -> Changed:
    """It is somebody's to see to.

    Raises:
        TruelineError: CASE_RESOLVED.

    """
    _refuse_resolved(case, "given to somebody")
    details = {"from": case.owner, "to": owner}
    return _next(case, now_us, owner=owner), NewEvent(case.id, EventKind.OWNER_CHANGED, "", by, details)


def change_details(case: Case, changed: Mapping[str, Any], by: str, now_us: int, text: str = "") -> Changed:
    """Something that its kind has, e.g. the priority of a backlog item."""
    after = _next(case, now_us, details={**case.details, **changed})
    return after, NewEvent(case.id, EventKind.CHANGED, text, by, dict(changed))


def refuse_other_version(case: Case, etag: str) -> None:
    """Refuse a change that was decided on an older state; "" = decided on any.

    Raises:
        TruelineError: ETAG_MISMATCH.

    """
    if etag and etag != str(case.version):
        told = f"{case.id} was changed since you read it (its etag is {case.version} now, not {etag}); read it again"
        raise TruelineError("ABORTED", "ETAG_MISMATCH", told, metadata={"etag": str(case.version)})


def _refuse_resolved(case: Case, what: str) -> None:
    if not case.is_open:
        told = f"{case.id} is resolved already and cannot be {what}; what fires again is a case of its own"
        raise TruelineError("FAILED_PRECONDITION", "CASE_RESOLVED", told, metadata={"case": case.id})


def _next(case: Case, now_us: int, **changes: Any) -> Case:
    return replace(case, changed_us=now_us, version=case.version + 1, **changes)
