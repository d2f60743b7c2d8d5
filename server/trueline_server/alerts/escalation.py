"""The escalations of groups as values and as rows: which alerts one is about, whom it told, and where it stands."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select
from trueline_rules.escalation.state import EscalationState
from trueline_rules.routing.groups import Member
from trueline_stores.state.case_tables import ESCALATIONS

_ID_BYTES = 16


# Made once, as those of groups are.
_OF_GROUPS = (
    select(ESCALATIONS)
    .where(ESCALATIONS.c.tenant == bindparam("of"), ESCALATIONS.c.group_id.in_(bindparam("ids", expanding=True)))
    .order_by(ESCALATIONS.c.opened_us, ESCALATIONS.c.id)
)


@dataclass(frozen=True, slots=True)
class Escalation:
    """An escalation is about alerts of a group that were told together and have gone the same way since.

    Attributes:
        id: among those of its group.
        cases: ids of the alerts, of which no other live escalation of the group is about one.
        state: of the pure machine, with the policy as it was at the beginning; all its clocks began then.
        told: channel -> person ("" = nobody's), of everybody whom a level told.
        closed: whether it is over and those who were told know it.

    """

    id: str
    cases: frozenset[str]
    state: EscalationState
    told: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False

    @property
    def live(self) -> bool:
        """Whether one of its alerts still fires in its group."""
        return self.state.resolved_us is None

    @property
    def over(self) -> bool:
        """Whether nothing is left to do, neither to tell its end nor to wait for a post-mortem."""
        return self.closed and self.state.ended

    def is_about(self, member: Member) -> bool:
        """Whether an alert of the group is one of its own."""
        return member.case in self.cases

    def split(self, cases: frozenset[str], now_us: int) -> tuple[Escalation, Escalation]:
        """Let some of its alerts go their own way from now on: the others, and these, with the same clocks."""
        ways = json.dumps([self.id, sorted(cases), now_us])
        own = hashlib.blake2b(ways.encode(), digest_size=_ID_BYTES).hexdigest()
        return replace(self, cases=self.cases - cases), replace(self, id=own, cases=cases)

    def joined(self, other: Escalation) -> Escalation:
        """With the alerts of another one, which is no more."""
        return replace(self, cases=self.cases | other.cases, told={**other.told, **self.told})

    def moved(self, state: EscalationState) -> Escalation:
        """The same, further on."""
        return replace(self, state=state)


def read_escalations(connection: Connection, tenant: str, groups: Collection[str]) -> Mapping[str, list[Escalation]]:
    """The escalations of groups that are not over, the oldest first."""
    found: defaultdict[str, list[Escalation]] = defaultdict(list)
    for row in connection.execute(_OF_GROUPS, {"of": tenant, "ids": list(groups)}):
        state = EscalationState.from_dict(row.state)
        found[row.group_id].append(Escalation(row.id, frozenset(row.cases), state, dict(row.told), row.closed))
    return found


def write_escalations(
    connection: Connection, tenant: str, group: str, before: Iterable[Escalation], after: Iterable[Escalation]
) -> None:
    """Write the escalations of a group that changed; those that are over are deleted."""
    known = {each.id: each for each in before}
    kept = {each.id: each for each in after if not each.over}
    own = ESCALATIONS.c
    for name, each in known.items():
        if kept.get(name) != each:
            connection.execute(delete(ESCALATIONS).where(own.tenant == tenant, own.group_id == group, own.id == name))
    rows = [_row(tenant, group, each) for name, each in kept.items() if known.get(name) != each]
    if rows:
        connection.execute(insert(ESCALATIONS), rows)


def _row(tenant: str, group: str, escalation: Escalation) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "group_id": group,
        "id": escalation.id,
        "opened_us": escalation.state.opened_us,
        "cases": sorted(escalation.cases),
        "told": dict(escalation.told),
        "closed": escalation.closed,
        "state": escalation.state.to_dict(),
    }
