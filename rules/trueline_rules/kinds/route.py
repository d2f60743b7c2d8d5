"""Kind Route: which alerts go where, how they are grouped, and when they are told again."""

from __future__ import annotations

from typing import Any

from trueline_rules.kinds.alert_rule import LABEL
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.kinds.matchers import MATCHERS, read_matchers, write_matchers
from trueline_rules.kinds.time_intervals import TIME_INTERVALS, read_time_intervals, write_time_intervals
from trueline_rules.model import Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, ListOf, Record
from trueline_rules.routing.tree import ROOT_NAME
from trueline_rules.routing_model import ALL, MATCHED, NO_ESCALATION, Route, RouteNode, TimeInterval
from trueline_rules.scalars import Flag, Text
from trueline_rules.site import Path, Site
from trueline_rules.spans import DELAY, WINDOW_OF_TIME, format_span, parse_span

# Routes inside of routes inside of a document; deeper ones are what further documents are for.
DEEPEST = 5
MOST_ROUTES = 1000
_SPANS = {"group_wait": "group_wait_us", "group_interval": "group_interval_us", "repeat_interval": "repeat_interval_us"}
# How Alertmanager calls what a route has, and what it is called here.
_ALERTMANAGER = {
    "receiver": "channels: [name]",
    "match": 'matchers: [label="value"]',
    "match_re": 'matchers: [label=~"regex"]',
    "mute_time_intervals": "mute, with the intervals themselves",
    "active_time_intervals": "active, with the intervals themselves",
}
_GROUP_LABEL = Text(
    "a label's name, or '...' for all labels", f"{LABEL.pattern}|\\.\\.\\.", most=63, examples=("rule", "...")
)


def _way_out(key: str) -> str:
    if key in _ALERTMANAGER:
        return f"; write {_ALERTMANAGER[key]}"
    if key == "routes":
        return f"; routes are nested up to {DEEPEST} deep: make this one a document of its own"
    return ""


def _shape(depth: int) -> Record:
    """Shape of a route with `depth` further ones inside; each must say which alerts it takes, but for the outermost."""
    keys = {
        "matchers": Key(
            MATCHERS,
            "Which alerts; all of them must match. Without them the document is the root of all routes.",
            required=depth < DEEPEST,
        ),
        "group_by": Key(
            ListOf(_GROUP_LABEL, least=0, most=32),
            "Labels that the alerts of a group have alike; ['...'] = each alert by itself, [] = all together.",
            empty=True,
        ),
        "group_wait": Key(DELAY, "How long a new group waits for further alerts (the root: 30s)."),
        "group_interval": Key(WINDOW_OF_TIME, "How long it waits between two notifications (the root: 5m)."),
        "repeat_interval": Key(
            WINDOW_OF_TIME, "After how long it says the same again (the root: 4h), a multiple of group_interval."
        ),
        "channels": Key(
            ListOf(DOCUMENT_NAME, least=0, most=32),
            "Names of NotificationChannels; [] = nobody is notified.",
            empty=True,
        ),
        "escalation": Key(
            DOCUMENT_NAME,
            f"Name of an EscalationPolicy; {NO_ESCALATION} = no escalation; {MATCHED} (the pack's root) = the policy "
            "whose match holds for the alert.",
        ),
        "mute": Key(TIME_INTERVALS, "When nobody is notified.", empty=True),
        "active": Key(TIME_INTERVALS, "When alone somebody is notified; [] = always.", empty=True),
        "continue": Key(Flag(), "Whether later routes are asked too if this one matches.", default=False),
    }
    if depth:
        keys["routes"] = Key(
            ListOf(_shape(depth - 1), least=0, most=MOST_ROUTES, unique=False),
            "Routes inside, which have what this one has unless they say otherwise; the first one that matches wins.",
        )
    return Record(keys, way_out=_way_out)


SPEC = _shape(DEEPEST)


def build(metadata: Metadata, spec: Spec, site: Site) -> Route:
    """Make a route."""
    if spec.get("continue") and "matchers" not in spec:
        site.problem(("spec", "continue"), "does not go with the root: there is no route beside it", key=True)
    return Route(metadata, _build(spec, ("spec",), site))


