"""The versions of the state's schema, applied by Alembic when a database is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from trueline_stores.errors import SchemaTooNewError


def upgrade(engine: Engine) -> None:
    """Apply the versions that are not applied yet, in one transaction.

    Raises:
        SchemaTooNewError: the database has a version that is not known here.
        SQLAlchemyError: the database failed.

    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    with engine.connect() as connection, connection.execution_options(trueline_immediate=True).begin():
        current = MigrationContext.configure(connection).get_current_revision()
        if current == script.get_current_head():
            return
        if current is not None and all(version.revision != current for version in script.walk_revisions()):
            raise SchemaTooNewError(
                f"the state database has schema version {current}, which this version of Trueline does not know; "
                "run the version that wrote it, or a newer one",
                metadata={"version": current, "known": str(script.get_current_head())},
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
