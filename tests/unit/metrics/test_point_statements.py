"""The SQL that merges panes into windows, letter by letter."""

from __future__ import annotations

from trueline_server.metrics.point_statements import (
    ChangedPanes,
    ChangedTumblingPoints,
    DistinctOfWindow,
    DistinctSteps,
    NewestEnds,
    PaneEnds,
    PaneRange,
    WindowPoints,
)

from tests.unit.streams.support import metric_of

KEY = (
    "tenant = {tenant:String} AND metric = {metric:String} AND definition = {definition:String}"
    " AND pane_start >= fromUnixTimestamp64Micro({from:Int64}, 'UTC')"
    " AND pane_start < fromUnixTimestamp64Micro({last:Int64}, 'UTC')"
)
ENDS = " AND toUnixTimestamp64Micro(pane_end) > {pane_after:Int64} AND toUnixTimestamp64Micro(pane_end) <= {last:Int64}"
ONE = "tenant = {tenant:String} AND metric = {metric:String} AND definition = {definition:String}"
TUMBLING = metric_of("revenue", "sum", field="value", window="1m", group_by=("currency",))
SLIDING = metric_of("active", "count_distinct", field="user_id", window="5m", step="1m")
MINUTE = 60_000_000


def test_tumbling_windows_are_their_panes() -> None:
    """One row a pane and group, the newest of each, filtered by label and continued behind a key."""
    panes = PaneRange("acme", TUMBLING, 2 * MINUTE, 3 * MINUTE, {"currency": "GBP"})
    assert WindowPoints(panes, (2 * MINUTE, ["GBP"]), 11).to_sql() == (
        "SELECT toUnixTimestamp64Micro(pane_end) AS end_us, groups, events, value_count, late_events, revision, "
        "toString(total) AS total\n"
        "FROM trueline.points FINAL\n"
        f"WHERE {KEY} AND groups[1] = {{label1:String}}{ENDS}"
        " AND (end_us, groups) > ({after_end:Int64}, {after_groups:Array(String)})\n"
        "ORDER BY end_us, groups\nLIMIT {limit:UInt64}",
        {
            "tenant": "acme",
            "metric": "revenue",
            "definition": TUMBLING.definition,
            "from": MINUTE,
            "last": 3 * MINUTE,
            "label1": "GBP",
            "pane_after": 2 * MINUTE - 1,
            "after_end": 2 * MINUTE,
            "after_groups": ["GBP"],
            "limit": 11,
        },
    )


def test_sliding_windows_are_merged_in_one_statement() -> None:
    """Each pane goes to the windows over it, within the range; then windows are grouped."""
    assert WindowPoints(PaneRange("acme", SLIDING, 7 * MINUTE, 9 * MINUTE)).to_sql() == (
        "SELECT end_us, groups, sum(events) AS events, sum(value_count) AS value_count, "
        "sum(late_events) AS late_events, max(revision) AS revision, max(notEmpty(pane.sketch)) AS sketched\n"
        "FROM (\n"
        "SELECT arrayJoin(range(greatest(pane_end_us, {first:Int64}), "
        "least(pane_end_us + 240000000, {last:Int64}) + 1, 60000000)) AS end_us, "
        "groups, events, value_count, late_events, revision, sketch\n"
        "FROM (SELECT toUnixTimestamp64Micro(pane_end) AS pane_end_us, "
        "groups, events, value_count, late_events, revision, sketch "
        f"FROM trueline.points FINAL WHERE {KEY}{ENDS})\n"
        ") AS pane\nGROUP BY end_us, groups\nORDER BY end_us, groups",
        {
            "tenant": "acme",
            "metric": "active",
            "definition": SLIDING.definition,
            "from": 2 * MINUTE,
            "last": 9 * MINUTE,
            "pane_after": 2 * MINUTE,
            "first": 7 * MINUTE,
        },
    )


def test_distinct_values_of_one_window() -> None:
    """A single window counts its values directly."""
    sql, values = DistinctOfWindow(PaneRange("acme", SLIDING, 7 * MINUTE, 7 * MINUTE)).to_sql()
    assert sql == (
        f"SELECT groups, uniqExactArray(members) AS distinct\nFROM trueline.members\nWHERE {KEY}\nGROUP BY groups"
    )
    assert (values["from"], values["last"]) == (2 * MINUTE, 7 * MINUTE)


