"""A thousand alert rules over ten thousand series, evaluated once a minute; and over ten times as many series."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from trueline_rules.loader import load_texts
from trueline_rules.model import Metric, RuleSet
from trueline_server.alerts.live import LiveEvaluation
from trueline_server.clock import ManualClock
from trueline_server.decisions.log import DecisionLog
from trueline_stores.bus import InProcessBus
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.records import Changes, ClockRow, PointRow
from trueline_streams.warehouse_writer import WarehouseWriter

from benchmarks.live_evaluation import live_evaluation
from benchmarks.result import Result, machine

# Of the minute between two evaluations at most this share may go into one.
GOAL = 0.5
MINUTE = 60_000_000
START = 1_717_243_200_000_000  # 2024-06-01T12:00Z
DISORDER = 120_000_000
# One series in a hundred is beyond the limit of its rules.
BEYOND = 0.01
_TENANT = "bench"
# A tenant is judged once its watermark has passed when it was first seen, and the first evaluation makes all ready.
_UNTIL_READY = 4


class AnswersDifferError(RuntimeError):
    """Other alerts fire than the values call for, so the times say nothing."""


@dataclass(frozen=True, slots=True)
class _Size:
    """So many metrics with so many series each, and so many rules over them in turn."""

    metrics: int
    series: int
    rules: int

    @property
    def states(self) -> int:
        """Label sets that are judged."""
        return self.rules * self.series


def run(*, small: bool) -> Result:
    """Median evaluation of the size that is asked for, and of ten times that."""
    size = _Size(5, 10, 20) if small else _Size(100, 100, 1_000)
    larger = _Size(size.metrics, size.series * 10, size.rules)
    rounds = 2 if small else 4
    seconds = _measure(size, rounds)
    larger_seconds = _measure(larger, 1 if small else 3)
    measured, more = statistics.median(seconds), statistics.median(larger_seconds)
    return Result(
        benchmark="alert_scale",
        ratio=measured / 60,
        goal=GOAL,
        better="lower",
        parts={
            "rules": size.rules,
            "series": size.metrics * size.series,
            "states": size.states,
            "evaluation_s": seconds,
            "states_of_larger": larger.states,
            "evaluation_of_larger_s": larger_seconds,
            "growth": more / measured,
        },
        machine=machine(),
        summary=(
            f"{size.rules:,} rules, {size.states:,} states: {measured:.2f} s of each minute; "
            f"{larger.states:,} states: {more:.1f} s, {more / measured:.1f} times as long"
        ),
        small=small,
    )


def _measure(size: _Size, rounds: int) -> list[float]:
    rules = _rules(size)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name:
        folder = Path(name)
        warehouse = Warehouse.chdb(folder / "warehouse")
        warehouse.migrate()
        state, clock = StateDatabase.sqlite(folder / "state.sqlite3"), ManualClock(START)
        log = DecisionLog(state, warehouse, clock)
        live = live_evaluation(rules, warehouse, state, log, clock)
        writer, random = WarehouseWriter(warehouse, InProcessBus()), np.random.default_rng(7)
        seconds = []
        for number in range(_UNTIL_READY + rounds):
            clock.turn(60)
            beyond = _write(writer, rules, size, _Moment(clock(), number + 1), random)
            start = time.perf_counter()
            live.tick()
            if number >= _UNTIL_READY:
                seconds.append(time.perf_counter() - start)
                _compare(live, size, beyond)
        log.close()
        state.close()
        warehouse.close()
    return seconds


def _rules(size: _Size) -> RuleSet:
    head = "apiVersion: trueline/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n"
    documents = [head.format("EventMapping", "m") + "  fields: {id: id, source: source, name: name, occurred_at: at}\n"]
    documents += [
        head.format("Metric", f"m{number}")
        + f"  events: [e{number}]\n  aggregation: sum\n  field: value\n  group_by: [properties.plan]\n  window: 1m\n"
        for number in range(size.metrics)
    ]
    documents += [
        head.format("AlertRule", f"r{number}")
        + f"  facts: {{value: {{metric: m{number % size.metrics}}}}}\n"
        + f"  warning: value > 1000\n  critical: value > 2000\n  for: {number // size.metrics % 3}m\n  limit: 100000\n"
        for number in range(size.rules)
    ]
    return load_texts([("bench.yaml", "---\n".join(documents))], default_pack=False)


@dataclass(frozen=True, slots=True)
class _Moment:
    """The server's clock, and the position that the log has come to."""

    now_us: int
    position: int

    @property
    def end_us(self) -> int:
        """End of the last minute that the watermark has passed."""
        return (self.now_us - DISORDER) // MINUTE * MINUTE


def _write(writer: WarehouseWriter, rules: RuleSet, size: _Size, moment: _Moment, random: np.random.Generator) -> int:
    """The points of the minute that is judged next; answers how many series are beyond their limit."""
    values = random.integers(0, 1000, (size.metrics, size.series))
    fixed = np.random.default_rng(11).random((size.metrics, size.series)) < BEYOND
    values[fixed] += 1001
    points = [
        _point(rules.metrics[f"m{metric}"], f"plan-{series:05}", int(values[metric, series]), moment)
        for metric in range(size.metrics)
        for series in range(size.series)
    ]
    position, now_us = moment.position, moment.now_us
    clock = ClockRow(_TENANT, "bench", position, now_us, now_us, False, position)
    writer.write(Changes(position, (), (clock,), points, (), ()))
    return int(np.count_nonzero(fixed))


def _point(metric: Metric, plan: str, value: int, moment: _Moment) -> PointRow:
    amount, end_us, position = value * 1_000_000_000, moment.end_us, moment.position
    return PointRow(
        tenant=_TENANT,
        metric=metric.metadata.name,
        definition=metric.definition,
        pane_start_us=end_us - MINUTE,
        pane_end_us=end_us,
        groups=(plan,),
        events=1,
        value_count=1,
        total=amount,
        smallest=amount,
        largest=amount,
        latest=amount,
        latest_at_us=end_us - 1,
        latest_position=position,
        distinct=0,
        sketch=b"",
        bins={},
        late_events=0,
        revision=position,
        watermark_us=end_us,
    )


def _compare(live: LiveEvaluation, size: _Size, beyond: int) -> None:
    states = live.states_of(_TENANT)
    found = sum(len(each.instances) for each in states.rules.values())
    if found != beyond * size.rules // size.metrics:
        raise AnswersDifferError(f"{found} alerts, {beyond * size.rules // size.metrics} are called for")
