"""Kind OnCallSchedule: who is on call when, in layers of people who take turns, and overrides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from trueline_rules.kinds.escalation_policy import PERSON, check_person
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.kinds.time_intervals import TIME_INTERVALS, read_time_intervals, write_time_intervals
from trueline_rules.kinds.times import LOCAL_TIME, TIME, TIME_ZONE, format_time, parse_local, parse_time
from trueline_rules.model import Metadata
from trueline_rules.names import quoted
from trueline_rules.records import Either, Key, ListOf, Record
from trueline_rules.scalars import Text
from trueline_rules.schedule_model import Layer, OnCallSchedule, Override, Rotation, Unit
from trueline_rules.site import Path, Site

_LENGTH = re.compile("([0-9]+)([hdw])")


def _length_way_out(written: str) -> str:
    found = re.fullmatch(r"([1-9][0-9]{0,2})\s*([a-z]*)", written.strip().lower())
    units = [unit for unit in Unit if found is not None and found[2] in {unit, f"{unit.name}s".lower()}]
    units += [unit for unit in Unit if found is not None and found[2] == unit.name.lower()]
    if found is None:
        return ""
    if not found[2]:
        return f"; it needs a unit: write {found[1]}h, {found[1]}d or {found[1]}w"
    return f"; write {found[1]}{units[0]}" if units else ""


SHIFT = Text(
    "the length of a shift such as 12h, 1d or 1w",
    "[1-9][0-9]{0,2}[hdw]",
    most=8,
    way_out=_length_way_out,
    examples=("12h", "1d", "1w"),
)
_LAYER = Record(
    {
        "people": Key(
            ListOf(Either(PERSON, sequence=ListOf(PERSON, most=20)), most=200, unique=False),
            "Who is on call, in turn: one person each shift, or a list of several.",
            required=True,
        ),
        "length": Key(SHIFT, "Length of a shift, in local time: a day of 23 or 25 hours is one day."),
        "starts": Key(LOCAL_TIME, "Local time of the first handover; nobody of the layer is on call before."),
        "only": Key(TIME_INTERVALS, "Times outside of which nobody of the layer is on call; absent = always."),
    }
)
_OVERRIDE = Record(
    {
        "person": Key(PERSON, "Who is on call in the place of whoever would be.", required=True),
        "from": Key(TIME, "Since when; local to the schedule unless it says Z or an offset.", required=True),
        "until": Key(TIME, "Until when, exclusive.", required=True),
    }
)
SPEC = Record(
    {
        "time_zone": Key(TIME_ZONE, "IANA time zone of handovers and of times without one.", required=True),
        "layers": Key(
            ListOf(_LAYER, most=20, unique=False),
            "People who take turns; a later layer wins over those before it while somebody of it is on call.",
            required=True,
        ),
        "overrides": Key(ListOf(_OVERRIDE, least=0, unique=False), "Who stands in for whoever would be on call."),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> OnCallSchedule:
    """Make an on-call schedule."""
    zone = spec["time_zone"]
    layers = tuple(
        _layer(written, ("spec", "layers", place), zone, site) for place, written in enumerate(spec["layers"])
    )
    return OnCallSchedule(metadata, zone, layers, _overrides(spec.get("overrides", ()), zone, site))


def _layer(written: Spec, path: Path, zone: str, site: Site) -> Layer:
    shifts = tuple((people,) if isinstance(people, str) else people for people in written["people"])
    only = read_time_intervals(written.get("only", ()), (*path, "only"), site, zone)
    if "length" in written and "starts" in written:
        found = _LENGTH.fullmatch(written["length"])
        assert found is not None
        rotation = Rotation(int(found[1]), Unit(found[2]), parse_local(written["starts"]))
        return Layer(shifts, rotation, only)
    for key, other in (("length", "starts"), ("starts", "length")):
        if key in written:
            site.problem((*path, key), f"needs {other} beside it", key=True)
    if len(shifts) > 1 and "length" not in written and "starts" not in written:
        message = (
            f"has {len(shifts)} shifts, which take turns: it needs length and starts; "
            "people who are on call together are one list within the list"
        )
        site.problem((*path, "people"), message, key=True)
    return Layer(shifts, only=only)


def _overrides(written: Sequence[Spec], zone: str, site: Site) -> tuple[Override, ...]:
    found: list[tuple[Override, Path]] = []
    for place, spec in enumerate(written):
        path: Path = ("spec", "overrides", place)
        from_us, until_us = parse_time(spec["from"], zone), parse_time(spec["until"], zone)
        if until_us <= from_us:
            site.problem((*path, "until"), f"must be later than from, which is {spec['from']}, is {spec['until']}")
        found.append((Override(spec["person"], from_us, until_us), path))
    found.sort(key=lambda pair: (pair[0].from_us, pair[0].until_us))
    for (before, _), (override, path) in pairwise(found):
        if override.from_us < before.until_us:
            message = (
                f"begins while {quoted(before.person)} stands in until {format_time(before.until_us)}; "
                "let one begin when the other ends"
            )
            site.problem((*path, "from"), message)
    return tuple(override for override, _ in found)


def dump(schedule: OnCallSchedule) -> dict[str, Any]:
    """Write an on-call schedule as a spec."""
    spec: dict[str, Any] = {
        "time_zone": schedule.time_zone,
        "layers": [_dump_layer(layer) for layer in schedule.layers],
    }
    overrides = [
        {"person": found.person, "from": format_time(found.from_us), "until": format_time(found.until_us)}
        for found in schedule.overrides
    ]
    return spec | ({"overrides": overrides} if overrides else {})


def _dump_layer(layer: Layer) -> dict[str, Any]:
    written: dict[str, Any] = {
        "people": [people[0] if len(people) == 1 else list(people) for people in layer.shifts],
    }
    if layer.rotation is not None:
        starts: datetime = layer.rotation.starts
        written |= {"length": f"{layer.rotation.length}{layer.rotation.unit}", "starts": starts.isoformat()}
    return written | ({"only": write_time_intervals(layer.only)} if layer.only else {})


def check(schedule: OnCallSchedule, site: Site, known: Known) -> None:
    """Note people whom no channel reaches."""
    for place, layer in enumerate(schedule.layers):
        for turn, people in enumerate(layer.shifts):
            for index, person in enumerate(people):
                path: Path = ("spec", "layers", place, "people", turn, *((index,) if len(people) > 1 else ()))
                check_person(person, path, site, known)
    for place, override in enumerate(schedule.overrides):
        check_person(override.person, ("spec", "overrides", place, "person"), site, known)


KIND = Kind("OnCallSchedule", "Who is on call when.", SPEC, build, dump, check)
