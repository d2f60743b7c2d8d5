"""What studies are to their callers, as frozen values. No protobuf, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trueline_rules.model import Direction

# The unit of shares and growth; other units are currencies, or of what is counted.
RATIO = "ratio"
BUSINESS_SUCCESS = "business_success"
CAMPAIGN_EFFICIENCY = "campaign_efficiency"


class Verdict(StrEnum):
    """What is said of a figure beside that of the previous period."""

    BETTER = "better"
    WORSE = "worse"
    NO_EVIDENCE = "no_evidence_of_change"
    INSUFFICIENT_DATA = "insufficient_data"


@dataclass(frozen=True, slots=True)
class Input:
    """A number that a figure is made of; the unit is a currency or what is counted."""

    name: str
    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of one period.

    Attributes:
        value: None = too few observations, or it is not defined.
        low: of the confidence interval; None = it has none.
        high: likewise.
        observations: deals, users or campaigns behind it.
        inputs: what it is made of, also where it has no value.
        missing: why there is no value; "" if there is one.

    """

    value: float | None
    low: float | None
    high: float | None
    observations: int
    inputs: tuple[Input, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure less that of the previous period.

    Attributes:
        value: now less before.
        low: of the confidence interval; None = it has none.
        high: likewise.
        p_value: of the test that nothing changed; None = there is none.
        adjusted_p_value: beside those of the other groups of a breakdown; of a total the p-value itself.

    """

    value: float
    low: float | None
    high: float | None
    p_value: float | None
    adjusted_p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a study with what it is beside.

    Attributes:
        name: e.g. "renewal_rate".
        area: "business_success" or "campaign_efficiency".
        unit: RATIO or a currency.
        direction: which way is better.
        now: of the period.
        previous: of the period that it is compared with.
        difference: None unless both have a value.
        verdict: what is said of it.
        reason: the same in words.
        method: how interval, difference and test were computed.

    """

    name: str
    area: str
    unit: str
    direction: Direction
    now: Estimate
    previous: Estimate
    difference: Difference | None
    verdict: Verdict
    reason: str
    method: str


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one value of a breakdown; of everything, both names are ""."""

    breakdown: str
    name: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign of the period.

    Attributes:
        id: of the campaign.
        groups: breakdown -> value.
        cost: what it cost; 0 = it has no return on it.
        value: what it brought in.
        conversions: how many.

    """

    id: str
    groups: Mapping[str, str]
    cost: Decimal
    value: Decimal
    conversions: Decimal

    @property
    def roi(self) -> float | None:
        """(value - cost) / cost; None without a cost."""
        return float((self.value - self.cost) / self.cost) if self.cost > 0 else None


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant (µs since 1970, UTC) up to another, without it."""

    start_us: int
    end_us: int


class Completeness(StrEnum):
    """Whether further events of the period are expected."""

    PROVISIONAL = "provisional"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Asked:
    """A study that somebody asks for.

    Attributes:
        study: name of a Study in force.
        start_us, end_us: of the period, as Period.
        breakdowns: names; () = all of the study.
        request_id: of the caller, for repeating the call without a second run; "" = none.

    """

    study: str
    start_us: int
    end_us: int
    breakdowns: tuple[str, ...] = ()
    request_id: str = ""

    @property
    def period(self) -> Period:
        """The period."""
        return Period(self.start_us, self.end_us)


@dataclass(frozen=True, slots=True)
class StudyRun:
    """A finished run of a study; instants in µs since 1970 (UTC).

    Attributes:
        tenant: whose.
        id: "study-7".
        number: 7; counts the runs of a tenant.
        study: name of the study.
        type: of the study, e.g. "renewal_rate".
        definition: 16 hexadecimal digits over all that decides what is counted and how; runs of one definition compare.
        revision: of the rules.
        currency: of all amounts.
        confidence: of intervals and verdicts.
        least: observations below which a figure has no value.
        start_us, end_us: of the period.
        previous_start_us, previous_end_us: of the period that it is compared with.
        position: events up to this log position count.
        watermark_us: up to where events were complete; None = there were none.
        completeness: of the period.
        started_us, finished_us: of the run, by the server's clock.
        groups: everything first, then by breakdown; () in lists.
        campaigns: of the period, by cost, the first MOST_CAMPAIGNS; () in lists.
        notes: what is missing or to be kept in mind, for people.

    """

    tenant: str
    id: str
    number: int
    study: str
    type: str
    definition: str
    revision: str
    currency: str
    confidence: float
    least: int
    start_us: int
    end_us: int
    previous_start_us: int
    previous_end_us: int
    position: int
    watermark_us: int | None
    completeness: Completeness
    started_us: int
    finished_us: int
    groups: tuple[Group, ...]
    campaigns: tuple[Campaign, ...]
    notes: tuple[str, ...]
