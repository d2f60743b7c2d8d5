"""Cases, groups of alerts, timers, notifications, silences, schedules and checkpoints."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, String, Text, UniqueConstraint

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    _cases()
    _timers()
    _groups()
    _notifications()
    _schedules()


def _cases() -> None:
    op.create_table(
        "cases",
        Column("tenant", String(128), primary_key=True),
        Column("id", String(32), primary_key=True),
        Column("kind", String(32), nullable=False),
        Column("number", Integer, nullable=False),
        Column("key", String(128), nullable=False),
        Column("open_key", String(128), nullable=True),
        Column("state", String(16), nullable=False),
        Column("severity", String(16), nullable=False),
        Column("title", Text, nullable=False),
        Column("text", Text, nullable=False),
        Column("labels", JSON, nullable=False),
        Column("details", JSON, nullable=False),
        Column("owner", Text, nullable=False),
        Column("rule", String(128), nullable=False),
        Column("revision", String(16), nullable=False),
        Column("starts_us", BigInteger, nullable=False),
        Column("ends_us", BigInteger, nullable=True),
        Column("opened_us", BigInteger, nullable=False),
        Column("changed_us", BigInteger, nullable=False),
        Column("acknowledged_us", BigInteger, nullable=True),
        Column("acknowledged_by", Text, nullable=False),
        Column("resolved_us", BigInteger, nullable=True),
        Column("version", Integer, nullable=False),
        UniqueConstraint("tenant", "kind", "open_key", name="cases_open_once"),
    )
    op.create_index("cases_by_change", "cases", ["tenant", "kind", "changed_us"])
    op.create_index("cases_by_number", "cases", ["tenant", "kind", "number"])
    op.create_table(
        "case_events",
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("tenant", String(128), nullable=False),
        Column("case_id", String(32), nullable=False),
        Column("at_us", BigInteger, nullable=False),
        Column("kind", String(32), nullable=False),
        Column("actor", Text, nullable=False),
        Column("text", Text, nullable=False),
        Column("details", JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("case_events_of_case", "case_events", ["tenant", "case_id", "number"])
    op.create_index("case_events_of_tenant", "case_events", ["tenant", "number"])
    op.create_table(
        "case_requests",
        Column("tenant", String(128), primary_key=True),
        Column("request_id", String(128), primary_key=True),
        Column("asked", String(32), nullable=False),
        Column("answer", String(128), nullable=False),
        Column("at_us", BigInteger, nullable=False),
    )
    op.create_index("case_requests_by_time", "case_requests", ["tenant", "at_us"])


def _timers() -> None:
    op.create_table(
        "timers",
        Column("tenant", String(128), primary_key=True),
        Column("kind", String(32), primary_key=True),
        Column("subject", String(128), primary_key=True),
        Column("due_us", BigInteger, nullable=False),
        Column("attempts", Integer, nullable=False),
    )
    op.create_index("timers_by_due", "timers", ["due_us"])


def _groups() -> None:
    op.create_table(
        "alert_groups",
        Column("tenant", String(128), primary_key=True),
        Column("id", String(32), primary_key=True),
        Column("route", Text, nullable=False),
        Column("labels", JSON, nullable=False),
        Column("destination", JSON, nullable=False),
        Column("opened_us", BigInteger, nullable=False),
        Column("next_flush_us", BigInteger, nullable=False),
        Column("flushes", Integer, nullable=False),
        Column("sent", JSON, nullable=True),
        Column("withheld", JSON, nullable=False),
        Column("escalation", JSON, nullable=True),
    )
    op.create_table(
        "group_members",
        Column("tenant", String(128), primary_key=True),
        Column("group_id", String(32), primary_key=True),
        Column("fingerprint", String(64), primary_key=True),
        Column("case_id", String(32), nullable=False),
        Column("labels", JSON, nullable=False),
        Column("severity", String(16), nullable=False),
        Column("firing", Boolean, nullable=False),
        Column("since_us", BigInteger, nullable=False),
        Column("changed_us", BigInteger, nullable=False),
    )
    op.create_index("group_members_of_alert", "group_members", ["tenant", "fingerprint"])
    op.create_table(
        "silences",
        Column("tenant", String(128), primary_key=True),
        Column("id", String(32), primary_key=True),
        Column("matchers", JSON, nullable=False),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("starts_us", BigInteger, nullable=False),
        Column("ends_us", BigInteger, nullable=False),
        Column("created_us", BigInteger, nullable=False),
        Column("expired_us", BigInteger, nullable=True),
        Column("request_id", String(128), nullable=False),
    )
    op.create_index("silences_by_end", "silences", ["tenant", "ends_us"])


def _notifications() -> None:
    op.create_table(
        "notifications",
        Column("tenant", String(128), primary_key=True),
        Column("id", String(32), primary_key=True),
        Column("channel", String(128), nullable=False),
        Column("person", String(128), nullable=False),
        Column("group_id", String(32), nullable=False),
        Column("reason", String(32), nullable=False),
        Column("content", JSON, nullable=False),
        Column("state", String(16), nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("due_us", BigInteger, nullable=False),
        Column("created_us", BigInteger, nullable=False),
        Column("finished_us", BigInteger, nullable=True),
        Column("error", Text, nullable=False),
        Column("sent_as", String(32), nullable=True),
        Column("give_up_us", BigInteger, nullable=True),
    )
    op.create_index("notifications_by_state", "notifications", ["state", "tenant", "channel", "created_us"])
    op.create_index("notifications_of_tenant", "notifications", ["tenant", "created_us"])
    op.create_index("notifications_of_group", "notifications", ["tenant", "group_id", "created_us"])
    op.create_index("notifications_of_message", "notifications", ["tenant", "sent_as"])
    op.create_table(
        "deliveries",
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("tenant", String(128), nullable=False),
        Column("notification_id", String(32), nullable=False),
        Column("channel", String(128), nullable=False),
        Column("at_us", BigInteger, nullable=False),
        Column("took_us", BigInteger, nullable=False),
        Column("outcome", String(16), nullable=False),
        Column("answer", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_of_notification", "deliveries", ["tenant", "notification_id", "number"])
    op.create_index("deliveries_of_channel", "deliveries", ["tenant", "channel", "at_us"])


def _schedules() -> None:
    op.create_table(
        "schedule_runs",
        Column("tenant", String(128), primary_key=True),
        Column("schedule", String(128), primary_key=True),
        Column("timing", Text, nullable=False),
        Column("settled_us", BigInteger, nullable=False),
        Column("due_us", BigInteger, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("runner", String(64), nullable=False),
        Column("lease_until_us", BigInteger, nullable=False),
        Column("last_started_us", BigInteger, nullable=True),
        Column("last_finished_us", BigInteger, nullable=True),
        Column("last_outcome", String(16), nullable=False),
        Column("last_message", Text, nullable=False),
        Column("runs", Integer, nullable=False),
        Column("missed", Integer, nullable=False),
    )
    op.create_table(
        "checkpoints",
        Column("tenant", String(128), primary_key=True),
        Column("id", String(32), primary_key=True),
        Column("number", Integer, nullable=False),
        Column("policy", String(128), nullable=False),
        Column("title", Text, nullable=False),
        Column("question", Text, nullable=False),
        Column("revision", String(16), nullable=False),
        Column("verdict", String(32), nullable=False),
        Column("counts", JSON, nullable=False),
        Column("at_us", BigInteger, nullable=False),
        Column("days", Integer, nullable=False),
        Column("started_us", BigInteger, nullable=False),
        Column("finished_us", BigInteger, nullable=False),
        Column("judge_only", Boolean, nullable=False),
        Column("cells", JSON, nullable=False),
        Column("request_id", String(128), nullable=False),
        UniqueConstraint("tenant", "request_id", name="checkpoints_run_once"),
    )
    op.create_index("checkpoints_by_number", "checkpoints", ["tenant", "number"])
    op.create_index("checkpoints_of_policy", "checkpoints", ["tenant", "policy", "number"])
