"""What the state database has of rules: texts, revisions, stages, changes, and the metrics that are whole."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, Table, delete, func, insert, select, update
from trueline_rules.errors import Problem
from trueline_rules.layers import OPERATOR, PACK, TENANT, Layer, written_texts
from trueline_rules.model import Place
from trueline_stores.state.tables import RULE_CHANGES, RULE_METRICS, RULE_REVISIONS, RULE_STAGES, RULE_TEXTS

from trueline_server.rules.in_force import EVERYBODY, RuleChange

# The newest changes of a tenant that are kept: what a rollback looks back along, and watchers resume from.
MOST_CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Use:
    """Since which log position the dataflow computes a metric, and up to where it is whole; None = it goes on."""

    since: int
    until: int | None = None


# By (metric, definition).
Taken = Mapping[tuple[str, str], Use]


@dataclass(frozen=True, slots=True)
class Layers:
    """The files behind a rule set, and the name of the event mapping in force."""

    pack: Layer
    base: Layer
    overlay: Layer
    mapping: str


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage as it is stored; `revision` "" = it has ended. See RULE_STAGES."""

    tenant: str
    stage: str
    revision: str
    overlay: str
    pinned: bool
    version: int
    since_us: int
    author: str
    note: str


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A revision as it is stored; layers by their digests. See RULE_REVISIONS."""

    tenant: str
    revision: str
    pack: str
    base: str
    overlay: str
    mapping: str
    created_at_us: int


def keep_revision(connection: Connection, tenant: str, revision: str, layers: Layers, now_us: int) -> None:
    """Store a revision and its texts; one that is there already keeps its time, and takes over the texts."""
    digests = {
        "pack": _keep_texts(connection, layers.pack),
        "base": _keep_texts(connection, layers.base),
        "overlay": _keep_texts(connection, layers.overlay),
        "mapping": layers.mapping,
    }
    key = (RULE_REVISIONS.c.tenant == tenant) & (RULE_REVISIONS.c.revision == revision)
    if connection.execute(update(RULE_REVISIONS).where(key).values(**digests)).rowcount == 0:
        row = {"tenant": tenant, "revision": revision, "created_at_us": now_us, **digests}
        connection.execute(insert(RULE_REVISIONS).values(**row))


def find_revision(connection: Connection, tenant: str, revision: str) -> RevisionRow | None:
    """A stored revision of a tenant, or of everybody."""
    found = select(RULE_REVISIONS).where(
        RULE_REVISIONS.c.revision == revision, RULE_REVISIONS.c.tenant.in_((tenant, EVERYBODY))
    )
    # A tenant's own row is the later one by name.
    row = connection.execute(found.order_by(RULE_REVISIONS.c.tenant.desc())).mappings().first()
    return None if row is None else RevisionRow(**row)


def list_revisions(connection: Connection, tenant: str) -> list[RevisionRow]:
    """All revisions that a tenant may name, the newest first, each once."""
    found = select(RULE_REVISIONS).where(RULE_REVISIONS.c.tenant.in_((tenant, EVERYBODY)))
    order = (RULE_REVISIONS.c.created_at_us.desc(), RULE_REVISIONS.c.revision, RULE_REVISIONS.c.tenant.desc())
    rows: dict[str, RevisionRow] = {}
    for row in connection.execute(found.order_by(*order)).mappings():
        rows.setdefault(row["revision"], RevisionRow(**row))
    return list(rows.values())


def read_layers(connection: Connection, row: RevisionRow) -> Layers:
    """The files behind a stored revision."""
    return Layers(
        pack=Layer(PACK, _read_texts(connection, row.pack)),
        base=Layer(OPERATOR, _read_texts(connection, row.base)),
        overlay=read_overlay(connection, row.overlay),
        mapping=row.mapping,
    )


def read_overlay(connection: Connection, digest: str) -> Layer:
    """The files of a tenant; none for everybody's stage."""
    return Layer(TENANT, _read_texts(connection, digest) if digest else ())


def _keep_texts(connection: Connection, layer: Layer) -> str:
    digest = layer.digest
    known = select(RULE_TEXTS.c.digest).where(RULE_TEXTS.c.digest == digest)
    if connection.execute(known).first() is None:
        content = zlib.compress(written_texts(layer.texts).encode())
        connection.execute(insert(RULE_TEXTS).values(digest=digest, content=content))
    return digest


def _read_texts(connection: Connection, digest: str) -> tuple[tuple[str, str], ...]:
    content = connection.execute(select(RULE_TEXTS.c.content).where(RULE_TEXTS.c.digest == digest)).scalar_one()
    return tuple((name, text) for name, text in json.loads(zlib.decompress(content)))


def read_stages(connection: Connection) -> dict[tuple[str, str], StageRow]:
    """All stages by tenant and stage, also those that have ended."""
    rows = connection.execute(select(RULE_STAGES).order_by(RULE_STAGES.c.tenant, RULE_STAGES.c.stage)).mappings()
    return {(row["tenant"], row["stage"]): StageRow(**row) for row in rows}


def keep_stage(connection: Connection, row: StageRow) -> None:
    """Store a stage."""
    key = {"tenant": row.tenant, "stage": row.stage}
    values = {name: getattr(row, name) for name in StageRow.__slots__ if name not in key}
    _put(connection, RULE_STAGES, key, values)


