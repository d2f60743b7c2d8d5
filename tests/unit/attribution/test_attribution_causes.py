"""Why conversions changed, from what was read of them; what channels gained and lost; and parts of long journeys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.attribution.causes import Cause, Causes, LateConversion, Lost, find_causes
from trueline_server.attribution.credit_moves import Side, moves
from trueline_server.attribution.journey_mapping import map_batch_to_proto
from trueline_server.attribution.journey_stream import JourneyBatch
from trueline_server.attribution.models import FirstTouch, Linear, Touches
from trueline_server.attribution.stitch_causes import EventRow, Stitch, stitches_of

_LISTS = ("late_touches", "late_refunds", "moved_in", "lost_touches", "lost_refunds")


def _changed(**columns: Any) -> pa.Table:
    """One conversion of user:u at 100 that was there and is as it was, but for some columns."""
    row: dict[str, Any] = {"position": 50, "at": 100, "existed": 1, "person": "user:u", "person_before": "user:u"}
    row |= {"value": 0.0, "value_before": 0.0, **{name: [] for name in _LISTS}, **columns}
    types = {name: pa.list_(pa.uint64()) for name in _LISTS}
    return pa.table({name: pa.array([value], types.get(name)) for name, value in row.items()})


def _causes(
    came: Sequence[LateConversion] = (), lost: Mapping[int, Lost] | None = None, *, split: bool = True, **columns: Any
) -> Causes:
    return find_causes(_changed(**columns), lost or {}, {"user:u": came}, split=split)


@pytest.mark.parametrize(
    ("columns", "causes"),
    [
        ({"existed": 0, "person_before": ""}, (Cause.CONVERSION,)),
        ({"existed": 0, "person_before": "", "late_touches": [60]}, (Cause.CONVERSION, Cause.TOUCH)),
        ({"late_refunds": [60]}, (Cause.REFUND,)),
        ({"late_touches": [60], "late_refunds": [61]}, (Cause.REFUND, Cause.TOUCH)),
        ({"person_before": "device:d"}, (Cause.STITCH,)),
        ({"moved_in": [3]}, (Cause.STITCH,)),
    ],
)
def test_a_cause_is_a_fact_of_the_conversion(columns: dict[str, Any], causes: tuple[Cause, ...]) -> None:
    """In the order of their numbers; a conversion that was not there has nobody whom it was of."""
    assert _causes(**columns).of(0) == causes


def test_what_is_lost_was_taken_by_a_conversion_between_or_moved_away() -> None:
    """A touch is taken by one after it, a refund by one before it; who is another person now was stitched."""
    mine, gone = Lost(10, "user:u"), Lost(10, "user:v")
    between, after = LateConversion(20, 70), LateConversion(120, 71)
    taken = _causes([between, after], {3: mine}, lost_touches=[3])
    assert (taken.of(0), taken.takers) == ((Cause.OTHER_CONVERSION,), {0: (70,)})
    assert _causes([after], {3: mine}, lost_touches=[3]).of(0) == (Cause.STITCH,)
    assert _causes([between], {3: gone}, lost_touches=[3]).of(0) == (Cause.STITCH,)
    assert _causes([between], {3: mine, 4: gone}, lost_touches=[3, 4]).of(0) == (Cause.STITCH, Cause.OTHER_CONVERSION)
    refund = {5: Lost(130, "user:u")}
    assert _causes([between, after], refund, lost_refunds=[5]).takers == {0: (71,)}
    assert _causes([between], {3: mine}, split=False, lost_touches=[3]).of(0) == (Cause.STITCH,)
    assert _causes([after], refund, split=False, lost_refunds=[5]).of(0) == (Cause.OTHER_CONVERSION,)


@given(
    differences=st.lists(
        st.tuples(st.sampled_from(list(Cause)), st.floats(-1e6, 1e6), st.booleans()), min_size=1, max_size=20
    ),
    cents=st.integers(-5, 5),
)
def test_causes_add_up_to_the_total(differences: list[tuple[Cause, float, bool]], cents: int) -> None:
    """To the cent, whatever is rounded; each conversion counts once, for its first cause."""
    holds = np.array([[one in (cause, Cause.OTHER_CONVERSION) for one in Cause] for cause, _, _ in differences])
    table = pa.table(
        {
            "existed": pa.array([int(existed) for _, _, existed in differences]),
            "value": pa.array([value for _, value, _ in differences]),
            "value_before": pa.array([0.0 for _ in differences]),
        }
    )
    total = round(Decimal(sum(value for _, value, _ in differences)), 2) + Decimal(cents).scaleb(-2)
    totals = Causes(holds, {}).totals(table, 2, total)
    assert sum((one.value_change for one in totals), Decimal(0)) == total
    assert sum(one.conversions for one in totals) == len(differences)
    assert sum(one.conversions_change for one in totals) == sum(not existed for _, _, existed in differences)
    assert [one.cause for one in totals] == sorted({cause for cause, _, _ in differences})


def test_moves_are_what_differs() -> None:
    """By model and channel; what nothing led to is the channel "", and what was not there earned nothing."""
    value = Decimal("10.00")
    before = Side(True, 9, value, [(1, "a"), (2, "b")], (0, 0))
    now = Side(True, 9, value, [(1, "a"), (2, "b"), (3, "c")], (0, 0))
    (found,) = moves([(before, now)], {"linear": Linear(), "first": FirstTouch()}, 2)
    assert [(move.model, move.channel, move.value_before, move.value) for move in found] == [
        ("linear", "a", Decimal("5.00"), Decimal("3.34")),
        ("linear", "b", Decimal("5.00"), Decimal("3.33")),
        ("linear", "c", Decimal("0.00"), Decimal("3.33")),
    ]
    nothing, absent = Side(True, 9, value, [], (0, 0)), Side(False, 9, Decimal("0.00"), [], (0, 0))
    (found,) = moves([(nothing, before)], {"first": FirstTouch()}, 2)
    assert [(move.channel, move.conversions_before, move.conversions) for move in found] == [("", 1, 0), ("a", 0, 1)]
    assert [[move.channel for move in one] for one in moves([(absent, nothing), (now, now)], {"f": Linear()}, 2)] == [
        [""],
        [],
    ]


def _event(position: int, node: str, before: str, person: str) -> EventRow:
    return EventRow(position, "s", f"e{position}", "seen", 0, 0, "", [node] if node else [], person, before)


def test_a_stitch_is_told_by_what_it_moved() -> None:
    """By the id of what moved, or by whose it was and is; one of another person is none."""
    own = _event(50, "", "user:u", "user:u")
    moved = _event(3, "device:d", "device:d", "user:u")
    told = [
        Stitch(70, "user:v", ["device:e"], ["device:e"]),
        Stitch(71, "user:u", ["device:d"], ["device:d"]),
        Stitch(72, "user:u", ["anonymous:a"], ["device:d"]),
        Stitch(73, "user:u", ["device:f"], ["device:f"]),
    ]
    assert stitches_of(("user:u", "user:u"), [own, moved], told) == [71, 72]
    assert stitches_of(("user:u", "user:u"), [own], told) == [71, 72, 73]


@pytest.mark.parametrize("lengths", [[0], [3, 0, 2], [40_000, 1], [1, 30_000, 0, 30_000]])
def test_messages_hold_every_touch_once(lengths: list[int]) -> None:
    """However long journeys are; parts of one are in a row, and only the last of them ends it."""
    total = sum(lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    touches = Touches(("é" * 20,), np.zeros(total, np.int32), offsets, np.arange(total), np.full(len(lengths), total))
    weights = np.arange(total, dtype=np.float64)[:, None]
    ids = [f"o{n}" for n in range(len(lengths))]
    batch = JourneyBatch(ids, ids, ids, [-0.004] * len(ids), ids, touches, ["c"] * total, weights)
    messages = list(map_batch_to_proto(batch, 2))
    assert max(message.ByteSize() for message in messages) <= 1 << 20
    journeys = [journey for message in messages for journey in message.journeys]
    assert [touch.weights[0] for journey in journeys for touch in journey.touches] == list(range(total))
    assert [journey.conversion_id for journey in journeys if not journey.continues] == ids
    assert {journey.value for journey in journeys} == {"0.00"}
    assert (len(journeys) > len(ids)) == (max(lengths) > 10_000)
