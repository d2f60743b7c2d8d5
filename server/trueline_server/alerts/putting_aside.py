"""Puts alerts of which nobody is to be paged into the backlog."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection
from trueline_rules.routing.groups import Member

from trueline_server.cases import store
from trueline_server.cases.model import CaseKind, EventKind, NewCase, NewEvent


def put_aside(connection: Connection, tenant: str, members: Sequence[Member], now_us: int) -> None:
    """Open an item of the backlog for each alert that has none, in the caller's transaction."""
    keys = [f"alert:{member.fingerprint}" for member in members]
    there = store.find_open(connection, tenant, CaseKind.BACKLOG, keys)
    cases = store.find_cases(connection, tenant, [member.case for member in members])
    new = []
    for key, member in zip(keys, members, strict=True):
        case = cases.get(member.case)
        if key not in there and case is not None:
            new.append(
                NewCase(
                    kind=CaseKind.BACKLOG,
                    key=key,
                    severity=case.severity,
                    title=case.title,
                    text=case.text,
                    labels=case.labels,
                    details={"alert": case.id, "priority": case.severity},
                    rule=case.rule,
                    revision=case.revision,
                    starts_us=case.starts_us,
                )
            )
    opened = store.insert_cases(connection, tenant, new, now_us)
    events = [NewEvent(case.id, EventKind.OPENED, f"put aside for {case.details['alert']}") for case in opened]
    store.insert_events(connection, tenant, events, now_us)
