"""Features against each other: their order for a persona, what would change it, and which are better for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trueline_server.scoring.feature_scores import FeatureScore
from trueline_server.scoring.profiles import CompiledInput, Ends, Interval


@dataclass(frozen=True, slots=True)
class Ranked:
    """A feature in an order.

    Attributes:
        rank: from 1; those with the same score have the same. Those without a score come last.
        feature: which.
        ends: of its score.
        certain: whether it is above the next one whatever the values within ranges are.

    """

    rank: int
    feature: FeatureScore
    ends: Ends | None
    certain: bool


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What would bring a feature level with the one above it.

    Attributes:
        feature: which.
        above: the one next above it that has a higher score.
        input: of the feature, which could do it alone with the smallest part of its range; None = none can.
        to: what it would have to reach.
        gap: points that are missing.

    """

    feature: FeatureScore
    above: FeatureScore
    input: CompiledInput | None
    to: float
    gap: float


def rank(features: Sequence[FeatureScore], place: int) -> list[Ranked]:
    """Features by their score for the persona at a place, the best first; of ranges the middle counts."""
    scored = []
    for feature in features:
        overall = feature.scores.personas[place]
        scored.append((overall.middle, feature, overall.ends))
    # Those of the same score are told by their id, so that the order of the request does not matter.
    scored.sort(key=lambda one: (one[0] is None, -(one[0] or 0.0), one[1].feature_id))
    ranked: list[Ranked] = []
    for number, (middle, feature, ends) in enumerate(scored):
        same = number > 0 and middle == scored[number - 1][0]
        following = scored[number + 1][2] if number + 1 < len(scored) else None
        certain = ends is not None and following is not None and ends[0] > following[1]
        ranked.append(Ranked(ranked[-1].rank if same else number + 1, feature, ends, certain))
    return ranked


def changes(ranked: Sequence[Ranked], place: int) -> list[OrderChange]:
    """For each feature but the best what would bring it level with the next one above it, place by place."""
    found = []
    for number, one in enumerate(ranked):
        above = next((other for other in reversed(ranked[:number]) if other.rank < one.rank), None)
        if above is not None and one.ends is not None:
            found.append(_change(one.feature, above.feature, place))
    return found


def dominances(features: Sequence[FeatureScore]) -> list[tuple[FeatureScore, FeatureScore]]:
    """Features that are better than another one: in no dimension worse, in one better, whatever is within ranges.

    Only those with scores in the same dimensions are compared: a score that is not known may be any.
    """
    ends = [[one.ends for one in feature.scores.dimensions] for feature in features]
    return [
        (one, other)
        for one, own in zip(features, ends, strict=True)
        for other, others in zip(features, ends, strict=True)
        if one is not other and _dominates(own, others)
    ]


def _dominates(own: Sequence[Ends | None], others: Sequence[Ends | None]) -> bool:
    better = False
    for one, other in zip(own, others, strict=True):
        if (one is None) != (other is None):
            return False
        if one is not None and other is not None:
            if one[0] < other[1]:
                return False
            better = better or one[0] > other[1]
    return better


def _change(feature: FeatureScore, above: FeatureScore, place: int) -> OrderChange:
    """A step of one input moves the overall score by its share in the dimension times that of the dimension."""
    overall = feature.scores.personas[place]
    gap = (above.scores.personas[place].middle or 0.0) - (overall.middle or 0.0)
    persona = feature.personas[place]
    nearest: tuple[float, int, float] | None = None
    for one in feature.profile.inputs:
        ends, value = feature.scores.inputs[one.place], feature.values.known[one.place]
        weight = persona.weights[one.dimension]
        if ends is None or one.curve is None:
            continue
        share = one.weight / feature.scores.dimensions[one.dimension].weight * weight / overall.weight
        # A weight may be so small that nothing of it is left.
        if not share:
            continue
        now = value.middle if isinstance(value, Interval) else float(value)  # type: ignore[arg-type]
        to = one.curve.reach((ends[0] + ends[1]) / 2 + gap / share)
        if to is not None:
            least, most = one.input.range
            step = abs(to - now) / (most - least)
            nearest = min(nearest or (step, one.place, to), (step, one.place, to))
    if nearest is None:
        return OrderChange(feature, above, None, 0.0, gap)
    return OrderChange(feature, above, feature.profile.inputs[nearest[1]], nearest[2], gap)
