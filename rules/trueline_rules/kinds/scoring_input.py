"""Inputs of a ScoringProfile: read, checked for what no shape can see, and written."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from trueline_rules.alert_rules import declared
from trueline_rules.expressions import FactType
from trueline_rules.kinds.account_source import is_account_source, read_account_source, write_account_source
from trueline_rules.kinds.kind import Known, Spec
from trueline_rules.kinds.scoring_shapes import FALLING, RISING
from trueline_rules.names import hint, quoted
from trueline_rules.scoring_model import InputType, OnMissing, ScoringInput, Subject
from trueline_rules.site import Path, Site

_FITTING = {
    InputType.NUMBER: (FactType.NUMBER, FactType.DECIMAL),
    InputType.TEXT: (FactType.TEXT,),
    InputType.FLAG: (FactType.BOOL,),
}
_WRITTEN_AS = {InputType.NUMBER: "range", InputType.TEXT: "values", InputType.FLAG: "flags"}


def read_input(name: str, written: Spec, subject: Subject, path: Path, site: Site) -> ScoringInput:
    """Make an input; what it cannot be is noted at the site."""
    kind = next((kind for kind, key in _WRITTEN_AS.items() if key in written), InputType.NUMBER)
    if kind is not InputType.NUMBER:
        for key in ("curve", "unit"):
            if key in written:
                site.problem((*path, key), f"goes with a range, not with {_WRITTEN_AS[kind]}", key=True)
    if (subject is Subject.ACCOUNT) != ("from" in written):
        told = "lacks the key 'from': accounts give no inputs" if subject is Subject.ACCOUNT else ""
        site.problem((*path, "from"), told or "is for accounts; the inputs of a feature are given", key=True)
    least, most = written.get("range", (0.0, 0.0))
    on_missing = written.get("on_missing", "drop")
    default = None if isinstance(on_missing, str) else on_missing["default"]
    made = ScoringInput(
        name=name,
        type=kind,
        weight=written["weight"],
        description=written.get("description", ""),
        unit=written.get("unit", ""),
        range=(least, most),
        points=_points(written, path, site) if kind is InputType.NUMBER else (),
        values=written.get("values", {}),
        flags=written.get("flags", (0.0, 0.0)),
        on_missing=OnMissing(on_missing) if isinstance(on_missing, str) else OnMissing.DEFAULT,
        default=float(default) if isinstance(default, int) and not isinstance(default, bool) else default,
        basis=written.get("basis", ""),
        source=read_account_source(written["from"], (*path, "from"), site) if "from" in written else None,
    )
    if default is not None:
        wrong = _wrong_default(made)
        if wrong:
            site.problem((*path, "on_missing", "default"), wrong)
    return made


def write_input(one: ScoringInput) -> dict[str, Any]:
    """Write an input as it is read."""
    written: dict[str, Any] = {"description": one.description, "unit": one.unit}
    if one.type is InputType.NUMBER:
        written |= {"range": list(one.range), "curve": [list(point) for point in one.points]}
    elif one.type is InputType.TEXT:
        written["values"] = dict(one.values)
    else:
        written["flags"] = {"true": one.flags[1], "false": one.flags[0]}
    written |= {"weight": one.weight, "on_missing": str(one.on_missing), "basis": one.basis}
    if one.on_missing is OnMissing.DEFAULT:
        written["on_missing"] = {"default": one.default}
    if one.source is not None:
        written["from"] = write_account_source(one.source)
    return {key: value for key, value in written.items() if value != ""}


def check_source(one: ScoringInput, path: Path, site: Site, known: Known) -> None:
    """Note a source that nothing defines, is not of accounts, or has values of another type."""
    source = one.source
    if source is None or not is_account_source(source, (*path, "from", source.kind), site, known):
        return
    found = declared(one.name, source, known.fact_types).type
    if found not in _FITTING[one.type]:
        told = f"is {quoted(source.name)}, whose values are of the type {found}; {_WRITTEN_AS[one.type]} needs "
        site.problem((*path, "from", source.kind), told + " or ".join(_FITTING[one.type]))


def _points(written: Spec, path: Path, site: Site) -> tuple[tuple[float, float], ...]:
    least, most = written["range"]
    if least >= most:
        way_out = f"write [{most:g}, {least:g}]" if least > most else "a range has two ends that differ"
        site.problem((*path, "range"), f"must ascend, is [{least:g}, {most:g}]; {way_out}")
        return ()
    curve = written.get("curve", RISING)
    if isinstance(curve, str):
        return ((least, 100.0), (most, 0.0)) if curve == FALLING else ((least, 0.0), (most, 100.0))
    points = tuple((value, score) for value, score in curve)
    for index, (value, score) in enumerate(points):
        at = (*path, "curve", index)
        if not least <= value <= most:
            site.problem(at, f"has the value {value:g}, which is outside the range [{least:g}, {most:g}]")
        if not 0 <= score <= 100:
            site.problem(at, f"has the score {score:g}; scores are from 0 to 100")
        if index and value <= points[index - 1][0]:
            site.problem(at, f"has the value {value:g} after {points[index - 1][0]:g}; values ascend")
    _check_monotone(points, (*path, "curve"), site)
    return points


def _check_monotone(points: tuple[tuple[float, float], ...], path: Path, site: Site) -> None:
    """Only of a curve that turns nowhere are the ends of a range of values the ends of its scores."""
    direction = 0.0
    for index, ((_, before), (_, after)) in enumerate(pairwise(points), start=1):
        step = after - before
        if step * direction < 0:
            turn, way = ("falls", "rises") if step < 0 else ("rises", "falls")
            told = f"{turn} from {before:g} to {after:g}, but the curve {way} before; it must only rise or only fall"
            site.problem((*path, index), told)
            return
        direction = step or direction


def _wrong_default(one: ScoringInput) -> str:
    """What is wrong with the default of an input; "" if nothing is."""
    value = one.default
    shown = quoted(str(value)) if isinstance(value, str) else str(value).lower() if value is not None else ""
    if one.type is InputType.FLAG:
        return "" if isinstance(value, bool) else f"must be true or false, is {shown}"
    if one.type is InputType.TEXT:
        text = value if isinstance(value, str) else None
        return "" if text in one.values else f"must be one of the values, is {shown}{hint(text or '', one.values)}"
    least, most = one.range
    if isinstance(value, float) and least <= value <= most:
        return ""
    return f"must be a number in the range [{least:g}, {most:g}], is {shown}"
