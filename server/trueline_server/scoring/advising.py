"""Concerns and recommendations that hold, with the values that their conditions saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trueline_rules.scoring_conditions import COVERAGE, OVERALL, PERSONA, CompiledAdvice
from trueline_rules.scoring_model import Advice

from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile, Interval, Known
from trueline_server.scoring.scores import OverallScore, Scores


@dataclass(frozen=True, slots=True)
class Held:
    """A concern or recommendation that holds, and why: its condition and what it saw."""

    advice: Advice
    reason: str


class Advising:
    """The advice about one subject. Of ranges the middle counts; what is not known makes a condition unknown."""

    def __init__(self, profile: CompiledProfile, values: Sequence[Known | None], scores: Scores) -> None:
        self._seen: dict[str, object] = {}
        self._ranges: set[str] = set()
        for one, value in zip(profile.inputs, values, strict=True):
            if type(value) is Interval:
                self._ranges.add(one.input.name)
                self._seen[one.input.name] = value.middle
            else:
                self._seen[one.input.name] = value
        for dimension, score in zip(profile.dimensions, scores.dimensions, strict=True):
            self._see(dimension.name, score.ends)
        # Conditions about inputs and dimensions alone come out the same for every persona.
        self._common: dict[int, Held | None] = {}

    def hold(self, persona: CompiledPersona, overall: OverallScore, advice: Sequence[CompiledAdvice]) -> list[Held]:
        """Those of some advice that hold for a persona, in their order."""
        self._seen[PERSONA], self._seen[COVERAGE] = persona.name, overall.coverage
        self._see(OVERALL, overall.ends)
        held = (self._judge(one) for one in advice)
        return [one for one in held if one is not None]

    def _judge(self, one: CompiledAdvice) -> Held | None:
        if one.persona_dependent:
            return self._held(one)
        key = id(one)
        if key not in self._common:
            self._common[key] = self._held(one)
        return self._common[key]

    def _held(self, one: CompiledAdvice) -> Held | None:
        if not one.condition.evaluate(self._seen):
            return None
        saw = ", ".join(f"{name} is {self._shown(name)}" for name in one.condition.facts)
        return Held(one.advice, f"{one.advice.when}: {saw}")

    def _see(self, name: str, ends: tuple[float, float] | None) -> None:
        self._seen[name] = None if ends is None else (ends[0] + ends[1]) / 2
        if ends is not None and ends[0] != ends[1]:
            self._ranges.add(name)
        else:
            self._ranges.discard(name)

    def _shown(self, name: str) -> str:
        value = self._seen[name]
        if value is None:
            return "not known"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float | int):
            return f"{value:.6g}" + (" in the middle of its range" if name in self._ranges else "")
        return f"'{value}'"
