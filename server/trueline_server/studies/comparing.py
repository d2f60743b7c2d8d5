"""What became of each figure from one run of a study to another."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_rules.model import Direction

from trueline_server.studies.model import Difference, Estimate, Figure, StudyRun, Verdict
from trueline_server.studies.statistics import Interval, mover


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of two runs.

    Attributes:
        breakdown, group, name: of the figure.
        unit: of the figure.
        before: in the other run; None = it does not have it.
        after: in the run; None = it does not have it.
        difference: None unless both have a value.
        verdict: by the interval; None where the periods overlap or are the same, so that they share events.

    """

    breakdown: str
    group: str
    name: str
    unit: str
    before: Estimate | None
    after: Estimate | None
    difference: Difference | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of one study, and each figure of either once."""

    before: StudyRun
    after: StudyRun
    changes: tuple[Change, ...]

    @property
    def same_period(self) -> bool:
        """Whether what differs is what came in since."""
        return (self.before.start_us, self.before.end_us) == (self.after.start_us, self.after.end_us)


def compare_runs(one: StudyRun, other: StudyRun) -> Comparison:
    """Each figure of either run once: before is the one of the earlier period, of the same period the earlier run."""
    before, after = sorted((one, other), key=lambda run: (run.start_us, run.end_us, run.number))
    apart = before.end_us <= after.start_us or after.end_us <= before.start_us
    then, now = _figures(before), _figures(after)
    changes = [_change(key, then.get(key), now.get(key), apart=apart) for key in now | then]
    return Comparison(before, after, tuple(changes))


def _figures(run: StudyRun) -> dict[tuple[str, str, str], Figure]:
    return {(group.breakdown, group.name, figure.name): figure for group in run.groups for figure in group.figures}


def _change(key: tuple[str, str, str], then: Figure | None, now: Figure | None, *, apart: bool) -> Change:
    figure = now or then
    assert figure is not None
    before, after = (None if each is None else each.now for each in (then, now))
    difference: Difference | None = None
    verdict = Verdict.INSUFFICIENT_DATA if apart else None
    if before is not None and after is not None and before.value is not None and after.value is not None:
        interval = _interval(before, after) if apart else None
        low, high = (None, None) if interval is None else (interval.low, interval.high)
        difference = Difference(after.value - before.value, low, high, p_value=None)
        verdict = None if interval is None else _verdict(interval, figure.direction)
    return Change(*key, figure.unit, before, after, difference, verdict)


def _interval(before: Estimate, after: Estimate) -> Interval | None:
    ends = (before.low, before.high, after.low, after.high)
    if None in ends or before.value is None or after.value is None:
        return None
    low, high, own_low, own_high = (end for end in ends if end is not None)
    return mover(after.value, Interval(own_low, own_high), before.value, Interval(low, high))


def _verdict(interval: Interval, direction: Direction) -> Verdict:
    if interval.low <= 0 <= interval.high:
        return Verdict.NO_EVIDENCE
    rose = interval.low > 0
    return Verdict.BETTER if rose == (direction is Direction.HIGHER) else Verdict.WORSE
