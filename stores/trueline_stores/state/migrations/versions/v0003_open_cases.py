"""The cases that are not resolved by number: few among many, listed page by page."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    is_open = text("open_key IS NOT NULL")
    columns = ["tenant", "kind", "number"]
    op.create_index("cases_open_by_number", "cases", columns, sqlite_where=is_open, postgresql_where=is_open)
