"""A group has escalations of its own rows, one for the alerts that were told together, instead of one in its row."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Boolean, Column, String, column, insert, select, table

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table, and move what is under way into it: it is about all alerts that its group has."""
    escalations = op.create_table(
        "escalations",
        Column("tenant", String(128), primary_key=True),
        Column("group_id", String(32), primary_key=True),
        Column("id", String(64), primary_key=True),
        Column("opened_us", BigInteger, nullable=False),
        Column("cases", JSON, nullable=False),
        Column("told", JSON, nullable=False),
        Column("closed", Boolean, nullable=False),
        Column("state", JSON, nullable=False),
    )
    groups = table("alert_groups", column("tenant"), column("id"), column("escalation", JSON))
    members = table("group_members", column("tenant"), column("group_id"), column("case_id"))
    connection = op.get_bind()
    for group in connection.execute(select(groups)).all():
        if group.escalation is None:
            continue
        own = select(members.c.case_id).where(members.c.tenant == group.tenant, members.c.group_id == group.id)
        row = {
            "tenant": group.tenant,
            "group_id": group.id,
            "id": "0",
            "opened_us": group.escalation["opened_us"],
            "cases": sorted(connection.execute(own).scalars()),
            "told": {},
            "closed": group.escalation["resolved_us"] is not None,
            "state": group.escalation,
        }
        connection.execute(insert(escalations), row)
    with op.batch_alter_table("alert_groups") as groups_table:
        groups_table.drop_column("escalation")
