"""Acknowledges many alerts at once: those of a group, or all with some labels, that nobody has yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, select
from trueline_rules.routing.matchers import Matcher, all_match
from trueline_stores.state.case_tables import GROUP_MEMBERS

from trueline_server.alerts.listing import ALERT_KINDS
from trueline_server.cases import changes, store
from trueline_server.cases.model import Case, CaseState
from trueline_server.errors import invalid_field

# In one transaction, which others wait for.
MOST = 1_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """Which alerts somebody takes.

    Attributes:
        matchers: that all hold for the labels; () = whatever they are.
        group: id of the group that they are in; "" = of any and of none. One of the two is given.

    """

    matchers: tuple[Matcher, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it.

    Attributes:
        count: how many alerts were acknowledged, or would be.
        more: whether there are others, which the next call takes.

    """

    count: int
    more: bool


def count(connection: Connection, tenant: str, choice: Choice) -> Taken:
    """How many alerts would be acknowledged, by as many calls as it takes.

    Raises:
        TruelineError: INVALID_FIELD (nothing is chosen; no such group).

    """
    return Taken(sum(1 for _ in _nobodys(connection, tenant, choice)), more=False)


def take(
    connection: Connection, tenant: str, choice: Choice, by: str, note: str, *, now_us: int
) -> tuple[Taken, list[Case]]:
    """Somebody has them, at most a thousand; answers these, too. Raises as `count`.

    Called again it takes those that are left; what somebody has stays theirs.
    """
    found = list(islice(_nobodys(connection, tenant, choice), MOST + 1))
    changed = [changes.acknowledge(case, by, now_us, note) for case in found[:MOST]]
    store.update_cases(connection, [case for case, _ in changed])
    store.insert_events(connection, tenant, [event for _, event in changed], now_us)
    return Taken(len(changed), more=len(found) > MOST), [case for case, _ in changed]


def _nobodys(connection: Connection, tenant: str, choice: Choice) -> Iterator[Case]:
    """The alerts that are chosen and that nobody has."""
    if not choice.matchers and not choice.group:
        raise invalid_field("matchers", "is empty, and so is group; say which alerts: matchers, a group, or both")
    cases = _of_group(connection, tenant, choice.group) if choice.group else _open(connection, tenant)
    return (case for case in cases if case.state is CaseState.OPEN and all_match(choice.matchers, case.labels))


def _of_group(connection: Connection, tenant: str, group: str) -> Iterator[Case]:
    own = GROUP_MEMBERS.c
    query = select(own.case_id).where(own.tenant == tenant, own.group_id == group, own.firing).order_by(own.fingerprint)
    ids: Sequence[str] = connection.execute(query).scalars().all()
    if not ids:
        told = (
            f"is '{group[:64]}', which is no group with alerts that fire; see ListAlertGroups (trueline alerts groups)"
        )
        raise invalid_field("group", told)
    for start in range(0, len(ids), _AT_ONCE):
        yield from store.find_cases(connection, tenant, ids[start : start + _AT_ONCE]).values()


def _open(connection: Connection, tenant: str) -> Iterator[Case]:
    for kind in ALERT_KINDS:
        before: int | None = None
        while page := store.list_cases(
            connection, tenant, kind, states=(CaseState.OPEN,), before=before, most=_AT_ONCE
        ):
            yield from page
            before = page[-1].number
