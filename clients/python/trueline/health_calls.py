"""The calls of the ScoringService about accounts, as values, and their answers; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from trueline import churn, mapping, scoring_mapping
from trueline.calls import Call, built
from trueline.health import AccountHealth, InputMove, ScoredAccount
from trueline.scoring import DimensionWeight, ScoringAdvice
from trueline.v1 import scoring_service_pb2 as pb

SERVICE = "ScoringService"
STREAM = "BatchScoreAccountHealth"


@built
def score_account_health(
    account_id: str, *, profile: str, at: datetime | None, trend: timedelta | None
) -> Call[AccountHealth]:
    """ScoreAccountHealth."""
    request = pb.ScoreAccountHealthRequest(account_id=account_id, profile=profile, at=mapping.timestamp(at))
    if trend is not None:
        request.trend.FromTimedelta(trend)
    return Call(SERVICE, "ScoreAccountHealth", request, lambda answers: health(answers[0]))


@built
def batch(
    *,
    health: Sequence[str],
    account_ids: Sequence[str],
    profile: str,
    at: datetime | None,
    counts_only: bool,
) -> pb.BatchScoreAccountHealthRequest:
    """The request of BatchScoreAccountHealth."""
    return pb.BatchScoreAccountHealthRequest(
        profile=profile, at=mapping.timestamp(at), health=health, account_ids=account_ids, counts_only=counts_only
    )


def health(answer: pb.ScoreAccountHealthResponse) -> AccountHealth:
    """How an account is."""
    score, before = (scoring_mapping.score_range(answer, field) for field in ("score", "score_before"))
    return AccountHealth(
        account_id=answer.account_id,
        score=None if score is None else score.middle,
        health=answer.health,
        coverage=answer.coverage,
        persona=answer.persona,
        dimensions={one.name: scoring_mapping.dimension(one) for one in answer.dimensions},
        weights={one.dimension: DimensionWeight(one.weight, one.share) for one in answer.weights},
        score_before=None if before is None else before.middle,
        health_before=answer.health_before,
        before_time=answer.before_time.ToDatetime(tzinfo=UTC),
        moves=tuple(InputMove(one.dimension, one.name, one.before, one.now, one.points) for one in answer.moves),
        recommendations=tuple(ScoringAdvice(one.name, one.text, one.reason) for one in answer.recommendations),
        churn=churn.outlook(answer.churn) if answer.HasField("churn") else None,
        at=answer.at.ToDatetime(tzinfo=UTC),
        profile=answer.profile,
        rule_revision=answer.rule_revision,
        dimensions_without_inputs=tuple(answer.dimensions_without_inputs),
        missing=answer.missing,
    )


def accounts(message: pb.BatchScoreAccountHealthResponse, dimensions: Sequence[str]) -> Iterable[ScoredAccount]:
    """The accounts of a message."""
    for one in message.accounts:
        scores = [each.score if each.HasField("score") else None for each in one.dimensions]
        yield ScoredAccount(
            one.account_id,
            one.score if one.HasField("score") else None,
            one.health,
            one.coverage,
            one.persona,
            dict(zip(dimensions, scores, strict=True)),
            one.churn_probability if one.HasField("churn_probability") else None,
        )
