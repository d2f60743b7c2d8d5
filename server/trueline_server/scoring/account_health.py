"""How one account is: from what is known of it to dimensions, class, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trueline_rules.scoring_model import EVERYBODY_ELSE, InputType, OnMissing

from trueline_server.scoring.account_sql import INSUFFICIENT
from trueline_server.scoring.advising import Advising, Held
from trueline_server.scoring.profiles import CompiledInput, CompiledPersona, CompiledProfile, Known
from trueline_server.scoring.scores import OverallScore, Scores, score_values

# What is known of an account: a row of AccountQuestion by column; {} = nothing is.
AccountRow = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccountValues:
    """Values of the inputs of a profile.

    Attributes:
        known: in the order of the profile, within their ranges; None = dropped.
        defaulted: places of those whose value is the default of the profile.
        notes: place -> what was done to a value that is out of its range or unknown to the profile.
        observed_us: place -> when the fact was observed (µs since 1970, UTC).

    """

    known: tuple[Known | None, ...]
    defaulted: frozenset[int] = frozenset()
    notes: Mapping[int, str] = field(default_factory=dict)
    observed_us: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """How an account is at an instant.

    Attributes:
        values: of its inputs.
        persona: as its fact says; "" = not known.
        weighed: the persona whose weights count.
        scores: for that persona alone; without an overall score where too little is known.
        name: of the class.
        missing: why there is no score, for people; "" if there is one.
        recommendations: that hold, the most urgent first.

    """

    values: AccountValues
    persona: str
    weighed: CompiledPersona
    scores: Scores
    name: str
    missing: str
    recommendations: Sequence[Held]

    @property
    def overall(self) -> OverallScore:
        """The score for its persona."""
        return self.scores.personas[0]


def health_of(profile: CompiledProfile, row: AccountRow) -> Health:
    """How an account is."""
    values = take_values(profile, row)
    persona = row.get("persona") or ""
    weighed = profile.personas.get(persona, profile.personas[EVERYBODY_ELSE])
    scores = score_values(profile, values.known, [weighed])
    missing = _missing(profile, values, scores.personas[0], row)
    if missing:
        # A score of the little that is known would pass for one of the account.
        scores = scores._replace(personas=(OverallScore(None, 0.0, scores.personas[0].coverage),))
    held = [one for one in Advising(values.known, scores).hold(0) if not one.compiled.concern] if row else []
    ends = scores.personas[0].ends
    return Health(values, persona, weighed, scores, INSUFFICIENT if ends is None else profile.band(ends), missing, held)


def take_values(profile: CompiledProfile, row: AccountRow) -> AccountValues:
    """The values of inputs; those out of their range count as its nearest end."""
    known: list[Known | None] = []
    defaulted: set[int] = set()
    notes: dict[int, str] = {}
    observed: dict[int, int] = {}
    for one in profile.inputs:
        value, note = _taken(one, row.get(f"x{one.place}"))
        if value is None and _has_default(one, row):
            value = one.input.default
            defaulted.add(one.place)
        elif value is not None and row.get(f"o{one.place}") is not None:
            observed[one.place] = int(row[f"o{one.place}"])
        if note:
            notes[one.place] = note
        known.append(value)
    return AccountValues(tuple(known), frozenset(defaulted), notes, observed)


def _taken(one: CompiledInput, value: Any) -> tuple[Known | None, str]:
    """The value that counts, and what was done to it; "" = nothing."""
    if value is None:
        return None, ""
    if one.input.type is InputType.FLAG:
        return bool(value), ""
    if one.input.type is InputType.TEXT:
        return (value, "") if value in one.input.values else (None, f"is '{value}', which the profile does not know")
    least, most = one.input.range
    counted = min(max(float(value), least), most)
    note = "" if counted == value else f"is {value:.12g}, out of {least:.12g} to {most:.12g}"
    return counted, note


def _has_default(one: CompiledInput, row: AccountRow) -> bool:
    """A metric's default is for accounts with events, none of which are in its windows."""
    if not row or one.input.on_missing is not OnMissing.DEFAULT:
        return False
    metric = one.input.source is not None and one.input.source.kind == "metric"
    return bool(row.get("active")) or not metric


def _missing(profile: CompiledProfile, values: AccountValues, overall: OverallScore, row: AccountRow) -> str:
    """Why there is no score, for people; "" if there is one."""
    if not row:
        return "it has no event, and no fact that the profile reads"
    required = [one for one in profile.inputs if one.input.on_missing is OnMissing.REQUIRED]
    lacking = [one.name for one in required if values.known[one.place] is None]
    if lacking:
        return f"{', '.join(lacking)} must be known"
    least = profile.profile.minimum_coverage
    if overall.coverage < least:
        return f"coverage is {overall.coverage:.4g}, below the minimum of {least:.4g}"
    return "" if overall.ends is not None else "what is known of it has no weight"
