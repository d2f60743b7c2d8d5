"""Judges cells: from what was read of each to pass, fail or insufficient data, with the reason in words."""

from __future__ import annotations

import math

from trueline_rules.checkpoint_model import Cell, Priorities, Priority
from trueline_rules.checkpoints.results import CellResult, Outcome, Reading
from trueline_rules.model import Direction

# Sums of doubles end this much beside what they mean, as a share of the target; who meets it by that much meets it.
_TOLERANCE = 1e-9
# Of a target next to 0 any miss is as large as one likes.
LARGEST_MISS = 1e6


def judge(cell: Cell, reading: Reading) -> CellResult:
    """What a reading says of a cell. What is not there, too little or no number never passes and never fails."""
    lacking = _lacking(cell, reading)
    if lacking:
        return CellResult(cell, reading, Outcome.INSUFFICIENT_DATA, lacking)
    assert reading.value is not None
    value, target = _shown_apart(reading.value, cell)
    behind = "" if reading.observations is None else f", over {_counted(reading.observations)}"
    missed_by = shortfall(cell, reading.value)
    if missed_by <= 0:
        met = "meets" if value == target else _BEATS[cell.direction]
        return CellResult(cell, reading, Outcome.PASS, f"{value} {met} the target {target}{behind}")
    share = f" by {_percent(missed_by)}" if cell.target else ""
    told = f"{value} misses the target {_BOUNDS[cell.direction]} {target}{share}{behind}"
    return CellResult(cell, reading, Outcome.FAIL, told, missed_by, priority_of(missed_by, cell.priorities))


def shortfall(cell: Cell, value: float) -> float:
    """By how much a value misses the target of a cell, as a share of it (of a target of 0 the value itself).

    0 if it meets or exceeds it; at most LARGEST_MISS.
    """
    short = cell.target - value if cell.direction is Direction.HIGHER else value - cell.target
    if short <= _TOLERANCE * abs(cell.target):
        return 0.0
    return min(short / abs(cell.target) if cell.target else short, LARGEST_MISS)


def priority_of(missed_by: float, priorities: Priorities) -> Priority:
    """How urgent a miss is."""
    for priority in (Priority.CRITICAL, Priority.HIGH, Priority.MEDIUM):
        if missed_by >= getattr(priorities, priority) * (1 - _TOLERANCE):
            return priority
    return Priority.LOW


_SHARES = frozenset({"ratio", "share"})
_BEATS = {Direction.HIGHER: "exceeds", Direction.LOWER: "is below"}
_BOUNDS = {Direction.HIGHER: "of at least", Direction.LOWER: "of at most"}


def _lacking(cell: Cell, reading: Reading) -> str:
    """Why nothing can be said; "" if something can."""
    if reading.value is None:
        return reading.missing or f"{reading.source or cell.value} has no value"
    if not math.isfinite(reading.value):
        return f"{reading.source or cell.value} is no finite number"
    if not cell.least:
        return ""
    if reading.observations is None:
        return (
            f"at least {_counted(cell.least)} are needed, and {reading.source or cell.value} does not tell how many it "
            "has; have its statement answer a denominator, or take `least` out"
        )
    if reading.observations < cell.least:
        return f"only {_counted(reading.observations)}, at least {cell.least} are needed"
    return ""


def _counted(number: int) -> str:
    return f"{number} observation{'' if number == 1 else 's'}"


def _shown_apart(value: float, cell: Cell) -> tuple[str, str]:
    """Value and target for people, with more digits where few would show two numbers as one."""
    for digits in (4, 6, 9, 17):
        shown = _shown(value, cell.unit, digits), _shown(cell.target, cell.unit, digits)
        if shown[0] != shown[1] or abs(value - cell.target) <= _TOLERANCE * abs(cell.target):
            break
    return shown


def _shown(value: float, unit: str, digits: int) -> str:
    if unit in _SHARES:
        return _percent(value, digits)
    # Whole numbers are shown whole.
    number = f"{value:.0f}" if value % 1 == 0 and abs(value) < 1e15 else f"{value:.{digits}g}"
    return f"{number}{' ' + unit if unit else ''}"


def _percent(share: float, digits: int = 4) -> str:
    return f"{100 * share:.{digits}g} %"
