"""Converts columns of cells to what event fields hold, strictly, and tells which rows do not fit."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection
from datetime import date
from typing import Any

from trueline_cli.files.block import MISSING, MissingType
from trueline_cli.files.parquets import Instant
from trueline_cli.files.times import shown, written_instant

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
# Beyond it a float does not tell whole numbers apart.
_WHOLE = 2.0**53
_TRUTH = {"true": True, "false": False, "1": True, "0": False}

# Row -> (field, reason, what is wrong); the first problem of a row stays.
Problems = dict[int, tuple[str, str, str]]
Reader = Callable[[Any], Any]


class WrongError(ValueError):
    """A cell does not fit; the message follows the field's name."""

    def __init__(self, message: str, reason: str = "WRONG_TYPE") -> None:
        super().__init__(message)
        self.reason = reason


def text(cell: Any, *, lenient: bool) -> str:
    """A text; with `lenient` a whole number is read as its digits, as files often hold numeric identities.

    A float too: a column of whole numbers becomes one in many tools as soon as a cell is absent.
    """
    if type(cell) is str:
        return cell
    if lenient and (type(cell) is int or _is_whole(cell)):
        return str(int(cell))
    raise WrongError(f"{shown(cell)} is not a text")


def number(cell: Any) -> float:
    """A finite number that was written as one."""
    if type(cell) is int or type(cell) is float:
        try:
            value = float(cell)
        except OverflowError:
            value = math.inf
        if math.isfinite(value):
            return value
        raise WrongError(f"{shown(cell)} is not a finite number", "VALUE_OUT_OF_RANGE")
    raise WrongError(f"{shown(cell)} is not a number")


def written_number(cell: Any) -> float:
    """A finite number, parsed from text."""
    if type(cell) is not str:
        return number(cell)
    if not _NUMBER.fullmatch(cell):
        raise WrongError(f"{shown(cell)} is not a number")
    return number(float(cell))


def truth(cell: Any) -> bool:
    """A truth value that was written as one."""
    if type(cell) is bool:
        return cell
    raise WrongError(f"{shown(cell)} is not true or false")


def written_truth(cell: Any) -> bool:
    """A truth value, parsed from text: true, false, 1, 0."""
    value = _TRUTH.get(cell.lower()) if type(cell) is str else cell
    return truth(value if type(value) is bool else cell)


def as_text(cell: Any) -> str:
    """Any single value as text: what a mapping asks for with `type: string`; whole numbers as their digits."""
    if type(cell) is str:
        return cell
    if type(cell) is Instant:
        return written_instant(cell)
    if type(cell) is date:
        return cell.isoformat()
    if type(cell) in (int, float, bool):
        return str(int(cell)) if _is_whole(cell) else json.dumps(cell)
    raise WrongError(f"{shown(cell)} is not a text")


def _is_whole(cell: Any) -> bool:
    return type(cell) is float and cell.is_integer() and abs(cell) <= _WHOLE


def scalar(cell: Any) -> str | float | bool:
    """A property as it is in the file: text, finite number or truth value; a time or a date as text."""
    if type(cell) is str or type(cell) is bool:
        return cell
    if type(cell) is Instant or type(cell) is date:
        return as_text(cell)
    if type(cell) is int or type(cell) is float:
        return number(cell)
    raise WrongError(f"{shown(cell)} is not a text, a number, or true or false")


def convert(
    cells: list[Any],
    read: Reader,
    *,
    field: str,
    problems: Problems,
    easy: frozenset[type] = frozenset(),
    required: bool = False,
    absent: Collection[str] = (),
) -> list[Any] | None:
    """The cells as `read` gives them, None where absent; None for a column that is absent everywhere.

    `easy` are types whose cells need no reading. A required cell must be there and, as text, not be empty.
    """
    kinds = set(map(type, cells))
    if kinds == {MissingType} and not required:
        return None
    if kinds <= easy and not absent and not (required and "" in cells):
        return cells
    if kinds - {MissingType} <= easy and not absent and not required:
        return [None if cell is MISSING else cell for cell in cells]
    out: list[Any] = []
    for row, cell in enumerate(cells):
        value = None
        try:
            there = cell is not MISSING and not (absent and _marker(cell) in absent)
            if required and (not there or cell == ""):
                raise WrongError(  # noqa: TRY301
                    "is required and not there" if cell is MISSING else "is required and empty", "MISSING_FIELD"
                )
            value = read(cell) if there else None
        except WrongError as error:
            problems.setdefault(row, (field, error.reason, str(error)))
        except ValueError as error:
            problems.setdefault(row, (field, "INVALID_TIMESTAMP", str(error)))
        out.append(value)
    return out


def _marker(cell: Any) -> str:
    """What a cell is compared as with the markers of absence; null is written null."""
    return cell if type(cell) is str else json.dumps(cell, default=str)


def numbers(cells: list[Any], read: Reader, **how: Any) -> list[float | None] | None:
    """A column of numbers: as `convert`, with a short way for numbers that are all finite."""
    kinds = set(map(type, cells))
    if kinds <= {int, float, MissingType} and not how.get("absent") and not how.get("required"):
        values = [None if cell is MISSING else cell for cell in cells]
        if kinds == {MissingType}:
            return None
        if all_finite(values):
            return values
    return convert(cells, read, **how)


def all_finite(values: list[Any]) -> bool:
    """True only if every number is finite: anything else would show in the sum."""
    try:
        return math.isfinite(sum(value for value in values if value is not None))
    except OverflowError:
        return False
