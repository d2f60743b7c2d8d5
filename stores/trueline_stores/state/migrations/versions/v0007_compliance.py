"""Evidence and waivers of compliance, and what controls came to when they were last looked at."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Integer, String, Text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "compliance_evidence",
        Column("tenant", String(128), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("subject_kind", String(64), nullable=False),
        Column("subject_id", String(128), nullable=False),
        Column("type", String(64), nullable=False),
        Column("source", String(128), nullable=False),
        Column("collected_at_us", BigInteger, nullable=False),
        Column("recorded_at_us", BigInteger, nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("uri", Text, nullable=False),
        Column("expires_at_us", BigInteger, nullable=True),
        Column("note", Text, nullable=False),
    )
    op.create_index(
        "compliance_evidence_of_subject", "compliance_evidence", ["tenant", "subject_kind", "subject_id", "type"]
    )
    op.create_table(
        "compliance_waivers",
        Column("tenant", String(128), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("subject_kind", String(64), nullable=False),
        Column("subject_id", String(128), nullable=False),
        Column("framework", String(64), nullable=False),
        Column("control", String(128), nullable=False),
        Column("reason", Text, nullable=False),
        Column("compensating_control", Text, nullable=False),
        Column("requested_by", String(128), nullable=False),
        Column("approved_by", String(128), nullable=False),
        Column("granted_at_us", BigInteger, nullable=False),
        Column("expires_at_us", BigInteger, nullable=False),
        Column("revoked_at_us", BigInteger, nullable=True),
        Column("revoked_by", String(128), nullable=False),
    )
    op.create_index(
        "compliance_waivers_of_subject", "compliance_waivers", ["tenant", "subject_kind", "subject_id", "expires_at_us"]
    )
    op.create_table(
        "compliance_statuses",
        Column("tenant", String(128), primary_key=True),
        Column("subject_kind", String(64), primary_key=True),
        Column("subject_id", String(128), primary_key=True),
        Column("framework", String(64), primary_key=True),
        Column("statuses", JSON, nullable=False),
    )
