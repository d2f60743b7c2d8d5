"""Kind Scorecard: KPIs with weights, and the bands that grade their score."""

from __future__ import annotations

from typing import Any

from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.model import Metadata, Scorecard
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, Record, map_of
from trueline_rules.scalars import Number
from trueline_rules.site import Site

_SCORE = Number(least=0, most=100)
SPEC = Record(
    {
        "weights": Key(
            map_of(DOCUMENT_NAME, Number(above=0, most=1e9), noun="a map from KPIs to weights"),
            "KPI names and their weights; only the proportions matter.",
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
    bands = spec["bands"]
    if bands["at_risk"] > bands["on_track"]:
        site.problem(
            ("spec", "bands", "at_risk"),
            f"must be at most on_track, which is {bands['on_track']:g}, is {bands['at_risk']:g}",
        )
    return Scorecard(metadata, spec["weights"], bands["on_track"], bands["at_risk"])


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
