"""Kind Schedule: when something is run, as a cron expression in a time zone, and what becomes of missed runs."""

from __future__ import annotations

from typing import Any

from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.kinds.times import TIME_ZONE
from trueline_rules.model import Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Either, Key, ListOf, OneOf, Record
from trueline_rules.scalars import Choice, Text
from trueline_rules.schedule_model import Missed, Run, Schedule
from trueline_rules.schedules.cron import NAMED, written_out, wrong_cron
from trueline_rules.site import Site
from trueline_rules.spans import DELAY, format_span, parse_span

# What a schedule can run, and the kind of document that its value names.
# A further action is one more line here, and whoever runs schedules must know it.
ACTIONS = {
    "checkpoint": "CheckpointPolicy",
    "backtest": "AlertRule",
    "evaluate": "AlertRule",
    "study": "Study",
    "churn": "ChurnModel",
}
PERIODS = ("week", "month", "quarter")
_WHAT = {
    "checkpoint": Key(DOCUMENT_NAME, "Name of a CheckpointPolicy."),
    "backtest": Key(DOCUMENT_NAME, "Name of an AlertRule that is tried on the history."),
    "evaluate": Key(
        Either(DOCUMENT_NAME, sequence=ListOf(DOCUMENT_NAME, most=1000)),
        "Name of an AlertRule that is evaluated with the values of the moment, or a list of them.",
    ),
    "churn": Key(DOCUMENT_NAME, "Name of a ChurnModel that is trained from facts."),
    "study": Key(DOCUMENT_NAME, "Name of a Study."),
    "period": Key(Choice(PERIODS), "Of a study: the last one of these (UTC) that is over (month)."),
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
            Record(_WHAT, rules=(OneOf(tuple(ACTIONS)),)),
            "What is run.",
            required=True,
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> Schedule:
    """Make a schedule."""
    run = dict(spec["run"])
    period = run.pop("period", "")
    ((action, written),) = run.items()
    if period and action != "study":
        site.problem(("spec", "run", "period"), f"is about a study, and this runs a {action}", key=True)
    missed = Missed(spec.get("missed", Missed.RUN_ONCE))
    if action == "evaluate" and missed is Missed.RUN_ALL:
        told = "is run_all, but an evaluation judges what is so when it runs; write run_once or skip"
        site.problem(("spec", "missed"), told)
    return Schedule(
        metadata=metadata,
        cron=written_out(spec["cron"]),
        time_zone=spec.get("time_zone", "UTC"),
        jitter_us=parse_span(spec.get("jitter", "0s")).us,
        missed=missed,
        run=Run(
            action,
            (written,) if isinstance(written, str) else tuple(written),
            (period or "month") if action == "study" else "",
        ),
    )


def dump(schedule: Schedule) -> dict[str, Any]:
    """Write a schedule as a spec."""
    names, period = schedule.run.names, schedule.run.period
    return {
        "cron": schedule.cron,
        "time_zone": schedule.time_zone,
        "jitter": format_span(schedule.jitter_us),
        "missed": str(schedule.missed),
        "run": {schedule.run.action: names[0] if len(names) == 1 else list(names)}
        | ({"period": period} if period else {}),
    }


def check(schedule: Schedule, site: Site, known: Known) -> None:
    """Note a run of something that no document defines."""
    kind = ACTIONS[schedule.run.action]
    names = known.names.get(kind)
    if names is None:
        return
    run = schedule.run
    for place, name in enumerate(run.names):
        if name not in names:
            message = f"is {quoted(name)}, but there is no {kind} of that name{hint(name, names)}"
            path = ("spec", "run", run.action)
            site.problem((*path, place) if len(run.names) > 1 else path, message)


KIND = Kind("Schedule", "When something is run, and what becomes of missed runs.", SPEC, build, dump, check)
