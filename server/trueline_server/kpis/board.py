"""What is read from KPI values: scores as auditable trees, priority actions, quality checks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trueline_rules.model import Kpi, RuleSet, Scorecard

from trueline_server.kpis.evaluate import KpiResult
from trueline_server.kpis.score import Band, Bands, Part, attain, rank_missed, score_attainments

ALIGNMENT = "alignment"
DATA_QUALITY = "data_quality"


@dataclass(frozen=True, slots=True)
class TenantKpis:
    """All KPI values of a tenant at one instant.

    Attributes:
        tenant: whose.
        results: by KPI name; all of one instant.
        rules: what they were computed by.
        at_us, computed_at_us, watermark_us: microseconds since 1970 (UTC); computed_at_us of the newest value.
        position: log position up to which events are in them.
        synthetic: whether events were made by the generator.

    """

    tenant: str
    results: Mapping[str, KpiResult]
    rules: RuleSet
    at_us: int
    computed_at_us: int
    watermark_us: int
    position: int
    synthetic: bool


@dataclass(frozen=True, slots=True)
class JudgedKpi:
    """A KPI with its value, its attainment (0 to 1) and band; the last two None without a value."""

    kpi: Kpi
    result: KpiResult
    attainment: float | None
    band: Band | None


@dataclass(frozen=True, slots=True)
class ScoreItem:
    """One KPI of a score."""

    judged: JudgedKpi
    part: Part


@dataclass(frozen=True, slots=True)
class AlignmentScore:
    """A scorecard's score as a tree: value (0 to 100, None when nothing has a value), band, coverage and the parts."""

    scorecard: str
    value: float | None
    band: Band | None
    coverage: float
    items: tuple[ScoreItem, ...]
    kpis: TenantKpis


@dataclass(frozen=True, slots=True)
class PriorityAction:
    """Something to do: place from 1, and the points that reaching the target would win."""

    rank: int
    item: ScoreItem


def judge(kpi: Kpi, result: KpiResult, bands: Bands) -> JudgedKpi:
    """Attainment and band of a value."""
    if result.value is None:
        return JudgedKpi(kpi, result, None, None)
    attainment = attain(result.value, kpi.target, kpi.direction)
    return JudgedKpi(kpi, result, attainment, bands.grade(100.0 * attainment))


def bands_of(scorecard: Scorecard) -> Bands:
    """The limits that a scorecard grades by."""
    return Bands(scorecard.on_track, scorecard.at_risk)


def bands_for(rules: RuleSet, kpi: str) -> Bands:
    """The limits that grade a KPI by itself: of the scorecard that holds it, `alignment` before others."""
    holding = [card for card in rules.scorecards.values() if kpi in card.weights]
    holding.sort(key=lambda card: card.metadata.name != ALIGNMENT)
    return bands_of(holding[0]) if holding else Bands()


def score_of(scorecard: Scorecard, kpis: TenantKpis) -> AlignmentScore:
    """The score of a scorecard; KPIs without a value are left out and the rest weighs more."""
    bands = bands_of(scorecard)
    judged = {name: judge(kpis.rules.kpis[name], kpis.results[name], bands) for name in scorecard.weights}
    attainments = {name: one.attainment for name, one in judged.items() if one.attainment is not None}
    score = score_attainments(scorecard.weights, attainments)
    return AlignmentScore(
        scorecard=scorecard.metadata.name,
        value=score.value,
        band=None if score.value is None else bands.grade(score.value),
        coverage=score.coverage,
        items=tuple(ScoreItem(judged[name], part) for name, part in score.parts.items()),
        kpis=kpis,
    )


def actions_of(score: AlignmentScore, limit: int = 0) -> list[PriorityAction]:
    """What to do, the most points first; at most `limit` (0 = all)."""
    items = {item.judged.kpi.metadata.name: item for item in score.items}
    ranked = rank_missed({name: item.part for name, item in items.items()})
    return [PriorityAction(rank, items[name]) for rank, (name, _) in enumerate(ranked[: limit or None], start=1)]


def fingerprint(score: AlignmentScore) -> tuple[object, ...]:
    """What a watcher sees as a change: everything but when it was computed and up to which instant."""
    return (
        score.kpis.rules.revision,
        score.kpis.synthetic,
        score.value,
        tuple(
            (r.value, r.missing, r.numerator, r.denominator, r.period_start_us, r.partial)
            for r in (item.judged.result for item in score.items)
        ),
    )
