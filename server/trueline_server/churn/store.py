"""Churn models in the state database. Everything here runs in the caller's transaction."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Delete, Row, Select, delete, insert, select
from trueline_stores.state.churn_tables import CHURN_MODELS

# Of a document so many are kept, and the active one.
MOST_KEPT = 20
_TABLE = CHURN_MODELS.c
_Statement = TypeVar("_Statement", Select[Any], Delete)


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model as it is kept.

    Attributes:
        document: name of the document that it is of.
        id: digest of its content.
        trained_us: when (µs since 1970, UTC).
        failed_check: what stands against it; "" = nothing.
        content: the model, see `fitted.read_model`.
        report: a serialised ChurnModel of the API without content.

    """

    document: str
    id: str
    trained_us: int
    failed_check: str
    content: bytes
    report: bytes


def keep_model(connection: Connection, tenant: str, model: KeptModel) -> None:
    """Keep a model, in the place of one that came out the same; the oldest fall out."""
    connection.execute(_of(delete(CHURN_MODELS), tenant, model.document).where(_TABLE.id == model.id))
    connection.execute(
        insert(CHURN_MODELS).values(
            tenant=tenant,
            document=model.document,
            id=model.id,
            trained_us=model.trained_us,
            failed_check=model.failed_check,
            content=zlib.compress(model.content),
            report=zlib.compress(model.report),
        )
    )
    active = find_active(connection, tenant, model.document)
    kept = list_models(connection, tenant, model.document)
    for old in kept[MOST_KEPT:]:
        if active is None or old.id != active.id:
            connection.execute(_of(delete(CHURN_MODELS), tenant, model.document).where(_TABLE.id == old.id))


def find_model(connection: Connection, tenant: str, model: str) -> KeptModel | None:
    """A model by its id."""
    query = select(CHURN_MODELS).where(_TABLE.tenant == tenant, _TABLE.id == model).order_by(_TABLE.trained_us.desc())
    row = connection.execute(query).first()
    return None if row is None else _kept(row)


def find_active(connection: Connection, tenant: str, document: str) -> KeptModel | None:
    """The newest model of a document that nothing stands against."""
    query = _of(select(CHURN_MODELS), tenant, document).where(_TABLE.failed_check == "")
    row = connection.execute(query.order_by(_TABLE.trained_us.desc(), _TABLE.id)).first()
    return None if row is None else _kept(row)


def list_models(connection: Connection, tenant: str, document: str = "") -> list[KeptModel]:
    """Models of a document, or of all (""), the newest first."""
    query = _of(select(CHURN_MODELS), tenant, document).order_by(_TABLE.trained_us.desc(), _TABLE.id)
    return [_kept(row) for row in connection.execute(query)]


def _of(statement: _Statement, tenant: str, document: str) -> _Statement:
    found = statement.where(_TABLE.tenant == tenant)
    return found.where(_TABLE.document == document) if document else found


def _kept(row: Row[Any]) -> KeptModel:
    return KeptModel(
        row.document,
        row.id,
        row.trained_us,
        row.failed_check,
        zlib.decompress(row.content),
        zlib.decompress(row.report),
    )
