"""Which person an event is of: a table of the ids of a tenant beside its users, and SQL that looks persons up in it.

A user is one person for good. An anonymous, device or account id belongs to the user whom it was next seen with at or
after an event, else to the one before: whoever signs up owns what the device did until then. An id that was never seen
with a user takes the users of the ids that it was seen with, as a union-find over such pairs has it; where none of them
has a user, all of them are one person without a name.
"""

from __future__ import annotations

from dataclasses import dataclass

from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import DATABASE, EVENTS
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.scope import Scope, named

# An id that more users than this were seen with identifies none of them: a kiosk, an office, a test device.
MOST_USERS = 20
# Begins the names of those.
CROWD = "crowd:"
# Names of the tables; each is of one moment and one server.
PREFIX = "identities_"

# What is most a person's own comes first: an event is of the first of its ids that is known.
_KINDS = ("anonymous", "device", "account")
_NODES = ", ".join(f"if({kind}_id = '', '', concat('{kind}:', {kind}_id))" for kind in _KINDS)
# The ids of an event beside its user.
NODES = f"arrayFilter(node -> node != '', [{_NODES}]) AS nodes"
# Holds for events with a user or another id, and takes less time than to make the ids of those that have a user.
_ANY_ID = " OR ".join(f"{kind}_id != ''" for kind in ("user", *_KINDS))
OF_SOMEBODY = f"({_ANY_ID})"
_AT = "toUnixTimestamp64Micro(occurred_at) AS at"


@dataclass(frozen=True, slots=True)
class CreateIdentities:
    """A table of ids, in memory: node, its users by time (until `ats`) with their shares, or the root of its component.

    A row holds from the log position `since` on: ids that come in later are added while others read. Where there is one
    user, times do not matter and are not kept. An id of too many users is there as CROWD and the id, with CROWD as its
    root: it identifies nobody, but is no new one. A join engine, because it is asked for one id at a time and by
    several parts of a statement.
    """

    name: str

    def to_sql(self) -> Sql:
        """The statement."""
        return (
            f"CREATE TABLE {DATABASE}.{self.name} (node String, ats Array(Int64), users Array(String), "
            "shares Array(Float32), root String, since UInt64) ENGINE = Join(ANY, LEFT, node) SETTINGS persistent = 0",
            {},
        )


