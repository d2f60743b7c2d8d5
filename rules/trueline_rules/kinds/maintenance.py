"""Kind Maintenance: alerts that are not notified at times that come again and again."""

from __future__ import annotations

from typing import Any

from trueline_rules.kinds.kind import Kind, Spec
from trueline_rules.kinds.matchers import MATCHERS, read_matchers, write_matchers
from trueline_rules.kinds.time_intervals import TIME_INTERVAL, read_time_intervals, write_time_intervals
from trueline_rules.kinds.times import TIME_ZONE
from trueline_rules.model import Metadata
from trueline_rules.records import Key, ListOf, Record
from trueline_rules.routing.suppression import wrong_matchers
from trueline_rules.routing_model import Maintenance
from trueline_rules.scalars import Text
from trueline_rules.site import Site

SPEC = Record(
    {
        "matchers": Key(MATCHERS, "Which alerts; all of them must match.", required=True),
        "intervals": Key(ListOf(TIME_INTERVAL, most=100), "When; any of them.", required=True),
        "time_zone": Key(TIME_ZONE, "IANA time zone of intervals without a location.", default="UTC"),
        "reason": Key(Text("a text", lines=True, most=1024), "Why."),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> Maintenance:
    """Make a maintenance."""
    matchers = read_matchers(spec["matchers"])
    wrong = wrong_matchers(matchers)
    if wrong is not None:
        site.problem(("spec", "matchers"), wrong, key=True)
    zone = spec.get("time_zone", "UTC")
    intervals = read_time_intervals(spec["intervals"], ("spec", "intervals"), site, zone)
    return Maintenance(metadata, matchers, intervals, spec.get("reason", ""))


def dump(maintenance: Maintenance) -> dict[str, Any]:
    """Write a maintenance as a spec; each interval says its own zone."""
    spec: dict[str, Any] = {
        "matchers": write_matchers(maintenance.matchers),
        "intervals": write_time_intervals(maintenance.intervals),
    }
    return spec | ({"reason": maintenance.reason} if maintenance.reason else {})


KIND = Kind("Maintenance", "Alerts that are not notified at times that come again and again.", SPEC, build, dump)
