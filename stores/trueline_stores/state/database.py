"""The database of a server's state: opened with its newest schema, read and written in transactions."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from trueline_stores.errors import StoreClosedError, StoreError
from trueline_stores.state.schema import upgrade

# A writer waits so long for another process's look into the file, e.g. that of a backup.
BUSY_S = 30.0
_IMMEDIATE = "trueline_immediate"


class StateDatabase:
    """Transactions over the state. Methods block; thread-safe: readers see the last commit, writers queue.

    What a `writing` block did is durable when it ends, or undone if it raises. Statements are SQLAlchemy's, so that
    each kind of database gets its own SQL.
    """

    def __init__(self, engine: Engine) -> None:
        """Bring the schema of a database up to date.

        Raises:
            SchemaTooNewError: a newer version of Trueline wrote it.
            StoreError: it cannot be opened.

        """
        self._engine = engine
        self._writer = threading.Lock()
        self._closed = False
        with _as_store_error():
            upgrade(engine)

    @classmethod
    def sqlite(cls, path: Path, *, durable: bool = True) -> StateDatabase:
        """The database in a file, which is made if it is not there.

        Args:
            path: of the file.
            durable: whether a commit survives a power cut; False for a file that nobody needs after this process.

        Raises:
            SchemaTooNewError, StoreError: as the constructor.

        """
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_S})
        event.listen(engine, "connect", _configure if durable else _configure_passing)
        event.listen(engine, "begin", _begin)
        return cls(engine)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state and changes nothing.

        Raises:
            StoreError: the database cannot answer, or is closed.

        """
        with self._open(immediate=False) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is durable when the block ends, and undone if it raises.

        Raises:
            StoreError: the database cannot keep it, or is closed.

        """
        with self._writer, self._open(immediate=True) as connection:
            yield connection

    def close(self) -> None:
        """Close; whoever is in a transaction ends it first. Idempotent."""
        with self._writer:
            self._closed = True
            self._engine.dispose()

    @contextlib.contextmanager
    def _open(self, *, immediate: bool) -> Iterator[Connection]:
        if self._closed:
            raise StoreClosedError("the state database is closed")
        # Both kinds begin when the block does, so that all reads of a block see one state.
        options = {_IMMEDIATE: immediate}
        with (
            _as_store_error(),
            self._engine.connect() as connection,
            connection.execution_options(**options).begin(),
        ):
            yield connection


@contextlib.contextmanager
def _as_store_error() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        told = str(getattr(error, "orig", None) or error)
        raise StoreError(f"the state database failed: {told}") from error


def _configure(connection: Any, _record: object) -> None:
    """SQLite's settings of a connection: a commit survives a power cut, and readers do not wait for writers."""
    _set(connection, "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")


def _configure_passing(connection: Any, _record: object) -> None:
    """SQLite's settings for what nobody needs after this process: nothing waits for the disk."""
    _set(connection, "journal_mode = MEMORY", "synchronous = OFF", "foreign_keys = ON")


def _set(connection: Any, *pragmas: str) -> None:
    # The driver's own transactions begin at the first write; ours begin when they are told to.
    connection.isolation_level = None
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A writer that began as a reader could find that somebody else wrote meanwhile, and fail.
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
