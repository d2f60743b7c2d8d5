"""The state database: transactions, its schema, and what happens to it when processes die. SQLite today."""

from __future__ import annotations

import importlib
import pkgutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trueline_stores.state
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import delete, func, insert, select
from trueline_stores.errors import SchemaTooNewError, StoreClosedError, StoreError
from trueline_stores.state.database import StateDatabase
from trueline_stores.state.tables import METADATA, RULE_TEXTS

COUNT = select(func.count()).select_from(RULE_TEXTS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "state.sqlite3"


@pytest.fixture
def state(path: Path) -> Iterator[StateDatabase]:
    """A new database."""
    opened = StateDatabase.sqlite(path)
    yield opened
    opened.close()


def put(state: StateDatabase, *digests: str) -> None:
    """Rows in one transaction."""
    with state.writing() as connection:
        for digest in digests:
            connection.execute(insert(RULE_TEXTS).values(digest=digest, content=b"x"))


def digests(state: StateDatabase) -> list[str]:
    """The rows that are there."""
    with state.reading() as connection:
        return list(connection.execute(select(RULE_TEXTS.c.digest).order_by(RULE_TEXTS.c.digest)).scalars())


def test_the_migrations_make_what_the_tables_say(state: StateDatabase) -> None:
    """Nothing is left to do between the migrated database and the tables as code knows them, indexes among them."""
    for module in pkgutil.iter_modules(trueline_stores.state.__path__, "trueline_stores.state."):
        # Tables that nobody has imported yet would go unnoticed.
        importlib.import_module(module.name)
    with state.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, METADATA)

    assert differences == []


def test_a_block_is_kept_whole_and_stays(state: StateDatabase, path: Path) -> None:
    """What a writing block did is there for the next one, for readers, and after opening the file again."""
    put(state, "a", "b")
    assert digests(state) == ["a", "b"]
    state.close()
    again = StateDatabase.sqlite(path)
    try:
        assert digests(again) == ["a", "b"]
    finally:
        again.close()


def test_a_block_that_fails_leaves_nothing(state: StateDatabase) -> None:
    """An error inside the block undoes all of it and comes out as it was."""
    put(state, "a")

    def fail() -> None:
        with state.writing() as connection:
            connection.execute(insert(RULE_TEXTS).values(digest="b", content=b"x"))
            connection.execute(delete(RULE_TEXTS).where(RULE_TEXTS.c.digest == "a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert digests(state) == ["a"]


def test_an_error_of_the_database_is_a_store_error(state: StateDatabase) -> None:
    """A broken constraint undoes the block and says what the database said."""
    with pytest.raises(StoreError, match="UNIQUE"):
        put(state, "a", "a")
    assert digests(state) == []


def test_a_reader_sees_one_state(state: StateDatabase) -> None:
    """What is committed during a reading block is seen by the next one."""
    put(state, "a")
    with state.reading() as connection:
        assert connection.execute(COUNT).scalar_one() == 1
        put(state, "b")
        assert connection.execute(COUNT).scalar_one() == 1
    assert digests(state) == ["a", "b"]


def test_a_reading_block_changes_nothing(state: StateDatabase) -> None:
    """Readers go on while somebody writes, and do not see it before it is committed."""
    with state.writing() as connection:
        connection.execute(insert(RULE_TEXTS).values(digest="a", content=b"x"))
        found: list[list[str]] = []
        reader = threading.Thread(target=lambda: found.append(digests(state)))
        reader.start()
        reader.join(30)
        assert found == [[]]


def test_writers_wait_for_each_other(state: StateDatabase) -> None:
    """Blocks that read and then write, from many threads, lose nothing of each other."""
    put(state, *[f"t{number}" for number in range(8)])

    def count_up() -> None:
        for _ in range(10):
            with state.writing() as connection:
                rows = connection.execute(COUNT).scalar_one()
                connection.execute(insert(RULE_TEXTS).values(digest=f"n{rows}", content=b"x"))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(digests(state)) == 8 + 40


def test_a_schema_of_a_newer_version_is_refused(state: StateDatabase, path: Path) -> None:
    """A database that a newer Trueline wrote is not touched; the error names both versions."""
    state.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(SchemaTooNewError, match="9999") as refused:
        StateDatabase.sqlite(path)
    assert refused.value.metadata["version"] == "9999"
    assert path.read_bytes() == before


def test_opening_again_changes_no_schema(state: StateDatabase, path: Path) -> None:
    """A database with the newest schema is opened as it is."""
    with state.reading() as connection:
        version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    state.close()
    again = StateDatabase.sqlite(path)
    try:
        with again.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA schema_version").scalar_one() == version
    finally:
        again.close()


def test_a_closed_database_says_so(state: StateDatabase) -> None:
    """After closing, which may be done twice, both kinds of block are refused."""
    state.close()
    state.close()
    for block in (state.reading, state.writing):
        with pytest.raises(StoreClosedError), block():
            pytest.fail("a closed database was used")


def test_a_path_that_cannot_be_opened(tmp_path: Path) -> None:
    """A directory that is not there is a store error, not a driver's."""
    with pytest.raises(StoreError):
        StateDatabase.sqlite(tmp_path / "none" / "state.sqlite3")


_WRITER = """
import os, sys
from pathlib import Path
from sqlalchemy import insert
from trueline_stores.state.database import StateDatabase
from trueline_stores.state.tables import RULE_TEXTS
state = StateDatabase.sqlite(Path(sys.argv[1]))
with state.writing() as connection:
    connection.execute(insert(RULE_TEXTS).values(digest="kept", content=b"x"))
with state.writing() as connection:
    connection.execute(insert(RULE_TEXTS).values(digest="lost", content=b"x"))
    os.kill(os.getpid(), 9)
"""


def test_a_process_that_dies_in_a_block(path: Path) -> None:
    """kill -9 keeps the blocks that ended and nothing of the one underway; the file opens again."""
    done = subprocess.run([sys.executable, "-c", _WRITER, str(path)], check=False, timeout=60)
    assert done.returncode == -9
    state = StateDatabase.sqlite(path)
    try:
        assert digests(state) == ["kept"]
        put(state, "more")
    finally:
        state.close()
