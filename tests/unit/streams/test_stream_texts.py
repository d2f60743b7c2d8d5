"""Members that stay in Arrow: the same texts, and no memory held for cells that are gone."""

from __future__ import annotations

import pickle

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from trueline_stores.event_schema import TEXT
from trueline_streams.cells import CellStore
from trueline_streams.distinct import estimate
from trueline_streams.records import EXACT_DISTINCT
from trueline_streams.texts import Texts, compacted, text_lists

from tests.unit.streams.reference import Event
from tests.unit.streams.support import Append, metric_of, plan_of, run_plain

RUNS = st.lists(st.lists(st.text(max_size=3), max_size=4), max_size=6)


def runs_over(rows: list[list[str]]) -> list[Texts]:
    """Some rows as runs over one array."""
    whole = pa.array([text for row in rows for text in row], TEXT)
    ends = [sum(map(len, rows[: number + 1])) for number in range(len(rows))]
    return [Texts(whole, end - len(row), end) for row, end in zip(rows, ends, strict=True)]


@given(RUNS)
def test_runs_read_like_lists(rows: list[list[str]]) -> None:
    """Length, order, single texts and a list column are those of the lists, before and after they were compacted."""
    for runs in (runs_over(rows), compacted(runs_over(rows))):
        assert [list(run) for run in runs] == rows
        assert [len(run) for run in runs] == list(map(len, rows))
        assert [run[0] for run in runs if run] == [row[0] for row in rows if row]
        assert text_lists([*runs, *rows]).to_pylist() == rows + rows


def test_dropped_cells_leave_no_texts_behind() -> None:
    """Of the texts of a batch, only those of the cells that stay are kept."""
    store = CellStore(metric_of("users", "count_distinct", field="user_id"))
    for row, run in enumerate(runs_over([["a", "b"], ["c"], ["d", "e", "f"]])):
        store.add(row, row + 1, ())
        assert list(store.add_members(row, run)) == list(run)
    store.keep(store.ints["pane_start"][[1]])
    (kept,) = store.members
    assert isinstance(kept, Texts)
    assert (list(kept), kept.array.buffers()[2].to_pybytes()[:1], store.member_weight) == (["c"], b"c", 1)
    assert list(store.add_members(0, ["c", "x"])) == ["x"]
    assert store.members == [{"c", "x"}]


def numbered(first: int, count: int) -> Texts:
    """The texts of some numbers in a row, in an array that has others around them."""
    return Texts(pa.array([f"u{number}" for number in range(first - 1, first + count + 1)]), 1, count + 1)


@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(1, 2_000)), min_size=1, max_size=6))
def test_members_are_a_set_however_many_come_at_once(batches: list[tuple[int, int]]) -> None:
    """Whether they stay in Arrow or not, each value is new once; a state that was packed and unpacked goes on alike."""
    metric = metric_of("users", "count_distinct", field="user_id")
    store, known = CellStore(metric), set[str]()
    store.add(0, 1, ())
    for first, count in batches:
        values = numbered(first, count)
        new = store.add_members(0, values)
        assert list(new) == [value for value in values if value not in known]
        known |= set(new)
        assert (len(store.members[0]), store.member_weight) == (len(known), len(known))
        other = CellStore(metric)
        other.unpack(pickle.loads(pickle.dumps(store.packed())))
        assert set(other.members[0]) == known
        assert other.index == store.index
        store = other


def test_beyond_the_exact_limit_members_become_a_sketch() -> None:
    """Also when they come by ten thousands: the last exact ones are answered, and then the count is an estimate."""
    store = CellStore(metric_of("users", "count_distinct", field="user_id"))
    store.add(0, 1, ())
    told = [len(store.add_members(0, numbered(first, 30_000))) for first in range(0, 120_000, 30_000)]
    assert told == [30_000, 30_000, EXACT_DISTINCT - 60_000, 0]
    assert not store.members[0]
    assert abs(estimate(store.sketches[0]) - 120_000) < 0.01 * 120_000


def test_metrics_that_differ_in_their_windows_have_the_same_panes() -> None:
    """They are grouped once; each still has its own points and members."""
    day: Append = ("t", 0, [Event(f"e{n}", "s", "n", n * 60_000_000, user_id=f"u{n % 7}") for n in range(90)])
    plans = [
        plan_of(metric_of(f"active_{window}", "count_distinct", field="user_id", window=window, step="5m"))
        for window in ("1h", "24h")
    ]
    written = run_plain(plans, [day])
    alone = [run_plain([plan], [day]) for plan in plans]
    assert written.points == alone[0].points | alone[1].points
    assert written.members == alone[0].members | alone[1].members
    assert len(written.points) == 2 * len(alone[0].points)
