"""Evaluations of alert rules that a schedule runs."""

from __future__ import annotations

from datetime import UTC, datetime

from trueline_rules.alerting.model import State

from trueline_server.alerts.live import LiveEvaluation
from trueline_server.alerts.states import StageStates
from trueline_server.schedules.model import Begun, RunKind, ScheduledRun

_FIRES = frozenset({State.FIRING, State.RECOVERING})


def evaluation_runs(live: LiveEvaluation) -> RunKind:
    """What a schedule with `run: {evaluate: ...}` does: judges rules of the tenant now, and tells which of them fire.

    Begun again it finds the same instant judged already, and changes nothing more.
    """

    def begin(run: ScheduledRun) -> Begun:
        rules = run.schedule.run.names
        live.evaluate(run.tenant, frozenset(rules))
        return Begun(_told(rules, live.states_of(run.tenant)))

    return begin


def _told(rules: tuple[str, ...], states: StageStates) -> str:
    if states.evaluated_us is None:
        return "nothing was judged: there are no complete events yet"
    at = datetime.fromtimestamp(states.evaluated_us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    judged = [name for name in rules if name in states.rules]
    firing = [f"{name} ({number})" for name in judged if (number := _firing(states, name))]
    waiting = [name for name in rules if name not in states.rules]
    told = f"{len(judged)} of {len(rules)} rules judged as of {at}: {', '.join(firing) or 'none'} fires"
    return f"{told}; {', '.join(waiting)} has no values yet" if waiting else told


def _firing(states: StageStates, rule: str) -> int:
    return sum(instance.state in _FIRES for instance in states.rules[rule].instances.values())
