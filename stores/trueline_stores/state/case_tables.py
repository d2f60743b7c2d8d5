"""The tables of cases, groups, timers and notifications: keys begin with the tenant, instants are µs since 1970."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint, text

from trueline_stores.state.tables import METADATA

# What somebody must see to the end. `key` says what it is about (of an alert its fingerprint); `open_key` is the same
# while the case is not resolved and NULL afterwards, so that the database refuses a second open case about one thing.
CASES = Table(
    "cases",
    METADATA,
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
    Index("cases_by_number", "tenant", "kind", "number"),
    Index("cases_by_change", "tenant", "kind", "changed_us"),
    # Few are open and many were.
    Index(
        "cases_open_by_number",
        "tenant",
        "kind",
        "number",
        sqlite_where=text("open_key IS NOT NULL"),
        postgresql_where=text("open_key IS NOT NULL"),
    ),
)

# What happened to a case, in order: its timeline, and what watchers resume from.
CASE_EVENTS = Table(
    "case_events",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("tenant", String(128), nullable=False),
    Column("case_id", String(32), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("details", JSON, nullable=False),
    Index("case_events_of_case", "tenant", "case_id", "number"),
    Index("case_events_of_tenant", "tenant", "number"),
    sqlite_autoincrement=True,
)

# Requests that changed a case or put a silence in, so that one that comes again changes nothing more. `asked` digests
# all that was asked, `answer` is the id of what it changed.
CASE_REQUESTS = Table(
    "case_requests",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("request_id", String(128), primary_key=True),
    Column("asked", String(32), nullable=False),
    Column("answer", String(128), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("case_requests_by_time", "tenant", "at_us"),
)

# One alarm for each thing that has to be done later. Whoever handles one removes or moves it in the same transaction
# as what it does, so that nothing is done twice.
TIMERS = Table(
    "timers",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("subject", String(128), primary_key=True),
    Column("due_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("timers_by_due", "due_us"),
)

# The alerts of one route with the same labels, and what was last said of them. `destination` is as the rules had it
# when the group was looked at last, with the revision of these.
ALERT_GROUPS = Table(
    "alert_groups",
    METADATA,
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
)

# The escalations of a group, each about alerts that were told together. `state` holds the policy as it was when the
# escalation began: rule files that change later do not change who was promised what. One whose group is over waits
# for a post-mortem.
ESCALATIONS = Table(
    "escalations",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("group_id", String(32), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("opened_us", BigInteger, nullable=False),
    Column("cases", JSON, nullable=False),
    Column("told", JSON, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("state", JSON, nullable=False),
)

# The alerts of a group, until they are over and that was said.
GROUP_MEMBERS = Table(
    "group_members",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    Column("group_id", String(32), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("case_id", String(32), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("firing", Boolean, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Index("group_members_of_alert", "tenant", "fingerprint"),
)

# What is to be said to one channel. The id is the idempotency key: it is made from what is said, so that whoever does
# it again after a crash says the same thing with the same key. `sent_as` is the key of the message that it goes with
# (NULL before it first goes): its own id, or that of the bundle of all that waited for a rate limit. `give_up_us` is
# set when it first goes.
NOTIFICATIONS = Table(
    "notifications",
    METADATA,
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
    # A channel says things in the order in which they came.
    Index("notifications_by_state", "state", "tenant", "channel", "created_us"),
    Index("notifications_of_tenant", "tenant", "created_us"),
    Index("notifications_of_group", "tenant", "group_id", "created_us"),
    Index("notifications_of_message", "tenant", "sent_as"),
)

# One try to deliver a message; `notification_id` is the message's key, the `sent_as` of all that it says.
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("tenant", String(128), nullable=False),
    Column("notification_id", String(32), nullable=False),
    Column("channel", String(128), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("took_us", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("answer", Text, nullable=False),
    Index("deliveries_of_notification", "tenant", "notification_id", "number"),
    Index("deliveries_of_channel", "tenant", "channel", "at_us"),
    sqlite_autoincrement=True,
)

SILENCES = Table(
    "silences",
    METADATA,
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
    Index("silences_by_end", "tenant", "ends_us"),
)

# How far a schedule has come, and who runs it now: a lease that a runner that died leaves behind runs out. `timing` is
# what `due_us` was computed from; all that its times meant up to `settled_us` was run or skipped.
SCHEDULE_RUNS = Table(
    "schedule_runs",
    METADATA,
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

# A finished run of a checkpoint: each cell with its outcome and evidence. The request id is that of the run, which is
# done once however often it is begun again.
CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
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
    Index("checkpoints_by_number", "tenant", "number"),
    Index("checkpoints_of_policy", "tenant", "policy", "number"),
)

CASE_TABLES = (
    CASES,
    CASE_EVENTS,
    CASE_REQUESTS,
    TIMERS,
    ALERT_GROUPS,
    ESCALATIONS,
    GROUP_MEMBERS,
    NOTIFICATIONS,
    DELIVERIES,
    SILENCES,
    SCHEDULE_RUNS,
    CHECKPOINTS,
)