def _build(spec: Spec, path: Path, site: Site) -> RouteNode:
    group_by = spec.get("group_by")
    if group_by is not None and ALL[0] in group_by and group_by != ALL:
        at = group_by.index(ALL[0])
        site.problem((*path, "group_by", at), "means all labels and stands alone; take the others out, or it")
    return RouteNode(
        matchers=read_matchers(spec.get("matchers", ())),
        group_by=group_by,
        group_wait_us=_span(spec.get("group_wait")),
        group_interval_us=_span(spec.get("group_interval")),
        repeat_interval_us=_span(spec.get("repeat_interval")),
        channels=spec.get("channels"),
        escalation=spec.get("escalation"),
        mute=_intervals("mute", spec, path, site),
        active=_intervals("active", spec, path, site),
        go_on=spec.get("continue", False),
        routes=tuple(_build(inner, (*path, "routes", at), site) for at, inner in enumerate(spec.get("routes", ()))),
    )


def _span(written: str | None) -> int | None:
    return None if written is None else parse_span(written).us


def _intervals(key: str, spec: Spec, path: Path, site: Site) -> tuple[TimeInterval, ...] | None:
    return read_time_intervals(spec[key], (*path, key), site) if key in spec else None


def dump(route: Route) -> dict[str, Any]:
    """Write a route as a spec."""
    return _dump(route.node)


def _dump(node: RouteNode) -> dict[str, Any]:
    spec: dict[str, Any] = {"matchers": write_matchers(node.matchers)} if node.matchers else {}
    if node.group_by is not None:
        spec["group_by"] = list(node.group_by)
    for key, name in _SPANS.items():
        if getattr(node, name) is not None:
            spec[key] = format_span(getattr(node, name))
    if node.channels is not None:
        spec["channels"] = list(node.channels)
    if node.escalation is not None:
        spec["escalation"] = node.escalation
    for key, intervals in (("mute", node.mute), ("active", node.active)):
        if intervals is not None:
            spec[key] = write_time_intervals(intervals)
    if node.go_on:
        spec["continue"] = True
    return spec | ({"routes": [_dump(inner) for inner in node.routes]} if node.routes else {})


def check(route: Route, site: Site, known: Known) -> None:
    """Note channels and policies that do not exist, and a second root."""
    _check(route.node, ("spec",), site, known)
    roots = sorted(name for name, other in known.routes.items() if not other.node.matchers)
    name, place = route.metadata.name, route.metadata.place
    if not roots and name == min(known.routes) and known.routes.keys() == known.names.get("Route", known.routes.keys()):
        told = "is a route without a root: alerts that match no route would go nowhere"
        site.problem((), f"{told}; add a Route '{ROOT_NAME}' without matchers", at=place)
    root = ROOT_NAME if ROOT_NAME in roots else roots[0] if roots else name
    if name in roots and name != root:
        told = f"has no matchers, so it is the root of all routes, which '{root}' is already"
        site.problem((), f"{told}; give it matchers, or call it '{root}' to take its place", at=place)


def _check(node: RouteNode, path: Path, site: Site, known: Known) -> None:
    channels = known.names.get("NotificationChannel", frozenset())
    for at, name in enumerate(node.channels or ()):
        if name not in channels:
            message = f"is {quoted(name)}, but there is no NotificationChannel of that name{hint(name, channels)}"
            site.problem((*path, "channels", at), message)
    policies = known.names.get("EscalationPolicy", frozenset())
    words = {NO_ESCALATION, MATCHED, *policies}
    if node.escalation is not None and node.escalation not in words:
        told = f"is {quoted(node.escalation)}, but there is no EscalationPolicy of that name"
        site.problem((*path, "escalation"), f"{told}{hint(node.escalation, words)}")
    for at, inner in enumerate(node.routes):
        _check(inner, (*path, "routes", at), site, known)


KIND = Kind(
    "Route", "Which alerts go where, how they are grouped, and when they are told again.", SPEC, build, dump, check
)