def test_distinct_values_of_many_windows() -> None:
    """Many windows take one pass over the values, as comings and goings."""
    sql, _ = DistinctSteps(PaneRange("acme", SLIDING, 7 * MINUTE, 9 * MINUTE)).to_sql()
    assert sql == (
        "SELECT groups, turn.1 AS end_us, sum(turn.2) AS change\nFROM (\n"
        "  SELECT groups, arrayJoin(arrayConcat(arrayMap(each -> (greatest(each, {first:Int64}), 1), ends), "
        "arrayMap((each, next) -> (greatest(least(each + 300000000, next), {first:Int64}), -1), "
        "ends, arrayPushBack(arrayPopFront(ends), 4611686018427387904)))) AS turn\n"
        "  FROM (\n"
        "    SELECT groups, member, arraySort(groupUniqArray(toUnixTimestamp64Micro(pane_start) + 60000000)) AS ends\n"
        f"    FROM trueline.members ARRAY JOIN members AS member\n    WHERE {KEY}\n"
        "    GROUP BY groups, member\n  )\n)\n"
        "WHERE turn.1 <= {last:Int64}\nGROUP BY groups, end_us\nHAVING change != 0\nORDER BY groups, end_us"
    )


def test_what_a_page_is_planned_from() -> None:
    """Panes and their rows, without merging anything."""
    sql, _ = PaneEnds(PaneRange("acme", SLIDING, 7 * MINUTE, 9 * MINUTE)).to_sql()
    assert sql == (
        "SELECT toUnixTimestamp64Micro(pane_end) AS end_us, count() AS cells\n"
        f"FROM trueline.points\nWHERE {KEY}{ENDS}\nGROUP BY end_us\nORDER BY end_us"
    )


def test_newest_panes() -> None:
    """Of one metric the end of its key's range, of several a maximum each."""
    assert NewestEnds("acme", [SLIDING], until_us=5).to_sql() == (
        "SELECT metric, toUnixTimestamp64Micro(pane_end) FROM trueline.points "
        f"WHERE {ONE} AND toUnixTimestamp64Micro(pane_end) <= {{until:Int64}} ORDER BY pane_start DESC LIMIT 1",
        {"tenant": "acme", "metric": "active", "definition": SLIDING.definition, "until": 5},
    )
    assert NewestEnds("acme", [SLIDING, TUMBLING], unchanged_since=9).to_sql() == (
        "SELECT metric, max(toUnixTimestamp64Micro(pane_end)) FROM trueline.points WHERE tenant = {tenant:String} "
        "AND metric IN {metrics:Array(String)} AND definition IN {definitions:Array(String)} "
        "AND revision <= {revision:UInt64} GROUP BY metric",
        {
            "tenant": "acme",
            "metrics": ["active", "revenue"],
            "definitions": [SLIDING.definition, TUMBLING.definition],
            "revision": 9,
        },
    )


def test_changes() -> None:
    """What changed is found by revision, oldest first; of a point only its newest state in the run is read."""
    assert ChangedPanes("acme", [TUMBLING], 5, 100).to_sql() == (
        "SELECT metric, toUnixTimestamp64Micro(pane_end) AS end_us, groups, revision\nFROM trueline.points\n"
        f"WHERE {ONE} AND revision > {{revision:UInt64}}\nORDER BY revision\nLIMIT {{limit:UInt64}}",
        {"tenant": "acme", "metric": "revenue", "definition": TUMBLING.definition, "revision": 5, "limit": 100},
    )
    assert ChangedTumblingPoints("acme", TUMBLING, {"currency": "GBP"}, 5, 9).to_sql() == (
        "SELECT toUnixTimestamp64Micro(pane_end) AS end_us, groups, events, value_count, late_events, revision, "
        "toString(total) AS total\nFROM trueline.points\n"
        f"WHERE {ONE} AND groups[1] = {{label1:String}}"
        " AND revision > {after:UInt64} AND revision <= {until:UInt64}\n"
        "ORDER BY end_us, groups, revision DESC\nLIMIT 1 BY end_us, groups",
        {
            "tenant": "acme",
            "metric": "revenue",
            "definition": TUMBLING.definition,
            "label1": "GBP",
            "after": 5,
            "until": 9,
        },
    )
