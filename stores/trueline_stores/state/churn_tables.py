"""The table of churn models: keys begin with the tenant, instants are µs since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text

from trueline_stores.state.tables import METADATA

# A model that was trained; its id digests its content, so one that comes out the same again has the same row.
# `content` is the model as JSON, `report` a serialised message of the API, both compressed. `failed_check` "" = it may
# be active.
CHURN_MODELS = Table(
    "churn_models",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("document", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("trained_us", BigInteger, nullable=False),
    Column("failed_check", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("report", LargeBinary, nullable=False),
)
