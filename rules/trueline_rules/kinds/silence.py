"""Kind Silence: alerts that are not notified for a while, by whom and why."""

from __future__ import annotations

from typing import Any

from trueline_rules.kinds.kind import Kind, Spec
from trueline_rules.kinds.matchers import MATCHERS, read_matchers, write_matchers
from trueline_rules.kinds.times import TIME, TIME_ZONE, format_time, parse_time
from trueline_rules.model import Metadata
from trueline_rules.records import Key, Record
from trueline_rules.routing.suppression import wrong_matchers, wrong_span
from trueline_rules.routing_model import Silence
from trueline_rules.scalars import Text
from trueline_rules.site import Site

SPEC = Record(
    {
        "matchers": Key(MATCHERS, "Which alerts; all of them must match.", required=True),
        "author": Key(Text("a name", most=256), "Who says so.", required=True),
        "reason": Key(Text("a text", lines=True, most=1024), "Why.", required=True),
        "starts": Key(TIME, "Since when.", required=True),
        "ends": Key(TIME, "Until when, without it; at most a year after it starts.", required=True),
        "time_zone": Key(TIME_ZONE, "IANA time zone of times that name no offset.", default="UTC"),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> Silence:
    """Make a silence."""
    zone = spec.get("time_zone", "UTC")
    matchers = read_matchers(spec["matchers"])
    starts_us, ends_us = parse_time(spec["starts"], zone), parse_time(spec["ends"], zone)
    wrong = wrong_matchers(matchers)
    if wrong is not None:
        site.problem(("spec", "matchers"), wrong, key=True)
    wrong = wrong_span(starts_us, ends_us)
    if wrong is not None:
        site.problem(("spec", "ends"), wrong)
    return Silence(metadata, matchers, spec["author"], spec["reason"], starts_us, ends_us)


def dump(silence: Silence) -> dict[str, Any]:
    """Write a silence as a spec."""
    return {
        "matchers": write_matchers(silence.matchers),
        "author": silence.author,
        "reason": silence.reason,
        "starts": format_time(silence.starts_us),
        "ends": format_time(silence.ends_us),
    }


KIND = Kind("Silence", "Alerts that are not notified for a while, by whom and why.", SPEC, build, dump)
