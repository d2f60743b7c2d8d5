"""Conditions of scoring profiles: what they may read, and the expressions that they are compiled to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trueline_rules.expressions import Expression, Fact, FactType, compile_expression
from trueline_rules.scoring_model import Advice, InputType, ScoringInput, ScoringProfile

OVERALL, COVERAGE, PERSONA = "overall", "coverage", "persona"
# Names that conditions have beside those of inputs and dimensions.
OWN_NAMES = (OVERALL, COVERAGE, PERSONA)
_TYPES = {InputType.NUMBER: FactType.NUMBER, InputType.TEXT: FactType.TEXT, InputType.FLAG: FactType.BOOL}


# Told apart by what they are: whether one holds is kept beside it.
@dataclass(frozen=True, slots=True, eq=False)
class CompiledAdvice:
    """A concern or a recommendation that can be evaluated over inputs, scores of dimensions and OWN_NAMES.

    Attributes:
        advice: as it is written.
        concern: whether it is one; else it is a recommendation.
        condition: when it holds.
        persona_dependent: whether the condition reads one of OWN_NAMES, which differ between personas.
        told: texts before each of the values that the condition saw, in the order of its facts.

    """

    advice: Advice
    concern: bool
    condition: Expression
    persona_dependent: bool
    told: tuple[str, ...]

    def is_for(self, persona: str) -> bool:
        """Whether it is for a persona."""
        return not self.advice.personas or persona in self.advice.personas


def condition_facts(inputs: Mapping[str, ScoringInput], dimensions: Mapping[str, object]) -> dict[str, Fact]:
    """What conditions of a profile may read, by name. Everything but coverage may be missing."""
    facts = {name: Fact(name, _TYPES[one.type], unit=one.unit) for name, one in inputs.items()}
    facts |= {name: Fact(name, FactType.NUMBER) for name in (*dimensions, OVERALL)}
    facts[COVERAGE] = Fact(COVERAGE, FactType.NUMBER, nullable=False)
    facts[PERSONA] = Fact(PERSONA, FactType.TEXT)
    return facts


def compile_advice(
    profile: ScoringProfile,
) -> tuple[tuple[CompiledAdvice, ...], tuple[CompiledAdvice, ...]]:
    """Compile the concerns and the recommendations of a profile, which was checked by the loader."""
    facts = condition_facts(profile.inputs, profile.dimensions)
    concerns, recommendations = (
        tuple(_compiled(one, compile_expression(one.when, facts), concern=concern) for one in advice)
        for advice, concern in ((profile.concerns, True), (profile.recommendations, False))
    )
    return concerns, recommendations


def _compiled(advice: Advice, condition: Expression, *, concern: bool) -> CompiledAdvice:
    told = tuple(
        f"{', ' if number else f'{condition.text}: '}{name} is " for number, name in enumerate(condition.facts)
    )
    return CompiledAdvice(advice, concern, condition, not set(OWN_NAMES).isdisjoint(condition.facts), told)
