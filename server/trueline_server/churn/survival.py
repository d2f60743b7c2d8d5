"""Kaplan-Meier: how many accounts are still there after a time, with those that have not been there so long. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueline_server.churn.columns import Column, Flags, Floats, Numbers


@dataclass(frozen=True, slots=True)
class SurvivalStep:
    """What happened at one length of time.

    Attributes:
        time: the length.
        at_risk: accounts that had been there at least so long.
        left: those that left then.
        censored: those that had been there just so long, and stay.
        survival: share that stays longer than this, 0 to 1.

    """

    time: float
    at_risk: int
    left: int
    censored: int
    survival: float


@dataclass(frozen=True, slots=True)
class Survival:
    """The curve of some accounts; `group` "" = of all."""

    group: str
    accounts: int
    left: int
    steps: tuple[SurvivalStep, ...]

    @property
    def median(self) -> float | None:
        """The time after which half has left; None if more than half stays."""
        return next((step.time for step in self.steps if step.survival <= 0.5), None)

    def at(self, time: float) -> float:
        """Share that stays longer than a time."""
        found = [step.survival for step in self.steps if step.time <= time]
        return found[-1] if found else 1.0


def kaplan_meier(times: Floats, left: Flags, group: str = "") -> Survival:
    """The curve of accounts that have been there for some time, (n,), and have left or not; NaN is left out."""
    known = ~np.isnan(times)
    times, left = times[known], left[known]
    distinct, places = np.unique(times, return_inverse=True)
    leaving = np.bincount(places, weights=left, minlength=len(distinct)).astype(np.intp)
    ending = np.bincount(places, minlength=len(distinct))
    at_risk = len(times) - np.concatenate([[0], np.cumsum(ending)[:-1]]) if len(times) else np.zeros(0, dtype=np.intp)
    survival = np.cumprod(1 - leaving / at_risk) if len(times) else np.zeros(0)
    steps = tuple(
        SurvivalStep(float(time), int(risk), int(gone), int(end - gone), float(share))
        for time, risk, gone, end, share in zip(distinct, at_risk, leaving, ending, survival, strict=True)
    )
    return Survival(group, len(times), int(left.sum()), steps)


def survival_by(times: Floats, left: Flags, groups: Column) -> tuple[Survival, ...]:
    """A curve for each value of a column, the largest group first; accounts without a value are left out."""
    if isinstance(groups, Numbers):
        values, names = groups.values, [f"{value:.10g}" for value in np.unique(groups.values[~groups.missing])]
        masks = [values == float(name) for name in names]
    else:
        names = list(groups.levels)
        masks = [groups.codes == code for code in range(len(names))]
    curves = [kaplan_meier(times[mask], left[mask], name) for name, mask in zip(names, masks, strict=True)]
    return tuple(sorted(curves, key=lambda curve: (-curve.accounts, curve.group)))
