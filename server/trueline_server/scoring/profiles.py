"""Scoring profiles compiled for arithmetic: once for each profile in force, whoever asks."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted
from trueline_rules.scoring_conditions import CompiledAdvice, compile_advice
from trueline_rules.scoring_model import InputType, InputValue, ScoringInput, ScoringProfile, Subject

from trueline_server.errors import TruelineError
from trueline_server.scoring.curves import Curve

DEFAULT_PROFILES = {Subject.FEATURE: "features", Subject.ACCOUNT: "account_health"}
# Profiles in force are few; those of rule sets that were replaced are dropped by and by.
_MOST_COMPILED = 64


@dataclass(frozen=True, slots=True)
class Interval:
    """A number of which only the ends are known; they differ."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """Half way between the ends."""
        return (self.low + self.high) / 2


# A value of an input.
Known = InputValue | Interval
# Lowest and highest score, 0 to 100.
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CompiledInput:
    """An input that can be scored.

    Attributes:
        input: as it is written.
        name: of it.
        weight: in its dimension.
        place: among all inputs of the profile.
        dimension: place of its dimension.
        curve: of a number; None of others.
        best: highest score that it can have.
        worst: lowest score that it can have.

    """

    input: ScoringInput
    name: str
    weight: float
    place: int
    dimension: int
    curve: Curve | None
    best: float
    worst: float

    def ends(self, value: Known) -> Ends:
        """Scores of a value; ends that differ for a range only."""
        if self.curve is not None:
            if type(value) is Interval:
                one, other = self.curve.score(value.low), self.curve.score(value.high)
                return (one, other) if one <= other else (other, one)
            score = self.curve.score(value)  # type: ignore[arg-type]
        elif self.input.type is InputType.FLAG:
            score = self.input.flags[bool(value)]
        else:
            score = self.input.values[value]  # type: ignore[index]
        return score, score


@dataclass(frozen=True, slots=True)
class CompiledDimension:
    """A dimension.

    Attributes:
        name: of it.
        title: what people call it.
        inputs: in the order of the profile.
        weights: places of its inputs in the profile, and their weights.
        weight: the sum of these.

    """

    name: str
    title: str
    inputs: tuple[CompiledInput, ...]
    weights: tuple[tuple[int, float], ...]
    weight: float


# Personas and profiles are told apart by what they are, not by what they say: what is made of one is kept beside it.
@dataclass(frozen=True, slots=True, eq=False)
class CompiledPersona:
    """Weights of dimensions, in their order, and what is said to the persona where it holds.

    Attributes:
        name: of it.
        weights: of dimensions.
        concerns: those that are for it.
        recommendations: those that are for it.

    """

    name: str
    weights: tuple[float, ...]
    concerns: tuple[CompiledAdvice, ...]
    recommendations: tuple[CompiledAdvice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledProfile:
    """A profile that can score.

    Attributes:
        profile: as it is written.
        revision: of the rule set that it is from.
        inputs: of all dimensions, in the order of the profile.
        by_name: the same by name.
        dimensions: in the order of the profile.
        personas: by name.
        band_starts: from the lowest.
        band_names: in the same order.

    """

    profile: ScoringProfile
    revision: str
    inputs: tuple[CompiledInput, ...]
    by_name: Mapping[str, CompiledInput]
    dimensions: tuple[CompiledDimension, ...]
    personas: Mapping[str, CompiledPersona]
    band_starts: tuple[float, ...]
    band_names: tuple[str, ...]

    def band(self, ends: Ends | None) -> str:
        """Name of the band that a score lies in; "" if it lies in several or there is no score."""
        if ends is None:
            return ""
        low, high = ends
        place = bisect_right(self.band_starts, low)
        if low != high and place != bisect_right(self.band_starts, high):
            return ""
        return self.band_names[place - 1]

    def choose(self, names: Sequence[str]) -> tuple[CompiledPersona, ...]:
        """Personas in the order of their names, each once; () = all.

        Raises:
            TruelineError: UNKNOWN_PERSONA.

        """
        if not names:
            return tuple(self.personas.values())
        for name in names:
            if name not in self.personas:
                told = f"the scoring profile {quoted(self.profile.metadata.name)} has no persona {quoted(name)}"
                raise TruelineError(
                    "NOT_FOUND",
                    "UNKNOWN_PERSONA",
                    told + hint(name, self.personas),
                    metadata={"persona": name, "nearest": nearest(name, self.personas) or ""},
                )
        return tuple(self.personas[name] for name in dict.fromkeys(names))


def compile_profile(profile: ScoringProfile, revision: str) -> CompiledProfile:
    """Compile a profile that was checked by the loader."""
    inputs: list[CompiledInput] = []
    dimensions: list[CompiledDimension] = []
    for number, dimension in enumerate(profile.dimensions.values()):
        own: list[CompiledInput] = []
        for one in dimension.inputs:
            curve = Curve(one.points) if one.type is InputType.NUMBER else None
            scores = one.flags if one.type is InputType.FLAG else tuple(one.values.values())
            best, worst = (max(scores), min(scores)) if curve is None else (curve.best, curve.worst)
            own.append(CompiledInput(one, one.name, one.weight, len(inputs) + len(own), number, curve, best, worst))
        inputs += own
        weights = tuple((one.place, one.weight) for one in own)
        weight = sum(one.weight for one in own)
        dimensions.append(CompiledDimension(dimension.name, dimension.title, tuple(own), weights, weight))
    concerns, recommendations = compile_advice(profile)
    personas = {
        name: CompiledPersona(
            name,
            tuple(persona.weights.values()),
            tuple(one for one in concerns if one.is_for(name)),
            tuple(one for one in recommendations if one.is_for(name)),
        )
        for name, persona in profile.personas.items()
    }
    bands = sorted((start, name) for name, start in profile.bands.items())
    return CompiledProfile(
        profile=profile,
        revision=revision,
        inputs=tuple(inputs),
        by_name={one.name: one for one in inputs},
        dimensions=tuple(dimensions),
        personas=personas,
        band_starts=tuple(start for start, _ in bands),
        band_names=tuple(name for _, name in bands),
    )


class ProfileBook:
    """Compiled profiles by rule set and name. Thread-safe."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[tuple[str, str], CompiledProfile] = OrderedDict()
        self._lock = Lock()

    def find(self, rules: RuleSet, name: str, subject: Subject) -> CompiledProfile:
        """The profile of a name ("" = the default one of its subject).

        Raises:
            TruelineError: UNKNOWN_SCORING_PROFILE.

        """
        name = name or DEFAULT_PROFILES[subject]
        key = (rules.revision, name)
        found = self._compiled.get(key)
        if found is None:
            profiles = profiles_of(rules)
            profile = profiles.get(name)
            if profile is None:
                raise _unknown(name, [one for one, of in profiles.items() if of.subject is subject])
            found = compile_profile(profile, rules.revision)
            with self._lock:
                self._compiled[key] = found
                while len(self._compiled) > _MOST_COMPILED:
                    self._compiled.popitem(last=False)
        if found.profile.subject is not subject:
            raise _unknown(name, [one for one, of in profiles_of(rules).items() if of.subject is subject], subject)
        return found


def profiles_of(rules: RuleSet) -> dict[str, ScoringProfile]:
    """Profiles in force by name."""
    documents = rules.documents.get("ScoringProfile", {})
    return {name: one for name, one in sorted(documents.items()) if isinstance(one, ScoringProfile)}


def _unknown(name: str, known: Sequence[str], subject: Subject | None = None) -> TruelineError:
    told = f"there is no scoring profile called {quoted(name)}"
    if subject is not None:
        told = f"the scoring profile {quoted(name)} is not one of the subject {subject}"
    return TruelineError(
        "NOT_FOUND",
        "UNKNOWN_SCORING_PROFILE",
        told + hint(name, known),
        metadata={"scoring_profile": name, "nearest": nearest(name, known) or ""},
    )
