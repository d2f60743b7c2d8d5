"""Finished runs of studies."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Float, Integer, String, UniqueConstraint

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "studies",
        Column("tenant", String(128), primary_key=True),
        Column("id", String(32), primary_key=True),
        Column("number", Integer, nullable=False),
        Column("study", String(128), nullable=False),
        Column("type", String(32), nullable=False),
        Column("definition", String(16), nullable=False),
        Column("revision", String(16), nullable=False),
        Column("currency", String(8), nullable=False),
        Column("confidence", Float, nullable=False),
        Column("least", Integer, nullable=False),
        Column("start_us", BigInteger, nullable=False),
        Column("end_us", BigInteger, nullable=False),
        Column("previous_start_us", BigInteger, nullable=False),
        Column("previous_end_us", BigInteger, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("watermark_us", BigInteger, nullable=True),
        Column("completeness", String(16), nullable=False),
        Column("started_us", BigInteger, nullable=False),
        Column("finished_us", BigInteger, nullable=False),
        Column("groups", JSON, nullable=False),
        Column("campaigns", JSON, nullable=False),
        Column("notes", JSON, nullable=False),
        Column("request_id", String(128), nullable=False),
        UniqueConstraint("tenant", "request_id", name="studies_run_once"),
    )
    op.create_index("studies_by_number", "studies", ["tenant", "number"])
    op.create_index("studies_of_study", "studies", ["tenant", "study", "number"])
