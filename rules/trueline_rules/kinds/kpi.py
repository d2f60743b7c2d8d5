"""Kind Kpi: a number with a target, computed by one SELECT.

Only the outside of the statement is looked at here: that it is one SELECT and that its parameters are declared. What it
may read is checked by the warehouse, with ClickHouse's own parser.
"""

from __future__ import annotations

import re
from typing import Any

from trueline_rules.kinds.kind import Kind, Spec
from trueline_rules.model import Direction, Kpi, Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, Record, map_of
from trueline_rules.scalars import Choice, Number, Scalar, Text
from trueline_rules.site import Site

# Bound by the server: the instant judged.
INSTANT = "at"
# Quoted texts and comments hold neither parameters nor the end of a statement.
# One that does not end runs to the end, so that finding them takes time in proportion to the text.
_ASIDE = re.compile(
    r"""'(?:[^'\\]|\\(?:.|\Z)|'')*(?:'|\Z)|`[^`]*(?:`|\Z)|"[^"]*(?:"|\Z)|--[^\n]*|/\*(?:.*?\*/|.*)""", re.DOTALL
)
_PARAMETER = re.compile(r"\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*:")


def _parameter_free(name: str) -> str | None:
    return f"must be another name than '{INSTANT}': it is the instant judged" if name == INSTANT else None


SPEC = Record(
    {
        "unit": Key(Text("a unit", most=64), 'Unit of the number, e.g. "ratio".', required=True),
        "direction": Key(Choice(tuple(Direction)), "Which way is better.", required=True),
        "target": Key(Number(above=0), "The target, in the unit; attainment divides by it.", required=True),
        "source": Key(Text("a text", lines=True), "Where the target comes from."),
        "basis": Key(
            Choice(("agreed", "assumed", "seed")),
            "How firm the target is: agreed in the company, assumed, or from the seed of the pack.",
        ),
        "action": Key(Text("a text", lines=True, most=4096), "What to do when the target is missed."),
        "parameters": Key(
            map_of(
                Text("a parameter's name of lowercase letters and '_'", "[a-z_]+", most=63, check=_parameter_free),
                Scalar(),
                least=0,
                most=64,
                about="A value that the statement reads.",
            ),
            "Values that the statement reads as {name:Type}.",
        ),
        "statement": Key(
            Text("a SELECT statement", lines=True, most=65_536),
            "One SELECT that answers one row with the column value.",
            required=True,
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> Kpi:
    """Make a KPI."""
    parameters = spec.get("parameters", {})
    _check_statement(spec["statement"], frozenset(parameters), site)
    return Kpi(
        metadata=metadata,
        unit=spec["unit"],
        direction=Direction(spec["direction"]),
        target=spec["target"],
        source=spec.get("source", ""),
        basis=spec.get("basis", ""),
        action=spec.get("action", ""),
        parameters=parameters,
        statement=spec["statement"],
        written=site.written(("spec", "statement")),
    )


def dump(kpi: Kpi) -> dict[str, Any]:
    """Write a KPI as a spec."""
    spec: dict[str, Any] = {
        "unit": kpi.unit,
        "direction": str(kpi.direction),
        "target": kpi.target,
        "source": kpi.source,
        "basis": kpi.basis,
        "action": kpi.action,
        "parameters": dict(kpi.parameters),
        "statement": kpi.statement,
    }
    return {key: value for key, value in spec.items() if value}


def _check_statement(statement: str, declared: frozenset[str], site: Site) -> None:
    path = ("spec", "statement")
    bare = _ASIDE.sub(" ", statement)
    if not re.match(r"\s*(SELECT|WITH)\b", bare, re.IGNORECASE):
        site.problem(path, "must be one SELECT, with or without WITH before it")
    if ";" in bare:
        site.problem(path, "must be one SELECT without a semicolon")
    read = dict.fromkeys(_PARAMETER.findall(bare))
    for name in read:
        if name != INSTANT and name not in declared:
            known = declared | {INSTANT}
            site.problem(path, f"reads the parameter {quoted(name)}, which is not declared{hint(name, known)}")
    for name in sorted(declared - read.keys()):
        site.problem(("spec", "parameters", name), "is not read by the statement", key=True)


KIND = Kind("Kpi", "A number with a target, computed by one SELECT over the confined views.", SPEC, build, dump)
