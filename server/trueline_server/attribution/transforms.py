"""Path transforms: which touches of a journey count, and as what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from trueline_server.attribution.paths import Codes, Floats, Offsets, Paths, offsets_of, summed
from trueline_server.errors import invalid_field


class TransformKind(StrEnum):
    """What a transform does to a path."""

    UNIQUE = "unique"
    """Every touch stays: unlike `first`, this is no set of channels."""
    EXPOSURE = "exposure"
    """Of touches of one channel in a row, the first stays."""
    FIRST = "first"
    """Of all touches of one channel, the first stays."""
    FREQUENCY = "frequency"
    """As `first`, and the channel's name says how often it was touched: email(3)."""
    TRIM = "trim"
    """The last touches stay."""
    WITHOUT = "without"
    """Touches of a channel go, unless all are of it."""
    WITHOUT_LAST = "without_last"
    """Touches of a channel at the end of the path go, unless all are of it."""


@dataclass(frozen=True, slots=True)
class Transform:
    """One transform.

    Attributes:
        kind: what it does.
        last: touches that `trim` leaves, 1 or more.
        channel: whose touches `without` and `without_last` take away.

    """

    kind: TransformKind
    last: int = 0
    channel: str = "Direct"

    def __post_init__(self) -> None:
        if self.kind is TransformKind.TRIM and self.last < 1:
            raise invalid_field("transform.last", f"must be at least 1 touch for trim, got {self.last}")


def transformed(paths: Paths, *transforms: Transform) -> Paths:
    """The paths after each transform in turn; paths that have become the same are one, with what came of both."""
    for transform in transforms:
        paths = _transformed(paths, transform)
    return paths


def kept_touches(
    codes: Codes, offsets: Offsets, transform: Transform, channels: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Which touches stay, bool[m]; a journey that has a touch keeps one.

    Args:
        codes: int32[m], channel of each touch.
        offsets: int64[n + 1], journey i has the touches offsets[i] to offsets[i + 1].
        transform: which; `frequency` keeps what `first` does.
        channels: names.

    """
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    match transform.kind:
        case TransformKind.UNIQUE:
            return np.ones(len(codes), dtype=bool)
        case TransformKind.EXPOSURE:
            return _first_in_a_row(codes, rows)
        case TransformKind.FIRST | TransformKind.FREQUENCY:
            return _first_of_channel(codes, rows, len(channels))[0]
        case TransformKind.TRIM:
            return np.arange(len(codes)) >= offsets[1:][rows] - transform.last
        case TransformKind.WITHOUT | TransformKind.WITHOUT_LAST:
            other = np.array([name != transform.channel for name in channels], dtype=bool)[codes]
            return _without(other, rows, offsets, at_end=transform.kind is TransformKind.WITHOUT_LAST)


def _transformed(paths: Paths, transform: Transform) -> Paths:
    rows = paths.rows()
    kept = kept_touches(paths.codes, paths.offsets, transform, paths.channels)
    channels, codes = paths.channels, paths.codes[kept]
    if transform.kind is TransformKind.FREQUENCY:
        channels, codes = _counted(paths, rows)
    lengths = np.bincount(rows[kept], minlength=len(paths)).astype(np.int64)
    return _merged(paths, channels, codes, offsets_of(lengths))


def _merged(paths: Paths, channels: tuple[str, ...], codes: Codes, offsets: Offsets) -> Paths:
    """Paths with other touches, each distinct sequence once, in the order in which it was first seen."""
    place: dict[bytes, int] = {}
    raw, width = codes.tobytes(), codes.itemsize
    bounds = (offsets * width).tolist()
    of_path = np.array(
        [place.setdefault(raw[start:end], len(place)) for start, end in pairwise(bounds)],
        dtype=np.int64,
    )
    merged_codes = np.frombuffer(b"".join(place), dtype=codes.dtype)
    lengths = np.array([len(key) // width for key in place], dtype=np.int64)
    numbers: list[Floats] = [summed(column, of_path, len(place)) for column in _columns(paths)]
    return Paths(channels, merged_codes, offsets_of(lengths), *numbers)


def _columns(paths: Paths) -> tuple[Floats, Floats, Floats]:
    return paths.conversions, paths.value, paths.nulls


def _first_in_a_row(codes: Codes, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    kept = np.ones(len(codes), dtype=bool)
    kept[1:] = (codes[1:] != codes[:-1]) | (rows[1:] != rows[:-1])
    return kept


def _first_of_channel(
    codes: Codes, rows: npt.NDArray[np.int64], channels: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Which touches are the first of their channel in their path, and how often each of these channels was touched."""
    _, first, counts = np.unique(rows * max(channels, 1) + codes, return_index=True, return_counts=True)
    kept = np.zeros(len(codes), dtype=bool)
    kept[first] = True
    # From the order of channels to the order of touches.
    return kept, counts[np.argsort(first)].astype(np.int64)


def _counted(paths: Paths, rows: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], Codes]:
    """A channel for each pair of channel and number of touches, and these codes of the touches that `first` keeps."""
    kept, counts = _first_of_channel(paths.codes, rows, len(paths.channels))
    width = int(counts.max(initial=0)) + 1
    pairs, codes = np.unique(paths.codes[kept].astype(np.int64) * width + counts, return_inverse=True)
    names = tuple(f"{paths.channels[pair // width]}({pair % width})" for pair in pairs.tolist())
    return names, codes.astype(np.int32)


def _without(
    other: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64], offsets: Offsets, *, at_end: bool
) -> npt.NDArray[np.bool_]:
    has_other = np.zeros(len(offsets) - 1, dtype=np.bool_)
    has_other[rows[other]] = True
    alone = ~has_other[rows]
    if not at_end:
        return other | alone
    # The last touch of each path that is of another channel: what comes after it goes.
    last = np.full(len(offsets) - 1, -1, dtype=np.int64)
    np.maximum.at(last, rows[other], np.flatnonzero(other))
    return (np.arange(len(other)) <= last[rows]) | alone
