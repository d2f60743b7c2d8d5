"""The views that a KPI statement may read, as common table expressions with tenant and instants already bound."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from trueline_stores.warehouse import tables

ANY_EVENT = "*"
# The role that any event plays unless the mapping says otherwise.
ACTIVITY = "activity"
# `<role>_if_any` reads a role and is empty, and no error, where nobody plays it.
OPTIONAL = "_if_any"
EVENTS, POINTS, FACTS, KPIS = "events", "points", "facts", "kpis"
FIXED_VIEWS = frozenset({EVENTS, POINTS, FACTS, KPIS})
# Names that statements may not give to their own common table expressions: an inner one would not be seen outside of
# its query, where the name would then mean the table.
TENANT_TABLES = tuple(table.name for table in tables.TABLES)
TABLES = frozenset({*TENANT_TABLES, tables.SCHEMA_MIGRATIONS.name})

_ROLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_SUBJECTS = ("user_id", "account_id", "anonymous_id", "device_id")
_PLAIN = ("id", "source", "name", "accepted_at", "value", "currency", "properties", "numbers", "flags")
_BOUND = "tenant = {trueline_tenant:String} AND occurred_at <= {trueline_at:DateTime64(6, 'UTC')}"
_KNOWN = " AND accepted_at <= {trueline_known_at:DateTime64(6, 'UTC')}"


@dataclass(frozen=True, slots=True)
class RoleView:
    """The events that play a role.

    Attributes:
        events: event names; (ANY_EVENT,) = every event.
        occurrence: None = each such event; n = only the n-th of each user by (occurred_at, position), from 1.

    """

    events: tuple[str, ...]
    occurrence: int | None = None


@dataclass(frozen=True, slots=True)
class Views:
    """What statements may read.

    Attributes:
        roles: role name -> its events; `activity` is added as any event if it is not there.
        definitions: metric name -> the definition in force; points of other definitions are not seen.

    """

    roles: Mapping[str, RoleView]
    definitions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, role in self.roles.items():
            if not _ROLE_NAME.fullmatch(name) or name in FIXED_VIEWS | TABLES or name.endswith(OPTIONAL):
                raise ValueError(
                    f"a role cannot be called '{name}'; use lower case letters, digits and _, no view's name"
                )
            if role.occurrence is not None and role.occurrence < 1:
                raise ValueError(f"role '{name}': occurrence {role.occurrence} is below 1")

    def role(self, name: str) -> RoleView | None:
        """The role of this name; None if no event plays it."""
        found = self.roles.get(name)
        if found is not None and found.events:
            return found
        return RoleView((ANY_EVENT,)) if name == ACTIVITY and found is None else None

    def is_known(self, name: str) -> bool:
        """Whether a statement can read this name: a fixed view, a role that somebody plays, or an optional role."""
        return name in FIXED_VIEWS or name.endswith(OPTIONAL) or self.role(name) is not None

    def with_clause(self, names: frozenset[str], *, as_known: bool) -> tuple[str, dict[str, object]]:
        """The WITH clause that defines these names, and the parameters that it binds beside tenant and instants.

        Args:
            names: what the statement reads; all of them known.
            as_known: only what had been accepted by `trueline_known_at`.

        """
        bound = _BOUND + (_KNOWN if as_known else "")
        parameters: dict[str, object] = {}
        clauses = [f"events AS ({_events_view(bound)})"]
        if POINTS in names:
            parameters["trueline_definitions"] = [f"{metric} {of}" for metric, of in sorted(self.definitions.items())]
            clauses.append(f"points AS ({_POINTS_VIEW})")
        if FACTS in names:
            known = " AND stored_at <= {trueline_known_at:DateTime64(6, 'UTC')}" if as_known else ""
            clauses.append(f"facts AS ({_FACTS_VIEW.format(known=known)})")
        if KPIS in names:
            known = " AND computed_at <= {trueline_known_at:DateTime64(6, 'UTC')}" if as_known else ""
            clauses.append(f"kpis AS ({_KPIS_VIEW.format(known=known)})")
        for name in sorted(names - FIXED_VIEWS):
            role = self.role(name.removesuffix(OPTIONAL))
            if role is None:
                clauses.append(f"{name} AS (SELECT * FROM events WHERE false)")
                continue
            among = ""
            if ANY_EVENT not in role.events:
                parameters[f"trueline_role_{name}"] = list(role.events)
                among = f"name IN {{trueline_role_{name}:Array(String)}}"
            clauses.append(f"{name} AS ({_role_view(role, among, bound)})")
        return "WITH\n" + ",\n".join(clauses), parameters


def _events_view(bound: str) -> str:
    columns = ["id", "source", "name", "occurred_at", "accepted_at"]
    columns += [f"nullIf({name}, '') AS {name}" for name in _SUBJECTS]
    columns += ["value", "currency", "properties", "numbers", "flags"]
    return f"SELECT {', '.join(columns)} FROM trueline.events WHERE {bound}"


def _role_view(role: RoleView, among: str, bound: str) -> str:
    """Each such event, or one row a user with each column of its n-th event.

    Every column is an aggregate of its own, so that ClickHouse leaves out those that a statement does not read; the
    tuples keep absent values from being skipped.
    """
    if role.occurrence is None:
        return "SELECT * FROM events" + (f" WHERE {among}" if among else "")
    n = role.occurrence
    where = f"{bound} AND user_id != ''" + (f" AND {among}" if among else "")

    def nth(column: str) -> str:
        if n == 1:
            return f"argMin(tuple(e.{column}), (e.occurred_at, e.position)).1"
        return f"groupArraySorted({n})((e.occurred_at, e.position, e.{column}))[{n}].3"

    at = "min(e.occurred_at)" if n == 1 else f"groupArraySorted({n})((e.occurred_at, e.position))[{n}].1"
    columns = [f"{nth(name)} AS {name}" for name in _PLAIN[:3]]
    columns += [f"{at} AS occurred_at", f"{nth('accepted_at')} AS accepted_at", "toNullable(e.user_id) AS user_id"]
    columns += [f"nullIf({nth(name)}, '') AS {name}" for name in _SUBJECTS[1:]]
    columns += [f"{nth(name)} AS {name}" for name in _PLAIN[4:]]
    having = f" HAVING count() >= {n}" if n > 1 else ""
    source = f"SELECT * FROM trueline.events WHERE {where}"
    return f"SELECT {', '.join(columns)} FROM ({source}) AS e GROUP BY e.user_id{having}"


_POINTS_VIEW = (
    "SELECT metric, pane_start, pane_end, groups, events, value_count, total, smallest, largest, latest, distinct, "
    "late_events, revision FROM trueline.points FINAL WHERE tenant = {trueline_tenant:String} "
    # A pane that ends later also counts events after the instant judged.
    "AND pane_end <= {trueline_at:DateTime64(6, 'UTC')} "
    "AND has({trueline_definitions:Array(String)}, concat(metric, ' ', definition))"
)
# The newest observation of each subject by the instant judged; of those for the same instant the last that was put in.
_FACTS_VIEW = (
    "SELECT subject, subject_id, name, observed_at, number, decimal, text, flag, instant, texts FROM trueline.facts "
    "WHERE tenant = {{trueline_tenant:String}} AND observed_at <= {{trueline_at:DateTime64(6, 'UTC')}}{known} "
    "ORDER BY observed_at DESC, revision DESC LIMIT 1 BY subject, name, subject_id"
)
_KPIS_VIEW = (
    "SELECT kpi, at, computed_at, value, numerator, denominator, period_start, period_end FROM trueline.kpi_values "
    "WHERE tenant = {{trueline_tenant:String}} AND at <= {{trueline_at:DateTime64(6, 'UTC')}}{known} "
    "ORDER BY computed_at DESC LIMIT 1 BY kpi, at"
)
