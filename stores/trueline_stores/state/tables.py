"""The tables of the state as SQLAlchemy knows them. Keys begin with the tenant; instants are µs since 1970 (UTC)."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

# What rule files say, once for each content: a JSON list of [name, text] pairs, compressed.
RULE_TEXTS = Table(
    "rule_texts",
    METADATA,
    Column("digest", String(32), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# A rule set that was in force or in the shadow of a tenant ("" = of everybody without files of their own): the default
# pack, the operator's files and the tenant's own, each named by its digest in RULE_TEXTS.
RULE_REVISIONS = Table(
    "rule_revisions",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("revision", String(16), primary_key=True),
    Column("pack", String(32), nullable=False),
    Column("base", String(32), nullable=False),
    Column("overlay", String(32), nullable=False),
    Column("mapping", String(128), nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
)

# Which revision is active, and which one runs in its shadow. `version` counts the changes of a stage: its etag. The
# tenant's own files stand here too, because the same revision can be divided differently between the layers. A pinned
# stage stays on the pack and base of its revision. `revision` "" = the stage ended; the row stays for its version.
RULE_STAGES = Table(
    "rule_stages",
    METADATA,
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

# Metrics whose points are whole up to a log position: the history was computed, and the dataflow went on from `since`.
# `until` null = it goes on; a position is written there before the dataflow leaves a definition out, and what was
# written up to then is whole. What has no row has no points, or not all. `tenant` "" = all who never had own rules.
RULE_METRICS = Table(
    "rule_metrics",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("metric", String(128), primary_key=True),
    Column("definition", String(16), primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=True),
)

# What happened to the rules of a tenant, in order: what watchers resume from, and what a rollback goes back along.
RULE_CHANGES = Table(
    "rule_changes",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("tenant", String(128), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("revision", String(16), nullable=False),
    Column("former", String(16), nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("problems", JSON, nullable=False),
    Index("rule_changes_of_tenant", "tenant", "number"),
    sqlite_autoincrement=True,
)

# Changes that callers may repeat: what a request_id led to, kept in the transaction of the change. `asked` digests the
# request as it came.
RULE_REQUESTS = Table(
    "rule_requests",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("request_id", String(128), primary_key=True),
    Column("asked", String(32), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("revision", String(16), nullable=False),
    Column("former", String(16), nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

# Long work. `request` and `result` are serialised messages of the API, compressed; `error` has code, reason, message,
# metadata and broken rules of the request.
# `request_id` is NULL where the caller gave none, so that it can be unique; `asked` digests the request as it came.
# `attempts` counts how often it began, so that work at which the server dies is not begun for ever.
OPERATIONS = Table(
    "operations",
    METADATA,
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
    Index("operations_by_expiry", "expires_at_us"),
    Index("operations_by_request", "tenant", "kind", "request_id", unique=True),
)

# Up to which instant, in event time, the alert rules of a tenant were evaluated, and by which revision.
ALERT_EVALUATIONS = Table(
    "alert_evaluations",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("stage", String(16), primary_key=True),
    Column("revision", String(16), nullable=False),
    Column("evaluated_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
)

# What the last evaluation of an alert rule came to, and which label sets it saw: a compressed JSON list. A row is
# written when one of them changed.
ALERT_RULES = Table(
    "alert_rules",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("stage", String(16), primary_key=True),
    Column("rule", String(128), primary_key=True),
    Column("outcome", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Column("label_sets", LargeBinary, nullable=False),
)

# The state machine's instances, by rule and label set; a row is written when more than the time of the last evaluation
# and the values seen changed. `fingerprint` digests tenant, rule and labels.
ALERT_INSTANCES = Table(
    "alert_instances",
    METADATA,
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

# Decisions on their way to the warehouse: kept with the change that they tell of, taken out when they are there.
# `content` is the decision as JSON.
DECISION_OUTBOX = Table(
    "decision_outbox",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("tenant", String(128), nullable=False),
    Column("id", String(32), nullable=False),
    Column("content", Text, nullable=False),
    sqlite_autoincrement=True,
)
