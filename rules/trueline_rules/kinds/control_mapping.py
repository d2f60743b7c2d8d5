"""Kind ControlMapping: how the controls of one framework lie to those of another."""

from __future__ import annotations

from typing import Any

from trueline_rules.compliance_model import ControlMapping, ControlPair, MappedFramework, Relation
from trueline_rules.kinds.compliance_framework import CONTROL_ID, PROSE
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.model import Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Either, Key, ListOf, Record
from trueline_rules.scalars import Choice, Flag, Number
from trueline_rules.site import Path, Site

MOST_PAIRS = 20_000
STRONGEST = 10

_SIDE = Either(
    scalar=DOCUMENT_NAME,
    mapping=Record(
        {
            "name": Key(DOCUMENT_NAME, "Name of the framework.", required=True),
            "external": Key(Flag(), "Whether it is none that documents describe.", default=False),
        }
    ),
)
_PAIR = Record(
    {
        "from": Key(CONTROL_ID, "Control of the first framework.", required=True),
        "to": Key(CONTROL_ID, "Control of the second.", required=True),
        "relation": Key(
            Choice(tuple(Relation)),
            "What the first asks for: the same, all of the second and more (superset), a part of it (subset), or "
            "something in common (intersects).",
            required=True,
        ),
        "strength": Key(Number(least=1, most=STRONGEST, whole=True), "How strong the relation is, 1 to 10."),
        "rationale": Key(PROSE, "Why."),
    }
)

SPEC = Record(
    {
        "from": Key(
            _SIDE, "The first framework; {name: …, external: true} if no document describes it.", required=True
        ),
        "to": Key(_SIDE, "The second framework.", required=True),
        "pairs": Key(
            ListOf(_PAIR, most=MOST_PAIRS, unique=False), "Controls that have to do with each other.", required=True
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> ControlMapping:
    """Make a mapping; whether its controls exist is known once the frameworks are."""
    source, target = _side(spec["from"]), _side(spec["to"])
    if source.name == target.name:
        site.problem(("spec", "to"), f"is {quoted(target.name)}, as spec.from; a mapping joins two frameworks")
    first: dict[tuple[str, str], int] = {}
    for place, pair in enumerate(spec["pairs"]):
        before = first.setdefault((pair["from"], pair["to"]), place)
        if before != place:
            line = site.place(("spec", "pairs", before)).line
            told = (
                f"maps {quoted(pair['from'])} to {quoted(pair['to'])}, as on line {line} already; take one of them out"
            )
            site.problem(("spec", "pairs", place), told)
    return ControlMapping(metadata, source, target, tuple(map(_pair, spec["pairs"])))


def dump(mapping: ControlMapping) -> dict[str, Any]:
    """Write a mapping as a spec."""
    return {
        "from": _dump_side(mapping.source),
        "to": _dump_side(mapping.target),
        "pairs": [_dump_pair(pair) for pair in mapping.pairs],
    }


def check(mapping: ControlMapping, site: Site, known: Known) -> None:
    """Note frameworks and controls that there are not."""
    sides = (("from", mapping.source), ("to", mapping.target))
    for key, side in sides:
        if not side.external:
            _check_side(mapping, key, side, site, known)


def _check_side(mapping: ControlMapping, key: str, side: MappedFramework, site: Site, known: Known) -> None:
    names = known.names.get("ComplianceFramework", frozenset())
    written: Path = ("spec", key)
    if side.name not in names:
        told = f"is {quoted(side.name)}, but there is no ComplianceFramework of that name"
        external = f"write {{name: {side.name}, external: true}} if it is to be one that no document describes"
        site.problem(written, f"{told}; {external}{hint(side.name, names)}")
        return
    # Of a broken framework nothing can be said about its controls.
    framework = known.frameworks.get(side.name)
    for place, pair in enumerate(mapping.pairs if framework is not None else ()):
        control = pair.source if key == "from" else pair.target
        if framework is not None and control not in framework.by_id:
            told = f"is {quoted(control)}, no control of {side.name}{hint(control, framework.by_id)}"
            site.problem(("spec", "pairs", place, key), told)


def _side(written: str | Spec) -> MappedFramework:
    if isinstance(written, str):
        return MappedFramework(written)
    return MappedFramework(written["name"], written.get("external", False))


def _dump_side(side: MappedFramework) -> str | dict[str, Any]:
    return {"name": side.name, "external": True} if side.external else side.name


def _pair(written: Spec) -> ControlPair:
    relation, strength = Relation(written["relation"]), written.get("strength", 0)
    return ControlPair(written["from"], written["to"], relation, strength, written.get("rationale", ""))


def _dump_pair(pair: ControlPair) -> dict[str, Any]:
    written = {"from": pair.source, "to": pair.target, "relation": str(pair.relation), "strength": pair.strength}
    return {key: value for key, value in {**written, "rationale": pair.rationale}.items() if value}


KIND = Kind(
    "ControlMapping",
    "How the controls of one framework lie to those of another.",
    SPEC,
    build,
    dump,
    check,
)
