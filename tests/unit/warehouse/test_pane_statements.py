"""The SQL that recomputes panes, letter by letter for two metrics, and in parts for what differs."""

from __future__ import annotations

import pytest
from trueline_streams.pane_statements import ComputePanes, CountPaneEvents, PaneQuery

from tests.unit.streams.support import metric_of

MINUTE = 60_000_000
AT = "toUnixTimestamp64Micro(occurred_at)"


def test_a_count_of_any_event() -> None:
    """The plainest metric: no names, no conditions, no groups, no field."""
    query = PaneQuery("acme", metric_of("all", "count"), ("*",), 5, -7, 100)
    sql, values = ComputePanes(query).to_sql()
    assert sql == (
        "WITH rows AS (\n"
        "  SELECT position, "
        f"{AT} - positiveModulo({AT}, 60000000) AS start_us, "
        f"{AT} - positiveModulo({AT}, 60000000) + 60000000 AS end_us, "
        f"{AT} AS at_us, toUnixTimestamp64Micro(watermark) + -7 AS mark_us, "
        "[]::Array(String) AS labels\n"
        "  FROM trueline.events\n"
        "  WHERE tenant = {tenant:String} AND position < {before_position:UInt64} AND NOT (end_us + 5 <= mark_us)\n"
        "), grouped AS (\n"
        "  SELECT *, labels AS groups FROM rows\n"
        ")\n"
        "SELECT\n"
        "  fromUnixTimestamp64Micro(start_us, 'UTC') AS pane_start,\n"
        "  fromUnixTimestamp64Micro(end_us, 'UTC') AS pane_end,\n"
        "  groups,\n"
        "  count() AS events,\n"
        "  countIf(end_us <= mark_us) AS late_events,\n"
        "  max(position) AS revision,\n"
        "  fromUnixTimestamp64Micro(argMax(mark_us, position), 'UTC') AS watermark,\n"
        "  count() AS value_count,\n"
        "  toDecimal128(0, 9) AS total,\n"
        "  CAST(NULL, 'Nullable(Decimal(38, 9))') AS smallest,\n"
        "  CAST(NULL, 'Nullable(Decimal(38, 9))') AS largest,\n"
        "  CAST(NULL, 'Nullable(Decimal(38, 9))') AS latest,\n"
        "  fromUnixTimestamp64Micro(toInt64(0), 'UTC') AS latest_at,\n"
        "  toUInt64(0) AS latest_position,\n"
        "  []::Array(String) AS member_list,\n"
        "  toUInt64(0) AS distinct,\n"
        "  map()::Map(Int32, UInt64) AS bins,\n"
        "  map()::Map(String, UInt64) AS border_values\n"
        "FROM grouped\n"
        "GROUP BY start_us, end_us, groups\n"
        "ORDER BY start_us, groups"
    )
    assert values == {"tenant": "acme", "before_position": 100}


def test_groups_conditions_and_panes_are_bound() -> None:
    """Names, labels, allowed values, spans and panes are parameters; nothing of a rule file stands in the SQL."""
    metric = metric_of(
        "by",
        "sum",
        field="value",
        events=("paid",),
        group_by=("currency", "properties.plan'"),
        where={"properties.x": ("1",), "source": ("web",)},
        max_groups=9,
        late_by="event",
    )
    query = PaneQuery("acme", metric, ("paid",), 5, 0, 100, ((0, MINUTE),), (0,))
    sql, values = ComputePanes(query).to_sql()
    assert values == {
        "tenant": "acme",
        "before_position": 100,
        "names": ["paid"],
        "from0": 0,
        "to0": MINUTE,
        "panes": [0],
        "where0": "x",
        "allowed0": ["1"],
        "allowed1": ["web"],
        "label1": "plan'",
        "overflow": ["__other__", "__other__"],
        "max_groups": 9,
    }
    assert "plan'" not in sql
    assert "nullIf(source, '') IN {allowed1:Array(String)} AND NOT (at_us < mark_us - 5)" in sql
    assert (
        "  SELECT start_us, labels FROM rows WHERE labels != {overflow:Array(String)} GROUP BY start_us, labels\n"
        "  ORDER BY min(position) LIMIT {max_groups:UInt64} BY start_us\n"
    ) in sql
    assert "ifNull(sum(number), toDecimal128(0, 9)) AS total" in sql


@pytest.mark.parametrize(
    ("step", "start"),
    [
        ("week", "positiveModulo(toUnixTimestamp64Micro(occurred_at) + 259200000000, 604800000000)"),
        ("month", "toUnixTimestamp64Micro(toDateTime64(toStartOfMonth(occurred_at), 6, 'UTC'))"),
    ],
)
def test_calendar_panes(step: str, start: str) -> None:
    """Weeks start three days before the epoch, on a Monday; months follow the calendar."""
    sql, _ = CountPaneEvents(PaneQuery("acme", metric_of("m", "count", window=step), ("*",), 0, 0, 1)).to_sql()
    assert start in sql
