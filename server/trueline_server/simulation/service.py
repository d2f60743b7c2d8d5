"""The use case of simulations over the history of a tenant: checked and read as backtests are, then simulated."""

from __future__ import annotations

from trueline_rules.alert_model import FactSource
from trueline_rules.backtesting.replay import History

from trueline_server.backtests.history import Histories, steps_of
from trueline_server.backtests.model import Asked, Replayed, Span
from trueline_server.backtests.service import Backtests
from trueline_server.operations.model import Work
from trueline_server.operations.steps import Steps
from trueline_server.simulation.engine import simulate
from trueline_server.simulation.model import Scenario, Simulation


class Simulations:
    """Checks and does simulations. Methods block; thread-safe."""

    def __init__(self, backtests: Backtests) -> None:
        """`backtests` know which rules and which span are meant, and what they read."""
        self._backtests = backtests

    def check(self, tenant: str, asked: Asked) -> Asked:
        """What is asked for, without defaults; raises as `Backtests.check`."""
        return self._backtests.check(tenant, asked)

    def run(self, work: Work, asked: Asked) -> Simulation:
        """Do what was checked.

        Raises:
            WorkStoppedError: the work is to end.
            TruelineError: RULES_DO_NOT_LOAD; UNKNOWN_REVISION; TOO_MANY_POINTS.
            StoreError: the warehouse cannot answer.

        """
        sets, plan = self._backtests.prepare(work, asked)
        span, evaluations = plan.span, plan.span.count
        # Of the steps of a backtest those that read; then one for each instant.
        reading = steps_of(plan, sets) - sum(span.of(rule).count for rule in sets[0].alert_rules)
        total = reading + evaluations
        histories = self._backtests.reader.read(work.tenant, sets, plan, Steps(work, total))

        def go_on(now_us: int) -> None:
            work.go_on()
            done = (now_us - span.start_us) // span.every_us
            work.progress(reading + done, total, f"simulating {done:,} of {evaluations:,} instants")

        return simulate(scenario_of(sets[0], span, histories), go_on)


def scenario_of(replayed: Replayed, span: Span, histories: Histories) -> Scenario:
    """The history of a tenant as a scenario."""
    return Scenario(
        rules=replayed.rules,
        names=replayed.names,
        histories=_by_source(replayed, span, histories),
        start_us=span.start_us,
        last_us=span.end_us,
        every_us=span.every_us,
        end_us=span.end_us,
        notes=tuple(histories.notes),
        watermark_us=histories.watermark_us,
    )


def _by_source(replayed: Replayed, span: Span, histories: Histories) -> dict[FactSource, History]:
    found: dict[FactSource, History] = {}
    for rule in replayed.alert_rules:
        own = histories.of(0, replayed.rules, rule, span.of(rule))
        for name, source in rule.facts.items():
            history = own[name]
            if source.kind == "kpi":
                # A rule with a time of its own has a value at each multiple of it, and is judged at the instant after.
                history = History(history.series, span.every_us)
            known = found.get(source)
            if known is None or _samples(known) < _samples(history):
                found[source] = history
    return found


def _samples(history: History) -> int:
    return sum(len(one.instants_us) for one in history.series)
