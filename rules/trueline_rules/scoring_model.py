"""What scoring profiles say, as frozen values: inputs and their curves, dimensions, weights, bands and advice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trueline_rules.alert_model import FactSource
from trueline_rules.model import Metadata

# A weighted mean of scores with smaller weights alone would lose digits, down to none.
LEAST_WEIGHT = 1e-6
# The persona of everybody for whom a profile of accounts has no weights of their own.
EVERYBODY_ELSE = "default"
ASSUMED = "assumed"
BASES = ("agreed", ASSUMED, "measured", "seed")

# Value of an input.
InputValue = float | str | bool


class Subject(StrEnum):
    """What a profile scores."""

    FEATURE = "feature"
    ACCOUNT = "account"


class InputType(StrEnum):
    """Of which type an input is."""

    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"


class OnMissing(StrEnum):
    """What happens if an input is not known."""

    DROP = "drop"
    REQUIRED = "required"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ScoringInput:
    """A value that is worth something.

    Attributes:
        name: one input of a profile has it.
        type: of its values.
        weight: in its dimension, LEAST_WEIGHT or more; those of a dimension add up to 1.
        description: in words.
        unit: of a number; "" = none.
        range: least and greatest value of a number; (0, 0) of others.
        points: of a number: (value, score) by ascending value, within the range; scores (0 to 100) only rise or only
            fall. Between points the score is on the line, outside them that of the nearest. () of others.
        values: of a text: value -> score, 0 to 100.
        flags: of a flag: scores of false and of true, 0 to 100.
        on_missing: what happens if it is not known.
        default: its value then, where `on_missing` is DEFAULT.
        basis: of its weight and curve: one of BASES; "" = nobody says.
        source: of accounts: where its value is from. None of features.

    """

    name: str
    type: InputType
    weight: float
    description: str = ""
    unit: str = ""
    range: tuple[float, float] = (0.0, 0.0)
    points: tuple[tuple[float, float], ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[float, float] = (0.0, 0.0)
    on_missing: OnMissing = OnMissing.DROP
    default: InputValue | None = None
    basis: str = ""
    source: FactSource | None = None


@dataclass(frozen=True, slots=True)
class ScoringDimension:
    """Inputs that are judged together; `title` is what people call it."""

    name: str
    title: str
    inputs: tuple[ScoringInput, ...]


@dataclass(frozen=True, slots=True)
class ScoringPersona:
    """What dimensions weigh for somebody.

    Attributes:
        name: "default" of a profile of accounts stands for everybody else.
        weights: dimension -> weight, of all dimensions in their order; 0 or from LEAST_WEIGHT, they add up to 1.
        description: in words.
        basis: of the weights: one of BASES; "" = nobody says.

    """

    name: str
    weights: Mapping[str, float]
    description: str = ""
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """A concern or a recommendation.

    Attributes:
        name: of it.
        when: condition over inputs, scores of dimensions, overall, coverage and persona.
        text: what people read.
        personas: whom it is for; () = everybody.
        basis: of the numbers in its condition: one of BASES; "" = nobody says.

    """

    name: str
    when: str
    text: str
    personas: tuple[str, ...] = ()
    basis: str = ""


@dataclass(frozen=True, slots=True)
class ScoringProfile:
    """How features or accounts are scored.

    Attributes:
        metadata: name and description.
        subject: what it scores.
        dimensions: by name, in the order of the file.
        personas: by name, in the order of the file.
        bands: name -> from this score on, descending; the last one is from 0.
        concerns: what somebody would be worried about.
        recommendations: what to do.
        basis: of bands, least coverage and trend: one of BASES; "" = nobody says.
        persona_fact: of accounts: the fact with the name of the persona; "" = everybody is "default".
        minimum_coverage: of accounts: below it, 0 to 1, too little is known to name a band.
        trend_us: of accounts: how long ago the score is that it is compared with.

    """

    metadata: Metadata
    subject: Subject
    dimensions: Mapping[str, ScoringDimension]
    personas: Mapping[str, ScoringPersona]
    bands: Mapping[str, float]
    concerns: tuple[Advice, ...] = ()
    recommendations: tuple[Advice, ...] = ()
    basis: str = ""
    persona_fact: str = ""
    minimum_coverage: float = 0.0
    trend_us: int = 0

    @property
    def inputs(self) -> dict[str, ScoringInput]:
        """All inputs by name, in the order of the file."""
        return {one.name: one for dimension in self.dimensions.values() for one in dimension.inputs}
