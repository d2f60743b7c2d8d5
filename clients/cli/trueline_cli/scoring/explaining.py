"""Every number of a score down to its inputs: value, curve, share, points; then what inputs could change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueline_cli import style
from trueline_cli.scoring.tables import points, shares

if TYPE_CHECKING:
    from trueline import DimensionScore, FeatureScore, InputScore, PersonaScore, ScoreRange

_LEVERS = 5
ASSUMED = "*"
ASSUMED_TOLD = f"{ASSUMED} = weight and curve of the profile are assumed"


def show_steps(score: FeatureScore) -> None:
    """From inputs to dimensions, from dimensions to personas, from personas to the overall score."""
    for dimension in score.dimensions.values():
        style.show("", f"{dimension.title}: {points(dimension.score)} = sum of score x share of what is known")
        style.show(_inputs(dimension))
    for name, persona in score.personas.items():
        style.show("", f"{name}: {points(persona.overall)} = sum of score x share")
        style.show(*_persona(score, persona))
    if len(score.personas) > 1:
        style.show("", f"overall: {points(score.overall)} = mean over the personas")
    if any(one.assumed for dimension in score.dimensions.values() for one in dimension.inputs):
        style.show("", ASSUMED_TOLD)


def _inputs(dimension: DimensionScore) -> object:
    made = shares("input", "value", "score", "weight", "share", "points")
    for one in dimension.inputs:
        made.add_row(
            f"{one.name}{ASSUMED if one.assumed else ''}",
            _shown(one),
            points(one.score),
            f"{one.weight:g}",
            f"{one.share:.3f}" if one.score else style.NOTHING,
            _part(one.score, one.share),
        )
    return made


def _shown(one: InputScore) -> str:
    return f"{one.value} (default)" if one.source == "default" else one.value or "not known"


def _persona(score: FeatureScore, persona: PersonaScore) -> list[object]:
    made = shares("dimension", "score", "weight", "share", "points")
    for name, weight in persona.weights.items():
        of = score.dimensions[name]
        part = _part(of.score, weight.share)
        made.add_row(of.title, points(of.score), f"{weight.weight:g}", f"{weight.share:.3f}", part)
    if not persona.sensitivities:
        return [made]
    columns = ("to win", "to lose", "per unit")
    levers = style.table("input", *columns, right=columns)
    for one in persona.sensitivities[:_LEVERS]:
        per_unit = f"{one.per_unit:+.3g}" if one.per_unit else style.NOTHING
        levers.add_row(one.name, f"{one.to_best:.1f}", f"{one.to_worst:.1f}", per_unit)
    return [made, "", "what would change it most", levers]


def _part(score: ScoreRange | None, share: float) -> str:
    if score is None:
        return style.NOTHING
    low, high = score.low * share, score.high * share
    return f"{low:.2f}" if score.value is not None else f"{low:.1f}…{high:.1f}"
