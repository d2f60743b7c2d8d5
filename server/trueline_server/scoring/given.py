"""Inputs that a caller gave, checked against a profile, and what stands in for those that were not given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trueline_rules.names import hint, quoted
from trueline_rules.scoring_model import InputType, OnMissing, ScoringInput

from trueline_server.errors import TruelineError
from trueline_server.scoring.profiles import CompiledProfile, Interval, Known

# What a caller may give; Interval as it is given, so its ends may be the same or turned round; None = nothing.
Given = float | str | bool | Interval | None
_MOST_VIOLATIONS = 20


class Values(NamedTuple):
    """Values of the inputs of a profile, in their order.

    Attributes:
        known: None = it is dropped.
        defaulted: places of those whose value is the default of the profile.

    """

    known: tuple[Known | None, ...]
    defaulted: frozenset[int] = frozenset()


def take_inputs(profile: CompiledProfile, given: Iterable[tuple[str, Given]], field: str) -> Values:
    """Values of all inputs.

    Args:
        profile: whose inputs.
        given: names and values, in the order of the request.
        field: path of the request's list, for errors, e.g. "feature.inputs".

    Raises:
        TruelineError: INVALID_FIELD (an unknown or repeated input, one of another type, out of its range, no number,
            a range turned round), MISSING_INPUT.

    """
    known: list[Known | None] = [None] * len(profile.inputs)
    seen: set[str] = set()
    violations: list[tuple[str, str]] = []
    for index, (name, value) in enumerate(given):
        one = profile.by_name.get(name)
        wrong: str | Known
        if one is None:
            told = f"{quoted(name)} is no input of the scoring profile {quoted(profile.profile.metadata.name)}"
            violations.append((f"{field}[{index}].name", told + hint(name, profile.by_name)))
            continue
        if name in seen:
            violations.append((f"{field}[{index}].name", f"{quoted(name)} is given twice"))
            continue
        seen.add(name)
        # Nearly all are numbers within their range.
        if type(value) is float and one.curve is not None and one.input.range[0] <= value <= one.input.range[1]:
            known[one.place] = value
            continue
        taken, wrong = _take(one.input, value)
        if wrong:
            violations.append((f"{field}[{index}]", f"{quoted(name)} {wrong}"))
        known[one.place] = taken
    if violations:
        raise _refused(violations)
    return _completed(profile, known, field)


def _completed(profile: CompiledProfile, known: list[Known | None], field: str) -> Values:
    defaulted, missing = [], []
    for place, value in enumerate(known):
        if value is not None:
            continue
        one = profile.inputs[place].input
        if one.on_missing is OnMissing.DEFAULT:
            known[place] = one.default
            defaulted.append(place)
        elif one.on_missing is OnMissing.REQUIRED:
            missing.append(one)
    if missing:
        names = ",".join(one.name for one in missing)
        told = [f"lacks {quoted(one.name)}, which the profile requires: give {_wanted(one)}" for one in missing]
        raise TruelineError(
            "INVALID_ARGUMENT",
            "MISSING_INPUT",
            f"{field} {told[0]}" + (f" (and {len(told) - 1} more)" if len(told) > 1 else ""),
            metadata={"field": field, "inputs": names},
            violations=[(field, one) for one in told],
        )
    return Values(tuple(known), frozenset(defaulted))


def _take(one: ScoringInput, value: Given) -> tuple[Known | None, str]:
    """The value, or what is wrong with it."""
    if value is None:
        return None, f"has no value; give {_wanted(one)}"
    if one.type is InputType.NUMBER:
        if isinstance(value, Interval):
            return _take_interval(one, value)
        if not isinstance(value, str | bool):
            wrong = _outside(one, value)
            return (None, wrong) if wrong else (value, "")
    elif one.type is InputType.TEXT and isinstance(value, str):
        wrong = "" if value in one.values else f"is {quoted(value)}, none of its values{hint(value, one.values)}"
        return (None, wrong) if wrong else (value, "")
    elif one.type is InputType.FLAG and isinstance(value, bool):
        return value, ""
    return None, f"is {_kind(value)}; give {_wanted(one)}"


def _take_interval(one: ScoringInput, value: Interval) -> tuple[Known | None, str]:
    wrong = _outside(one, value.low) or _outside(one, value.high)
    if wrong:
        return None, wrong
    if value.low > value.high:
        return None, f"is turned round: from {value.low:.12g} to {value.high:.12g}; give the lower end first"
    return (value.low, "") if value.low == value.high else (value, "")


def _outside(one: ScoringInput, value: float) -> str:
    """What is wrong with a number; "" if nothing is."""
    least, most = one.range
    if least <= value <= most:
        return ""
    if value != value:  # noqa: PLR0124 - true for NaN alone
        return f"is no number (NaN); give {_wanted(one)}"
    return f"is {value:.12g}, out of its range; give {_wanted(one)}"


def _wanted(one: ScoringInput) -> str:
    if one.type is InputType.NUMBER:
        unit = f" {one.unit}" if one.unit else ""
        return f"a number from {one.range[0]:.12g} to {one.range[1]:.12g}{unit}"
    if one.type is InputType.FLAG:
        return "true or false"
    return f"one of {', '.join(one.values)}"


def _kind(value: Given) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"the text {quoted(value)}" if isinstance(value, str) else "a number"


def _refused(violations: list[tuple[str, str]]) -> TruelineError:
    field, told = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return TruelineError(
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        f"{field} {told}{more}",
        metadata={"field": field},
        violations=violations[:_MOST_VIOLATIONS],
    )
