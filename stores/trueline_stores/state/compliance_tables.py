"""The tables of compliance: keys begin with the tenant, instants are µs since 1970; the tenant has the id ""."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text

from trueline_stores.state.tables import METADATA

# What shows that controls are in place. It is never changed: what was known at an instant stays so.
COMPLIANCE_EVIDENCE = Table(
    "compliance_evidence",
    METADATA,
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
    Index("compliance_evidence_of_subject", "tenant", "subject_kind", "subject_id", "type"),
)

# Controls that need not pass for a time. Only `revoked_at_us` and `revoked_by` change, once.
COMPLIANCE_WAIVERS = Table(
    "compliance_waivers",
    METADATA,
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
    Index("compliance_waivers_of_subject", "tenant", "subject_kind", "subject_id", "expires_at_us"),
)

# What controls came to when they were last looked at: control -> [status, how often it turned]. From it the next look
# tells what turned.
COMPLIANCE_STATUSES = Table(
    "compliance_statuses",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("subject_kind", String(64), primary_key=True),
    Column("subject_id", String(128), primary_key=True),
    Column("framework", String(64), primary_key=True),
    Column("statuses", JSON, nullable=False),
)
