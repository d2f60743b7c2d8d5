"""The health of accounts as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from trueline.churn import ChurnOutlook
from trueline.scoring import DimensionScore, DimensionWeight, ScoringAdvice


@dataclass(frozen=True, slots=True)
class InputMove:
    """What an input did to a score.

    Attributes:
        dimension: of the input; "" of the move "persona", whose other weights moved the score.
        name: of the input.
        before, now: values for people; "" = not known.
        points: of the overall score that it won, below 0 lost; all moves add up to the difference.

    """

    dimension: str
    name: str
    before: str
    now: str
    points: float


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """How an account is.

    Attributes:
        account_id: which one.
        score: 0 to 100; None if too little is known.
        health: class, e.g. "healthy"; "insufficient_data" if too little is known.
        coverage: weight of what is known in all, 0 to 1.
        persona: "" = not known.
        dimensions: by name; those of which anything is known have a score in every class.
        weights: by dimension; none has a share where there is no score.
        score_before, health_before: as it was at `before_time`; None if too little was known.
        moves: what moved since, the largest first; none where there is no score at one of the instants.
        recommendations: what to do, the most urgent first.
        churn: how likely it is to leave; None where nothing tells it.
        at: the instant that is told.
        dimensions_without_inputs: those of which nothing is known.
        missing: why there is no score; "" if there is one.

    """

    account_id: str
    score: float | None
    health: str
    coverage: float
    persona: str
    dimensions: Mapping[str, DimensionScore]
    weights: Mapping[str, DimensionWeight]
    score_before: float | None
    health_before: str
    before_time: datetime
    moves: tuple[InputMove, ...]
    recommendations: tuple[ScoringAdvice, ...]
    churn: ChurnOutlook | None
    at: datetime
    profile: str
    rule_revision: str
    dimensions_without_inputs: tuple[str, ...]
    missing: str


@dataclass(frozen=True, slots=True)
class ScoredAccount:
    """How one of many accounts is.

    Attributes:
        score: 0 to 100; None if too little is known.
        dimensions: scores by name; None = nothing is known.
        churn_probability: None where nothing tells it.

    """

    account_id: str
    score: float | None
    health: str
    coverage: float
    persona: str
    dimensions: Mapping[str, float | None]
    churn_probability: float | None
