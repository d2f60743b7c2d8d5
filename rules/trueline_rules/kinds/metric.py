"""Kind Metric: a number per time window, computed from events."""

from __future__ import annotations

from typing import Any

from trueline_rules.kinds.fields import (
    ANY_FIELD,
    EVENT_NAMES,
    LABEL_FIELD,
    PROPERTY,
    ROLE,
    event_names,
)
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.model import ANY, Aggregation, Metadata, Metric, Span
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, ListOf, OneOf, Record, When, map_of
from trueline_rules.scalars import Choice, Number, Text
from trueline_rules.site import Site
from trueline_rules.spans import DELAY, STEP, WINDOW, format_span, parse_span

DEFAULT_GROUPS = 1000
# A sliding window is merged from its panes whenever it is read.
MOST_PANES = 10_000

_NUMERIC = ("sum", "avg", "min", "max", "quantile", "latest")

SPEC = Record(
    {
        "unit": Key(Text("a unit", most=64), 'Unit of the number, e.g. "users".'),
        "events": Key(EVENT_NAMES, 'Names of the events that count; "*" for all. Either this or roles.'),
        "roles": Key(ListOf(ROLE), "Roles whose events count, through the event mapping. Either this or events."),
        "less": Key(
            ListOf(ROLE), "Further roles, whose values are taken off a sum, whatever their sign: what is paid back."
        ),
        "aggregation": Key(Choice(tuple(Aggregation)), "How the events of a window become a number.", required=True),
        "field": Key(ANY_FIELD, "What is aggregated: value, user_id, ..., or properties.<key>. Not for count."),
        "quantile": Key(Number(above=0, below=1), "Which quantile, between 0 and 1."),
        "where": Key(
            map_of(LABEL_FIELD, ListOf(Text("a text", most=8192)), about="A field and the values that count."),
            "Only events whose field has one of the values listed.",
        ),
        "group_by": Key(ListOf(LABEL_FIELD, most=8), "Fields whose values label the points."),
        "window": Key(WINDOW, "Length of a window.", required=True),
        "step": Key(STEP, "Distance between windows; absent = the window, so that they do not overlap."),
        "max_groups": Key(
            Number(least=1, most=100_000, whole=True),
            'Most groups a window; further ones are counted as "__other__".',
            default=DEFAULT_GROUPS,
        ),
        "lateness": Key(
            Record(
                {
                    "allowed": Key(DELAY, "How late an event may be and still correct its window."),
                    "by": Key(Choice(("window", "event")), "Late is measured from the window's end or from the event."),
                    "max_disorder": Key(DELAY, "How far the watermark trails the newest event."),
                }
            ),
            "How late events are treated; absent = as the server's settings say.",
        ),
    },
    rules=(
        OneOf(("events", "roles")),
        When("aggregation", ("count",), bars=("field",)),
        When("aggregation", tuple(a for a in Aggregation if a is not Aggregation.COUNT), needs=("field",)),
        When("aggregation", tuple(a for a in Aggregation if a is not Aggregation.SUM), bars=("less",)),
        When("aggregation", ("quantile",), needs=("quantile",)),
        When("aggregation", tuple(a for a in Aggregation if a is not Aggregation.QUANTILE), bars=("quantile",)),
    ),
)


def build(metadata: Metadata, spec: Spec, site: Site) -> Metric:
    """Make a metric; its definition and `less_events` are set once the event mapping is known."""
    events = event_names(spec.get("events", ()))
    if ANY in events and len(events) > 1:
        site.problem(("spec", "events"), f"has {quoted(ANY)}, which means every event, beside other names")
    for index, role in enumerate(spec.get("less", ())):
        if events:
            site.problem(("spec", "less"), "needs roles, not events, to take them off from", key=True)
            break
        if role in spec.get("roles", ()):
            site.problem(("spec", "less", index), f"is {quoted(role)}, which is one of the roles already")
    field = spec.get("field", "")
    if spec["aggregation"] in _NUMERIC and field != "value" and not field.startswith(PROPERTY):
        site.problem(
            ("spec", "field"), f"must be value or properties.<key> for {spec['aggregation']}, is {quoted(field)}"
        )
    window = parse_span(spec["window"])
    step = parse_span(spec.get("step", spec["window"]))
    _check_step(window, step, site)
    lateness = spec.get("lateness", {})
    return Metric(
        metadata=metadata,
        unit=spec.get("unit", ""),
        events=events,
        roles=spec.get("roles", ()),
        aggregation=Aggregation(spec["aggregation"]),
        field=field,
        quantile=spec.get("quantile", 0.0),
        where=spec.get("where", {}),
        group_by=spec.get("group_by", ()),
        window=window,
        step=step,
        max_groups=spec.get("max_groups", DEFAULT_GROUPS),
        allowed_lateness_us=_delay(lateness, "allowed"),
        late_by=lateness.get("by", "window"),
        max_disorder_us=_delay(lateness, "max_disorder"),
        definition="",
        less=spec.get("less", ()),
    )


def dump(metric: Metric) -> dict[str, Any]:
    """Write a metric as a spec."""
    lateness: dict[str, Any] = {"by": metric.late_by}
    if metric.allowed_lateness_us is not None:
        lateness["allowed"] = format_span(metric.allowed_lateness_us)
    if metric.max_disorder_us is not None:
        lateness["max_disorder"] = format_span(metric.max_disorder_us)
    spec: dict[str, Any] = {
        "unit": metric.unit,
        "events": list(metric.events),
        "roles": list(metric.roles),
        "less": list(metric.less),
        "aggregation": str(metric.aggregation),
        "field": metric.field,
        "quantile": metric.quantile,
        "where": {field: list(values) for field, values in metric.where.items()},
        "group_by": list(metric.group_by),
        "window": metric.window.text,
        "step": metric.step.text,
        "max_groups": metric.max_groups,
        "lateness": lateness,
    }
    return {key: value for key, value in spec.items() if value}


def check(metric: Metric, site: Site, known: Known) -> None:
    """Note roles that no mapping fills and that are no standard ones either."""
    for key, roles in (("roles", metric.roles), ("less", metric.less)):
        for index, role in enumerate(roles):
            if role not in known.roles:
                message = f"is {quoted(role)}, a role that no event mapping fills{hint(role, known.roles)}"
                site.problem(("spec", key, index), message)


def _check_step(window: Span, step: Span, site: Site) -> None:
    if step.text == window.text:
        return
    if window.calendar or step.calendar:
        calendar = window.calendar or step.calendar
        site.problem(("spec", "step"), f"must be absent or the window: windows with a {calendar} do not overlap")
    elif window.us % step.us:
        site.problem(("spec", "step"), f"must divide the window of {window.text}, is '{step.text}'")
    elif window.us // step.us > MOST_PANES:
        site.problem(("spec", "step"), f"must be at least 1/{MOST_PANES} of the window, is '{step.text}'")


def _delay(lateness: Spec, key: str) -> int | None:
    return parse_span(lateness[key]).us if key in lateness else None


KIND = Kind("Metric", "A number per time window, computed from events.", SPEC, build, dump, check)
