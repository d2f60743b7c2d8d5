"""Lists alerts, the newest first: those of rules and those of checkpoints in one order, page by page."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from trueline_rules.routing.matchers import Matcher, all_match

from trueline_server.cases.model import Case, CaseKind, CaseState
from trueline_server.cases.store import list_cases

# A rule may say by itself how severe its alerts are, in this label.
SEVERITY_LABEL = "severity"
# Kinds of cases that are alerts: they are routed, notified and acknowledged.
ALERT_KINDS = (CaseKind.ALERT, CaseKind.ESCALATION)
# Cases that a page looks at, whether they match or not; one that finds fewer goes on where it ended.
MOST_LOOKED_AT = 5_000
_AT_ONCE, _LEAST_AT_ONCE = 500, 100
_OPEN = (CaseState.OPEN, CaseState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts; what is empty chooses nothing.

    Attributes:
        states: in any of these.
        kinds: of any of these.
        severity: of this one, as the label says that routes go by.
        rule: of this one.
        owner: of this one; "" = of nobody, None = of all.
        matchers: that all hold for its labels.

    """

    states: frozenset[CaseState] = frozenset()
    kinds: tuple[CaseKind, ...] = ALERT_KINDS
    severity: str = ""
    rule: str = ""
    owner: str | None = None
    matchers: tuple[Matcher, ...] = ()

    def chooses(self, case: Case) -> bool:
        """Whether an alert is chosen."""
        return (
            (not self.states or case.state in self.states)
            and self.severity in ("", case.labels.get(SEVERITY_LABEL, case.severity))
            and self.rule in ("", case.rule)
            and self.owner in (None, case.owner)
            and all_match(self.matchers, case.labels)
        )


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Some alerts, and where the next page begins.

    Attributes:
        alerts: the newest first.
        after: number of the last case of each kind that was looked at; None = there are no more.

    """

    alerts: Sequence[Case]
    after: tuple[int, ...] | None


def list_alerts(
    connection: Connection, tenant: str, chosen: AlertFilter, *, after: tuple[int, ...] | None = None, most: int = 100
) -> AlertPage:
    """A page of alerts.

    Args:
        connection: in a transaction.
        tenant: whose.
        chosen: which.
        after: of the page before; None = from the newest.
        most: at most so many.

    """
    seen = dict(zip(chosen.kinds, after, strict=True)) if after is not None else {}
    # All of a page and whether there is more, in one query, if nothing has to be passed over.
    at_once = min(max(most + 1, _LEAST_AT_ONCE), _AT_ONCE)
    cases = heapq.merge(
        *(
            _newest_first(connection, tenant, kind, chosen.states, before=seen.get(kind), at_once=at_once)
            for kind in chosen.kinds
        ),
        key=lambda case: case.opened_us,
        reverse=True,
    )
    found: list[Case] = []
    for case in itertools.islice(cases, MOST_LOOKED_AT):
        if chosen.chooses(case):
            if len(found) == most:
                return AlertPage(found, _cursor(chosen, seen))
            found.append(case)
        seen[case.kind] = case.number
    more = next(cases, None) is not None
    return AlertPage(found, _cursor(chosen, seen) if more else None)


def open_cases(connection: Connection, tenant: str) -> list[Case]:
    """All alerts that are not resolved, the oldest first of each kind."""
    found: list[Case] = []
    for kind in ALERT_KINDS:
        of_kind = [*_newest_first(connection, tenant, kind, _OPEN)]
        found += reversed(of_kind)
    return found


def _cursor(chosen: AlertFilter, seen: dict[CaseKind, int]) -> tuple[int, ...]:
    # A kind of which nothing was looked at yet begins at its newest, whatever comes meanwhile.
    return tuple(seen.get(kind, _BEYOND) for kind in chosen.kinds)


_BEYOND = 2**31 - 1


def _newest_first(
    connection: Connection,
    tenant: str,
    kind: CaseKind,
    states: Collection[CaseState],
    *,
    before: int | None = None,
    at_once: int = _AT_ONCE,
) -> Iterator[Case]:
    while page := list_cases(connection, tenant, kind, states=states, before=before, most=at_once):
        yield from page
        before = page[-1].number
