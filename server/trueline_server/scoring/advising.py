"""Concerns and recommendations that hold, with the values that their conditions saw."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from trueline_rules.expressions.closure import Evaluate
from trueline_rules.scoring_conditions import COVERAGE, OVERALL, PERSONA, CompiledAdvice

from trueline_server.scoring.profiles import Ends, Interval, Known
from trueline_server.scoring.scores import Scores
from trueline_server.scoring.weighing import Weighing

_MOST_KEPT = 256


# Told apart by what they are: several personas may have the same one.
@dataclass(slots=True, eq=False)
class Held:
    """A concern or recommendation that holds.

    Attributes:
        compiled: which.
        reason: why: its condition and what it saw.
        written: the bytes of its message, once an encoder has made them.

    """

    compiled: CompiledAdvice
    reason: str
    written: bytes = b""


class _Possible(NamedTuple):
    """Advice that may hold for a persona; `settled` if it does whatever the values of the known inputs are."""

    compiled: CompiledAdvice
    evaluate: Evaluate
    settled: Held | None


class Advising:
    """The advice about one subject. Of ranges the middle counts; what is not known makes a condition unknown."""

    def __init__(self, values: Sequence[Known | None], scores: Scores) -> None:
        """`values` of the inputs, in the order of the profile, and the scores that were made of them."""
        self._scores = scores
        self._possible = _possible(scores.weighing)
        self._seen: dict[str, object] = {}
        self._ranges: set[str] = set()
        profile = scores.weighing.profile
        for one, value in zip(profile.inputs, values, strict=True):
            self._seen[one.name] = value
            if type(value) is Interval:
                self._ranges.add(one.name)
                self._seen[one.name] = value.middle
        for dimension, score in zip(profile.dimensions, scores.dimensions, strict=True):
            self._see(dimension.name, score.ends)
        # Conditions about inputs and dimensions alone come out the same for every persona.
        self._common: dict[CompiledAdvice, Held | None] = {}

    def hold(self, place: int) -> list[Held]:
        """What holds for the persona at a place: concerns, then recommendations, in the order of the profile."""
        common, seen, overall = self._common, self._seen, self._scores.personas[place]
        seen[PERSONA], seen[COVERAGE] = self._scores.weighing.personas[place].name, overall.coverage
        self._see(OVERALL, overall.ends)
        judged = []
        for one, evaluate, held in self._possible[place]:
            if held is not None:
                judged.append(held)
                continue
            if one in common:
                found = common[one]
            else:
                found = _worded(one, seen, self._ranges) if evaluate(seen) else None
                if not one.persona_dependent:
                    common[one] = found
            if found is not None:
                judged.append(found)
        return judged

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


@lru_cache(maxsize=_MOST_KEPT)
def _possible(weighing: Weighing) -> list[list[_Possible]]:
    """Concerns, then recommendations, that may hold where just these inputs are known, by persona."""
    profile = weighing.profile
    inputs = {one.name for one, known in zip(profile.inputs, weighing.known, strict=True) if known}
    dimensions = {one.name for one, own in zip(profile.dimensions, weighing.dimensions, strict=True) if own.weight}
    found = []
    for persona, overall in zip(weighing.personas, weighing.overall, strict=True):
        settled = {PERSONA: persona.name, COVERAGE: overall.coverage}
        varying = frozenset((*inputs, *dimensions, *((OVERALL,) if overall.weight else ())))
        found.append(_settle((*persona.concerns, *persona.recommendations), settled, varying))
    return found


def _settle(
    advice: Iterable[CompiledAdvice], settled: Mapping[str, object], varying: frozenset[str]
) -> list[_Possible]:
    """Judge what reads no fact that varies: those that are neither settled nor varying are not known."""
    found = []
    for one in advice:
        evaluate, facts = one.condition.evaluate, one.condition.facts
        if not varying.isdisjoint(facts):
            found.append(_Possible(one, evaluate, None))
        elif evaluate(settled):
            seen = {name: settled.get(name) for name in facts}
            found.append(_Possible(one, evaluate, _worded(one, seen, ())))
    return found


def _worded(one: CompiledAdvice, seen: Mapping[str, object], ranges: Collection[str]) -> Held:
    """The advice with its reason: the condition, and what it saw."""
    facts, told = one.condition.facts, one.told
    if len(facts) == 1:
        return Held(one, told[0] + _shown(seen[facts[0]], facts[0] in ranges))
    shown = [text + _shown(seen[name], name in ranges) for text, name in zip(told, facts, strict=True)]
    return Held(one, "".join(shown))


def _shown(value: object, ranged: bool) -> str:
    if type(value) is float:
        return f"{value:.6g} in the middle of its range" if ranged else f"{value:.6g}"
    if value is None:
        return "not known"
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"
