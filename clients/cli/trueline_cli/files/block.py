"""Blocks of records: what every kind of file is read into."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

# Records of a block; as many as the sender puts into a batch.
BLOCK_RECORDS = 1_000


class _Missing:
    """The cell that a record does not have."""

    def __repr__(self) -> str:
        return "absent"


MISSING: Any = _Missing()
MissingType = _Missing


@dataclass(frozen=True, slots=True)
class BadLine:
    """A record that was not taken, and why.

    Attributes:
        file: its name as given.
        line: from 1; the row of a Parquet file. 0 = the file as a whole.
        field: the field at fault; "" = the line as a whole.
        reason: an ErrorReason without its prefix, from the server, or CORRUPT_LINE, WRONG_TYPE and the like from here.
        message: why, for people.

    """

    file: str
    line: int
    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        # Messages of the server begin with the field, those from here follow it.
        named = not self.field or re.match(re.escape(self.field) + r"(?!\w)", self.message)
        return f"{where}: {self.message}" if named else f"{where}: {self.field}: {self.message}"


class Records(Protocol):
    """The records of a block, by column."""

    @property
    def names(self) -> Sequence[str]:
        """The columns that every record has; () where each record has its own."""
        ...

    def column(self, name: str) -> list[Any]:
        """The cells of a column, MISSING where a record does not have it."""
        ...

    def unknown(self, known: frozenset[str]) -> dict[int, str]:
        """Row -> the first of its columns that is not in `known`."""
        ...


@dataclass(slots=True)
class Block:
    """Records that could be read, and lines that could not.

    Attributes:
        lines: line number of each record.
        records: the records.
        bad: lines between them that are no records.
        written: True if all cells are text (CSV), so that numbers are parsed.

    """

    lines: Sequence[int] = ()
    records: Records | None = None
    bad: list[BadLine] = field(default_factory=list)
    written: bool = False
