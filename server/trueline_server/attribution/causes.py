"""Why conversions are attributed in another way than before, and what each cause did to the totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trueline_server.attribution.rounding import rounded

Bools = npt.NDArray[np.bool_]


class Cause(IntEnum):
    """What came in since; of several the first one is told of a conversion in totals."""

    CONVERSION = 1
    """The conversion itself."""
    REFUND = 2
    """A refund of it."""
    TOUCH = 3
    """A touch or milestone on its journey."""
    STITCH = 4
    """Events that say of other persons who the conversion, its touches or refunds are."""
    OTHER_CONVERSION = 5
    """Another conversion of the person, which has touches or refunds that were its own."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What is a conversion's own no longer: when it was (µs since 1970, UTC) and whose it is now."""

    at_us: int
    person: str


@dataclass(frozen=True, slots=True)
class LateConversion:
    """A conversion that came in since: when it was (µs since 1970, UTC), and its log position."""

    at_us: int
    position: int


@dataclass(frozen=True, slots=True)
class CauseTotal:
    """What a cause did: conversions, what it changed of their number, and of their value in whole minor units."""

    cause: Cause
    conversions: int
    conversions_change: int
    value_change: Decimal


@dataclass(frozen=True, slots=True)
class Causes:
    """Why each of n changed conversions did.

    Attributes:
        holds: bool[n, 5], by cause in the order of their numbers; each row has one that holds.
        takers: of a conversion, by place, the log positions of the other conversions that took from it.

    """

    holds: Bools
    takers: Mapping[int, tuple[int, ...]]

    def of(self, place: int) -> tuple[Cause, ...]:
        """The causes of a conversion."""
        return tuple(cause for cause in Cause if self.holds[place, cause - 1])

    def totals(self, changed: pa.Table, digits: int, total: Decimal) -> tuple[CauseTotal, ...]:
        """By cause, those that did something.

        Args:
            changed: the conversions, columns as FindChanges has them.
            digits: decimals of the currency.
            total: what the value of all conversions changed by; the causes add up to it.

        """
        first = np.argmax(self.holds, axis=1)
        counts = np.bincount(first, minlength=len(Cause))
        new = np.bincount(first, changed["existed"].to_numpy() == 0, minlength=len(Cause))
        difference = changed["value"].to_numpy() - changed["value_before"].to_numpy()
        sums = np.bincount(first, difference, minlength=len(Cause))
        told = [cause for cause in Cause if counts[cause - 1]]
        values = rounded(np.array([sums[cause - 1] for cause in told]), digits, total=total)
        return tuple(
            CauseTotal(cause, int(counts[cause - 1]), int(new[cause - 1]), value)
            for cause, value in zip(told, values, strict=True)
        )


def find_causes(
    changed: pa.Table, lost: Mapping[int, Lost], came: Mapping[str, Sequence[LateConversion]], *, split: bool
) -> Causes:
    """The causes of changed conversions.

    Args:
        changed: the conversions, columns as FindChanges has them.
        lost: touches and refunds that conversions have no longer, by log position.
        came: conversions that came in since, by person.
        split: whether a journey begins anew after each conversion.

    """
    existed = changed["existed"].to_numpy() == 1
    holds = np.zeros((len(existed), len(Cause)), dtype=bool)
    holds[:, Cause.CONVERSION - 1] = ~existed
    holds[:, Cause.REFUND - 1] = _some(changed, "late_refunds")
    holds[:, Cause.TOUCH - 1] = _some(changed, "late_touches")
    moved = changed["person"].to_numpy() != changed["person_before"].to_numpy()
    holds[:, Cause.STITCH - 1] = existed & (moved | _some(changed, "moved_in"))
    takers: dict[int, tuple[int, ...]] = {}
    for place in np.flatnonzero(_some(changed, "lost_touches") | _some(changed, "lost_refunds")).tolist():
        (row,) = changed.slice(place, 1).to_pylist()
        found, explained = _takers(row, lost, came, split=split)
        if found:
            holds[place, Cause.OTHER_CONVERSION - 1] = True
            takers[place] = found
        # What no conversion took that came in since is another person's, or a known conversion is this person's now.
        holds[place, Cause.STITCH - 1] |= not explained
    return Causes(holds, takers)


def _some(changed: pa.Table, column: str) -> Bools:
    lengths: Bools = np.diff(_offsets(changed, column)) > 0
    return lengths


def _offsets(changed: pa.Table, column: str) -> npt.NDArray[np.int64]:
    whole = changed[column].combine_chunks()
    array = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) and whole.num_chunks else whole
    if not len(array):
        return np.zeros(1, dtype=np.int64)
    return np.asarray(array.offsets.to_numpy(), dtype=np.int64)


def _takers(
    row: Mapping[str, Any], lost: Mapping[int, Lost], came: Mapping[str, Sequence[LateConversion]], *, split: bool
) -> tuple[tuple[int, ...], bool]:
    """Log positions of the conversions that took from one, and whether they took all that it lost."""
    rivals = [late for late in came.get(row["person"], ()) if late.position != row["position"]]
    found: set[int] = set()
    explained = True
    for column, earlier in (("lost_touches", True), ("lost_refunds", False)):
        for position in row[column]:
            gone = lost[position]
            # A touch is of the next conversion, a refund of the last one; without a split all have their touches.
            near, far = (gone.at_us, row["at"]) if earlier else (row["at"], gone.at_us)
            between = [late.position for late in rivals if near <= late.at_us <= far]
            if gone.person == row["person"] and between and (split or not earlier):
                found.update(between)
            else:
                explained = False
    return tuple(sorted(found)), explained
