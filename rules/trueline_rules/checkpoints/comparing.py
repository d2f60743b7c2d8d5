"""What became of each cell from one checkpoint to a later one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.checkpoints.results import CellResult, Outcome
from trueline_rules.model import Direction


class Change(StrEnum):
    """What became of a cell."""

    FIXED = "fixed"
    BROKE = "broke"
    STILL_PASSES = "still_passes"
    STILL_FAILS = "still_fails"
    DATA_CAME = "data_came"
    DATA_WENT = "data_went"
    STILL_NO_DATA = "still_no_data"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell in two checkpoints.

    Attributes:
        name: of the cell.
        change: what became of it.
        before, after: what either says of it; None where it is not part of it.
        moved: value now less value then; None unless both have one.
        better: whether that is the way it should move; None unless it moved.

    """

    name: str
    change: Change
    before: CellResult | None
    after: CellResult | None
    moved: float | None
    better: bool | None


_CHANGES = {
    (Outcome.FAIL, Outcome.PASS): Change.FIXED,
    (Outcome.PASS, Outcome.FAIL): Change.BROKE,
    (Outcome.PASS, Outcome.PASS): Change.STILL_PASSES,
    (Outcome.FAIL, Outcome.FAIL): Change.STILL_FAILS,
    (Outcome.INSUFFICIENT_DATA, Outcome.PASS): Change.DATA_CAME,
    (Outcome.INSUFFICIENT_DATA, Outcome.FAIL): Change.DATA_CAME,
    (Outcome.PASS, Outcome.INSUFFICIENT_DATA): Change.DATA_WENT,
    (Outcome.FAIL, Outcome.INSUFFICIENT_DATA): Change.DATA_WENT,
    (Outcome.INSUFFICIENT_DATA, Outcome.INSUFFICIENT_DATA): Change.STILL_NO_DATA,
}


def compare(before: Sequence[CellResult], after: Sequence[CellResult]) -> tuple[CellChange, ...]:
    """Each cell of either checkpoint once: those of the later one in its order, then those that are gone."""
    then = {result.cell.name: result for result in before}
    changes = [_change(then.pop(now.cell.name, None), now) for now in after]
    return (*changes, *(CellChange(name, Change.REMOVED, gone, None, None, None) for name, gone in then.items()))


def _change(before: CellResult | None, after: CellResult) -> CellChange:
    if before is None:
        return CellChange(after.cell.name, Change.ADDED, None, after, None, None)
    moved = None
    if before.reading.value is not None and after.reading.value is not None:
        moved = after.reading.value - before.reading.value
    better = None if not moved else (moved > 0) is (after.cell.direction is Direction.HIGHER)
    return CellChange(after.cell.name, _CHANGES[before.outcome, after.outcome], before, after, moved, better)
