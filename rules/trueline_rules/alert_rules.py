"""From an alert rule as it is written to what evaluates it: compiled conditions, and what the state machine takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

from trueline_rules.alert_model import AlertRule, FactSource, FactType
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.alerting.model import AlertSpec, OnError, OnMissing, OnNoData, OnVanished
from trueline_rules.expressions import Expression, Fact, compile_expression
from trueline_rules.expressions import FactType as Type

SEVERITIES = ("warning", "critical")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """An alert rule that can be evaluated.

    Attributes:
        rule: as it is written.
        facts: what its conditions may read, by name.
        conditions: by severity, mildest first; severities without one are left out.
        sampled: of which type the samples are that each fact is made of.

    """

    rule: AlertRule
    facts: Mapping[str, Fact]
    conditions: Mapping[str, Expression]
    sampled: Mapping[str, Type] = field(default_factory=dict)

    @property
    def looked_up(self) -> frozenset[str]:
        """Facts of which labels are made and that no condition reads: they have no say in which alerts there are."""
        read = {name for condition in self.conditions.values() for name in condition.facts}
        return frozenset(self.rule.label_facts.values()) - read

    def spec_at(self, instant_us: int) -> AlertSpec:
        """What the state machine evaluates at an instant (µs since 1970, UTC), which is `$now` to the conditions."""
        now = _EPOCH + timedelta(microseconds=instant_us)
        rule = self.rule
        conditions = {severity: partial(condition.evaluate, now=now) for severity, condition in self.conditions.items()}
        return AlertSpec(
            name=rule.metadata.name,
            warning=conditions.get("warning"),
            critical=conditions.get("critical"),
            for_us=rule.for_us,
            keep_firing_for_us=rule.keep_firing_for_us,
            on_missing=OnMissing(rule.on_missing),
            on_no_data=OnNoData(rule.on_no_data),
            on_error=OnError(rule.on_error),
            # Who keeps an alert without data keeps it without its row, too; else a label set that is gone is over.
            on_vanished=OnVanished.NO_DATA if rule.on_no_data == "keep" else OnVanished.RESOLVE,
            labels=rule.labels,
            limit=rule.limit,
        )

    def severity(self, values: Mapping[str, object], now: datetime) -> str:
        """What the state machine takes facts at an instant for: "critical", "warning", "none" or "unknown".

        An unknown condition counts as `on_missing` says; a warning that holds is one, even if critical is unknown.

        Raises:
            FactValueError: a value has not the type that its fact declares.

        """
        return self.decide({name: condition.evaluate(values, now) for name, condition in self.conditions.items()})

    def decide(self, truths: Mapping[str, bool | None]) -> str:
        """What the truths of the conditions, by severity, come to; see `severity`."""
        counted = {"true": True, "false": False}.get(self.rule.on_missing)
        known = {severity: counted if truth is None else truth for severity, truth in truths.items()}
        for severity in reversed(SEVERITIES):
            if known.get(severity):
                return severity
        return "unknown" if None in known.values() else "none"


def compile_rule(
    rule: AlertRule, fact_types: Mapping[str, FactType], *, severities: Sequence[str] = SEVERITIES
) -> CompiledRule:
    """Compile the conditions of a rule whose facts are all defined.

    Args:
        rule: what to compile.
        fact_types: by name.
        severities: those wanted.

    Raises:
        ExpressionError: a condition does not compile.

    """
    facts = {name: declared(name, source, fact_types) for name, source in rule.facts.items()}
    texts = {"warning": rule.warning, "critical": rule.critical}
    declared_facts = tuple(facts.values())
    conditions = {severity: _compiled(texts[severity], declared_facts) for severity in severities if texts[severity]}
    samples = {name: sampled(source, fact_types) for name, source in rule.facts.items()}
    return CompiledRule(rule, facts, conditions, samples)


# A rule is compiled when it is checked, and again by whoever evaluates it.
@lru_cache(maxsize=16_384)
def _compiled(text: str, facts: tuple[Fact, ...]) -> Expression:
    return compile_expression(text, {fact.name: fact for fact in facts})


def declared(name: str, source: FactSource, fact_types: Mapping[str, FactType]) -> Fact:
    """The declaration of a fact in a rule's conditions. Metrics and KPIs are numbers that may be missing; so is what
    comes of many samples, while "absent" is always known."""
    if source.operand.agg is Agg.ABSENT:
        return Fact(name, Type.BOOL, nullable=False)
    if source.kind != "fact" or source.operand.agg is not Agg.LAST:
        return Fact(name, Type.NUMBER)
    known = fact_types[source.name]
    # Who promises that a fact is there does not promise it of an hour ago, or of every window.
    nullable = known.nullable or bool(source.operand.over_us or source.operand.offset_us)
    return Fact(name, Type(known.type), nullable, known.unit)


def sampled(source: FactSource, fact_types: Mapping[str, FactType]) -> Type:
    """The type of the samples that a fact's operand reads."""
    return Type(fact_types[source.name].type) if source.kind == "fact" else Type.NUMBER
