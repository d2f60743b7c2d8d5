"""Kind EscalationPolicy: who is told of a case, level by level, and what must happen by when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trueline_rules.escalation_model import (
    BusinessHours,
    CaseKind,
    EscalationPolicy,
    Inform,
    Level,
    PostMortem,
    Reaches,
    Target,
    Targets,
)
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.kinds.matchers import MATCHER, MOST_MATCHERS, read_matchers, write_matchers
from trueline_rules.kinds.times import (
    DATE,
    TIME_OF_DAY,
    TIME_ZONE,
    WEEKDAY_RANGE,
    WEEKDAYS,
    format_minute,
    parse_minute,
    parse_weekdays,
)
from trueline_rules.model import Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Either, Key, ListOf, OneOf, Record, When
from trueline_rules.routing_model import MATCHED, NO_ESCALATION
from trueline_rules.scalars import Choice, Number, Text
from trueline_rules.site import Path, Site
from trueline_rules.spans import DELAY, WINDOW_OF_TIME, format_span, parse_span

KINDS_OF_TARGETS = {Reaches.SCHEDULE: "OnCallSchedule", Reaches.CHANNEL: "NotificationChannel"}
PERSON = Text("a person's name or address", "[A-Za-z0-9][A-Za-z0-9._+@-]*", most=128)
MOST_REPEATS = 100
ALWAYS = "always"
TIMES = ("respond_within", "update_every", "resolve_within", "post_mortem", "post_mortem_within", "inform")
BASES = ("seed", "assumed", "agreed")
RESERVED = {
    NO_ESCALATION: "by which routes say that there is none",
    MATCHED: "by which routes say that the one that matches is taken",
}
_WORKING_DAYS = ("monday:friday",)

_LEVEL = Record(
    {
        "name": Key(Text("a name", most=64), "What people call the level.", required=True),
        "after": Key(DELAY, "How long after the level before was told; of the first level: after the case opened."),
        "notify": Key(
            ListOf(
                Record(
                    {
                        "schedule": Key(DOCUMENT_NAME, "Name of an OnCallSchedule: whoever is on call then."),
                        "person": Key(PERSON, "A person: the first NotificationChannel with this `person`."),
                        "channel": Key(DOCUMENT_NAME, "Name of a NotificationChannel."),
                        "by": Key(
                            Choice(("first", "all")),
                            "On which of their channels people are told: on the first, or on all of them.",
                            default="first",
                        ),
                    },
                    rules=(OneOf(tuple(Reaches)),),
                ),
                most=50,
            ),
            "Whom it tells.",
            required=True,
        ),
        "repeat": Key(
            Number(least=1, most=MOST_REPEATS, whole=True), "How often it is told again before the next level."
        ),
        "every": Key(WINDOW_OF_TIME, "How far these times are apart."),
    }
)
_HOURS = Record(
    {
        "time_zone": Key(TIME_ZONE, "IANA time zone of the hours.", required=True),
        "weekdays": Key(ListOf(WEEKDAY_RANGE, most=7), "Days that are open; absent = monday:friday."),
        "from": Key(TIME_OF_DAY, "Since when a day is open.", required=True),
        "until": Key(TIME_OF_DAY, "When a day closes; 24:00 is its end.", required=True),
        "holidays": Key(ListOf(DATE, least=0), "Days that are closed."),
    },
    noun="'always' or a map",
)
_TARGETS = Record(
    {
        "respond_within": Key(WINDOW_OF_TIME, "Until somebody acknowledges."),
        "update_every": Key(WINDOW_OF_TIME, "Between two updates for those concerned."),
        "resolve_within": Key(WINDOW_OF_TIME, "Until it is resolved."),
        "post_mortem": Key(Choice(tuple(PostMortem)), "Whether a post-mortem is written.", default="none"),
        "post_mortem_within": Key(WINDOW_OF_TIME, "Until it is written, counted from when the case was resolved."),
        "inform": Key(
            ListOf(
                Record(
                    {
                        "who": Key(Text("who is informed", most=128), "Who is informed of it.", required=True),
                        "within": Key(WINDOW_OF_TIME, "By when after the case opened; absent = no time is set."),
                    }
                ),
                most=20,
            ),
            "Who is informed beside those who are told by the levels.",
        ),
        "basis": Key(Choice(BASES), "Where these times come from.", default="assumed"),
        "assumed": Key(ListOf(Choice(TIMES)), "Which of them are assumed all the same."),
    },
    rules=(When("post_mortem", tuple(p for p in PostMortem if p != "required"), bars=("post_mortem_within",)),),
)
SPEC = Record(
    {
        "case": Key(
            Choice(tuple(CaseKind)),
            "What it opens: an alert, or an item of the backlog that tells nobody.",
            default="alert",
        ),
        "levels": Key(ListOf(_LEVEL, most=20, unique=False), "Who is told, level by level."),
        "repeat": Key(
            Number(least=0, most=MOST_REPEATS, whole=True), "How often all levels are gone through again.", default=0
        ),
        "repeat_after": Key(WINDOW_OF_TIME, "How long after the last level was told all begins again."),
        "acknowledge_timeout": Key(
            WINDOW_OF_TIME, "How long an acknowledgement holds; absent = until the case is resolved."
        ),
        "hours": Key(Either(Choice((ALWAYS,)), mapping=_HOURS), "When the clocks run.", default=ALWAYS),
        "targets": Key(_TARGETS, "What must happen by when."),
        "basis": Key(Choice(BASES), "Where levels and their delays come from.", default="assumed"),
        "match": Key(
            ListOf(MATCHER, least=0, most=MOST_MATCHERS),
            "Which alerts take it where their route names no policy, written as on routes; [] = all; absent = as the "
            "policy of that name has it which it replaces, else only those whose route names it.",
            empty=True,
        ),
        "order": Key(
            Number(least=-1_000_000, most=1_000_000, whole=True),
            "Policies with match are asked by this, the lowest first, then by name; the first one that holds is taken.",
            default=0,
        ),
    },
    rules=(When("case", ("backlog",), bars=("levels", "repeat", "acknowledge_timeout")),),
)


def build(metadata: Metadata, spec: Spec, site: Site) -> EscalationPolicy:
    """Make an escalation policy."""
    if metadata.name in RESERVED:
        site.problem(("metadata", "name"), f"is {quoted(metadata.name)}, {RESERVED[metadata.name]}; rename it")
    if "order" in spec and "match" not in spec:
        site.problem(("spec", "order"), "needs match: only policies that match are asked in order", key=True)
    case = CaseKind(spec.get("case", CaseKind.ALERT))
    if case is CaseKind.ALERT and "levels" not in spec:
        site.problem(
            ("spec",), "lacks the key 'levels': who is told; for what nobody is told of write case: backlog", key=True
        )
    levels = _levels(spec.get("levels", ()), site)
    rounds = spec.get("repeat", 0)
    if rounds and "repeat_after" not in spec:
        message = "needs repeat_after: how long after the last level was told all begins again"
        site.problem(("spec", "repeat"), message, key=True)
    if not rounds and "repeat_after" in spec:
        site.problem(("spec", "repeat_after"), "needs repeat: how often all levels are gone through again", key=True)
    hours = spec.get("hours", ALWAYS)
    return EscalationPolicy(
        metadata=metadata,
        levels=levels,
        rounds=rounds,
        round_after_us=_us(spec, "repeat_after") or 0,
        acknowledge_timeout_us=_us(spec, "acknowledge_timeout"),
        hours=None if hours == ALWAYS else _hours(hours, site),
        targets=_targets(spec.get("targets", {}), site),
        case=case,
        basis=spec.get("basis", "assumed"),
        match=read_matchers(spec["match"]) if "match" in spec else None,
        order=spec.get("order", 0),
    )


def _levels(written: Sequence[Spec], site: Site) -> tuple[Level, ...]:
    levels: list[Level] = []
    for place, spec in enumerate(written):
        path = ("spec", "levels", place)
        level = Level(
            name=spec["name"],
            after_us=_us(spec, "after") or 0,
            notify=tuple(_target(written, (*path, "notify", at), site) for at, written in enumerate(spec["notify"])),
            repeat=spec.get("repeat", 0),
            every_us=_us(spec, "every") or 0,
        )
        for key, other in (("repeat", "every"), ("every", "repeat")):
            if key in spec and other not in spec:
                site.problem((*path, key), f"needs {other} beside it", key=True)
        if level.name in {before.name for before in levels}:
            site.problem((*path, "name"), f"is {quoted(level.name)}, as a level before it is called")
        if levels:
            _check_order(levels[-1], level, spec, path, site)
        levels.append(level)
    return tuple(levels)


def _target(spec: Spec, path: Path, site: Site) -> Target:
    kind = next(kind for kind in Reaches if kind in spec)
    if "by" in spec and kind is Reaches.CHANNEL:
        site.problem((*path, "by"), "says nothing beside channel, which is the one that is told; take it out", key=True)
    return Target(kind, spec[kind], spec.get("by") == "all")


def _check_order(before: Level, level: Level, spec: Spec, path: Path, site: Site) -> None:
    """Note a level that is not later than all times of the one before it."""
    if "after" not in spec:
        site.problem(path, f"lacks the key 'after': how long after {quoted(before.name)} was told", key=True)
        return
    if not level.after_us:
        message = f"must be above 0s; who is told together with {quoted(before.name)} goes into its notify"
        site.problem((*path, "after"), message)
        return
    last_us = before.repeat * before.every_us
    if last_us >= level.after_us:
        times = f"{before.repeat} times every {format_span(before.every_us)}"
        message = (
            f"is {quoted(spec['after'])}, but {quoted(before.name)} is told again {times}: "
            f"write more than {format_span(last_us)}, or repeat it less"
        )
        site.problem((*path, "after"), message)


def _hours(spec: Spec, site: Site) -> BusinessHours:
    path = ("spec", "hours")
    hours = BusinessHours(
        time_zone=spec["time_zone"],
        weekdays=parse_weekdays(spec.get("weekdays", _WORKING_DAYS)),
        from_minute=parse_minute(spec["from"]),
        until_minute=parse_minute(spec["until"]),
        holidays=tuple(sorted(spec.get("holidays", ()))),
    )
    if hours.until_minute <= hours.from_minute:
        message = f"must be later than from, which is {spec['from']}, is {spec['until']}; 24:00 is the end of the day"
        site.problem((*path, "until"), message)
    return hours


def _targets(spec: Spec, site: Site) -> Targets:
    path = ("spec", "targets")
    inform = tuple(Inform(found["who"], _us(found, "within")) for found in spec.get("inform", ()))
    for place, found in enumerate(inform):
        if found.who in {before.who for before in inform[:place]}:
            site.problem((*path, "inform", place, "who"), f"is {quoted(found.who)}, who is named before already")
    targets = Targets(
        respond_within_us=_us(spec, "respond_within"),
        update_every_us=_us(spec, "update_every"),
        resolve_within_us=_us(spec, "resolve_within"),
        post_mortem=PostMortem(spec.get("post_mortem", PostMortem.NONE)),
        post_mortem_within_us=_us(spec, "post_mortem_within"),
        inform=inform,
        basis=spec.get("basis", "assumed"),
        assumed=spec.get("assumed", ()),
    )
    for place, key in enumerate(targets.assumed):
        if key not in spec:
            site.problem((*path, "assumed", place), f"is {quoted(key)}, which is not among these targets; take it out")
    if "post_mortem_within" in spec and "post_mortem" not in spec:
        site.problem((*path, "post_mortem_within"), "needs post_mortem: required beside it", key=True)
    respond, resolve = targets.respond_within_us, targets.resolve_within_us
    if respond is not None and resolve is not None and respond > resolve:
        message = f"must be at most resolve_within, which is {spec['resolve_within']}, is {spec['respond_within']}"
        site.problem((*path, "respond_within"), message)
    return targets


def dump(policy: EscalationPolicy) -> dict[str, Any]:
    """Write an escalation policy as a spec."""
    spec: dict[str, Any] = {
        "case": str(policy.case),
        "levels": [_dump_level(level) for level in policy.levels],
        "basis": policy.basis,
    }
    if policy.rounds:
        spec |= {"repeat": policy.rounds, "repeat_after": format_span(policy.round_after_us)}
    if policy.acknowledge_timeout_us is not None:
        spec["acknowledge_timeout"] = format_span(policy.acknowledge_timeout_us)
    if policy.hours is not None:
        spec["hours"] = _dump_hours(policy.hours)
    if policy.targets != Targets():
        spec["targets"] = _dump_targets(policy.targets)
    written = {key: value for key, value in spec.items() if value}
    if policy.match is not None:
        written["match"] = write_matchers(policy.match)
    return written | ({"order": policy.order} if policy.order else {})


def _dump_level(level: Level) -> dict[str, Any]:
    written: dict[str, Any] = {
        "name": level.name,
        "after": format_span(level.after_us),
        "notify": [
            {str(target.kind): target.name} | ({"by": "all"} if target.every else {}) for target in level.notify
        ],
    }
    return written | ({"repeat": level.repeat, "every": format_span(level.every_us)} if level.repeat else {})


def _dump_hours(hours: BusinessHours) -> dict[str, Any]:
    return {
        "time_zone": hours.time_zone,
        "weekdays": [WEEKDAYS[day] for day in hours.weekdays],
        "from": format_minute(hours.from_minute),
        "until": format_minute(hours.until_minute),
        "holidays": list(hours.holidays),
    }


def _dump_targets(targets: Targets) -> dict[str, Any]:
    spans = {
        "respond_within": targets.respond_within_us,
        "update_every": targets.update_every_us,
        "resolve_within": targets.resolve_within_us,
        "post_mortem_within": targets.post_mortem_within_us,
    }
    written: dict[str, Any] = {key: format_span(span) for key, span in spans.items() if span is not None}
    written |= {"post_mortem": str(targets.post_mortem), "basis": targets.basis}
    if targets.assumed:
        written["assumed"] = list(targets.assumed)
    if targets.inform:
        written["inform"] = [
            {"who": found.who} | ({} if found.within_us is None else {"within": format_span(found.within_us)})
            for found in targets.inform
        ]
    return written


def check(policy: EscalationPolicy, site: Site, known: Known) -> None:
    """Note schedules and channels that nothing defines, and people whom no channel reaches."""
    for place, level in enumerate(policy.levels):
        for index, target in enumerate(level.notify):
            path = ("spec", "levels", place, "notify", index, str(target.kind))
            if target.kind is Reaches.PERSON:
                check_person(target.name, path, site, known)
                continue
            kind = KINDS_OF_TARGETS[target.kind]
            names = known.names.get(kind)
            if names is not None and target.name not in names:
                message = f"is {quoted(target.name)}, but there is no {kind} of that name{hint(target.name, names)}"
                site.problem(path, message)


def check_person(person: str, path: Path, site: Site, known: Known) -> None:
    """Note a person whom no channel reaches: a page for them would go nowhere."""
    if known.people is None or person in known.people:
        return
    message = (
        f"is {quoted(person)}, whom no NotificationChannel reaches{hint(person, known.people)}; "
        f"add a NotificationChannel with person: {person}"
    )
    site.problem(path, message)


def _us(spec: Spec, key: str) -> int | None:
    return parse_span(spec[key]).us if key in spec else None


KIND = Kind(
    "EscalationPolicy",
    "Who is told of a case, level by level, and what must happen by when.",
    SPEC,
    build,
    dump,
    check,
)
