"""Checkpoints in the state database. Everything here runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select
from trueline_rules.checkpoints.results import CellResult, Outcome, Verdict
from trueline_stores.state.case_tables import CASES, CHECKPOINTS

from trueline_server.cases import store as case_store
from trueline_server.cases.model import Case, CaseKind
from trueline_server.checkpoints.misses import called_done
from trueline_server.checkpoints.model import Checkpoint
from trueline_server.checkpoints.stored import read_result, store_result

_TABLE = CHECKPOINTS.c
# Cells are many kilobytes, which are read only where they are wanted.
_TOLD = [column for column in CHECKPOINTS.c if column.name not in {"cells", "request_id"}]


def id_of(number: int) -> str:
    """The id of the checkpoint of a number."""
    return f"checkpoint-{number}"


def next_number(connection: Connection, tenant: str) -> int:
    """The number of a tenant's next checkpoint."""
    query = select(func.max(_TABLE.number)).where(_TABLE.tenant == tenant)
    return int(connection.execute(query).scalar_one() or 0) + 1


def insert_checkpoint(connection: Connection, checkpoint: Checkpoint, run: str) -> None:
    """Keep a finished checkpoint; `run` names its run.

    Raises:
        IntegrityError: the run has one already.

    """
    values = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    values["verdict"] = checkpoint.verdict.value
    values["counts"] = {outcome.value: count for outcome, count in checkpoint.counts.items()}
    values["cells"] = [store_result(result) for result in checkpoint.cells]
    connection.execute(insert(CHECKPOINTS).values(values | {"request_id": run}))


def find_checkpoint(connection: Connection, tenant: str, checkpoint: str) -> Checkpoint | None:
    """A checkpoint by its id, with its cells."""
    query = select(CHECKPOINTS).where(_TABLE.tenant == tenant, _TABLE.id == checkpoint)
    row = connection.execute(query).mappings().first()
    return None if row is None else _checkpoint(row, row["cells"])


def find_run(connection: Connection, tenant: str, run: str) -> Checkpoint | None:
    """The checkpoint that a run came to, with its cells."""
    query = select(CHECKPOINTS).where(_TABLE.tenant == tenant, _TABLE.request_id == run)
    row = connection.execute(query).mappings().first()
    return None if row is None else _checkpoint(row, row["cells"])


def list_checkpoints(
    connection: Connection, tenant: str, *, policy: str = "", before: int | None = None, most: int = 100
) -> list[Checkpoint]:
    """Checkpoints without their cells, the newest first; see CheckpointService.list."""
    query = select(*_TOLD).where(_TABLE.tenant == tenant)
    if policy:
        query = query.where(_TABLE.policy == policy)
    if before is not None:
        query = query.where(_TABLE.number < before)
    rows = connection.execute(query.order_by(_TABLE.number.desc()).limit(most)).mappings()
    return [_checkpoint(row, ()) for row in rows]


def last_judged(connection: Connection, tenant: str, policy: str, until_us: int) -> int | None:
    """The latest instant up to one that a run of a policy judged that opened and resolved cases; None if none did."""
    query = select(func.max(_TABLE.at_us)).where(
        _TABLE.tenant == tenant,
        _TABLE.policy == policy,
        _TABLE.judge_only.is_(False),
        _TABLE.at_us <= until_us,
    )
    found = connection.execute(query).scalar_one()
    return None if found is None else int(found)


def open_cases(connection: Connection, tenant: str, kind: CaseKind, policy: str) -> dict[str, Case]:
    """The open cases of one kind that checkpoints of a policy made, by the name of the cell."""
    query = (
        select(CASES.c.key)
        .where(
            CASES.c.tenant == tenant,
            CASES.c.kind == kind.value,
            CASES.c.open_key.is_not(None),
            CASES.c.rule == policy,
        )
        .order_by(CASES.c.number)
    )
    keys: Sequence[str] = connection.execute(query).scalars().all()
    found = case_store.find_open(connection, tenant, kind, keys)
    # Others open items, too, and may call what made them the same.
    return {found[key].details["cell"]: found[key] for key in keys if found[key].details.get("policy") == policy}


def items_called_done(connection: Connection, tenant: str, policy: str, opened: Collection[str]) -> dict[str, Case]:
    """Of each cell of a policy without an open item the last one, if that was called done, see misses.called_done.

    Args:
        connection: in a transaction.
        tenant: whose.
        policy: of the checkpoints.
        opened: names of the cells with an open item.

    """
    last = (
        select(func.max(CASES.c.number))
        .where(CASES.c.tenant == tenant, CASES.c.kind == CaseKind.BACKLOG.value, CASES.c.rule == policy)
        .group_by(CASES.c.key)
    )
    ids = [f"{CaseKind.BACKLOG.value}-{number}" for number in connection.execute(last).scalars()]
    items = case_store.find_cases(connection, tenant, ids).values()
    of_cells = {str(item.details["cell"]): item for item in items if item.details.get("policy") == policy}
    return {cell: item for cell, item in of_cells.items() if cell not in opened and called_done(item)}


def _checkpoint(row: RowMapping, cells: Sequence[Any]) -> Checkpoint:
    results: tuple[CellResult, ...] = tuple(read_result(stored) for stored in cells)
    fields = {name: row[name] for name in Checkpoint.__dataclass_fields__ if name != "cells"}
    counts = {Outcome(outcome): count for outcome, count in row["counts"].items()}
    return Checkpoint(**fields | {"verdict": Verdict(row["verdict"]), "counts": counts, "cells": results})
