"""Scores of features as plain rows, for CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueline import FeatureComparison, FeatureScore, Roadmap, ScoreRange

Rows = tuple[Sequence[str], Iterable[Sequence[object]]]


def csv_scores(scores: Sequence[FeatureScore]) -> Rows:
    """A row for each feature and persona: the ends of the score, then of each dimension."""
    names = list(scores[0].dimensions)
    header = ["feature", "persona", "low", "high", "coverage", "band", "concerns"]
    header += [f"{name}_{end}" for name in names for end in ("low", "high")]
    rows = [
        [
            *(score.feature_id, persona, *_ends(one.overall), one.coverage, one.band),
            " ".join(concern.name for concern in one.concerns),
            *(end for name in names for end in _ends(score.dimensions[name].score)),
        ]
        for score in scores
        for persona, one in score.personas.items()
    ]
    return header, rows


def csv_inputs(scores: Sequence[FeatureScore]) -> Rows:
    """A row for each feature and input: how it came to its score."""
    header = ("feature", "dimension", "input", "value", "source", "low", "high", "weight", "share", "assumed")
    rows = [
        (score.feature_id, name, one.name, one.value, one.source, *_ends(one.score), one.weight, one.share, one.assumed)
        for score in scores
        for name, dimension in score.dimensions.items()
        for one in dimension.inputs
    ]
    return header, rows


def csv_comparison(found: FeatureComparison) -> Rows:
    """A row for each persona and feature, in order."""
    header = ("persona", "rank", "feature", "low", "high", "certain", "above", "gap", "input", "now", "to")
    rows = []
    for persona, ranking in found.rankings.items():
        changes = {one.feature_id: one for one in ranking.changes}
        for one in ranking.features:
            change = changes.get(one.feature_id)
            told: tuple[object, ...] = ("", "", "", "", "")
            if change is not None:
                told = (change.above, change.gap, change.input, change.now, change.to if change.input else "")
            rows.append((persona, one.rank, one.feature_id, *_ends(one.overall), one.certain, *told))
    return header, rows


def csv_roadmap(found: Roadmap) -> Rows:
    """A row for each feature; period 0 = it is not built."""
    header = ("period", "feature", "low", "high", "effort", "lost", "reason")
    rows = [(one.period, one.feature_id, *_ends(one.score), one.effort, one.lost, one.reason) for one in found.features]
    return header, rows


def _ends(score: ScoreRange | None) -> tuple[object, object]:
    return ("", "") if score is None else (score.low, score.high)
