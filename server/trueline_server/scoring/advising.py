"""Concerns and recommendations that hold, with the values that their conditions saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trueline_rules.scoring_conditions import COVERAGE, OVERALL, PERSONA, CompiledAdvice

from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile, Ends, Interval, Known
from trueline_server.scoring.scores import OverallScore, Scores


class Held(NamedTuple):
    """A concern or recommendation that holds, and why: its condition and what it saw."""

    compiled: CompiledAdvice
    reason: str


class Advising:
    """The advice about one subject. Of ranges the middle counts; what is not known makes a condition unknown."""

    def __init__(self, profile: CompiledProfile, values: Sequence[Known | None], scores: Scores) -> None:
        self._seen: dict[str, object] = {}
        self._ranges: set[str] = set()
        for one, value in zip(profile.inputs, values, strict=True):
            if type(value) is Interval:
                self._ranges.add(one.name)
                self._seen[one.name] = value.middle
            else:
                self._seen[one.name] = value
        for dimension, score in zip(profile.dimensions, scores.dimensions, strict=True):
            self._see(dimension.name, score.ends)
        # Conditions about inputs and dimensions alone come out the same for every persona.
        self._common: dict[CompiledAdvice, Held | None] = {}

    def hold(self, persona: CompiledPersona, overall: OverallScore) -> tuple[list[Held], list[Held]]:
        """Concerns and recommendations that hold for a persona, in the order of the profile."""
        seen = self._seen
        seen[PERSONA], seen[COVERAGE] = persona.name, overall.coverage
        self._see(OVERALL, overall.ends)
        return self._judge(persona.concerns), self._judge(persona.recommendations)

    def _judge(self, advice: Sequence[CompiledAdvice]) -> list[Held]:
        common, seen = self._common, self._seen
        judged = []
        for one in advice:
            if one.persona_dependent:
                if one.condition.evaluate(seen):
                    judged.append(self._worded(one))
                continue
            if one not in common:
                common[one] = self._worded(one) if one.condition.evaluate(seen) else None
            held = common[one]
            if held is not None:
                judged.append(held)
        return judged

    def _worded(self, one: CompiledAdvice) -> Held:
        text, names = one.condition.text, one.condition.facts
        if len(names) == 1:
            return Held(one, f"{text}: {names[0]} is {self._shown(names[0])}")
        return Held(one, f"{text}: {', '.join([f'{name} is {self._shown(name)}' for name in names])}")

    def _see(self, name: str, ends: Ends | None) -> None:
        if ends is None:
            self._seen[name] = None
            return
        low, high = ends
        self._seen[name] = (low + high) / 2
        if low != high:
            self._ranges.add(name)
        else:
            self._ranges.discard(name)

    def _shown(self, name: str) -> str:
        value = self._seen[name]
        if type(value) is float:
            return f"{value:.6g} in the middle of its range" if name in self._ranges else f"{value:.6g}"
        if value is None:
            return "not known"
        return str(value).lower() if isinstance(value, bool) else f"'{value}'"
