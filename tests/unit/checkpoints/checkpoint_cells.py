"""Cells and results as tests make them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from trueline_rules.checkpoint_model import Cell, CellSource, Part, Priorities, Taken
from trueline_rules.checkpoints.results import Reading
from trueline_rules.model import Direction

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def cell(target: float = 0.4, direction: Direction = Direction.HIGHER, **changed: Any) -> Cell:
    """A cell about the conversion of agencies."""
    fields: dict[str, Any] = {
        "part": Part.PERSONA,
        "of": "agency",
        "measure": "conversion",
        "value": CellSource("fact", "conversion", of="agency"),
    }
    return Cell(target=target, direction=direction, **fields | changed)


@st.composite
def sources(draw: st.DrawFn) -> CellSource:
    """Any source that a policy could have."""
    kind = draw(st.sampled_from(["kpi", "metric", "fact"]))
    labels = draw(st.dictionaries(st.sampled_from(["persona", "plan"]), st.text(max_size=5), max_size=2))
    return CellSource(
        kind, "source", draw(st.sampled_from(list(Taken))), labels, per=draw(st.sampled_from(["", "visits"]))
    )


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """Any cell that a policy could have."""
    limits = draw(st.lists(st.floats(0.001, 100), min_size=3, max_size=3, unique=True))
    return cell(
        draw(FINITE),
        draw(st.sampled_from(list(Direction))),
        part=draw(st.sampled_from(list(Part))),
        of=draw(st.sampled_from(["agency", "brand", "support"])),
        measure=draw(st.sampled_from(["conversion", "nps"])),
        value=draw(sources()),
        least=draw(st.integers(0, 50)),
        priorities=Priorities(*sorted(limits, reverse=True)),
        unit=draw(st.sampled_from(["", "ratio", "days"])),
    )


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """Anything that may be read, also what no source should answer."""
    return Reading(
        value=draw(st.none() | st.floats()),
        missing=draw(st.sampled_from(["", "nobody answered"])),
        observations=draw(st.none() | st.integers(0, 100)),
        numerator=draw(st.none() | FINITE),
        denominator=draw(st.none() | FINITE),
        period_start_us=draw(st.none() | st.integers(0, 2**60)),
        watermark_us=draw(st.none() | st.integers(0, 2**60)),
        completeness=draw(st.sampled_from(["", "partial", "provisional", "complete"])),
    )
