"""Campaign efficiency: what came back for what was spent, over all campaigns and for one of them on average."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from trueline_rules.model import Direction

from trueline_server.studies.figures import TOTAL, Key, Kind, amount, estimate, no_estimate, too_few
from trueline_server.studies.model import CAMPAIGN_EFFICIENCY, RATIO, Campaign, Estimate, Figure, Input
from trueline_server.studies.statistics import (
    Compared,
    Sums,
    around,
    compare_independent,
    compare_medians,
    mean_and_error,
    median_interval,
    ratio_weights,
)

AVERAGE = Kind(
    "avg_roi",
    CAMPAIGN_EFFICIENCY,
    RATIO,
    "mean over campaigns of (value - cost) / cost; Student's interval; difference: Welch's test",
)
TOTAL_ROI = Kind(
    "total_roi",
    CAMPAIGN_EFFICIENCY,
    RATIO,
    "(value - cost) / cost of all campaigns together; ratio of two sums over campaigns, by the delta method",
)
MEDIAN = Kind(
    "median_roi",
    CAMPAIGN_EFFICIENCY,
    RATIO,
    "median over campaigns of (value - cost) / cost; interval from the order of the values; difference: from both "
    "intervals, test of Mann and Whitney",
)


def cost_per_conversion_kind(currency: str) -> Kind:
    """The kind of figure of what a conversion costs."""
    method = "cost / conversions of all campaigns together; ratio of two sums over campaigns, by the delta method"
    return Kind("cost_per_conversion", CAMPAIGN_EFFICIENCY, currency, method, Direction.LOWER)


def read_campaigns(rows: Sequence[Sequence[Any]], breakdowns: Sequence[str]) -> list[Campaign]:
    """The answer of SumCampaigns."""
    return [
        Campaign(
            str(campaign),
            dict(zip(breakdowns, map(str, groups), strict=True)),
            Decimal(cost),
            Decimal(value),
            Decimal(conversions),
        )
        for campaign, groups, cost, value, conversions in rows
    ]


def by_group(campaigns: Sequence[Campaign]) -> dict[Key, list[Campaign]]:
    """Campaigns by group; a campaign counts in one of each breakdown, and in everything."""
    found: defaultdict[Key, list[Campaign]] = defaultdict(list)
    for campaign in campaigns:
        found[TOTAL].append(campaign)
        for breakdown, name in campaign.groups.items():
            found[breakdown, name].append(campaign)
    return dict(found)


def campaign_figures(
    now: Sequence[Campaign], before: Sequence[Campaign], *, confidence: float, least: int, currency: str
) -> list[Figure]:
    """The figures of a group. Campaigns without a cost have no return on it, and are left out of all of them."""
    sides = (_Side(now, currency, least), _Side(before, currency, least))
    return [
        _average(sides, confidence),
        _ratio(sides, TOTAL_ROI, (0, 1), confidence),
        _median(sides, confidence),
        _ratio(sides, cost_per_conversion_kind(currency), (1, 2), confidence),
    ]


class _Side:
    """The campaigns of one period."""

    def __init__(self, campaigns: Sequence[Campaign], currency: str, least: int) -> None:
        costly = [campaign for campaign in campaigns if campaign.cost > 0]
        self.n = len(costly)
        self.rois = [roi for campaign in costly if (roi := campaign.roi) is not None]
        rows = [
            (Fraction(campaign.value), Fraction(campaign.cost), Fraction(campaign.conversions)) for campaign in costly
        ]
        self.sums = Sums.of(rows, 3)
        cost, value, conversions = (
            sum((getattr(campaign, name) for campaign in costly), Decimal(0))
            for name in ("cost", "value", "conversions")
        )
        self.inputs: list[Input] = [
            amount("cost", cost, currency),
            amount("value", value, currency),
            amount("conversions", conversions, "conversions"),
            amount("campaigns", len(costly), "campaigns"),
            amount("without_cost", len(campaigns) - len(costly), "campaigns"),
        ]
        self.missing = too_few(self.n, least, "campaigns with a cost")

    def nothing(self, missing: str = "") -> Estimate:
        """No value."""
        return no_estimate(missing or self.missing, self.n, self.inputs)


_Sides = tuple[_Side, _Side]


def _average(sides: _Sides, confidence: float) -> Figure:
    estimates: list[Estimate] = []
    for side in sides:
        if side.missing:
            estimates.append(side.nothing())
            continue
        mean, error = mean_and_error(side.rois)
        estimates.append(estimate(mean, around(mean, error, side.n - 1, confidence), side.n, side.inputs))
    compared = None
    if not any(side.missing for side in sides):
        first, second = ((*mean_and_error(side.rois), side.n) for side in sides)
        compared = compare_independent(first, second, confidence)
    return AVERAGE.figure(estimates[0], estimates[1], compared)


def _median(sides: _Sides, confidence: float) -> Figure:
    now, before = (
        side.nothing()
        if side.missing
        else estimate(float(np.median(side.rois)), median_interval(side.rois, confidence), side.n, side.inputs)
        for side in sides
    )
    compared: Compared | None = None
    if not any(side.missing for side in sides):
        compared = compare_medians(sides[0].rois, sides[1].rois, confidence)
    return MEDIAN.figure(now, before, compared)


def _ratio(sides: _Sides, kind: Kind, places: tuple[int, int], confidence: float) -> Figure:
    """A ratio of the sums at two places: of value, cost, conversions."""
    over, under = places
    # A return is what came back beyond the cost.
    less = 1.0 if kind is TOTAL_ROI else 0.0
    estimates: list[Estimate] = []
    parts: list[tuple[float, float, int]] = []
    for side in sides:
        if side.missing or not side.sums.totals[under]:
            estimates.append(side.nothing("" if side.missing else "there was no conversion"))
            continue
        value = float(side.sums.totals[over] / side.sums.totals[under]) - less
        error = side.sums.error(ratio_weights(side.sums, over, under))
        estimates.append(estimate(value, around(value, error, side.n - 1, confidence), side.n, side.inputs))
        parts.append((value, error, side.n))
    compared = compare_independent(parts[0], parts[1], confidence) if len(parts) == len(sides) else None
    return kind.figure(estimates[0], estimates[1], compared)