@dataclass(frozen=True, slots=True)
class FillKnown:
    """The ids that were seen with a user.

    Attributes:
        name: of the table.
        scope: whose events, and known by when.
        stitches: names of the events whose ids belong to one person.

    """

    name: str
    scope: Scope
    stitches: tuple[str, ...]

    def to_sql(self) -> Sql:
        """The statement. Of sightings in a row with one user the last is kept: it decides for all that came before."""
        bound = Parameters()
        where = f"{self.scope.bound(bound)} AND {named('stitches', self.stitches, bound)}"
        crowd = f"many > {MOST_USERS}"
        # Most ids have one user, and to find them out takes a fraction of what the others take.
        return (
            f"INSERT INTO {DATABASE}.{self.name} (node, ats, users, shares, root)\n"
            f"WITH sightings AS ({sightings(where)}),\n"
            "shared AS (SELECT node FROM sightings GROUP BY node HAVING min(user_id) != max(user_id)),\n"
            "histories AS (SELECT node, arraySort(groupArray((at, user_id))) AS seen, uniqExact(user_id) AS many\n"
            "  FROM sightings WHERE node IN shared GROUP BY node)\n"
            "SELECT node, [toInt64(0)], [any(user_id)], [toFloat32(1)], ''\n"
            "FROM sightings GROUP BY node HAVING min(user_id) = max(user_id)\n"
            f"UNION ALL SELECT if({crowd}, concat('{CROWD}', node), node) AS called,\n"
            f"  if({crowd}, [], arrayMap(r -> r.1, runs)), if({crowd}, [], arrayMap(r -> r.2, runs)),\n"
            f"  if({crowd}, [], arrayMap(r -> toFloat32(parts[indexOf(who, r.2)]), runs)), if({crowd}, '{CROWD}', '')\n"
            "FROM (SELECT node, many, arrayMap(s -> s.2, seen) AS by, arrayDistinct(by) AS who,\n"
            "  arrayMap(u -> countEqual(by, u) / length(by), who) AS parts,\n"
            "  arrayFilter((s, next) -> s.2 != next, seen, arrayPushBack(arrayPopFront(by), '')) AS runs\n"
            "  FROM histories)",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class ReadPairs:
    """Ids that were seen together without a user; see FillKnown, which comes before."""

    name: str
    scope: Scope
    stitches: tuple[str, ...]

    def to_sql(self) -> Sql:
        """The statement; rows (node, other, at, user) of nodes without a user; `user` is that of the other, or ""."""
        bound = Parameters()
        where = f"{self.scope.bound(bound)} AND {named('stitches', self.stitches, bound)} AND user_id = ''"
        return (
            f"SELECT node, other, max(at) AS at, {_user(self.name, 'other', 'at')} AS user\n"
            f"FROM (SELECT {_AT}, {NODES}, arrayJoin(nodes) AS node, nodes AS others FROM {EVENTS.full_name}\n"
            f"  WHERE {where} AND length(nodes) > 1)\n"
            f"ARRAY JOIN others AS other WHERE other != node AND empty({get(self.name, 'users', 'node')})\n"
            "GROUP BY node, other ORDER BY node, other",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """Persons of events.

    Attributes:
        table: that of a tenant's ids, "" = an event is of its user or its own first id.
        position: only what the table had at this log position; None = all.

    """

    table: str = ""
    position: int | None = None

    def rows(self, events: str) -> str:
        """SQL of the rows of a subquery with at, user_id, nodes and position, and for each its `person` and `stitch`.

        `stitch` is what the person is known by: (id, share of its sightings that say so); ("", 1) = the event's user.
        """
        own, alone = "concat('user:', user_id)", "if(empty(nodes), concat('event:', toString(position)), nodes[1])"
        if not self.table:
            return (
                f"SELECT *, if(user_id != '', {own}, {alone}) AS person,\n"
                f"  (if(user_id != '', '', nodes[1]), toFloat32(1)) AS stitch\nFROM ({events})"
            )
        users, root = get(self.table, "users", "node"), get(self.table, "root", "node")
        known = f"notEmpty({users})"
        if self.position is not None:
            known += f" AND {get(self.table, 'since', 'node')} <= {self.position}"
        return (
            f"SELECT *, if(user_id != '', '', arrayFirst(node -> {known}, nodes)) AS via,\n"
            f"  {get(self.table, 'ats', 'via')} AS ats, {_place('ats', 'at')} AS place,\n"
            f"  {get(self.table, 'users', 'via')}[place] AS owner,\n"
            f"  arrayFirst(root -> root != '', arrayMap(node -> {root}, nodes)) AS component,\n"
            f"  multiIf(user_id != '', {own}, via != '', concat('user:', owner),\n"
            f"    component != '', component, {alone}) AS person,\n"
            f"  (if(user_id != '' OR via != '', via, nodes[1]),\n"
            f"  if(via = '', toFloat32(1), {get(self.table, 'shares', 'via')}[place])) AS stitch\nFROM ({events})"
        )


def sightings(where: str) -> str:
    """SQL of the rows (at, user_id, nodes, node) of events with a user, one for each of their ids."""
    columns = f"{_AT}, user_id, {NODES}, arrayJoin(nodes) AS node"
    return f"SELECT {columns} FROM {EVENTS.full_name} WHERE {where} AND user_id != ''"


def get(table: str, column: str, node: str) -> str:
    """SQL of a column of the row of an id; empty or 0 where it has none."""
    return f"joinGet('{DATABASE}.{table}', '{column}', {node})"


def _place(ats: str, at: str) -> str:
    """SQL of the place of the link that says whom an id is of at an instant; 0 if there is none."""
    return f"if({ats}[-1] >= {at}, arrayFirstIndex(until -> until >= {at}, {ats}), length({ats}))"


def _user(table: str, node: str, at: str) -> str:
    return f"{get(table, 'users', node)}[{_place(get(table, 'ats', node), at)}]"


ONE_BY_ONE = Identity()
