"""Scores as values: what features are worth to whom, their order, and roadmaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

# What is known of an input: a number, the ends of a range, a text, or yes and no.
FeatureValue = float | int | tuple[float, float] | str | bool


class InputSource(StrEnum):
    """Where the value of an input is from."""

    UNSPECIFIED = "unspecified"
    GIVEN = "given"
    DEFAULT = "default"
    FACT = "fact"
    METRIC = "metric"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature and what is known of it.

    Attributes:
        feature_id: its id.
        inputs: values by the names that the profile has.
        name: what to call it; "" = its id.

    """

    feature_id: str
    inputs: Mapping[str, FeatureValue]
    name: str = ""


@dataclass(frozen=True, slots=True)
class RoadmapItem:
    """A feature that may be built.

    Attributes:
        feature_id: its id.
        inputs: values by the names that the profile has.
        effort: what it takes, in the unit of capacities; above 0.
        after: ids of those that must be built in an earlier period.
        not_before: first period in which it may be built, from 1; 0 = any.
        name: what to call it; "" = its id.

    """

    feature_id: str
    inputs: Mapping[str, FeatureValue]
    effort: float
    after: tuple[str, ...] = ()
    not_before: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """A score, 0 to 100; of inputs that are ranges only its ends are known, and `value` is None."""

    value: float | None
    low: float
    high: float

    @property
    def middle(self) -> float:
        """Half way between the ends."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class InputScore:
    """How an input came to its score.

    Attributes:
        name: of the input.
        value: for people, with its unit; "" if it was dropped.
        source: where it is from.
        origin: the fact, metric or default that it is from, for people.
        score: None if it was dropped.
        weight: in the dimension, by the profile.
        share: of the dimension's score after the weights of dropped inputs went to the others.
        assumed: whether weight or curve is an assumption.
        observed_at: when a fact was observed; None for others.

    """

    name: str
    value: str
    source: InputSource
    origin: str
    score: ScoreRange | None
    weight: float
    share: float
    assumed: bool
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DimensionScore:
    """What a dimension is worth: the weighted mean of its known inputs; None if none is."""

    name: str
    title: str
    score: ScoreRange | None
    coverage: float
    inputs: tuple[InputScore, ...]


@dataclass(frozen=True, slots=True)
class DimensionWeight:
    """What a dimension weighs for somebody, and its share of the overall score."""

    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class ScoringAdvice:
    """A concern or a recommendation, and why it holds: the condition with the values that it saw."""

    name: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class InputSensitivity:
    """What an input could change of the overall score, in points.

    Attributes:
        name: of the input.
        to_best: won if it were as good as can be.
        to_worst: lost if it were as bad as can be.
        per_unit: for one unit more.

    """

    name: str
    to_best: float
    to_worst: float
    per_unit: float


@dataclass(frozen=True, slots=True)
class PersonaScore:
    """What a feature is worth to a persona.

    Attributes:
        overall: weighted mean of the dimensions; None if none has a score.
        coverage: weight of what is known in all, 0 to 1.
        band: that the score lies in; "" if the range lies in several.
        weights: by dimension.
        concerns: what the persona would be worried about.
        recommendations: what to do.
        sensitivities: what each input could change, the largest first.

    """

    overall: ScoreRange | None
    coverage: float
    band: str
    weights: Mapping[str, DimensionWeight]
    concerns: tuple[ScoringAdvice, ...]
    recommendations: tuple[ScoringAdvice, ...]
    sensitivities: tuple[InputSensitivity, ...]


@dataclass(frozen=True, slots=True)
class FeatureScore:
    """What a feature is worth.

    Attributes:
        dimensions: by name, the same for all personas.
        personas: by name.
        overall: mean over the personas; None if none has a score.
        coverage: the mean over the personas.
        dimensions_without_inputs: those of which nothing is known.

    """

    feature_id: str
    name: str
    dimensions: Mapping[str, DimensionScore]
    personas: Mapping[str, PersonaScore]
    overall: ScoreRange | None
    coverage: float
    dimensions_without_inputs: tuple[str, ...]
    profile: str = ""
    rule_revision: str = ""


@dataclass(frozen=True, slots=True)
class RankedFeature:
    """A feature in the order of a persona; `certain` = above the next one whatever the values within ranges are."""

    rank: int
    feature_id: str
    overall: ScoreRange | None
    certain: bool


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What would bring a feature level with the one above it.

    Attributes:
        input: which could do it alone, with the smallest part of its range; "" = none can.
        now: what it is, for people.
        to: what it would have to reach.
        gap: points that are missing.

    """

    feature_id: str
    above: str
    input: str
    now: str
    to: float
    gap: float


@dataclass(frozen=True, slots=True)
class PersonaRanking:
    """The order of features for a persona, the best first, and what would change it."""

    features: tuple[RankedFeature, ...]
    changes: tuple[OrderChange, ...]


@dataclass(frozen=True, slots=True)
class FeatureComparison:
    """Features against each other.

    Attributes:
        scores: by id, in the order of the request.
        rankings: by persona.
        dominances: (the better one, the other one): in no dimension worse, in one better.

    """

    scores: Mapping[str, FeatureScore]
    rankings: Mapping[str, PersonaRanking]
    dominances: tuple[tuple[str, str], ...]
    profile: str
    rule_revision: str


@dataclass(frozen=True, slots=True)
class RoadmapPeriod:
    """A period of a roadmap: what can be built, and what is."""

    number: int
    capacity: float
    used: float
    feature_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedFeature:
    """A feature in a roadmap.

    Attributes:
        period: from 1; 0 = it is not built.
        lost: its score for each period of waiting.
        reason: why it waits, for people; "" if it does not.

    """

    feature_id: str
    score: ScoreRange | None
    effort: float
    period: int
    lost: float
    reason: str


@dataclass(frozen=True, slots=True)
class Roadmap:
    """What to build when.

    Attributes:
        features: by period, then by score.
        total: score of each feature for each period in which it is there.
        bound: what no roadmap can be above; the total where this one is the best.
        lost: by all that waits.

    """

    periods: tuple[RoadmapPeriod, ...]
    features: tuple[PlannedFeature, ...]
    total: float
    bound: float
    lost: float
    profile: str
    rule_revision: str


@dataclass(frozen=True, slots=True)
class ProfileInput:
    """An input of a dimension, see ProfileInput in scoring_service.proto."""

    name: str
    description: str
    unit: str
    least: float | None
    most: float | None
    curve: str
    weight: float
    on_missing: str
    origin: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class ProfileDimension:
    """A dimension and its inputs."""

    name: str
    title: str
    inputs: tuple[ProfileInput, ...]


@dataclass(frozen=True, slots=True)
class ScoringProfile:
    """A profile in force.

    Attributes:
        subject: "feature" or "account".
        personas: name -> weights of dimensions; "" = everybody else.
        assumed_personas: those whose weights are an assumption.
        bands: name -> from this score on, the best first.

    """

    name: str
    description: str
    subject: str
    dimensions: tuple[ProfileDimension, ...]
    personas: Mapping[str, Mapping[str, float]]
    assumed_personas: frozenset[str]
    bands: Mapping[str, float] = field(default_factory=dict)
