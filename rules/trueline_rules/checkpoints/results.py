"""What a checkpoint found, as frozen values: what was read for a cell, and what that means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.checkpoint_model import Cell, Priority


class Outcome(StrEnum):
    """What is said of a cell."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INSUFFICIENT_DATA = "insufficient_data"


class Verdict(StrEnum):
    """What is said of a checkpoint: incomplete = nothing failed, but not every cell has data."""

    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read for a cell; instants in µs since 1970 (UTC).

    Attributes:
        value: None if there is none.
        missing: why there is none, and what to do about it; "" if there is one.
        observations: how many are behind the value; None = its source does not tell.
        numerator, denominator: of the value, where its source tells.
        period_start_us, period_end_us: the period behind the value; None = its source does not tell.
        watermark_us: up to where events were complete; None = the value does not come from events, or there are none.
        completeness: "partial" (the period is not over), "provisional" (late events may correct it), "complete", or ""
            where the value does not come from events.
        source: where the value comes from, for people.

    """

    value: float | None = None
    missing: str = ""
    observations: int | None = None
    numerator: float | None = None
    denominator: float | None = None
    period_start_us: int | None = None
    period_end_us: int | None = None
    watermark_us: int | None = None
    completeness: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class CellResult:
    """What a checkpoint says of a cell.

    Attributes:
        cell: as the policy had it.
        reading: the evidence.
        outcome: what is said.
        reason: the same in words.
        missed_by: of a fail: by how much the target was missed, as a share of it; else None.
        priority: of a fail: how urgent; else None.
        backlog, escalation: ids of the cases of a fail, also of ones that were open already; "" = none.

    """

    cell: Cell
    reading: Reading
    outcome: Outcome
    reason: str
    missed_by: float | None = None
    priority: Priority | None = None
    backlog: str = ""
    escalation: str = ""


def verdict_of(outcomes: Iterable[Outcome]) -> Verdict:
    """The verdict over the outcomes of all cells."""
    found = set(outcomes)
    if Outcome.FAIL in found:
        return Verdict.FAILED
    # Nothing judged is nothing known.
    return Verdict.PASSED if found == {Outcome.PASS} else Verdict.INCOMPLETE
