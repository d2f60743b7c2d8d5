"""Kind Schedule: when something is run, as a cron expression in a time zone, and what becomes of missed runs."""

from __future__ import annotations

from typing import Any

from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.kinds.times import TIME_ZONE
from trueline_rules.model import Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, OneOf, Record
from trueline_rules.scalars import Choice, Text
from trueline_rules.schedule_model import Missed, Run, Schedule
from trueline_rules.schedules.cron import NAMED, written_out, wrong_cron
from trueline_rules.site import Site
from trueline_rules.spans import DELAY, format_span, parse_span

# What a schedule can run, and the kind of document that its value names.
# A further action is one more line here, and whoever runs schedules must know it.
ACTIONS = {"checkpoint": "CheckpointPolicy", "backtest": "AlertRule"}
_ABOUT = {
    "checkpoint": "Name of a CheckpointPolicy.",
    "backtest": "Name of an AlertRule that is tried on the history.",
}
CRON = Text(
    "five fields (minute hour day month weekday) or a name such as @daily",
    most=256,
    examples=("0 6 * * MON-FRI", "*/15 * * * *", *NAMED),
    check=wrong_cron,
)

SPEC = Record(
    {
        "cron": Key(CRON, "When it runs: minute, hour, day of the month, month, weekday; or @daily.", required=True),
        "time_zone": Key(TIME_ZONE, "IANA time zone of these times.", default="UTC"),
        "jitter": Key(DELAY, "How much later it may run, so that not all schedules run at once.", default="0s"),
        "missed": Key(
            Choice(tuple(Missed)),
            "What becomes of runs that were missed: the last one is made up for, none, or all, at most 100.",
            default="run_once",
        ),
        "run": Key(
            Record({action: Key(DOCUMENT_NAME, _ABOUT[action]) for action in ACTIONS}, rules=(OneOf(tuple(ACTIONS)),)),
            "What is run.",
            required=True,
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> Schedule:  # noqa: ARG001
    """Make a schedule."""
    ((action, name),) = spec["run"].items()
    return Schedule(
        metadata=metadata,
        cron=written_out(spec["cron"]),
        time_zone=spec.get("time_zone", "UTC"),
        jitter_us=parse_span(spec.get("jitter", "0s")).us,
        missed=Missed(spec.get("missed", Missed.RUN_ONCE)),
        run=Run(action, name),
    )


def dump(schedule: Schedule) -> dict[str, Any]:
    """Write a schedule as a spec."""
    return {
        "cron": schedule.cron,
        "time_zone": schedule.time_zone,
        "jitter": format_span(schedule.jitter_us),
        "missed": str(schedule.missed),
        "run": {schedule.run.action: schedule.run.name},
    }


def check(schedule: Schedule, site: Site, known: Known) -> None:
    """Note a run of something that no document defines."""
    kind = ACTIONS[schedule.run.action]
    names = known.names.get(kind)
    if names is not None and schedule.run.name not in names:
        message = f"is {quoted(schedule.run.name)}, but there is no {kind} of that name{hint(schedule.run.name, names)}"
        site.problem(("spec", "run", schedule.run.action), message)


KIND = Kind("Schedule", "When something is run, and what becomes of missed runs.", SPEC, build, dump, check)
