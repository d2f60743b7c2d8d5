"""What a check of the doctor says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check went: a notice stands in nobody's way."""

    GOOD = "good"
    NOTICE = "notice"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor.

    Attributes:
        check: what was looked at.
        state: how it is.
        told: what was found, in a sentence.
        way_out: what to do; "" if nothing need be done.

    """

    check: str
    state: State
    told: str
    way_out: str = ""

    def to_json(self) -> dict[str, str]:
        """For scripts."""
        return asdict(self)
