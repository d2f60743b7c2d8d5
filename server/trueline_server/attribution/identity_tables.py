"""Keeps the tables of the ids of tenants: adds ids that come in to the newest, or makes one anew if that is not all."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from typing import Any, Protocol

import pyarrow as pa
from trueline_stores.warehouse.statements import Statement
from trueline_stores.warehouse.tables import DATABASE

from trueline_server.attribution.identity import PREFIX, CreateIdentities, FillKnown, Identity, ReadPairs
from trueline_server.attribution.identity_growth import AddIds, CountChanges, Growth
from trueline_server.attribution.scope import Scope
from trueline_server.attribution.stitching import stitch

# Statements that are underway may still read a table that a newer one has replaced.
_KEPT = 8
# Of servers that have ended; a statement does not run for a day.
_LEFT_BEHIND = (
    f"SELECT name FROM system.tables WHERE database = '{DATABASE}' AND startsWith(name, '{PREFIX}') "
    "AND metadata_modification_time < now() - INTERVAL 1 DAY"
)
_ROWS = pa.schema(
    [
        ("node", pa.string()),
        ("ats", pa.list_(pa.int64())),
        ("users", pa.list_(pa.string())),
        ("shares", pa.list_(pa.float32())),
        ("root", pa.string()),
    ]
)
_Key = tuple[str, tuple[str, ...], int | None, int | None]


class IdentityWarehouse(Protocol):
    """What is asked of the warehouse's client."""

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...

    def command(self, sql: str, parameters: dict[str, Any] | None = None) -> Any:
        """Run a statement that changes something."""
        ...

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows by column name."""
        ...


class IdentityTables:
    """Makes and keeps tables of ids. Methods block and raise StoreError; thread-safe."""

    def __init__(self, warehouse: IdentityWarehouse) -> None:
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._tables: OrderedDict[_Key, str] = OrderedDict()
        self._cleared = False

    def of(self, scope: Scope, stitches: tuple[str, ...]) -> Identity:
        """The persons of a tenant's events.

        Args:
            scope: whose, known by when and up to which position; without one, what a table has is what there was
                when it was made.
            stitches: names of the events whose ids belong to one person; () = ids are looked at one by one.

        """
        if not stitches:
            return Identity()
        key = (scope.tenant, stitches, scope.known_us, scope.position)
        # One at a time: a table is read from all of a tenant's events.
        with self._lock:
            self._clear()
            name = self._tables.get(key)
            if name is None:
                name = self._tables[key] = self._grown(scope, stitches) or self._make(scope, stitches)
            self._tables.move_to_end(key)
            while len(self._tables) > _KEPT:
                former = self._tables.popitem(last=False)[1]
                if former not in self._tables.values():
                    self._drop(former)
        return Identity(name, scope.position)

    def close(self) -> None:
        """Drop all tables."""
        with self._lock:
            for name in set(self._tables.values()):
                self._drop(name)
            self._tables.clear()

    def _grown(self, scope: Scope, stitches: tuple[str, ...]) -> str | None:
        """The tenant's newest table with what came in since; None = there is none, or more has changed."""
        asked = (scope.tenant, stitches, None)
        positions = [key[3] for key in self._tables if key[:3] == asked and key[3] is not None]
        if scope.position is None or scope.known_us is not None or not positions:
            return None
        newest = max(positions)
        if newest > scope.position:
            return None
        name = self._tables[*asked, newest]
        growth = Growth(name, scope, stitches, newest)
        ((added, changed, joined),) = self._warehouse.query(*CountChanges(growth).to_sql())
        if changed or joined:
            return None
        if added:
            self._command(AddIds(growth, scope.position))
        return name

    def _make(self, scope: Scope, stitches: tuple[str, ...]) -> str:
        name = f"{PREFIX}{uuid.uuid4().hex}"
        self._command(CreateIdentities(name))
        self._command(FillKnown(name, scope, stitches))
        rows = stitch(self._warehouse.query(*ReadPairs(name, scope, stitches).to_sql()))
        if rows:
            columns = [[getattr(row, field.name) for row in rows] for field in _ROWS]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _ROWS, strict=True)]
            self._warehouse.insert(name, pa.Table.from_arrays(arrays, schema=_ROWS))
        return name

    def _clear(self) -> None:
        if not self._cleared:
            self._cleared = True
            for (name,) in self._warehouse.query(_LEFT_BEHIND):
                self._drop(str(name))

    def _command(self, statement: Statement) -> None:
        self._warehouse.command(*statement.to_sql())

    def _drop(self, name: str) -> None:
        self._warehouse.command(f"DROP TABLE IF EXISTS {DATABASE}.{name} SYNC")
