"""Decisions that wait in the state database until they are in the warehouse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select
from trueline_stores.state.database import StateDatabase
from trueline_stores.state.tables import DECISION_OUTBOX as OUTBOX

from trueline_server.decisions.columns import Columns, columns_of, read_columns, write_columns
from trueline_server.decisions.model import Decision


@dataclass(frozen=True, slots=True)
class Waiting:
    """A decision in the outbox."""

    number: int
    tenant: str
    id: str
    columns: Columns


class Outbox:
    """Reads and writes the table `decision_outbox`. Every method blocks and raises StoreError."""

    def __init__(self, state: StateDatabase) -> None:
        self._state = state

    @staticmethod
    def put(connection: Connection, decisions: Iterable[Decision]) -> int:
        """Put decisions in within the caller's transaction; answers how many."""
        rows = [
            {"tenant": each.tenant, "id": each.id, "content": write_columns(columns_of(each))} for each in decisions
        ]
        if rows:
            connection.execute(insert(OUTBOX), rows)
        return len(rows)

    def first(self, most: int) -> list[Waiting]:
        """The decisions that wait longest, in order."""
        with self._state.reading() as connection:
            rows = connection.execute(select(OUTBOX).order_by(OUTBOX.c.number).limit(most)).all()
        return [Waiting(row.number, row.tenant, row.id, read_columns(row.content)) for row in rows]

    def drop(self, moved: Iterable[Waiting]) -> None:
        """Take out decisions."""
        # One by one and not up to the last: numbers may be given in another order than that of commits.
        numbers = [each.number for each in moved]
        if numbers:
            with self._state.writing() as connection:
                connection.execute(delete(OUTBOX).where(OUTBOX.c.number.in_(numbers)))

    def waiting(self) -> int:
        """How many wait."""
        with self._state.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(OUTBOX)).scalar_one())
