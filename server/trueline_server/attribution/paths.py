"""Journeys as columns: channel paths with what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trueline_server.errors import invalid_field

Codes: TypeAlias = npt.NDArray[np.int32]
Offsets: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
# The touches of a path by name, then its conversions, their value and the journeys without conversion.
PathRow: TypeAlias = tuple[Sequence[str], float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Channel paths and what came of the journeys that took them; n paths, m touches in all, k channels.

    Attributes:
        channels: names, k of them; codes tell channels apart, so that a channel may be called anything.
        codes: int32[m], channel of each touch as a position in `channels`, path after path, oldest touch first.
        offsets: int64[n + 1], path i has the touches offsets[i] to offsets[i + 1].
        conversions: float64[n], journeys that converted; 0 or more.
        value: float64[n], sum of the values of their conversions in one currency; negative for refunds. A path without
            conversion has none.
        nulls: float64[n], journeys that did not convert; 0 or more.

    Raises:
        TruelineError: INVALID_ARGUMENT, a column has another length, a code without channel, or a number that is
            negative or not finite where it may not be.

    """

    channels: tuple[str, ...]
    codes: Codes
    offsets: Offsets
    conversions: Floats
    value: Floats
    nulls: Floats

    def __post_init__(self) -> None:
        check_csr("paths", self.codes, self.offsets, len(self.channels))
        for name in ("conversions", "value", "nulls"):
            column = getattr(self, name)
            if column.shape != (len(self),):
                raise invalid_field(f"paths.{name}", f"must have one number a path ({len(self)}), got {column.shape}")
            if not np.isfinite(column).all():
                raise invalid_field(f"paths.{name}", "must be finite numbers")
            if name != "value" and (column < 0).any():
                raise invalid_field(f"paths.{name}", f"must not be negative, got {column.min():g}")
        if ((self.value != 0) & (self.conversions == 0)).any():
            raise invalid_field("paths.value", "must be 0 where nothing converted; count the conversion that it is of")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Offsets:
        """Touches of each path, int64[n]."""
        return np.diff(self.offsets)

    def rows(self) -> npt.NDArray[np.int64]:
        """Path of each touch, int64[m]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def without_nulls(self) -> Paths:
        """The same paths as if every journey had converted: removal effects then are those among buyers only."""
        return replace(self, nulls=np.zeros(len(self)))

    @classmethod
    def of(cls, rows: Iterable[PathRow], channels: Sequence[str] = ()) -> Paths:
        """Paths from names: (touches, conversions, value, nulls) of each; `channels` come first among the channels."""
        listed = list(rows)
        known = dict.fromkeys(chain(channels, chain.from_iterable(touches for touches, *_ in listed)))
        code_of = {name: code for code, name in enumerate(known)}
        codes = [code for touches, *_ in listed for code in map(code_of.__getitem__, touches)]
        lengths = [len(touches) for touches, *_ in listed]
        numbers = np.array([row[1:] for row in listed], dtype=np.float64).reshape(-1, 3)
        return cls(
            tuple(code_of), np.array(codes, np.int32), offsets_of(np.array(lengths, np.int64)), *numbers.T.copy()
        )


def offsets_of(lengths: npt.NDArray[np.int64]) -> Offsets:
    """int64[n] lengths as int64[n + 1] offsets."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def summed(amounts: Floats, places: npt.NDArray[np.integer[Any]], size: int) -> Floats:
    """The sum of the amounts of each place, float64[size]."""
    return np.bincount(places, amounts, minlength=size).astype(np.float64, copy=False)


def check_csr(field: str, codes: Codes, offsets: Offsets, channels: int) -> None:
    """Refuse touches that are in no path or have no channel.

    Raises:
        TruelineError: INVALID_ARGUMENT, with the field, the value and what it should be.

    """
    if offsets.ndim != 1 or len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(codes):
        raise invalid_field(f"{field}.offsets", f"must go from 0 to the number of touches ({len(codes)})")
    if (np.diff(offsets) < 0).any():
        raise invalid_field(f"{field}.offsets", "must not decrease")
    if len(codes) and not 0 <= codes.min() <= codes.max() < channels:
        unknown = codes.max() if codes.min() >= 0 else codes.min()
        raise invalid_field(f"{field}.codes", f"must be positions in the {channels} channels, got {unknown}")
