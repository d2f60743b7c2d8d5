"""Rules in force, operations, the instances of alert rules, and decisions on their way to the warehouse."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, LargeBinary, String, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _rules()
    _operations()
    _alerts()
    _decisions()


def _rules() -> None:
    op.create_table(
        "rule_texts",
        Column("digest", String(32), primary_key=True),
        Column("content", LargeBinary, nullable=False),
    )
    op.create_table(
        "rule_revisions",
        Column("tenant", String(128), primary_key=True),
        Column("revision", String(16), primary_key=True),
        Column("pack", String(32), nullable=False),
        Column("base", String(32), nullable=False),
        Column("overlay", String(32), nullable=False),
        Column("mapping", String(128), nullable=False),
        Column("created_at_us", BigInteger, nullable=False),
    )
    op.create_table(
        "rule_stages",
        Column("tenant", String(128), primary_key=True),
        Column("stage", String(16), primary_key=True),
        Column("revision", String(16), nullable=False),
        Column("overlay", String(32), nullable=False),
        Column("pinned", Boolean, nullable=False),
        Column("version", Integer, nullable=False),
        Column("since_us", BigInteger, nullable=False),
        Column("author", Text, nullable=False),
        Column("note", Text, nullable=False),
    )
    op.create_table(
        "rule_metrics",
        Column("tenant", String(128), primary_key=True),
        Column("metric", String(128), primary_key=True),
        Column("definition", String(16), primary_key=True),
        Column("since", BigInteger, nullable=False),
        Column("until", BigInteger, nullable=True),
    )
    op.create_table(
        "rule_changes",
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("tenant", String(128), nullable=False),
        Column("at_us", BigInteger, nullable=False),
        Column("kind", String(32), nullable=False),
        Column("revision", String(16), nullable=False),
        Column("former", String(16), nullable=False),
        Column("author", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("problems", JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("rule_changes_of_tenant", "rule_changes", ["tenant", "number"])
    op.create_table(
        "rule_requests",
        Column("tenant", String(128), primary_key=True),
        Column("request_id", String(128), primary_key=True),
        Column("asked", String(32), nullable=False),
        Column("stage", String(16), nullable=False),
        Column("revision", String(16), nullable=False),
        Column("former", String(16), nullable=False),
        Column("at_us", BigInteger, nullable=False),
    )


def _operations() -> None:
    op.create_table(
        "operations",
        Column("tenant", String(128), primary_key=True),
        Column("id", String(64), primary_key=True),
        Column("kind", String(64), nullable=False),
        Column("request_id", String(128), nullable=True),
        Column("asked", String(32), nullable=False),
        Column("request", LargeBinary, nullable=False),
        Column("state", String(16), nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("done", BigInteger, nullable=False),
        Column("total", BigInteger, nullable=False),
        Column("message", Text, nullable=False),
        Column("result", LargeBinary, nullable=True),
        Column("error", JSON, nullable=True),
        Column("created_at_us", BigInteger, nullable=False),
        Column("updated_at_us", BigInteger, nullable=False),
        Column("expires_at_us", BigInteger, nullable=False),
        Column("cancelled", Boolean, nullable=False),
    )
    op.create_index("operations_by_expiry", "operations", ["expires_at_us"])
    op.create_index("operations_by_request", "operations", ["tenant", "kind", "request_id"], unique=True)


def _alerts() -> None:
    op.create_table(
        "alert_evaluations",
        Column("tenant", String(128), primary_key=True),
        Column("stage", String(16), primary_key=True),
        Column("revision", String(16), nullable=False),
        Column("evaluated_us", BigInteger, nullable=False),
        Column("position", BigInteger, nullable=False),
    )
    op.create_table(
        "alert_rules",
        Column("tenant", String(128), primary_key=True),
        Column("stage", String(16), primary_key=True),
        Column("rule", String(128), primary_key=True),
        Column("outcome", String(32), nullable=False),
        Column("message", Text, nullable=False),
        Column("label_sets", LargeBinary, nullable=False),
    )
    op.create_table(
        "alert_instances",
        Column("tenant", String(128), primary_key=True),
        Column("stage", String(16), primary_key=True),
        Column("rule", String(128), primary_key=True),
        Column("fingerprint", String(32), primary_key=True),
        Column("labels", JSON, nullable=False),
        Column("state", String(16), nullable=False),
        Column("severity", String(16), nullable=True),
        Column("since_us", BigInteger, nullable=True),
        Column("active_since_us", BigInteger, nullable=True),
        Column("fired_us", BigInteger, nullable=True),
        Column("last_true_us", BigInteger, nullable=True),
        Column("false_since_us", BigInteger, nullable=True),
        Column("missed", Integer, nullable=False),
        Column("reason", String(32), nullable=False),
        Column("message", Text, nullable=False),
        Column("values", JSON, nullable=False),
    )


def _decisions() -> None:
    op.create_table(
        "decision_outbox",
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("tenant", String(128), nullable=False),
        Column("id", String(32), nullable=False),
        Column("content", Text, nullable=False),
        sqlite_autoincrement=True,
    )