def add_change(connection: Connection, change: RuleChange) -> RuleChange:
    """Store a change; answers it with its number. The oldest ones beyond MOST_CHANGES are forgotten."""
    values = {name: getattr(change, name) for name in RuleChange.__slots__ if name not in {"number", "problems"}}
    values["problems"] = [[*_place(problem), problem.message] for problem in change.problems]
    (number,) = connection.execute(insert(RULE_CHANGES).values(**values)).inserted_primary_key or (0,)
    own = RULE_CHANGES.c.tenant == change.tenant
    numbers = select(RULE_CHANGES.c.number).where(own).order_by(RULE_CHANGES.c.number.desc())
    oldest = connection.execute(numbers.offset(MOST_CHANGES).limit(1)).scalar()
    if oldest is not None:
        connection.execute(delete(RULE_CHANGES).where(own, RULE_CHANGES.c.number <= oldest))
    return RuleChange(int(number), *(getattr(change, name) for name in RuleChange.__slots__[1:]))


def read_changes(
    connection: Connection, tenants: Sequence[str], *, after: int = 0, most: int | None = None
) -> list[RuleChange]:
    """Changes of some tenants with numbers beyond `after`, the oldest first."""
    found = select(RULE_CHANGES).where(RULE_CHANGES.c.tenant.in_(tenants), RULE_CHANGES.c.number > after)
    rows = connection.execute(found.order_by(RULE_CHANGES.c.number).limit(most)).mappings()
    return [_change(row) for row in rows]


def read_last_load(connection: Connection, tenant: str) -> RuleChange | None:
    """The last time that rules were loaded, or could not be, because the operator's files changed."""
    kinds = ("loaded", "load_failed", "load_mended")
    found = select(RULE_CHANGES).where(RULE_CHANGES.c.tenant == tenant, RULE_CHANGES.c.kind.in_(kinds))
    row = connection.execute(found.order_by(RULE_CHANGES.c.number.desc()).limit(1)).mappings().first()
    return None if row is None else _change(row)


def read_bounds(connection: Connection, tenants: Sequence[str] | None) -> tuple[int, int]:
    """The earliest and the last number of the changes of some tenants, None = of all; 0, 0 without any."""
    found = select(func.min(RULE_CHANGES.c.number), func.max(RULE_CHANGES.c.number))
    if tenants is not None:
        found = found.where(RULE_CHANGES.c.tenant.in_(tenants))
    earliest, last = connection.execute(found).one()
    return earliest or 0, last or 0


def read_forgotten(connection: Connection, tenants: Sequence[str]) -> int:
    """The number up to which changes of some tenants may be forgotten; 0 = none is."""
    counted = select(func.count(), func.min(RULE_CHANGES.c.number)).where(RULE_CHANGES.c.tenant.in_(tenants))
    rows = connection.execute(counted.group_by(RULE_CHANGES.c.tenant))
    return max((first - 1 for count, first in rows if count >= MOST_CHANGES), default=0)


def read_first_changes(
    connection: Connection, tenants: Sequence[str], revisions: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Author and note of the first change that brought each of some revisions."""
    found = select(RULE_CHANGES.c.revision, RULE_CHANGES.c.author, RULE_CHANGES.c.note).where(
        RULE_CHANGES.c.tenant.in_(tenants),
        RULE_CHANGES.c.revision.in_(revisions),
        RULE_CHANGES.c.kind != "load_failed",
    )
    first: dict[str, tuple[str, str]] = {}
    for revision, author, note in connection.execute(found.order_by(RULE_CHANGES.c.number)):
        first.setdefault(revision, (author, note))
    return first


def read_metrics(connection: Connection) -> dict[str, dict[tuple[str, str], Use]]:
    """How far metrics are whole, by tenant; see RULE_METRICS."""
    taken: dict[str, dict[tuple[str, str], Use]] = {}
    for row in connection.execute(select(RULE_METRICS)):
        taken.setdefault(row.tenant, {})[row.metric, row.definition] = Use(row.since, row.until)
    return taken


def keep_metrics(connection: Connection, taken: Mapping[str, Taken]) -> None:
    """Store how far metrics are whole, in place of what was stored."""
    former = read_metrics(connection)
    columns = RULE_METRICS.c
    for tenant in former.keys() | taken.keys():
        old, new = former.get(tenant, {}), taken.get(tenant, {})
        for metric, definition in old.keys() - new.keys():
            gone = (columns.tenant == tenant) & (columns.metric == metric) & (columns.definition == definition)
            connection.execute(delete(RULE_METRICS).where(gone))
        for (metric, definition), use in new.items():
            if old.get((metric, definition)) != use:
                key = {"tenant": tenant, "metric": metric, "definition": definition}
                _put(connection, RULE_METRICS, key, {"since": use.since, "until": use.until})


def _put(connection: Connection, table: Table, key: Mapping[str, str], values: Mapping[str, object]) -> None:
    """Change a row, or add it: an upsert that every database understands, inside a writing transaction."""
    named = [table.c[name] == value for name, value in key.items()]
    if connection.execute(update(table).where(*named).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.place.file, problem.place.line, problem.place.column


def _change(row: RowMapping) -> RuleChange:
    values = {str(name): value for name, value in row.items()}
    listed = values.pop("problems")
    problems = tuple(Problem(Place(file, line, column), message) for file, line, column, message in listed)
    return RuleChange(**values, problems=problems)
