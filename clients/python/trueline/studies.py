"""Studies as values, and their messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from trueline.mapping import enum_names, instant
from trueline.results import Completeness, Direction
from trueline.v1 import kpi_service_pb2, metric_service_pb2
from trueline.v1 import study_service_pb2 as pb


class StudyType(StrEnum):
    """What a study is about."""

    UNSPECIFIED = "unspecified"
    RENEWAL_RATE = "renewal_rate"
    REVENUE_GROWTH = "revenue_growth"
    CAMPAIGN_EFFICIENCY = "campaign_efficiency"
    PERSONA_IMPACT = "persona_impact"


class StudyVerdict(StrEnum):
    """What is said of a figure beside an earlier one; UNSPECIFIED = it is not judged."""

    UNSPECIFIED = "unspecified"
    BETTER = "better"
    WORSE = "worse"
    NO_EVIDENCE_OF_CHANGE = "no_evidence_of_change"
    INSUFFICIENT_DATA = "insufficient_data"


@dataclass(frozen=True, slots=True)
class StudyInput:
    """A number that a figure is made of; the unit is what is counted, or a currency."""

    name: str
    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class StudyEstimate:
    """A figure of one period.

    Attributes:
        value: None if there are too few observations or it is not defined.
        low, high: ends of the confidence interval; None if there is none.
        observations: deals, users or campaigns behind it.
        inputs: by name, what it is made of, also where it has no value.
        missing: why there is no value; "" if there is one.

    """

    value: float | None
    low: float | None
    high: float | None
    observations: int
    inputs: Mapping[str, StudyInput]
    missing: str


@dataclass(frozen=True, slots=True)
class StudyDifference:
    """A figure less an earlier one.

    Attributes:
        low, high: ends of the confidence interval; None if there is none.
        p_value: how likely a difference of this size is if nothing changed; None if there is no test.
        adjusted_p_value: the same beside the other groups of a breakdown (Benjamini and Hochberg).

    """

    value: float
    low: float | None
    high: float | None
    p_value: float | None
    adjusted_p_value: float | None


@dataclass(frozen=True, slots=True)
class StudyFigure:
    """A number of a study, now and in the period before.

    In an f-string it is written as its value, e.g. `f"{figure:.1%}"`, and as "insufficient data" where it has none.

    Attributes:
        name: e.g. "renewal_rate".
        area: "business_success" or "campaign_efficiency".
        unit: "ratio" or a currency.
        difference: None unless both have a value.
        reason: the verdict in words.
        method: how value, interval, difference and test were computed.

    """

    name: str
    area: str
    unit: str
    direction: Direction
    now: StudyEstimate
    previous: StudyEstimate
    difference: StudyDifference | None
    verdict: StudyVerdict
    reason: str
    method: str

    @property
    def value(self) -> float | None:
        """Of the period; None if there is none."""
        return self.now.value

    def __format__(self, spec: str) -> str:
        return "insufficient data" if self.value is None else format(self.value, spec)


@dataclass(frozen=True, slots=True)
class StudyGroup:
    """The figures of one value of a breakdown, by name; of everything, `breakdown` and `group` are ""."""

    breakdown: str
    group: str
    figures: Mapping[str, StudyFigure]


@dataclass(frozen=True, slots=True)
class StudyCampaign:
    """A campaign that counted in the period; `groups` by breakdown, `roi` None without a cost."""

    campaign: str
    groups: Mapping[str, str]
    cost: Decimal
    value: Decimal
    conversions: Decimal
    roi: float | None


@dataclass(frozen=True, slots=True)
class StudyRun:
    """A finished run of a study.

    Attributes:
        id: "study-7".
        study: its name.
        definition: digest of what is counted and how; runs of one definition compare.
        currency: of all amounts.
        confidence: of intervals and verdicts, e.g. 0.95.
        least: observations below which a figure has no value.
        start, end: of the period; the end is exclusive.
        previous_start, previous_end: of the period that it is compared with.
        position: events up to this log position counted.
        watermark: up to where events were complete; None if there were none.
        completeness: PROVISIONAL or COMPLETE: whether further events of the period are expected.
        groups: everything first, then those of each breakdown; () in lists and comparisons.
        campaigns: of the period, the costliest 1,000; () in lists and comparisons.
        notes: what is missing or to be kept in mind.

    """

    id: str
    study: str
    type: StudyType
    definition: str
    rule_revision: str
    currency: str
    confidence: float
    least: int
    start: datetime | None
    end: datetime | None
    previous_start: datetime | None
    previous_end: datetime | None
    position: int
    watermark: datetime | None
    completeness: Completeness
    started_at: datetime | None
    finished_at: datetime | None
    groups: tuple[StudyGroup, ...]
    campaigns: tuple[StudyCampaign, ...]
    notes: tuple[str, ...]

    @property
    def figures(self) -> Mapping[str, StudyFigure]:
        """The figures of everything, by name."""
        return next((each.figures for each in self.groups if not each.breakdown), {})

    def by(self, breakdown: str) -> dict[str, dict[str, dict[str, StudyFigure]]]:
        """Figures by group, area and name: run.by("persona")["agency"]["business_success"]["renewal_rate"]."""
        found: dict[str, dict[str, dict[str, StudyFigure]]] = {}
        for each in self.groups:
            if each.breakdown == breakdown:
                areas = found.setdefault(each.group, {})
                for figure in each.figures.values():
                    areas.setdefault(figure.area, {})[figure.name] = figure
        return found

    @property
    def personas(self) -> dict[str, dict[str, dict[str, StudyFigure]]]:
        """Figures by persona, area and name."""
        return self.by("persona")


@dataclass(frozen=True, slots=True)
class StudyChange:
    """A figure of two runs; `before` or `after` is None where that one does not have it."""

    breakdown: str
    group: str
    name: str
    unit: str
    before: StudyEstimate | None
    after: StudyEstimate | None
    difference: StudyDifference | None
    verdict: StudyVerdict


@dataclass(frozen=True, slots=True)
class StudyComparison:
    """Two runs of one study, that of the earlier period first; of one period, what differs is what came in since."""

    before: StudyRun
    after: StudyRun
    changes: tuple[StudyChange, ...]
    same_period: bool


_TYPES = enum_names(StudyType, pb.StudyType)
_VERDICTS = enum_names(StudyVerdict, pb.StudyVerdict)
_DIRECTIONS = enum_names(Direction, kpi_service_pb2.Direction)
_COMPLETENESS = enum_names(Completeness, metric_service_pb2.Completeness)


def study_run(message: pb.StudyRun) -> StudyRun:
    """A run."""
    return StudyRun(
        id=message.id,
        study=message.study,
        type=_TYPES.get(message.type, StudyType.UNSPECIFIED),
        definition=message.definition,
        rule_revision=message.rule_revision,
        currency=message.currency,
        confidence=message.confidence,
        least=message.least,
        start=instant(message, "start_time"),
        end=instant(message, "end_time"),
        previous_start=instant(message, "previous_start_time"),
        previous_end=instant(message, "previous_end_time"),
        position=message.position,
        watermark=instant(message, "watermark"),
        completeness=_COMPLETENESS.get(message.completeness, Completeness.UNSPECIFIED),
        started_at=instant(message, "started_at"),
        finished_at=instant(message, "finished_at"),
        groups=tuple(_group(each) for each in message.groups),
        campaigns=tuple(_campaign(each) for each in message.campaigns),
        notes=tuple(message.notes),
    )


def study_runs(pages: Sequence[Any]) -> tuple[StudyRun, ...]:
    """The runs of all pages."""
    return tuple(study_run(each) for page in pages for each in page.runs)


def study_comparison(message: pb.CompareStudiesResponse) -> StudyComparison:
    """Two runs side by side."""
    return StudyComparison(
        study_run(message.before),
        study_run(message.after),
        tuple(_change(each) for each in message.changes),
        message.same_period,
    )


def _group(message: pb.StudyGroup) -> StudyGroup:
    return StudyGroup(message.breakdown, message.group, {each.name: _figure(each) for each in message.figures})


def _figure(message: pb.StudyFigure) -> StudyFigure:
    return StudyFigure(
        name=message.name,
        area=message.area,
        unit=message.unit,
        direction=_DIRECTIONS.get(message.direction, Direction.UNSPECIFIED),
        now=_estimate(message.now),
        previous=_estimate(message.previous),
        difference=_difference(message),
        verdict=_VERDICTS.get(message.verdict, StudyVerdict.UNSPECIFIED),
        reason=message.reason,
        method=message.method,
    )


def _estimate(message: pb.StudyEstimate) -> StudyEstimate:
    return StudyEstimate(
        value=_number(message, "value"),
        low=_number(message, "low"),
        high=_number(message, "high"),
        observations=message.observations,
        inputs={each.name: StudyInput(each.name, Decimal(each.value), each.unit) for each in message.inputs},
        missing=message.missing,
    )


def _difference(message: pb.StudyFigure | pb.StudyChange) -> StudyDifference | None:
    if not message.HasField("difference"):
        return None
    found = message.difference
    names = ("low", "high", "p_value", "adjusted_p_value")
    return StudyDifference(found.value, *(_number(found, name) for name in names))


def _change(message: pb.StudyChange) -> StudyChange:
    return StudyChange(
        breakdown=message.breakdown,
        group=message.group,
        name=message.name,
        unit=message.unit,
        before=_estimate(message.before) if message.HasField("before") else None,
        after=_estimate(message.after) if message.HasField("after") else None,
        difference=_difference(message),
        verdict=_VERDICTS.get(message.verdict, StudyVerdict.UNSPECIFIED),
    )


def _campaign(message: pb.StudyCampaign) -> StudyCampaign:
    return StudyCampaign(
        campaign=message.campaign,
        groups=dict(message.groups),
        cost=Decimal(message.cost),
        value=Decimal(message.value),
        conversions=Decimal(message.conversions),
        roi=_number(message, "roi"),
    )


def _number(message: Any, name: str) -> float | None:
    return float(getattr(message, name)) if message.HasField(name) else None
