"""The tables of the warehouse as values, with the reasons for their keys."""

from __future__ import annotations

from dataclasses import dataclass

DATABASE = "trueline"

_CODED = "LowCardinality(String)"
_INSTANT = "DateTime64(6, 'UTC')"
_AMOUNT = "Decimal(38, 9)"


@dataclass(frozen=True, slots=True)
class TableSettings:
    """What operators choose about tables: days after which rows are deleted, 0 = never."""

    events_ttl_days: int = 0
    points_ttl_days: int = 0
    decisions_ttl_days: int = 0


KEEP_ALL = TableSettings()

# For tables that get a part with each batch of the dataflow: parts are merged ten at a time and not two or five, so a
# row is written again less often, and no read minds a dozen parts more.
_MERGED_BY_TENS = "min_parts_to_merge_at_once = 10"


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: without the database.
        columns: (name, type and default).
        engine: of the MergeTree family.
        order_by: the sorting key; the tenant comes first in every one.
        indexes: skipping indexes, as in CREATE TABLE.
        projections: copies of the rows in another order, as in CREATE TABLE; the database reads the cheaper one.
        settings: of MergeTree, as in CREATE TABLE.
        expires_by: the column that a TTL counts from; "" if the table has none.
        expires_after: name of the TableSettings field with the days; "" if the table has none.

    """

    name: str
    columns: tuple[tuple[str, str], ...]
    engine: str
    order_by: tuple[str, ...]
    indexes: tuple[str, ...] = ()
    projections: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    expires_by: str = ""
    expires_after: str = ""

    @property
    def full_name(self) -> str:
        """With the database."""
        return f"{DATABASE}.{self.name}"

    def days(self, settings: TableSettings) -> int:
        """Days after which its rows are deleted; 0 = never."""
        return int(getattr(settings, self.expires_after)) if self.expires_after else 0


# Every read names the tenant; nearly every one names events, of which a tenant has tens; then a span of time. In this
# order such a read is a few contiguous ranges, and within a range the events lie in the order of time that retention,
# funnels and panes want. The position comes last: it makes the order total, so equal times have one order everywhere.
# No partitions: an import spans years, and a block over several partitions would be several parts, not one atomic one.
# The writer looks up positions after a restart, and positions ascend with the parts, so a minmax index skips all but
# the newest parts. One account's events are few, but lie anywhere: a bloom filter for each granule tells where not. It
# has 1.2 bytes an event, and an insert takes a twentieth more processor time; a projection by account would take a
# fifth more, and ten times the space. A finer filter would itself be more to read than the granules that it spares.
# Rows expire by acceptance, not by occurrence: an import of old history is kept as long as any other.
# What one insert writes is a compact part: of its fifty files a wide one would sync each.
EVENTS = Table(
    name="events",
    columns=(
        ("tenant", _CODED),
        ("source", _CODED),
        ("id", "String"),
        ("name", _CODED),
        ("occurred_at", _INSTANT),
        ("accepted_at", _INSTANT),
        ("stored_at", f"{_INSTANT} DEFAULT now64(6)"),
        ("user_id", "String"),
        ("account_id", "String"),
        ("anonymous_id", "String"),
        ("device_id", "String"),
        ("value", f"Nullable({_AMOUNT})"),
        ("currency", _CODED),
        ("properties", f"Map({_CODED}, String)"),
        ("numbers", f"Map({_CODED}, Float64)"),
        ("flags", f"Map({_CODED}, Bool)"),
        ("position", "UInt64"),
        ("watermark", _INSTANT),
    ),
    engine="MergeTree",
    order_by=("tenant", "name", "occurred_at", "position"),
    indexes=(
        "by_position position TYPE minmax GRANULARITY 1",
        "by_account account_id TYPE bloom_filter(0.01) GRANULARITY 1",
    ),
    settings=("min_bytes_for_wide_part = 67108864", _MERGED_BY_TENS),
    expires_by="accepted_at",
    expires_after="events_ttl_days",
)

# A read is always one metric in one definition over a span of panes: a contiguous range, in the order of the answer.
# A pane is written again with each event it gets; of rows with the same key the highest revision counts. The groups
# come last, because a pane is read with all its groups far more often than one group over time. Watchers ask what has a
# revision beyond the last they saw: revisions ascend with the parts, so a minmax index skips the old ones.
POINTS = Table(
    name="points",
    columns=(
        ("tenant", _CODED),
        ("metric", _CODED),
        ("definition", _CODED),
        ("pane_start", _INSTANT),
        ("pane_end", _INSTANT),
        ("groups", "Array(String)"),
        ("events", "UInt64"),
        ("value_count", "UInt64"),
        ("total", _AMOUNT),
        ("smallest", f"Nullable({_AMOUNT})"),
        ("largest", f"Nullable({_AMOUNT})"),
        ("latest", f"Nullable({_AMOUNT})"),
        ("latest_at", _INSTANT),
        ("latest_position", "UInt64"),
        ("distinct", "UInt64"),
        ("sketch", "String"),
        ("bins", "Map(Int32, UInt64)"),
        ("late_events", "UInt64"),
        ("revision", "UInt64"),
        ("watermark", _INSTANT),
        ("stored_at", f"{_INSTANT} DEFAULT now64(6)"),
    ),
    engine="ReplacingMergeTree(revision)",
    order_by=("tenant", "metric", "definition", "pane_start", "groups"),
    indexes=("by_revision revision TYPE minmax GRANULARITY 1",),
    settings=(_MERGED_BY_TENS,),
    expires_by="stored_at",
    expires_after="points_ttl_days",
)

# The distinct values of the panes of count_distinct, in the key of their point, so that a window's values lie together.
# A row has the values that one step of the dataflow saw first: as an array, because a row a value costs four times as
# much to insert and merge. Reads form the union, so values that a replay writes again do no harm.
MEMBERS = Table(
    name="members",
    columns=(
        ("tenant", _CODED),
        ("metric", _CODED),
        ("definition", _CODED),
        ("pane_start", _INSTANT),
        ("groups", "Array(String)"),
        ("members", "Array(String)"),
        ("stored_at", f"{_INSTANT} DEFAULT now64(6)"),
    ),
    engine="MergeTree",
    order_by=("tenant", "metric", "definition", "pane_start", "groups"),
    settings=(_MERGED_BY_TENS,),
    expires_by="stored_at",
    expires_after="points_ttl_days",
)

# A handful of rows per tenant, read whole.
CLOCKS = Table(
    name="clocks",
    columns=(
        ("tenant", _CODED),
        ("source", _CODED),
        ("events", "UInt64"),
        ("max_occurred_at", _INSTANT),
        ("last_accepted_at", _INSTANT),
        ("finished", "Bool"),
        ("revision", "UInt64"),
    ),
    engine="ReplacingMergeTree(revision)",
    order_by=("tenant", "source"),
    settings=(_MERGED_BY_TENS,),
)

# A row per metric and definition with anything to count, read whole.
METRIC_STATUS = Table(
    name="metric_status",
    columns=(
        ("tenant", _CODED),
        ("metric", _CODED),
        ("definition", _CODED),
        ("too_late", "UInt64"),
        ("overflowed", "UInt64"),
        ("revision", "UInt64"),
    ),
    engine="ReplacingMergeTree(revision)",
    order_by=("tenant", "metric", "definition"),
)

# A read asks for one KPI at an instant, as corrected since (the last computed_at) or as known then (the last one up to
# known_at): both are the end of a range in this order. Every computation is kept, so that the past stays answerable.
KPI_VALUES = Table(
    name="kpi_values",
    columns=(
        ("tenant", _CODED),
        ("kpi", _CODED),
        ("at", _INSTANT),
        ("computed_at", _INSTANT),
        ("rule_revision", _CODED),
        ("value", "Nullable(Float64)"),
        ("missing", "String"),
        ("numerator", "Nullable(Float64)"),
        ("denominator", "Nullable(Float64)"),
        ("period_start", f"Nullable({_INSTANT})"),
        ("period_end", f"Nullable({_INSTANT})"),
        ("watermark", _INSTANT),
        ("position", "UInt64"),
    ),
    engine="MergeTree",
    order_by=("tenant", "kpi", "at", "computed_at"),
)

# Facts that others put in. A read asks for facts of one kind of subject by name, of one subject or of all, as they were
# at an instant: in this order that is a range, and the newest row of each subject is its end. Of facts put again for
# the same instant the last counts; the former ones stay, as what was known before can be asked for, so the instant of
# recording is in the key. It is the revision as an instant. Rows that are older than this column have 1970 there, so
# reads take the revision, which tells the same. A row without any value says that the fact is absent from then on.
# There is one column a type, so that conditions are pushed down to typed columns. What is known of one subject lies
# under each name elsewhere, so there is a second order, by subject: a read of 170 facts takes 7 ms with 1,000 subjects
# and with 10,000, where it took 9 and 27. That doubles the space on disk; an insert takes a tenth more.
FACTS = Table(
    name="facts",
    columns=(
        ("tenant", _CODED),
        ("subject", _CODED),
        ("name", _CODED),
        ("subject_id", "String"),
        ("observed_at", _INSTANT),
        ("number", "Nullable(Float64)"),
        ("decimal", f"Nullable({_AMOUNT})"),
        ("text", "Nullable(String)"),
        ("flag", "Nullable(Bool)"),
        ("instant", f"Nullable({_INSTANT})"),
        ("texts", "Array(String)"),
        ("has_texts", "Bool"),
        ("revision", "UInt64"),
        ("stored_at", f"{_INSTANT} DEFAULT now64(6)"),
        ("recorded_at", _INSTANT),
    ),
    engine="ReplacingMergeTree(revision)",
    order_by=("tenant", "subject", "name", "subject_id", "observed_at", "recorded_at"),
    projections=(
        "by_subject (SELECT tenant, subject, subject_id, name, observed_at, number, decimal, text, flag, instant, "
        "texts, has_texts, revision ORDER BY tenant, subject, subject_id, name, observed_at)",
    ),
    # A merge that drops rows which were written twice makes the second order anew.
    settings=("deduplicate_merge_projection_mode = 'rebuild'",),
)

# What rules decided. Ids begin with the instant judged, so one key serves both reads: a decision by its id, and the
# decisions about a span of time, newest first. A rule's are a few granules of a span: the index skips the others. Facts
# are JSON by name, so that SQL can ask for one. A decision has one id however often it is written, and one row counts.
# Rows expire by when they were judged: those about an imported past are kept as long as any others.
DECISIONS = Table(
    name="decisions",
    columns=(
        ("tenant", _CODED),
        ("id", "String"),
        ("kind", _CODED),
        ("rule", _CODED),
        ("labels", f"Map({_CODED}, String)"),
        ("revision", _CODED),
        ("at", _INSTANT),
        ("decided_at", _INSTANT),
        ("watermark", f"Nullable({_INSTANT})"),
        ("decision", _CODED),
        ("before", _CODED),
        ("after", _CODED),
        ("reason", _CODED),
        ("message", "String"),
        ("facts", f"Map({_CODED}, String)"),
        ("facts_digest", "String"),
        ("truths", f"Map({_CODED}, String)"),
        ("compared", _CODED),
    ),
    engine="ReplacingMergeTree",
    order_by=("tenant", "id"),
    indexes=("by_rule rule TYPE set(100) GRANULARITY 1",),
    expires_by="decided_at",
    expires_after="decisions_ttl_days",
)

# How often rules were judged without anything new, and how often those in the shadow were judged at all and came out
# otherwise, by the hour: what the log of decisions leaves out. Merges add up rows of one key, and reads do so for those
# that are not merged yet.
DECISION_COUNTS = Table(
    name="decision_counts",
    columns=(
        ("tenant", _CODED),
        ("hour", "DateTime('UTC')"),
        ("rule", _CODED),
        ("revision", _CODED),
        ("unchanged", "UInt64"),
        ("shadowed", "UInt64"),
        ("different", "UInt64"),
    ),
    engine="SummingMergeTree",
    order_by=("tenant", "hour", "rule", "revision"),
    expires_by="hour",
    expires_after="decisions_ttl_days",
)

# The class that each account was in when all were looked at last. A look compares with it, and writes a row where the
# class turned or the score moved, at first as not told; once events and facts of it are out, the row is written again
# as told. After a crash between the two the next look tells the same.
ACCOUNT_HEALTH = Table(
    name="account_health",
    columns=(
        ("tenant", _CODED),
        ("profile", _CODED),
        ("account_id", "String"),
        ("definition", _CODED),
        ("health", _CODED),
        ("score", "Nullable(Float64)"),
        ("persona", _CODED),
        ("before", _CODED),
        ("turns", "UInt32"),
        ("at", _INSTANT),
        ("told", "Bool"),
        ("revision", "UInt64"),
    ),
    engine="ReplacingMergeTree(revision)",
    order_by=("tenant", "profile", "account_id"),
)

# Which versions of the schema were applied. The one table without a tenant: it is about the database itself.
SCHEMA_MIGRATIONS = Table(
    name="schema_migrations",
    columns=(("version", "UInt32"), ("name", "String"), ("applied_at", f"{_INSTANT} DEFAULT now64(6)")),
    engine="MergeTree",
    order_by=("version",),
)

TABLES = (
    *(EVENTS, POINTS, MEMBERS, CLOCKS, METRIC_STATUS, KPI_VALUES, FACTS, DECISIONS, DECISION_COUNTS),
    ACCOUNT_HEALTH,
)
