"""Answers with lists of rows, whole or in part, and what of them fits into so many bytes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

_ROW_OVERHEAD = 8

# How many rows of each list lie before something.
Skips = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Portion:
    """An answer that pages are cut from, with all of its rows or with those from some on.

    Attributes:
        answer: with these rows.
        fields: names of its lists.
        begins: for each list, how many rows of the whole answer lie before those that are here.
        totals: for each list, how many rows the whole answer has.

    """

    answer: Any
    fields: Sequence[str]
    begins: Skips
    totals: Skips

    @classmethod
    def of(cls, answer: Any, fields: Sequence[str], skips: Skips, most_bytes: int) -> Self:
        """A whole answer, or where it is larger than that, its rows from `skips` on."""
        totals = tuple(len(getattr(answer, field)) for field in fields)
        if answer.ByteSize() <= most_bytes:
            return cls(answer, fields, (0,) * len(fields), totals)
        part = without(answer, fields)
        for field, skip in zip(fields, skips, strict=True):
            fill(getattr(part, field), getattr(answer, field)[skip:], most_bytes - part.ByteSize())
        return cls(part, fields, skips, totals)

    def has(self, skips: Skips) -> bool:
        """Whether a page after so many rows can be cut from it."""
        left = [len(getattr(self.answer, field)) for field in self.fields]
        left = [begin + here - skip for begin, here, skip in zip(self.begins, left, skips, strict=True)]
        begun = all(begin <= skip for begin, skip in zip(self.begins, skips, strict=True))
        return begun and min(left) >= 0 and max(left) > 0

    def ByteSize(self) -> int:  # noqa: N802, as messages have it
        """Bytes of the answer."""
        return int(self.answer.ByteSize())


def without(answer: Any, fields: Collection[str]) -> Any:
    """A copy without some fields."""
    page = type(answer)()
    for field, value in answer.ListFields():
        if field.name in fields:
            continue
        if field.is_repeated:
            getattr(page, field.name).extend(value)
        elif field.message_type is not None:
            getattr(page, field.name).CopyFrom(value)
        else:
            setattr(page, field.name, value)
    return page


def fill(page: Any, rows: Sequence[Any], room: int) -> int:
    """Add rows to an empty list while there is room (bytes) for them, at least one if there are any; how many."""
    for shown, row in enumerate(rows):
        room -= row.ByteSize() + _ROW_OVERHEAD
        if room < 0 and shown:
            return shown
        page.append(row)
    return len(page)
