"""Scores of features as tables of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trueline_cli import style

if TYPE_CHECKING:
    from rich.table import Table
    from trueline import (
        FeatureComparison,
        FeatureScore,
        OrderChange,
        PersonaScore,
        Roadmap,
        ScoreRange,
        ScoringAdvice,
        ScoringProfile,
    )

_BAR = 20
_NAME = 30
_LARGE = 10.0
# Sums of scores are not exact.
_ROUNDING = 1e-6


def show_scores(scores: Iterable[FeatureScore], *, explained: bool) -> None:
    """Each feature: dimensions, personas, concerns and recommendations; explained, every number down to its inputs."""
    for place, score in enumerate(scores):
        if place:
            style.show("")
        _show_score(score, explained=explained)


def _show_score(score: FeatureScore, *, explained: bool) -> None:
    called = f"{score.name} ({score.feature_id})" if score.name != score.feature_id else score.feature_id
    style.show(f"{called}: {points(score.overall)} of 100, {percent(score.coverage)} known")
    dimensions = style.table("dimension", "score", "known", "", right=("score", "known"))
    for one in score.dimensions.values():
        drawn = style.bar(None if one.score is None else one.score.middle / 100, _BAR)
        dimensions.add_row(one.title, points(one.score), percent(one.coverage), drawn)
    personas = style.table("persona", "score", "known", "band", "would worry about", fold=("would worry about",))
    for name, persona in score.personas.items():
        worries = ", ".join(one.name for one in persona.concerns) or style.NOTHING
        personas.add_row(name, points(persona.overall), percent(persona.coverage), band(persona), worries)
    style.show("", dimensions, "", personas)
    if explained:
        from trueline_cli.scoring.explaining import show_steps

        show_steps(score)
    for title, advice in (("concerns", "concerns"), ("recommendations", "recommendations")):
        _show_advice(title, score, advice, explained=explained)
    if score.dimensions_without_inputs:
        style.show("", f"nothing is known of: {', '.join(score.dimensions_without_inputs)}")


def _show_advice(title: str, score: FeatureScore, which: str, *, explained: bool) -> None:
    """What is said to several personas is said once."""
    told: dict[str, tuple[ScoringAdvice, dict[str, list[str]]]] = {}
    for name, persona in score.personas.items():
        for one in getattr(persona, which):
            told.setdefault(one.name, (one, {}))[1].setdefault(one.reason, []).append(name)
    if not told:
        return
    made = style.table(title, "", fold=("",))
    for one, reasons in told.values():
        names = [name for of in reasons.values() for name in of]
        everybody = len(names) == len(score.personas) > 1
        made.add_row(one.name, f"{one.text} ({'everybody' if everybody else ', '.join(names)})")
        for reason, of in reasons.items() if explained else ():
            # Of another persona the same condition may have seen another score.
            whose = "" if len(reasons) == 1 else f"{', '.join(of)}: "
            made.add_row("", f"{whose}because {reason}")
    style.show("", made)


def show_comparison(found: FeatureComparison, *, explained: bool) -> None:
    """The order for each persona, what would change it, and who is better for everybody."""
    for place, (persona, ranking) in enumerate(found.rankings.items()):
        made = style.table("rank", "feature", "score", "", right=("rank", "score"), fold=("",), cut={"feature": _NAME})
        changes = {one.feature_id: one for one in ranking.changes}
        certain = True
        for one in ranking.features:
            change = changes.get(one.feature_id)
            told = "" if change is None else _missing(change, certain=certain)
            made.add_row(str(one.rank), one.feature_id, points(one.overall), told)
            certain = one.certain
        style.show(*([""] if place else []), persona, made)
    if found.dominances:
        told_pairs = "; ".join(f"{better} over {worse}" for better, worse in found.dominances)
        style.show("", f"better in every dimension: {told_pairs}")
    if explained:
        style.show("")
        show_scores(found.scores.values(), explained=True)


def _missing(change: OrderChange, *, certain: bool) -> str:
    """What a feature lacks to the one above it, which input could make up for it, and whether it is surely below."""
    unsure = "" if certain or not change.gap else ", not surely: ranges overlap"
    told = f"{change.gap:.1f} below {change.above}{unsure}; "
    if not change.input:
        return told + "no input alone makes up for it"
    return told + f"level with {change.input} at {_about(change.to)} (now {change.now})"


def _about(value: float) -> str:
    """A value of an input as people read it; --output json and csv have all digits. Small ones are shares or ratios."""
    return f"{value:.1f}" if abs(value) >= _LARGE else f"{value:.3g}"


def show_roadmap(found: Roadmap) -> None:
    """Features by period, why some of them wait, and the periods."""
    columns = ("score", "effort", "lost")
    made = style.table("period", "feature", *columns, right=columns, cut={"feature": _NAME})
    for one in found.features:
        period = str(one.period) if one.period else "not built"
        made.add_row(period, one.feature_id, points(one.score), f"{one.effort:g}", f"{one.lost:.1f}")
    style.show(made)
    waiting = style.table("waits", "because it", fold=("because it",), cut={"waits": _NAME})
    for one in found.features:
        if one.reason:
            waiting.add_row(one.feature_id, one.reason)
    if waiting.row_count:
        style.show("", waiting)
    used = style.table("period", "capacity", "used", right=("capacity", "used"))
    for each in found.periods:
        used.add_row(str(each.number), f"{each.capacity:g}", f"{each.used:g}")
    sure = "no roadmap has more" if found.bound <= found.total + _ROUNDING else f"at most {found.bound:.1f} can be had"
    style.show("", used, "", f"score over all periods: {found.total:.1f} ({sure}); lost by waiting: {found.lost:.1f}")


def show_inputs(profile: ScoringProfile) -> None:
    """The inputs of a profile: what they are called, and which values they take."""
    style.show(f"{profile.name}: {profile.description}" if profile.description else profile.name)
    for dimension in profile.dimensions:
        made = style.table("input", "values", "weight", "", right=("weight",), fold=("values", ""))
        for one in dimension.inputs:
            values = one.curve if one.least is None else f"{one.least:g} to {one.most:g} {one.unit}".rstrip()
            made.add_row(one.name, values, f"{one.weight:g}", "assumed" if one.assumed else "")
        style.show("", dimension.title, made)
    style.show("", f"personas: {', '.join(name or 'everybody else' for name in profile.personas)}")


def points(score: ScoreRange | None) -> str:
    """A score, or the ends of one."""
    if score is None:
        return style.NOTHING
    return f"{score.low:.1f}…{score.high:.1f}" if score.value is None else f"{score.value:.1f}"


def percent(share: float) -> str:
    """A share."""
    return f"{share * 100:.0f} %"


def band(persona: PersonaScore) -> str:
    """A band; of a range that lies in several, that it does."""
    if persona.overall is None:
        return style.NOTHING
    return persona.band or "several"


def shares(*columns: str) -> Table:
    """A table of numbers behind names."""
    numbers = tuple(name for name in columns if name in {"weight", "share", "points", "score"})
    return style.table(*columns, right=numbers, fold=("value",), gap=1)
