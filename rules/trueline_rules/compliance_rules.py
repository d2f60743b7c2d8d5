"""From a framework as it is written to what judges by it: its conditions compiled against the facts in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from trueline_rules.alert_model import FactType
from trueline_rules.compliance_model import TENANT, ComplianceFramework, Control, ControlSeverity
from trueline_rules.expressions import Expression, ExpressionError, Fact, compile_expression
from trueline_rules.expressions import FactType as Type
from trueline_rules.expressions.tree import Fallback, Presence, walk

# What levels are told by: how many controls came to what, by severity, and the weighted score (0 to 1).
COUNTS: Mapping[str, Fact] = {
    name: Fact(name, Type.NUMBER, nullable=name == "score")
    for name in (
        *("passed", "applicable", "score", "failed", "unknown"),
        *(f"{counted}_{severity}" for counted in ("failed", "unknown") for severity in ControlSeverity),
    )
}

_ANY_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CompiledControl:
    """A control that can be judged; `applies` None = always."""

    control: Control
    applies: Expression | None
    rule: Expression

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts that it reads, sorted."""
        return tuple(sorted({*self.rule.facts, *(self.applies.facts if self.applies is not None else ())}))


@dataclass(frozen=True, slots=True)
class CompiledFramework:
    """A framework that can be judged by.

    Attributes:
        framework: as it is written.
        controls: in its order.
        contradictions: in its order.
        levels: in its order.
        facts: what its conditions read, by name.

    """

    framework: ComplianceFramework
    controls: tuple[CompiledControl, ...]
    contradictions: tuple[Expression, ...]
    levels: tuple[Expression, ...]
    facts: Mapping[str, Fact]


class FactSet(Mapping[str, Fact]):
    """Facts that conditions may read, by name. Of equal sets there is one object, so that it compares at once."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._facts = {fact.name: fact for fact in facts}

    def __getitem__(self, name: str) -> Fact:
        return self._facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def fact_set(facts: Mapping[str, Fact]) -> FactSet:
    """The set of some facts."""
    return _fact_set(frozenset(facts.values()))


def readable(subject: str, fact_types: Mapping[str, FactType]) -> FactSet:
    """Facts that conditions about a kind of subject may read: its own and the tenant's. Any of them may be missing."""
    return fact_set(
        {
            name: Fact(name, Type(known.type), unit=known.unit)
            for name, known in fact_types.items()
            if known.subject in {subject, TENANT}
        }
    )


def compile_framework(framework: ComplianceFramework, fact_types: Mapping[str, FactType]) -> CompiledFramework:
    """Compile all conditions of a framework that was checked.

    Raises:
        ExpressionError: a condition does not compile.

    """
    readables = {subject: readable(subject, fact_types) for subject in (framework.subject, TENANT)}
    controls = tuple(
        CompiledControl(
            control,
            compile_rule(control.applies, readables[control.subject]) if control.applies else None,
            compile_rule(control.rule, readables[control.subject]),
        )
        for control in framework.controls
    )
    own = readables[framework.subject]
    contradictions = tuple(compile_condition(each.when, own) for each in framework.contradictions)
    levels = tuple(compile_condition(level.when, fact_set(COUNTS)) for level in framework.levels)
    names = {name for control in controls for name in control.facts}
    names |= {name for condition in contradictions for name in condition.facts}
    facts = {name: own[name] for name in sorted(names)}
    return CompiledFramework(framework, controls, contradictions, levels, facts)


# A condition is compiled when it is checked, and again by whoever judges by it.
@lru_cache(maxsize=16_384)
def compile_condition(text: str, facts: FactSet) -> Expression:
    """Compile a condition.

    Raises:
        ExpressionError: it does not compile.

    """
    return compile_expression(text, facts)


@lru_cache(maxsize=16_384)
def compile_known(text: str, facts: FactSet) -> Expression:
    """Compile a condition that no missing fact makes true or false: more that is known never changes what was.

    Raises:
        ExpressionError: it does not compile, or asks whether a fact is known.

    """
    compiled = compile_condition(text, facts)
    for node in walk(compiled.tree):
        if isinstance(node, (Presence, Fallback)):
            told = "asks whether a fact is known; what is not known is neither met nor missed, so leave that out"
            shown = text[node.start : node.end]
            raise ExpressionError(told, start=node.start, length=node.end - node.start, fragment=shown)
    return compiled


@lru_cache(maxsize=16_384)
def compile_rule(text: str, facts: FactSet) -> Expression:
    """Compile a condition of a control, which is unknown as long as nothing is known.

    Raises:
        ExpressionError: it does not compile, asks whether a fact is known, or comes to the same whatever the facts are.

    """
    compiled = compile_known(text, facts)
    truth = compiled.evaluate({}, _ANY_INSTANT)
    if truth is not None:
        told = f"is {str(truth).lower()} whatever is known, so that its status would be asserted, not computed"
        raise ExpressionError(f"{told}; let it depend on facts", start=0, length=len(text), fragment=text)
    return compiled


@lru_cache(maxsize=64)
def _fact_set(facts: frozenset[Fact]) -> FactSet:
    return FactSet(facts)
