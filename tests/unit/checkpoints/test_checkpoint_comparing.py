"""Comparing two checkpoints: each cell once, with what became of it."""

from __future__ import annotations

import pytest
from trueline_rules.checkpoints.comparing import Change, compare
from trueline_rules.checkpoints.judge import judge
from trueline_rules.checkpoints.results import CellResult, Reading
from trueline_rules.model import Direction

from tests.unit.checkpoints.checkpoint_cells import cell


def _result(value: float | None, measure: str = "conversion", direction: Direction = Direction.HIGHER) -> CellResult:
    return judge(cell(0.5, direction, measure=measure), Reading(value))


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (0.4, 0.6, Change.FIXED),
        (0.6, 0.4, Change.BROKE),
        (0.6, 0.7, Change.STILL_PASSES),
        (0.1, 0.4, Change.STILL_FAILS),
        (None, 0.6, Change.DATA_CAME),
        (None, 0.4, Change.DATA_CAME),
        (0.6, None, Change.DATA_WENT),
        (None, None, Change.STILL_NO_DATA),
    ],
)
def test_each_cell_tells_what_became_of_it(before: float | None, after: float | None, change: Change) -> None:
    """All pairs of outcomes have a name of their own where people care."""
    (found,) = compare([_result(before)], [_result(after)])
    assert (found.name, found.change) == ("persona:agency:conversion", change)
    assert found.moved == (None if before is None or after is None else after - before)


def test_better_follows_the_direction() -> None:
    """A lower value is better of what should be low; a value that stayed is neither."""
    (lower,) = compare([_result(0.7, direction=Direction.LOWER)], [_result(0.6, direction=Direction.LOWER)])
    (higher,) = compare([_result(0.7)], [_result(0.6)])
    (same,) = compare([_result(0.7)], [_result(0.7)])
    assert (lower.better, higher.better, same.better) == (True, False, None)


def test_cells_that_came_and_went_are_told() -> None:
    """In the order of the later one, then what is gone."""
    found = compare([_result(0.6, "a"), _result(0.6, "b")], [_result(0.6, "c"), _result(0.4, "b")])
    assert [(one.name.split(":")[-1], one.change) for one in found] == [
        ("c", Change.ADDED),
        ("b", Change.BROKE),
        ("a", Change.REMOVED),
    ]
