"""Results of cells as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from trueline_rules.checkpoint_model import Cell, CellSource, Part, Priorities, Priority, Taken
from trueline_rules.checkpoints.results import CellResult, Outcome, Reading
from trueline_rules.model import Direction


def store_result(result: CellResult) -> dict[str, Any]:
    """A result as JSON."""
    return asdict(result)


def read_result(stored: Mapping[str, Any]) -> CellResult:
    """A result from JSON."""
    cell = stored["cell"]
    value = cell["value"]
    return CellResult(
        cell=Cell(
            **cell
            | {
                "part": Part(cell["part"]),
                "direction": Direction(cell["direction"]),
                "value": CellSource(**value | {"agg": Taken(value["agg"])}),
                "priorities": Priorities(**cell["priorities"]),
            }
        ),
        reading=Reading(**stored["reading"]),
        outcome=Outcome(stored["outcome"]),
        reason=stored["reason"],
        missed_by=stored["missed_by"],
        priority=None if stored["priority"] is None else Priority(stored["priority"]),
        backlog=stored["backlog"],
        escalation=stored["escalation"],
    )
