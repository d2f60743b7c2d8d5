"""Kind Scorecard: KPIs with weights, and the bands that grade their score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.model import Metadata, Scorecard
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, Record, map_of
from trueline_rules.scalars import Number
from trueline_rules.site import Site

WHOLES = (100.0, 1.0)
_SCORE = Number(least=0, most=100)
SPEC = Record(
    {
        "weights": Key(
            map_of(
                DOCUMENT_NAME,
                Number(above=0, most=1e9),
                noun="a map from KPIs to weights",
                about="The weight of a KPI.",
            ),
            "KPI names and their weights, which add up to 100 (percent) or to 1 (shares).",
            required=True,
        ),
        "bands": Key(
            Record(
                {
                    "on_track": Key(_SCORE, "Scores from this are on track.", required=True),
                    "at_risk": Key(_SCORE, "Scores from this are at risk; below: off track.", required=True),
                }
            ),
            "How a score, or an attainment times 100, is graded.",
            required=True,
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> Scorecard:
    """Make a scorecard."""
    _check_sum(spec["weights"], site)
    bands = spec["bands"]
    if bands["at_risk"] > bands["on_track"]:
        site.problem(
            ("spec", "bands", "at_risk"),
            f"must be at most on_track, which is {bands['on_track']:g}, is {bands['at_risk']:g}",
        )
    return Scorecard(metadata, spec["weights"], bands["on_track"], bands["at_risk"])


def _check_sum(weights: Mapping[str, float], site: Site) -> None:
    """Weights that do not come to a whole are a slip of the pen: one was forgotten, or mistyped."""
    total = math.fsum(weights.values())
    if not any(math.isclose(total, whole, rel_tol=1e-9) for whole in WHOLES):
        message = f"add up to {total:.10g}; make them add up to 100 (percent) or to 1 (shares)"
        site.problem(("spec", "weights"), message, key=True)


def dump(scorecard: Scorecard) -> dict[str, Any]:
    """Write a scorecard as a spec."""
    return {
        "weights": dict(scorecard.weights),
        "bands": {"on_track": scorecard.on_track, "at_risk": scorecard.at_risk},
    }


def check(scorecard: Scorecard, site: Site, known: Known) -> None:
    """Note KPIs that no document defines."""
    names = known.names.get("Kpi", frozenset())
    for name in scorecard.weights:
        if name not in names:
            site.problem(
                ("spec", "weights"),
                f"has {quoted(name)}, which is no KPI{hint(name, names)}",
                at=site.place(("spec", "weights", name), key=True),
            )


KIND = Kind("Scorecard", "KPIs with weights, and the bands that grade their score.", SPEC, build, dump, check)
