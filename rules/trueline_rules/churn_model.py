"""What churn models say, as frozen values: what is learned from, what leaving is, and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from trueline_rules.alert_model import FactSource, FactType
from trueline_rules.attribution_model import Selection
from trueline_rules.expressions import Expression, Fact, compile_expression
from trueline_rules.expressions import FactType as Type
from trueline_rules.model import Metadata
from trueline_rules.spans import format_span

SUBJECT = "account"
# What conditions of segments read beside the features.
PROBABILITY = "probability"


@dataclass(frozen=True, slots=True)
class ChurnFeature:
    """What is known of accounts and learned from.

    Attributes:
        name: what conditions, models and tables call it.
        source: the last value of a fact, or what the windows of a metric come to for each account.
        default: of a metric: value of accounts that have had events, but none that it looks at; None = it is missing.

    """

    name: str
    source: FactSource
    default: float | None = None

    @property
    def is_fact(self) -> bool:
        """Whether it is a fact by its own name."""
        return (self.source.kind, self.source.name) == ("fact", self.name)

    def kind(self, fact_types: Mapping[str, FactType]) -> str:
        """The type of its values; metrics are numbers."""
        return fact_types[self.source.name].type if self.source.kind == "fact" else "number"

    @property
    def meaning(self) -> str:
        """Where its value is from, in words: "fact plan", "sum of activity_daily over 7d, else 0"."""
        if self.source.kind == "fact":
            return f"fact {self.source.name}"
        operand = self.source.operand
        over = f" over {format_span(operand.over_us)}" if operand.over_us else ""
        otherwise = "" if self.default is None else f", else {self.default:g}"
        return f"{operand.agg} of {self.source.name}{over}{otherwise}"


@dataclass(frozen=True, slots=True)
class ChurnLabel:
    """What leaving is: a fact that becomes true, or an event of the account; either of the two.

    Attributes:
        fact: name of a fact of type bool; "" = events tell.
        of: the events; None = the fact tells.
        within_us: how far ahead it is foreseen, above 0.

    """

    fact: str
    of: Selection | None
    within_us: int


@dataclass(frozen=True, slots=True)
class FallbackRule:
    """While there is no model: accounts of which `when` holds leave with this probability, 0 to 1."""

    when: str
    probability: float
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """Accounts of which `when` holds, and of no segment before it, and what to do about them."""

    name: str
    when: str
    intervention: str
    basis: str = ""


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """How churn of accounts is learned, foreseen and met.

    Attributes:
        metadata: name and description.
        features: what is known of accounts and learned from; no two have one name.
        label: what leaving is.
        least_accounts, least_of_each_class: with fewer there is nothing to learn from.
        shifted, drifted: PSI from which on a population differs, and is another one.
        fallback: what answers without a model; the first that holds.
        otherwise: probability where none of them holds, 0 to 1.
        segments: the first that holds.
        among: condition over the features of accounts that it is about; "" = all. The others are neither learned from
            nor foreseen.
        bases: "label", "minimum", "drift", "otherwise" -> how firm its numbers are, where the file says so.

    """

    metadata: Metadata
    features: tuple[ChurnFeature, ...]
    label: ChurnLabel
    least_accounts: int
    least_of_each_class: int
    shifted: float
    drifted: float
    fallback: tuple[FallbackRule, ...]
    otherwise: float
    segments: tuple[Segment, ...]
    bases: Mapping[str, str]
    among: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the features."""
        return tuple(one.name for one in self.features)


def facts_of(model: ChurnModel, fact_types: Mapping[str, FactType]) -> dict[str, Fact]:
    """Declarations of the features in conditions, decimals as numbers, as models have them. Any may be missing."""
    declared = {}
    for one in model.features:
        known = fact_types.get(one.source.name) if one.source.kind == "fact" else None
        if one.source.kind == "fact" and known is None:
            continue
        kind = Type(one.kind(fact_types))
        unit = "" if known is None else known.unit
        declared[one.name] = Fact(one.name, Type.NUMBER if kind is Type.DECIMAL else kind, unit=unit)
    return declared


def compile_churn(text: str, facts: Mapping[str, Fact], *, scored: bool) -> Expression:
    """Compile `among`, a condition of a fallback rule, or of a segment, which reads the probability, too.

    Raises:
        ExpressionError: it does not compile.

    """
    more = (Fact(PROBABILITY, Type.NUMBER, nullable=False),) if scored else ()
    return _compiled(text, (*facts.values(), *more))


@lru_cache(maxsize=4096)
def _compiled(text: str, facts: tuple[Fact, ...]) -> Expression:
    return compile_expression(text, {fact.name: fact for fact in facts})
