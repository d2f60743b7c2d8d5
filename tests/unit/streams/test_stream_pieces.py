"""Small parts of the dataflow: points as rows and columns, gathering, patience, splitting by tenant, plans."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from trueline_streams.collecting import Collector, TenantPart
from trueline_streams.flow import split_tenants
from trueline_streams.merging import MergeResult
from trueline_streams.patience import Patience, PatientWriter
from trueline_streams.plans import plan_metric
from trueline_streams.points import POINT_SCHEMA, PointBatch
from trueline_streams.records import Changes, FlowSettings, StampedEvents
from trueline_streams.sink import coalesced

from tests.unit.streams.reference import End, Event
from tests.unit.streams.support import HOUR, MINUTE, entries_of, log_batches, metric_of, plan_of, run_plain


def part(batch: int, parts: int, partials: int) -> TenantPart:
    """A tenant's part of a batch without events."""
    return TenantPart(batch, parts, partials, None, ())


def result(batch: int) -> MergeResult:
    """A merge result without rows."""
    return MergeResult(batch, None, (), None)


def test_a_batch_is_released_when_all_of_it_is_there() -> None:
    """Two tenants and three results, in any order; not before."""
    collector = Collector()
    assert collector.take([result(7), part(7, 2, 1), result(7)]) == []
    assert collector.take([part(7, 2, 2)]) == []
    assert not collector.idle()
    (changes,) = collector.take([result(7)])
    assert changes.position == 7
    assert collector.idle()


def test_batches_are_released_in_order() -> None:
    """One that is complete waits for an earlier one that is not."""
    collector = Collector()
    assert collector.take([part(3, 1, 1), part(9, 1, 0)]) == []
    assert [changes.position for changes in collector.take([result(3)])] == [3, 9]


def test_points_read_as_rows_and_as_columns() -> None:
    """A PointBatch is a sequence of rows, and its table has the warehouse's columns."""
    plans = [
        plan_of(metric_of("users", "count_distinct", field="user_id", group_by=("name",))),
        plan_of(metric_of("p50", "quantile", field="properties.n")),
    ]
    log = [("t", 0, [Event("1", "s", "a", 0, user_id="u", properties={"n": -1.5}), Event("2", "s", "b", MINUTE)])]
    points = list(run_plain(plans, log).points.values())
    assert [(point.metric, point.groups, point.distinct) for point in points] == [
        ("users", ("a",), 1),
        ("users", ("b",), 0),
        ("p50", (), 0),
        ("p50", (), 0),
    ]
    assert [point.total for point in points] == [0, 0, -1_500_000_000, 0]
    assert [point.smallest for point in points] == [None, None, -1_500_000_000, None]
    assert [sum(point.bins.values()) for point in points] == [0, 0, 1, 0]


def test_no_points_are_an_empty_table() -> None:
    """Of the right schema."""
    empty = PointBatch.of([])
    assert (len(empty), empty.table.schema, list(empty)) == (0, POINT_SCHEMA, [])
    assert len(PointBatch.joined([])) == 0


def test_coalesced_changes_keep_their_order() -> None:
    """Rows of the earlier position come first, so that the later revision is written last."""
    early, late = Changes(3, (), (), (), (), ()), Changes(5, (), (), (), (), ())
    assert coalesced([late, early]).position == 5
    assert coalesced([early]) is early


def test_tenants_are_split_with_positions_and_marks() -> None:
    """Each tenant gets its own rows in log order, whatever lies between."""
    log = [
        ("a", 10, [Event("1", "s", "n", 0), Event("2", "s", "n", 1)]),
        ("b", 11, End("s")),
        ("a", 12, [Event("3", "t", "n", 2)]),
    ]
    (batch,) = log_batches(entries_of(log), [])
    first, second = split_tenants(batch)
    assert (first.tenant, second.tenant, first.parts, second.parts) == ("a", "b", 2, 2)
    assert first.events["position"].to_pylist() == [1, 2, 4]
    assert [at.microsecond for at in first.events["accepted_at"].to_pylist()] == [10, 10, 12]
    assert first.events["source"].to_pylist() == ["s", "s", "t"]
    assert second.events is None
    assert second.marks == ((3, "s"),)


def test_patience_marks_a_second_try_as_replayed() -> None:
    """The first try may have arrived although it failed."""
    seen = []

    class Writer:
        def write(self, changes: Changes) -> None:
            seen.append([events.replayed for events in changes.events])
            if len(seen) < 3:
                raise TimeoutError("no answer")

    patience = Patience(threading.Event(), first_pause_s=0.001, longest_pause_s=0.001)
    events = StampedEvents("t", POINT_SCHEMA.empty_table(), replayed=False)
    PatientWriter(Writer(), patience).write(Changes(1, (events,), (), (), (), ()))
    assert seen == [[False], [True], [True]]
    assert (patience.failures, patience.error) == (2, None)


def test_patience_ends_when_it_is_stopped() -> None:
    """Then the last error comes through, and stays told."""
    stop = threading.Event()
    patience = Patience(stop, first_pause_s=60)

    def fail() -> None:
        stop.set()
        raise TimeoutError("no answer")

    with pytest.raises(TimeoutError):
        patience.call("writing", fail)


@pytest.mark.parametrize(
    ("own", "lateness", "shift"), [((None, None), 2 * HOUR, 0), ((HOUR, 3 * MINUTE), HOUR, -MINUTE)], ids=["no", "own"]
)
def test_a_plan_has_the_settings_where_the_metric_has_none(
    own: tuple[int | None, int | None], lateness: int, shift: int
) -> None:
    """Own lateness and disorder win over the settings."""
    metric = dataclasses.replace(metric_of("m", "count"), allowed_lateness_us=own[0], max_disorder_us=own[1])
    plan = plan_metric(metric, ("a",), FlowSettings(allowed_lateness_us=2 * HOUR, max_disorder_us=2 * MINUTE))
    assert (plan.allowed_lateness_us, plan.watermark_shift_us, plan.events) == (lateness, shift, ("a",))
