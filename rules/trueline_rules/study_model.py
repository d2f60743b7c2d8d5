"""What studies say, as frozen values: which events are deals, revenue and campaigns, and how figures are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trueline_rules.attribution_model import Selection
from trueline_rules.model import Metadata

PERSONA = "persona"


class StudyType(StrEnum):
    """What a study is about."""

    RENEWAL_RATE = "renewal_rate"
    REVENUE_GROWTH = "revenue_growth"
    CAMPAIGN_EFFICIENCY = "campaign_efficiency"
    PERSONA_IMPACT = "persona_impact"


class Previous(StrEnum):
    """Which period a period is compared with: the one right before it, or the same one a year before."""

    PERIOD = "period"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class DealEvents:
    """Events of deals.

    Attributes:
        renewed: a deal goes on for another term.
        ended: a deal does not go on.
        deal: event field (as in metrics) with the deal's id.
        due: a deal's term runs out, so that it is renewed or ends; None = each renewal and end is a term of its own.
        value: event field with the value of a term; "" = none, and no rate is weighted by it.

    """

    renewed: Selection
    ended: Selection
    deal: str
    due: Selection | None = None
    value: str = "value"


@dataclass(frozen=True, slots=True)
class RevenueEvents:
    """Events of revenue.

    Attributes:
        payments: what users pay.
        refunds: what they get back, taken off whatever its sign; None = nothing.
        user: event field with who pays; events without it are of nobody and do not count.
        value: event field with the amount.

    """

    payments: Selection
    refunds: Selection | None = None
    user: str = "user_id"
    value: str = "value"


@dataclass(frozen=True, slots=True)
class CampaignEvents:
    """Events of campaigns.

    Attributes:
        spend: what a campaign cost.
        results: what it brought in.
        campaign: event field with the campaign's id; events without it are of no campaign and do not count.
        finished: a campaign is over: those that finished in a period count, with all that they cost and brought in up
            to its end; None = every campaign counts, with what it cost and brought in during the period.
        cost: event field of `spend` with the amount.
        value: event field of `results` with the amount.
        conversions: event field of `results` with a number of conversions; "" = each such event is one.

    """

    spend: Selection
    results: Selection
    campaign: str
    finished: Selection | None = None
    cost: str = "value"
    value: str = "value"
    conversions: str = ""


@dataclass(frozen=True, slots=True)
class StudyModel:
    """A study; those of deals, revenue and campaigns that its type does not look at are None.

    Attributes:
        metadata: name and description.
        type: what it is about.
        currency: ISO 4217, of all amounts that are told.
        rates: currency -> how much of `currency` one unit of it is worth, above 0.
        breakdowns: name -> event field whose values are told apart, e.g. persona -> properties.persona.
        deals: for renewal_rate and persona_impact.
        revenue: for revenue_growth and persona_impact.
        campaigns: for campaign_efficiency and persona_impact.
        previous: which period a period is compared with.
        confidence: of intervals and verdicts, above 0.5 and below 1.
        least: observations below which a figure has no value, at least 2.

    """

    metadata: Metadata
    type: StudyType
    currency: str
    rates: Mapping[str, float] = field(default_factory=dict)
    breakdowns: Mapping[str, str] = field(default_factory=dict)
    deals: DealEvents | None = None
    revenue: RevenueEvents | None = None
    campaigns: CampaignEvents | None = None
    previous: Previous = Previous.PERIOD
    confidence: float = 0.95
    least: int = 10
