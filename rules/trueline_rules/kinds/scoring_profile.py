"""Kind ScoringProfile: how features and accounts are scored, for whom, and what is said about the scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from trueline_rules.expressions import ExpressionError, Fact, compile_expression
from trueline_rules.kinds.alert_rule import tell_expression
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.kinds.scoring_input import check_source, read_input, write_input
from trueline_rules.kinds.scoring_shapes import SPEC
from trueline_rules.model import Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.scoring_conditions import OWN_NAMES, condition_facts
from trueline_rules.scoring_model import (
    EVERYBODY_ELSE,
    LEAST_WEIGHT,
    Advice,
    ScoringDimension,
    ScoringPersona,
    ScoringProfile,
    Subject,
)
from trueline_rules.site import Path, Site
from trueline_rules.spans import format_span, parse_span

_ACCOUNTS_ONLY = ("persona_from", "minimum_coverage", "trend")
_TREND = "7d"
# Of decimal fractions as people write them, no sum is exact.
_TOLERANCE = 1e-9


def build(metadata: Metadata, spec: Spec, site: Site) -> ScoringProfile:
    """Make a profile."""
    subject = Subject(spec["subject"])
    dimensions = _dimensions(spec["dimensions"], subject, site)
    personas = {
        name: ScoringPersona(
            name,
            _persona_weights(name, written["weights"], dimensions, site),
            written.get("description", ""),
            written.get("basis", ""),
        )
        for name, written in spec["personas"].items()
    }
    _check_subject(subject, spec, site)
    _check_bands(spec["bands"], site)
    profile = ScoringProfile(
        metadata=metadata,
        subject=subject,
        dimensions=dimensions,
        personas=personas,
        bands=spec["bands"],
        concerns=_advice("concerns", spec, site),
        recommendations=_advice("recommendations", spec, site),
        basis=spec.get("basis", ""),
        persona_fact=spec.get("persona_from", {}).get("fact", ""),
        minimum_coverage=spec.get("minimum_coverage", 0.0),
        trend_us=parse_span(spec.get("trend", _TREND)).us if subject is Subject.ACCOUNT else 0,
    )
    facts = condition_facts(profile.inputs, dimensions)
    for key, advice in (("concerns", profile.concerns), ("recommendations", profile.recommendations)):
        _check_conditions(("spec", key), advice, facts, site)
    return profile


def dump(profile: ScoringProfile) -> dict[str, Any]:
    """Write a profile as a spec."""
    spec: dict[str, Any] = {
        "subject": str(profile.subject),
        "dimensions": {
            name: {"title": one.title, "inputs": {each.name: write_input(each) for each in one.inputs}}
            for name, one in profile.dimensions.items()
        },
        "personas": {
            name: _given(description=one.description, weights=dict(one.weights), basis=one.basis)
            for name, one in profile.personas.items()
        },
        "bands": dict(profile.bands),
        "concerns": [_write_advice(one) for one in profile.concerns],
        "recommendations": [_write_advice(one) for one in profile.recommendations],
        "basis": profile.basis,
    }
    if profile.subject is Subject.ACCOUNT:
        spec |= {"minimum_coverage": profile.minimum_coverage, "trend": format_span(profile.trend_us)}
        spec |= {"persona_from": {"fact": profile.persona_fact}} if profile.persona_fact else {}
    return {key: value for key, value in spec.items() if value not in ("", [])}


def check(profile: ScoringProfile, site: Site, known: Known) -> None:
    """Note facts and metrics that nothing defines or that do not fit."""
    for name, dimension in profile.dimensions.items():
        for one in dimension.inputs:
            check_source(one, ("spec", "dimensions", name, "inputs", one.name), site, known)
    fact = profile.persona_fact
    names = known.names.get("FactType", frozenset())
    found = known.fact_types.get(fact)
    if fact and fact not in names:
        told = f"is {quoted(fact)}, but there is no FactType of that name{hint(fact, names)}"
        site.problem(("spec", "persona_from", "fact"), told)
    elif found is not None and (found.subject, found.type) != ("account", "text"):
        told = f"is {quoted(fact)}, a {found.type} of the subject {found.subject}; it must be a text of accounts"
        site.problem(("spec", "persona_from", "fact"), told)


def _dimensions(written: Mapping[str, Spec], subject: Subject, site: Site) -> dict[str, ScoringDimension]:
    made: dict[str, ScoringDimension] = {}
    taken: dict[str, str] = dict.fromkeys(OWN_NAMES, "a name that conditions have anyway")
    for name in written:
        path = ("spec", "dimensions", name)
        _take(name, "the name of a dimension", taken, path, site)
    for name, spec in written.items():
        path = ("spec", "dimensions", name)
        for one in spec["inputs"]:
            _take(one, f"the name of an input of {name}", taken, (*path, "inputs", one), site)
        inputs = tuple(
            read_input(one, given, subject, (*path, "inputs", one), site) for one, given in spec["inputs"].items()
        )
        _check_sum((one.weight for one in inputs), "weights of its inputs", (*path, "inputs"), site)
        made[name] = ScoringDimension(name, spec.get("title", name), inputs)
    return made


def _take(name: str, role: str, taken: dict[str, str], path: Path, site: Site) -> None:
    """Note a name that is taken: conditions know one thing by it."""
    if name in taken:
        site.problem(path, f"is {taken[name]}, too; choose another name", key=True)
    taken.setdefault(name, role)


def _persona_weights(
    name: str, weights: Mapping[str, float], dimensions: Iterable[str], site: Site
) -> Mapping[str, float]:
    path = ("spec", "personas", name, "weights")
    known = tuple(dimensions)
    unknown = [one for one in weights if one not in known]
    missing = [one for one in known if one not in weights]
    for one in unknown:
        site.problem((*path, one), f"is no dimension{hint(one, known)}", key=True)
    if missing and not unknown:
        named = ", ".join(missing)
        site.problem(path, f"lacks {named}; write 0 for a dimension that does not count", key=True)
    for one, weight in weights.items():
        if 0 < weight < LEAST_WEIGHT:
            told = (
                f"is {weight:g}, too little to compute with; write 0 if it does not count, or {LEAST_WEIGHT:g} or more"
            )
            site.problem((*path, one), told)
    if not missing and not unknown:
        _check_sum(weights.values(), "", path, site)
    return {one: weights[one] for one in known if one in weights}


def _check_sum(weights: Iterable[float], of: str, path: Path, site: Site) -> None:
    total = math.fsum(weights)
    if abs(total - 1) > _TOLERANCE:
        has = f"has {of} that add up to" if of else "adds up to"
        site.problem(path, f"{has} {total:.10g}; make them add up to 1", key=True)


def _check_subject(subject: Subject, spec: Spec, site: Site) -> None:
    if subject is Subject.ACCOUNT:
        if EVERYBODY_ELSE not in spec["personas"]:
            told = f"lacks {EVERYBODY_ELSE}, the weights for accounts of no persona or of another one"
            site.problem(("spec", "personas"), told, key=True)
        return
    for key in _ACCOUNTS_ONLY:
        if key in spec:
            site.problem(("spec", key), "is for accounts, and this profile is of features", key=True)


def _check_bands(bands: Mapping[str, float], site: Site) -> None:
    path: Path = ("spec", "bands")
    for (above, start), (name, next_start) in pairwise(bands.items()):
        if next_start >= start:
            told = f"is from {next_start:g}, but {above} above it is from {start:g}; bands descend, the best first"
            site.problem((*path, name), told)
    if 0 not in bands.values():
        site.problem(path, "has no band from 0; give the lowest one the score 0", key=True)


def _advice(key: str, spec: Spec, site: Site) -> tuple[Advice, ...]:
    made: dict[str, Advice] = {}
    for index, one in enumerate(spec.get(key, ())):
        if one["name"] in made:
            site.problem(("spec", key, index, "name"), f"repeats {quoted(one['name'])}")
        for place, persona in enumerate(one.get("personas", ())):
            if persona not in spec["personas"]:
                told = f"is {quoted(persona)}, which is no persona{hint(persona, spec['personas'])}"
                site.problem(("spec", key, index, "personas", place), told)
        made[one["name"]] = Advice(one["name"], one["when"], one["text"], one.get("personas", ()), one.get("basis", ""))
    return tuple(made.values())


def _check_conditions(path: Path, advice: Sequence[Advice], facts: Mapping[str, Fact], site: Site) -> None:
    for index, one in enumerate(advice):
        where = (*path, index, "when")
        try:
            reads_now = compile_expression(one.when, facts).reads_now
        except ExpressionError as error:
            tell_expression(error, where, site)
        else:
            if reads_now:
                site.problem(where, "reads $now, but the same inputs must always come to the same; make it an input")


def _write_advice(one: Advice) -> dict[str, Any]:
    return _given(name=one.name, personas=list(one.personas), when=one.when, text=one.text, basis=one.basis)


def _given(**written: Any) -> dict[str, Any]:
    return {key: value for key, value in written.items() if value}


KIND = Kind(
    "ScoringProfile",
    "How features or accounts are scored: inputs and curves, dimensions, weights for personas, concerns, advice.",
    SPEC,
    build,
    dump,
    check,
)
