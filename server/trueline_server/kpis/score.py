"""The arithmetic of scores: attainment, weights, coverage, bands, what is missed. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.model import Direction


class Band(StrEnum):
    """How an attainment or a score is graded."""

    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    OFF_TRACK = "off_track"


@dataclass(frozen=True, slots=True)
class Bands:
    """Limits of the bands, 0 to 100; on_track >= at_risk."""

    on_track: float = 80.0
    at_risk: float = 50.0

    def grade(self, score: float) -> Band:
        """The band of a score, 0 to 100."""
        if score >= self.on_track:
            return Band.ON_TRACK
        return Band.AT_RISK if score >= self.at_risk else Band.OFF_TRACK


@dataclass(frozen=True, slots=True)
class Part:
    """One KPI's part of a score.

    Attributes:
        weight: as the scorecard gives it.
        effective_weight: after KPIs without a value were left out; all add up to 1. 0 for those left out.
        contribution: points it brings: 100 · effective_weight · attainment.
        missed: points it would bring more at attainment 1.

    """

    weight: float
    effective_weight: float
    contribution: float
    missed: float


@dataclass(frozen=True, slots=True)
class Score:
    """A score over weighted attainments.

    Attributes:
        value: 0 to 100; None when nothing has an attainment.
        coverage: share of the weight that has one, 0 to 1.
        parts: by KPI, in the order of the weights.

    """

    value: float | None
    coverage: float
    parts: Mapping[str, Part]


def attain(value: float, target: float, direction: Direction) -> float:
    """Attainment of a target, 0 to 1.

    Args:
        value: finite.
        target: finite, above 0.
        direction: HIGHER: value / target; LOWER: target / value, and 1 for values up to 0.

    """
    if direction is Direction.HIGHER:
        return min(max(value / target, 0.0), 1.0)
    # Compared before it is divided: a value near 0 would overflow.
    return 1.0 if value <= target else target / value


def score_attainments(weights: Mapping[str, float], attainments: Mapping[str, float]) -> Score:
    """Score = 100 · Σ w·a / Σ w over the KPIs that have an attainment.

    Args:
        weights: KPI -> weight, all positive.
        attainments: KPI -> attainment, 0 to 1; those without a value are left out.

    """
    total = math.fsum(weights.values())
    present = math.fsum(weight for name, weight in weights.items() if name in attainments)
    parts: dict[str, Part] = {}
    for name, weight in weights.items():
        attainment = attainments.get(name)
        if attainment is None:
            parts[name] = Part(weight, 0.0, 0.0, 0.0)
            continue
        share = weight / present
        parts[name] = Part(weight, share, 100.0 * share * attainment, 100.0 * share * (1.0 - attainment))
    if not present:
        return Score(None, 0.0, parts)
    # Not the sum of the parts: shares that were rounded may add up to a hair less than 1, which is the lowest band's
    # border where only all of it will do.
    won = math.fsum(weight * attainments[name] for name, weight in weights.items() if name in attainments)
    return Score(100.0 * (won / present), min(present / total, 1.0), parts)


def rank_missed(parts: Mapping[str, Part]) -> list[tuple[str, float]]:
    """KPIs by the points that reaching the target would win, the most first; those that win none are left out.

    Equal points keep the order of the parts.
    """
    missed = [(name, part.missed) for name, part in parts.items() if part.missed > 0.0]
    return sorted(missed, key=lambda item: -item[1])
