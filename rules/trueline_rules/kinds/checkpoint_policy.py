"""Kind CheckpointPolicy: which targets every persona, function and journey must meet, and what a miss creates."""

from __future__ import annotations

from typing import Any

from trueline_rules.checkpoint_model import Cell, CheckpointPolicy, OnMiss, Part, Priorities
from trueline_rules.kinds.alert_rule import LABELS
from trueline_rules.kinds.checkpoint_cell import check_order, read_cells, write_cell
from trueline_rules.kinds.checkpoint_shapes import CELL, PART_NAME, PLURAL, PRIORITIES
from trueline_rules.kinds.checkpoint_sources import SourceCheck
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.model import Metadata
from trueline_rules.names import quoted
from trueline_rules.records import Key, ListOf, Record, map_of
from trueline_rules.scalars import Flag, Number, Text
from trueline_rules.site import Site

DEFAULT_DAYS = 90
MOST_DAYS = 366
MOST_CELLS = 1_000
QUESTION = "Does every persona, business function and critical journey meet or exceed target KPIs?"
# Labels that cases of misses have anyway.
OWN_LABELS = ("kind", "checkpoint", "severity", "rule", "part", "measure", *Part)


def _described(noun: str) -> Record:
    return map_of(
        PART_NAME,
        Text("a description", lines=True, most=1024),
        least=0,
        most=200,
        noun=f"a map from {noun} to descriptions",
        about="What it is, for people.",
    )


SPEC = Record(
    {
        "question": Key(Text("a text", lines=True, most=1024), f'What a checkpoint answers; absent = "{QUESTION}"'),
        "days": Key(
            Number(least=1, most=MOST_DAYS, whole=True),
            "Days up to the instant judged that metrics and facts are taken from, unless a run says otherwise.",
            default=DEFAULT_DAYS,
        ),
        "personas": Key(_described("personas"), "Personas by name; each needs a cell."),
        "functions": Key(_described("functions"), "Business functions by name; each needs a cell."),
        "journeys": Key(_described("journeys"), "Critical journeys by name; each needs a cell."),
        "cells": Key(ListOf(CELL, most=MOST_CELLS), "Which number must meet which target.", required=True),
        "priority": Key(PRIORITIES, "How urgent a miss is, by the share of the target that it is missed by."),
        "on_miss": Key(
            Record(
                {
                    "escalate": Key(Flag(), "Whether people are told, by the routes, as of an alert.", default=True),
                    "backlog": Key(Flag(), "Whether an item of the backlog is opened.", default=True),
                    "labels": Key(LABELS, "Further labels, for routes to match."),
                }
            ),
            "What a miss creates; absent = both.",
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> CheckpointPolicy:
    """Make a policy: each entry of its cells becomes one cell for each name."""
    declared = {part: spec.get(PLURAL[part], {}) for part in Part}
    written = spec.get("priority", {})
    standard = Priorities()
    inherited = Priorities(
        written.get("critical", standard.critical),
        written.get("high", standard.high),
        written.get("medium", standard.medium),
    )
    check_order(inherited, ("spec", "priority"), site)
    cells: dict[str, Cell] = {}
    for place, entry in enumerate(spec["cells"]):
        for cell in read_cells(entry, place, site, declared=declared, inherited=inherited, owner=metadata.owner):
            if cell.name in cells:
                site.problem(
                    ("spec", "cells", place, "measure"), f"repeats {cell.measure} of {cell.part} {quoted(cell.of)}"
                )
            cells[cell.name] = cell
    if len(cells) > MOST_CELLS:
        site.problem(
            ("spec", "cells"), f"come to {len(cells)}, at most {MOST_CELLS} are judged; split the policy", key=True
        )
    judged = {(cell.part, cell.of) for cell in cells.values()}
    for part, names in declared.items():
        for name in names:
            if (part, name) not in judged:
                # Otherwise the question would be answered with yes although nobody looked.
                site.problem(("spec", PLURAL[part], name), "has no cell; give it one, or take it out", key=True)
    on_miss = spec.get("on_miss", {})
    for label in on_miss.get("labels", {}):
        if label in OWN_LABELS:
            site.problem(
                ("spec", "on_miss", "labels", label), "is a label that every miss has; choose another", key=True
            )
    return CheckpointPolicy(
        metadata=metadata,
        question=spec.get("question", QUESTION),
        days=spec.get("days", DEFAULT_DAYS),
        personas=declared[Part.PERSONA],
        functions=declared[Part.FUNCTION],
        journeys=declared[Part.JOURNEY],
        cells=tuple(cells.values()),
        on_miss=OnMiss(on_miss.get("escalate", True), on_miss.get("backlog", True), on_miss.get("labels", {})),
    )


def dump(policy: CheckpointPolicy) -> dict[str, Any]:
    """Write a policy as a spec, each cell as an entry of its own."""
    on_miss = policy.on_miss
    spec: dict[str, Any] = {
        "question": policy.question,
        "days": policy.days,
        "personas": dict(policy.personas),
        "functions": dict(policy.functions),
        "journeys": dict(policy.journeys),
        "cells": [write_cell(cell) for cell in policy.cells],
        "on_miss": {"escalate": on_miss.escalate, "backlog": on_miss.backlog, "labels": dict(on_miss.labels)},
    }
    return {key: value for key, value in spec.items() if value != {}}


def check(policy: CheckpointPolicy, site: Site, known: Known) -> None:
    """Note sources that nothing defines, and labels and facts that do not fit them."""
    # The cells of one entry differ by their name only, so what is wrong with its source is told once.
    for cell in {cell.entry: cell for cell in reversed(policy.cells)}.values():
        SourceCheck(cell, site, known).run()


KIND = Kind(
    "CheckpointPolicy",
    "Which targets every persona, function and journey must meet, and what a miss creates.",
    SPEC,
    build,
    dump,
    check,
)
