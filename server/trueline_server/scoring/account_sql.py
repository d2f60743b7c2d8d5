"""Scores of accounts as ClickHouse's SQL: curves, weights by persona, coverage, class. Pure.

Sums are taken in the order of `scores.score_values`, so that both come to the same score to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from trueline_rules.expressions.sql import quote
from trueline_rules.scoring_model import EVERYBODY_ELSE, InputType, OnMissing

from trueline_server.churn.outlook import Foresight
from trueline_server.scoring.account_values import AccountQuestion
from trueline_server.scoring.profiles import CompiledInput, CompiledProfile

INSUFFICIENT = "insufficient_data"
_NULL = "CAST(NULL, 'Nullable(Float64)')"


def classes_of(profile: CompiledProfile) -> tuple[str, ...]:
    """Classes of a profile, the best first; the last is that of accounts of which too little is known."""
    return (*profile.profile.bands, INSUFFICIENT)


def score_columns(profile: CompiledProfile) -> tuple[str, ...]:
    """The columns of `scored_sql` in order."""
    return (
        *("account_id", "persona", "score", "health", "coverage"),
        *(f"d{place}" for place in range(len(profile.dimensions))),
        "churn",
    )


def scored_sql(question: AccountQuestion, foresight: Foresight | None) -> tuple[str, dict[str, Any]]:
    """Accounts with their scores, in no order, and the parameters.

    Columns as `score_columns`: account_id; persona, "" = not known; score, NaN = too little is known; health, the
    place of the class in `classes_of`; coverage; d0, d1, … of the dimensions, NaN = none; churn, the probability,
    NaN = nothing tells it.
    The features of `foresight` are the other values of the question.
    """
    profile = question.profile
    source, parameters = question.to_sql()
    source = _defaulted(source, question)
    values = ", ".join(f"{_value(one)} AS v{one.place}" for one in profile.inputs)
    scores = ", ".join(f"{_score(one)} AS s{one.place}" for one in profile.inputs)
    dimensions = ", ".join(_dimension_parts(profile))
    weights = ", ".join(_persona_weights(profile))
    told = ", ".join(f"ifNull(d{place}, nan) AS d{place}" for place in range(len(profile.dimensions)))
    steps = [
        f"SELECT account_id, ifNull(persona, '') AS persona, {values}, {_churn(question, foresight)} AS churn FROM ",
        f"SELECT account_id, persona, churn, {_missing_required(profile)} AS lacking, {scores}, {weights} FROM ",
        f"SELECT account_id, persona, churn, lacking, {_columns('w', profile)}, {dimensions} FROM ",
        f"SELECT account_id, persona, churn, lacking, {_columns('d', profile)}, {_overall(profile)} FROM ",
        f"SELECT account_id, persona, churn, {_columns('d', profile)}, coverage, mean, {_class(profile)} AS health "
        "FROM ",
        f"SELECT account_id, persona, if(health = {len(profile.profile.bands)}, nan, assumeNotNull(mean)) AS score, "
        f"health, coverage, {told}, ifNull(churn, nan) AS churn FROM ",
    ]
    statement = source
    for step in steps:
        statement = f"{step}({statement})"
    return statement, parameters


def _value(one: CompiledInput) -> str:
    column, given = f"x{one.place}", one.input
    if given.type is InputType.TEXT:
        # A text that the profile does not know tells nothing.
        column = f"if({column} IN ({', '.join(map(quote, given.values))}), {column}, NULL)"
    if given.on_missing is not OnMissing.DEFAULT or given.default is None:
        return column
    default = quote(given.default) if isinstance(given.default, str) else repr(float(given.default))
    if given.source is not None and given.source.kind == "metric":
        return f"if(isNull({column}) AND active, {default}, {column})"
    return f"ifNull({column}, {default})"


def _score(one: CompiledInput) -> str:
    value, given = f"v{one.place}", one.input
    if given.type is InputType.TEXT:
        texts, points = ", ".join(map(quote, given.values)), ", ".join(repr(float(p)) for p in given.values.values())
        return f"if(isNull({value}), NULL, transform(assumeNotNull({value}), [{texts}], [{points}], nan))"
    if given.type is InputType.FLAG:
        return f"if(isNull({value}), NULL, if({value} != 0, {float(given.flags[1])!r}, {float(given.flags[0])!r}))"
    return f"if(isNull({value}), NULL, {_curve(given.points, f'assumeNotNull({value})')})"


def _curve(points: Sequence[tuple[float, float]], value: str) -> str:
    """As Curve.score."""
    parts = [f"{value} < {float(points[0][0])!r}, {float(points[0][1])!r}"]
    for (left, low), (right, high) in pairwise(points):
        line = f"{float(low)!r} + ({value} - ({float(left)!r})) * ({float(high - low)!r}) / ({float(right - left)!r})"
        least, most = sorted((float(low), float(high)))
        parts.append(f"{value} < {float(right)!r}, least(greatest({line}, {least!r}), {most!r})")
    return f"multiIf({', '.join(parts)}, {float(points[-1][1])!r})"


def _dimension_parts(profile: CompiledProfile) -> list[str]:
    parts = []
    for place, one in enumerate(profile.dimensions):
        total, known = "0.", "0."
        for each in one.inputs:
            score = f"s{each.place}"
            total = f"({total} + if(isNull({score}), 0., {each.weight!r} * assumeNotNull({score})))"
            known = f"({known} + if(isNull({score}), 0., {each.weight!r}))"
        parts.append(f"{known} AS k{place}, if(k{place} = 0, NULL, least({total} / k{place}, 100.)) AS d{place}")
        parts.append(f"if(k{place} = 0, 0., least(k{place} / {one.weight!r}, 1.)) AS g{place}")
    return parts


def _persona_weights(profile: CompiledProfile) -> list[str]:
    personas = {name: one for name, one in profile.personas.items() if name != EVERYBODY_ELSE}
    others = profile.personas[EVERYBODY_ELSE].weights
    parts = []
    for place in range(len(profile.dimensions)):
        column = f"{others[place]!r}"
        if personas:
            weights = ", ".join(repr(float(one.weights[place])) for one in personas.values())
            column = f"transform(persona, [{', '.join(map(quote, personas))}], [{weights}], {float(others[place])!r})"
        parts.append(f"toFloat64({column}) AS w{place}")
    return parts


def _overall(profile: CompiledProfile) -> str:
    total = known = coverage = "0."
    for place in range(len(profile.dimensions)):
        total = f"({total} + if(isNull(d{place}), 0., w{place} * assumeNotNull(d{place})))"
        known = f"({known} + if(isNull(d{place}), 0., w{place}))"
        coverage = f"({coverage} + w{place} * g{place})"
    mean = f"if(known = 0, NULL, least({total} / known, 100.))"
    return f"{known} AS known, least({coverage}, 1.) AS coverage, {mean} AS mean"


def _class(profile: CompiledProfile) -> str:
    unknown = len(profile.profile.bands)
    bands = [f"mean >= {float(start)!r}, {place}" for place, start in enumerate(profile.profile.bands.values())]
    least = float(profile.profile.minimum_coverage)
    return (
        f"toUInt8(multiIf(lacking OR isNull(mean) OR coverage < {least!r}, {unknown}, {', '.join(bands)}, {unknown}))"
    )


def _missing_required(profile: CompiledProfile) -> str:
    required = [one.place for one in profile.inputs if one.input.on_missing is OnMissing.REQUIRED]
    return " OR ".join(f"isNull(v{place})" for place in required) or "0"


def _defaulted(source: str, question: AccountQuestion) -> str:
    """The same rows; other values have their defaults where an account has events, but none that they look at."""
    defaults = [
        f"if(isNull(c{place}) AND active, {one.default!r}, c{place}) AS c{place}"
        for place, one in enumerate(question.others)
        if one.default is not None
    ]
    return f"SELECT * REPLACE ({', '.join(defaults)}) FROM ({source})" if defaults else source


def _churn(question: AccountQuestion, foresight: Foresight | None) -> str:
    if foresight is None:
        return _NULL
    columns = {one.name: f"c{place}" for place, one in enumerate(question.others)}
    known = " OR ".join(f"isNotNull({column})" for column in columns.values())
    return f"if(({known}) AND {foresight.is_about_sql(columns)}, toFloat64({foresight.probability_sql(columns)}), NULL)"


def _columns(prefix: str, profile: CompiledProfile) -> str:
    return ", ".join(f"{prefix}{place}" for place in range(len(profile.dimensions)))
