"""Runs a scenario through the real parts on a clock that leaps from event to event."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from trueline_server.clock import ManualClock
from trueline_server.simulation.evaluating import RuleEvaluation
from trueline_server.simulation.model import GivenSilence, Hand, Scenario, Simulation
from trueline_server.simulation.pipeline import Pipeline
from trueline_server.simulation.recording import Recording
from trueline_server.simulation.summary import summarise
from trueline_server.simulation.timeline import make_timeline
from trueline_server.simulation.values import SeriesValues

# Told the instant that the clock has come to (µs since 1970, UTC); raises to end the work.
GoOn = Callable[[int], None]


def simulate(scenario: Scenario, go_on: GoOn = lambda _: None) -> Simulation:
    """What a scenario comes to; the same for the same scenario.

    At an instant rules are evaluated first, then people act, then timers run, then messages go.

    Args:
        scenario: what is simulated.
        go_on: called at each instant at which something is done.

    Raises:
        PipelineError: a part failed.
        TruelineError: INVALID_FIELD, for a silence that could not be put in.

    """
    with tempfile.TemporaryDirectory(prefix="trueline-simulation-") as folder:
        clock = ManualClock(scenario.start_us)
        with closing(Pipeline(Path(folder), scenario.rules, clock, scenario.end_us)) as pipeline:
            values = SeriesValues(scenario.rules, scenario.histories)
            rules = RuleEvaluation(
                scenario.rules,
                scenario.names,
                values,
                start_us=scenario.start_us,
                last_us=scenario.last_us,
                every_us=scenario.every_us,
            )
            record = Recording()
            run(scenario, clock, pipeline, rules, record, go_on=go_on)
            entries = make_timeline(scenario, pipeline, record)
            summary = summarise(scenario.rules, entries, pipeline.cases().values(), pipeline.delivery.waiting())
    return Simulation(
        start_us=scenario.start_us,
        last_us=scenario.last_us,
        every_us=scenario.every_us,
        end_us=scenario.end_us,
        revision=scenario.rules.revision,
        rules=scenario.names,
        evaluations=rules.count(),
        entries=entries,
        summary=summary,
        notes=tuple(scenario.notes),
        watermark_us=scenario.watermark_us,
    )


def run(
    scenario: Scenario, clock: ManualClock, pipeline: Pipeline, rules: RuleEvaluation, record: Recording, *, go_on: GoOn
) -> None:
    """Turn the clock from event to event, until the end of a scenario; see `simulate`."""
    acts: list[Hand | GivenSilence] = sorted([*scenario.silences, *scenario.hands], key=_when)
    done = 0
    while True:
        act_us = _when(acts[done]) if done < len(acts) else None
        due = [each for each in (rules.next_us, act_us, pipeline.next_us) if each is not None]
        now_us = min(due, default=scenario.end_us + 1)
        if now_us > scenario.end_us:
            return
        go_on(now_us)
        clock.turn((now_us - clock()) / 1_000_000)
        # What is taken and done may tell somebody at once, with no timer between.
        moved = False
        if rules.next_us == now_us:
            evaluation = rules.at_next()
            if evaluation is not None and evaluation.changed:
                record.take(evaluation)
                pipeline.take(now_us, evaluation)
                moved = True
        while done < len(acts) and _when(acts[done]) <= now_us:
            record.act(acts[done], pipeline, now_us)
            done += 1
            moved = True
        if moved or (pipeline.next_us is not None and pipeline.next_us <= now_us):
            pipeline.settle()


def _when(act: Hand | GivenSilence) -> int:
    return act.starts_us if isinstance(act, GivenSilence) else act.at_us
