"""Journeys touch by touch, as the heuristic models read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trueline_server.attribution.paths import Codes, Offsets, Paths, check_csr
from trueline_server.errors import invalid_field

NO_TOUCH = -1


@dataclass(frozen=True, slots=True, eq=False)
class Touches:
    """The touches of n journeys, m in all.

    Attributes:
        channels: names; codes are positions in them.
        codes: int32[m], channel of each touch, journey after journey, oldest touch first.
        offsets: int64[n + 1], journey i has the touches offsets[i] to offsets[i + 1].
        at_us: int64[m], when each touch was, microseconds since 1970 (UTC); None if no model needs it.
        converted_at_us: int64[n], when each journey converted, or ended without; None if no model needs it.
        lead: int64[n], place within its journey (0 = first) of the touch that led to the lead, -1 = none.
        opportunity: int64[n], the same of the opportunity.

    Raises:
        TruelineError: INVALID_ARGUMENT, a column has another length, a code has no channel, touches are not in order,
            a touch came after the conversion, or a mark lies outside its journey.

    """

    channels: tuple[str, ...]
    codes: Codes
    offsets: Offsets
    at_us: npt.NDArray[np.int64] | None = None
    converted_at_us: npt.NDArray[np.int64] | None = None
    lead: npt.NDArray[np.int64] | None = None
    opportunity: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        check_csr("touches", self.codes, self.offsets, len(self.channels))
        self._check_times()
        for name in ("lead", "opportunity"):
            mark = getattr(self, name)
            if mark is None:
                continue
            if mark.shape != (len(self),):
                raise invalid_field(f"touches.{name}", f"must have one place a journey ({len(self)}), got {mark.shape}")
            outside = (mark < NO_TOUCH) | (mark >= np.diff(self.offsets))
            if outside.any():
                raise invalid_field(
                    f"touches.{name}", f"must be a place within the journey, or -1; got {mark[outside][0]}"
                )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Offsets:
        """Touches of each journey, int64[n]."""
        return np.diff(self.offsets)

    def rows(self) -> npt.NDArray[np.int64]:
        """Journey of each touch, int64[m]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @classmethod
    def of_paths(cls, paths: Paths) -> Touches:
        """The touches of paths, which have neither times nor marks."""
        return cls(paths.channels, paths.codes, paths.offsets)

    def _check_times(self) -> None:
        if self.at_us is None:
            return
        if self.at_us.shape != self.codes.shape:
            raise invalid_field("touches.at_us", f"must have one time a touch ({len(self.codes)})")
        lasts = self.offsets[1:][self.lengths > 0] - 1
        back = np.diff(self.at_us) < 0
        # From the last touch of a journey to the first of the next one.
        back[lasts[:-1]] = False
        if back.any():
            raise invalid_field("touches.at_us", "must not decrease within a journey; sort its touches by time")
        if self.converted_at_us is None:
            return
        if self.converted_at_us.shape != (len(self),):
            raise invalid_field("touches.converted_at_us", f"must have one time a journey ({len(self)})")
        late = self.at_us[lasts] > self.converted_at_us[self.lengths > 0]
        if late.any():
            got = self.at_us[lasts[late][0]]
            raise invalid_field(
                "touches.at_us", f"must not be after the conversion, got {got} µs; such a touch earned none of it"
            )
