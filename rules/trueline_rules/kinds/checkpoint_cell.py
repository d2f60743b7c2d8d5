"""The cells of a CheckpointPolicy: what the entries of a file stand for, and how cells are written back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trueline_rules.checkpoint_model import Cell, CellSource, Part, Priorities, Taken
from trueline_rules.kinds.checkpoint_shapes import EVERY, PLURAL, SOURCES
from trueline_rules.kinds.kind import Spec
from trueline_rules.model import Direction
from trueline_rules.names import hint, quoted
from trueline_rules.site import Path, Site

# Keys of a value, and the sources that they go with.
_GOES_WITH = {
    "agg": ("metric", "fact"),
    "labels": ("metric",),
    "named_by": ("metric", "fact"),
    "per": ("metric",),
    "of": ("fact",),
    "where": ("fact",),
    "observations": ("fact",),
}


def read_cells(
    written: Spec, entry: int, site: Site, *, declared: Mapping[Part, Iterable[str]], inherited: Priorities, owner: str
) -> list[Cell]:
    """The cells that one entry stands for: one of each name."""
    path: Path = ("spec", "cells", entry)
    part = next(part for part in Part if part in written)
    names = _names(part, written[part], path, site, tuple(declared[part]))
    value = written["value"]
    kind = next(kind for kind in SOURCES if kind in value)
    _check_keys(kind, value, (*path, "value"), site)
    if len(names) > 1:
        _check_tells_apart(part, kind, value, (*path, "value"), site)
    own = written.get("priority", {})
    priorities = Priorities(
        own.get("critical", inherited.critical), own.get("high", inherited.high), own.get("medium", inherited.medium)
    )
    check_order(priorities, (*path, "priority"), site)
    return [
        Cell(
            part=part,
            of=name,
            measure=written["measure"],
            target=written["target"],
            direction=Direction(written["direction"]),
            value=_source(kind, value, name),
            least=written.get("least", 0 if kind == "kpi" else 1),
            priorities=priorities,
            unit=written.get("unit", ""),
            owner=written.get("owner", owner),
            action=written.get("action", ""),
            basis=written.get("basis", ""),
            entry=entry,
        )
        for name in names
    ]


def write_cell(cell: Cell) -> dict[str, Any]:
    """A cell as an entry of its own."""
    entry: dict[str, Any] = {
        str(cell.part): cell.of,
        "measure": cell.measure,
        "target": cell.target,
        "direction": str(cell.direction),
        "value": _write_source(cell.value),
        "least": cell.least,
        "priority": write_priorities(cell.priorities),
    }
    told = {"unit": cell.unit, "owner": cell.owner, "action": cell.action, "basis": cell.basis}
    return entry | {key: text for key, text in told.items() if text}


def write_priorities(priorities: Priorities) -> dict[str, float]:
    """The limits as a map."""
    return {"critical": priorities.critical, "high": priorities.high, "medium": priorities.medium}


def check_order(priorities: Priorities, path: Path, site: Site) -> None:
    """Note limits that do not fall from critical to medium."""
    for more, less in (("critical", "high"), ("high", "medium")):
        above, below = getattr(priorities, more), getattr(priorities, less)
        if above <= below:
            site.problem(
                path, f"has {more} {above:g} and {less} {below:g}; {more} must begin at a larger miss", key=True
            )


def _names(part: Part, written: Any, path: Path, site: Site, declared: tuple[str, ...]) -> tuple[str, ...]:
    given = (written,) if isinstance(written, str) else written
    if EVERY in given:
        if len(given) > 1:
            site.problem((*path, part), f"names {EVERY} and others; {EVERY} are all of them")
        if not declared:
            site.problem((*path, part), f"is {EVERY}, but spec.{PLURAL[part]} names none")
        return declared
    for place, name in enumerate(given):
        if name not in declared:
            where: Path = (*path, part) if isinstance(written, str) else (*path, part, place)
            site.problem(where, f"is {quoted(name)}, which spec.{PLURAL[part]} does not name{hint(name, declared)}")
    return tuple(given)


def _check_keys(kind: str, value: Spec, path: Path, site: Site) -> None:
    for key, kinds in _GOES_WITH.items():
        if key in value and kind not in kinds:
            site.problem((*path, key), f"does not go with {kind}; it is for a {' or a '.join(kinds)}", key=True)
    if kind == "fact":
        many = [key for key in ("where", "named_by", "agg") if key in value]
        if many and ("of" in value or "observations" in value):
            one = "of" if "of" in value else "observations"
            site.problem(
                (*path, one),
                f"is about one subject, but '{many[0]}' takes many together; take one of the two out",
                key=True,
            )
        elif many == ["agg"]:
            site.problem((*path, "agg"), "needs 'where' or 'named_by' to say of which subjects", key=True)
        if value.get("agg") == Taken.LAST:
            site.problem((*path, "agg"), "is last, which is for windows; subjects have no order")
    if "per" in value and value.get("agg", Taken.SUM) != Taken.SUM:
        site.problem((*path, "agg"), "does not go with 'per', which divides sums; take it out")
    for choose in ("labels", "where"):
        if value.get("named_by") in value.get(choose, {}) and "named_by" in value:
            site.problem((*path, "named_by"), f"is chosen by '{choose}' already; take one of the two out")


def _check_tells_apart(part: Part, kind: str, value: Spec, path: Path, site: Site) -> None:
    """One number for all says nothing of each."""
    told = f"is the same for each {part}; "
    if kind == "kpi":
        site.problem((*path, kind), f"{told}name one {part}, or take a metric or a fact")
    elif kind == "metric" and "named_by" not in value:
        site.problem((*path, kind), f"{told}say by 'named_by' which label has the name of the {part}")
    elif "of" in value or ("where" in value and "named_by" not in value):
        key = "of" if "of" in value else "where"
        site.problem((*path, key), f"{told}take it out, or say by 'named_by' which fact has the name of the {part}")


def _source(kind: str, value: Spec, name: str) -> CellSource:
    labels = {**value.get("labels", {}), **value.get("where", {})}
    if "named_by" in value:
        labels[value["named_by"]] = name
    many = kind != "fact" or "where" in value or "named_by" in value
    return CellSource(
        kind=kind,
        name=value[kind],
        agg=Taken.SUM if "per" in value else Taken(value.get("agg", Taken.AVG)),
        labels=labels,
        per=value.get("per", ""),
        of="" if many else value.get("of", name),
        observations=value.get("observations", ""),
    )


def _write_source(source: CellSource) -> dict[str, Any]:
    written: dict[str, Any] = {source.kind: source.name}
    if source.kind == "metric" or (source.kind == "fact" and not source.of):
        written["agg"] = str(source.agg)
    if source.labels:
        written["labels" if source.kind == "metric" else "where"] = dict(source.labels)
    told = {"per": source.per, "of": source.of, "observations": source.observations}
    return written | {key: text for key, text in told.items() if text}
