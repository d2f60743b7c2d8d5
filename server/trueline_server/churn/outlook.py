"""What is foreseen of accounts: by the model or the plain rule of a document, with segment and reasons. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from trueline_rules.alert_model import FactType
from trueline_rules.churn_model import PROBABILITY, ChurnModel, compile_churn, facts_of
from trueline_rules.expressions import Expression

from trueline_server.churn.columns import Accounts
from trueline_server.churn.effects import features_of
from trueline_server.churn.fitted import FittedModel
from trueline_server.churn.sql import first_sql, holds_sql, log_odds_sql, probability_sql

MODEL, RULE = "model", "rule"
Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reason:
    """What a value did: log-odds against the average account, and the value for people."""

    name: str
    value: str
    log_odds: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is foreseen of an account.

    Attributes:
        probability: of leaving within the horizon, 0 to 1.
        horizon_us: how far ahead.
        method: "model" or "rule".
        model_id: "" with a rule.
        segment, intervention: "" = in no segment.
        effects: the largest first; with `base` they add up to the log-odds of the probability. None with a rule.
        base: log-odds of the average account.
        reason: why a rule answered, and which one held; "" with a model.
        coverage: share of the features that are known of it, 0 to 1.

    """

    probability: float
    horizon_us: int
    method: str
    model_id: str
    segment: str
    intervention: str
    effects: tuple[Reason, ...]
    base: float
    reason: str
    coverage: float


class Foresight:
    """A document with the model that answers for it, if there is one.

    Attributes:
        document: which.
        model: None = the plain rule answers.
        model_id: "" without a model.
        horizon_us: how far ahead the probabilities look.
        why: why there is no model, for people; "" with one.

    """

    def __init__(
        self,
        document: ChurnModel,
        fact_types: Mapping[str, FactType],
        model: FittedModel | None = None,
        model_id: str = "",
        *,
        why: str = "",
    ) -> None:
        self.document = document
        self.model = model
        self.model_id = model_id
        self.horizon_us = document.label.within_us
        self.why = why
        facts = facts_of(document, fact_types)
        self._among = compile_churn(document.among, facts, scored=False) if document.among else None
        self._segments = [compile_churn(one.when, facts, scored=True) for one in document.segments]
        self._fallback = [compile_churn(one.when, facts, scored=False) for one in document.fallback]

    @property
    def method(self) -> str:
        """ "model" or "rule"."""
        return RULE if self.model is None else MODEL

    def is_about(self, facts: Facts) -> bool:
        """Whether the document is about an account; see `outlooks` for the facts."""
        return self._among is None or bool(self._among.evaluate(facts))

    def is_about_sql(self, columns: Mapping[str, str]) -> str:
        """The same, 1 or 0, over columns by feature."""
        return holds_sql(self._among, columns)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of what is looked at: the model's, or with a rule the document's."""
        return self.document.names if self.model is None else self.model.features

    def outlooks(self, accounts: Accounts, facts: Sequence[Facts]) -> list[Outlook]:
        """What is foreseen of accounts, in their order.

        Args:
            accounts: what the model reads.
            facts: the same accounts as conditions read them: values of the types that facts declare; None = missing.

        """
        if self.model is None:
            return [self._by_rule(one) for one in facts]
        probabilities = self.model.probabilities(accounts)
        columns, added = self.model.columns(accounts), self.model.explained(accounts)
        coverages = 1 - np.mean([column.missing for column in columns.values()], axis=0)
        found = []
        for row, known in enumerate(facts):
            probability = float(probabilities[row])
            place = self._segment(known, probability)
            reasons = [
                Reason(
                    effect.name, ", ".join(columns[name].shown(row) or "missing" for name in features_of(effect)), one
                )
                for effect, one in zip(self.model.effects, map(float, added[row]), strict=True)
            ]
            reasons.sort(key=lambda reason: (-abs(reason.log_odds), reason.name))
            found.append(self._outlook(probability, place, tuple(reasons), float(coverages[row])))
        return found

    def probability_sql(self, columns: Mapping[str, str]) -> str:
        """The probability as a Float64 over columns by feature, see `log_odds_sql`; flags are numbers 1 and 0."""
        if self.model is not None:
            return probability_sql(log_odds_sql(self.model, columns))
        values = [repr(one.probability) for one in self.document.fallback]
        return first_sql(self._conditions(self._fallback, columns), values, repr(self.document.otherwise))

    def segment_sql(self, columns: Mapping[str, str], probability: str) -> str:
        """The place of the segment, from 1, or 0 = none; `probability` is the column of the probability."""
        conditions = self._conditions(self._segments, {**columns, PROBABILITY: probability})
        return first_sql(conditions, [str(place) for place in range(1, len(conditions) + 1)], "0")

    def _conditions(self, compiled: Sequence[Expression], columns: Mapping[str, str]) -> list[str]:
        return [one.sql(columns).sql for one in compiled]

    def _by_rule(self, facts: Facts) -> Outlook:
        for rule, condition in zip(self.document.fallback, self._fallback, strict=True):
            if condition.evaluate(facts):
                probability, held = rule.probability, f"{rule.when} holds"
                break
        else:
            probability, held = self.document.otherwise, "none of the plain rules holds"
        place = self._segment(facts, probability)
        names = self.document.names
        coverage = sum(facts.get(name) is not None for name in names) / len(names)
        return self._outlook(probability, place, (), coverage, f"{self.why}; {held}" if self.why else held)

    def _segment(self, facts: Facts, probability: float) -> int:
        known = {**facts, PROBABILITY: probability}
        return next((place for place, one in enumerate(self._segments, 1) if one.evaluate(known)), 0)

    def _outlook(
        self, probability: float, place: int, effects: tuple[Reason, ...], coverage: float, reason: str = ""
    ) -> Outlook:
        segment = self.document.segments[place - 1] if place else None
        return Outlook(
            probability=probability,
            horizon_us=self.horizon_us,
            method=self.method,
            model_id=self.model_id,
            segment="" if segment is None else segment.name,
            intervention="" if segment is None else segment.intervention,
            effects=effects,
            base=0.0 if self.model is None else self.model.intercept,
            reason=reason,
            coverage=coverage,
        )
