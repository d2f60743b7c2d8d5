"""Churn models that were trained."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, String, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "churn_models",
        Column("tenant", String(128), primary_key=True),
        Column("document", String(64), primary_key=True),
        Column("id", String(64), primary_key=True),
        Column("trained_us", BigInteger, nullable=False),
        Column("failed_check", Text, nullable=False),
        Column("content", LargeBinary, nullable=False),
        Column("report", LargeBinary, nullable=False),
    )
