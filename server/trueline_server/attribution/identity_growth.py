"""What events that came in since a table of ids was made change in it: nothing, new ids, or more than can be added.

Most of what comes in says what is known: a user was active on the device that is theirs. New ids with one user are
added. All else, a device that changes hands or an id that is joined to others, means that the table is made anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import DATABASE, EVENTS
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.identity import CROWD, NODES, get, sightings
from trueline_server.attribution.scope import Scope, named


@dataclass(frozen=True, slots=True)
class Growth:
    """The events after a log position.

    Attributes:
        name: of the table.
        scope: whose events, and up to which position.
        stitches: names of the events whose ids belong to one person.
        after: the position that the table is of.

    """

    name: str
    scope: Scope
    stitches: tuple[str, ...]
    after: int

    def where(self, bound: Parameters) -> str:
        """SQL that holds for them."""
        after = bound.add("after", "UInt64", self.after)
        return f"{self.scope.bound(bound)} AND position > {after} AND {named('stitches', self.stitches, bound)}"

    def unknown(self, bound: Parameters) -> str:
        """SQL of the rows (node, user, single, new) of ids with a user of which the table says something else."""
        users, root, crowd = (get(self.name, "users", "node"), get(self.name, "root", "node"), f"'{CROWD}'")
        many = get(self.name, "root", f"concat({crowd}, node)")
        return (
            f"SELECT node, min(user_id) AS user, user = max(user_id) AS single, empty({users}) AND {root} = '' AS new\n"
            f"FROM ({sightings(self.where(bound))}) GROUP BY node\n"
            f"HAVING {many} = '' AND NOT (single AND {users} = [user])"
        )


@dataclass(frozen=True, slots=True)
class CountChanges:
    """Whether the table must be made anew."""

    growth: Growth

    def to_sql(self) -> Sql:
        """The statement; one row: ids that can be added, ids that have other users, and ids that are joined to others.

        Joined are ids without a user of their own that were seen with one of another person than theirs.
        """
        bound = Parameters()
        name = self.growth.name
        users, root = get(name, "users", "node"), get(name, "root", "node")
        others, stem = get(name, "users", "other"), get(name, "root", "other")
        # Where a component has several users, when it was seen with them decides.
        same = f"length({users}) <= 1 AND if({stem} != '', {stem} = {root}, notEmpty({others}) AND {others} = {users})"
        pairs = (
            f"SELECT {NODES}, arrayJoin(nodes) AS node, nodes AS others FROM {EVENTS.full_name}\n"
            f"  WHERE {self.growth.where(bound)} AND user_id = ''"
        )
        return (
            "SELECT countIf(kind = 1), countIf(kind = 2), countIf(kind = 3) FROM (\n"
            f"SELECT if(single AND new, 1, 2) AS kind FROM ({self.growth.unknown(bound)})\n"
            f"UNION ALL SELECT 3 AS kind FROM (SELECT DISTINCT node, other FROM ({pairs})\n"
            "    ARRAY JOIN others AS other WHERE node != other)\n"
            f"  WHERE ({root} != '' OR empty({users})) AND ({root} = '' OR NOT ({same})))",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class AddIds:
    """New ids with one user; see CountChanges, which comes before."""

    growth: Growth
    since: int

    def to_sql(self) -> Sql:
        """The statement; the rows hold from the position `since` on."""
        bound = Parameters()
        unknown = self.growth.unknown(bound)
        since = bound.add("since", "UInt64", self.since)
        return (
            f"INSERT INTO {DATABASE}.{self.growth.name} (node, ats, users, shares, root, since)\n"
            f"SELECT node, [toInt64(0)], [user], [toFloat32(1)], '', {since} FROM ({unknown}) WHERE single AND new",
            bound.values,
        )
