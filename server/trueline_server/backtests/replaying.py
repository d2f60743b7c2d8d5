"""Replays rules over a history that was read, and compares them with a baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from trueline_rules.alert_rules import compile_rule
from trueline_rules.backtesting.comparing import firing_changes
from trueline_rules.backtesting.replay import Firing, History, Replay, replay

from trueline_server.backtests.history import Histories, HistoryReader, steps_of
from trueline_server.backtests.model import Backtest, Replayed, Span
from trueline_server.backtests.plan import Plan
from trueline_server.operations.model import Work
from trueline_server.operations.steps import Steps


def run_backtest(sets: Sequence[Replayed], plan: Plan, reader: HistoryReader, work: Work) -> Backtest:
    """Replay the rules of a set, and of its baseline if there is a second one.

    Args:
        sets: the rules, then the baseline.
        plan: what they need.
        reader: of the history.
        work: whose history; told how far it is; asked whether to go on.

    Raises:
        WorkStoppedError: the work is to end.
        TruelineError: TOO_MANY_POINTS.
        StoreError: the warehouse cannot answer.

    """
    span = plan.span
    steps = Steps(work, steps_of(plan, sets))
    histories = reader.read(work.tenant, sets, plan, steps)
    replays, *others = [_replays(number, replayed, span, histories, steps) for number, replayed in enumerate(sets)]
    found = Backtest(
        span=span,
        revision=sets[0].rules.revision,
        replays=replays,
        notes=tuple(histories.notes),
        watermark_us=histories.watermark_us,
    )
    if not others:
        return found
    return _compared(found, sets[1].rules.revision, others[0])


def _compared(found: Backtest, revision: str, baseline: Mapping[str, Replay]) -> Backtest:
    return Backtest(
        span=found.span,
        revision=found.revision,
        replays=found.replays,
        baseline_revision=revision,
        baseline=baseline,
        changes=tuple(firing_changes(_firings(baseline), _firings(found.replays))),
        notes=found.notes,
        watermark_us=found.watermark_us,
    )


def _firings(replays: Mapping[str, Replay]) -> list[Firing]:
    return list(chain.from_iterable(one.firings for one in replays.values()))


def _replays(number: int, replayed: Replayed, span: Span, histories: Histories, steps: Steps) -> dict[str, Replay]:
    found = {}
    for rule in replayed.alert_rules:
        own = span.of(rule)
        compiled = compile_rule(rule, replayed.rules.fact_types)
        history = _Counted(histories.of(number, replayed.rules, rule, own), steps, f"replaying {rule.metadata.name}")
        found[rule.metadata.name] = replay(
            compiled, history, start_us=own.start_us, end_us=own.end_us, every_us=own.every_us
        )
    return found


class _Counted(Mapping[str, History]):
    """Histories that count evaluations: each of them looks up each fact once, and a look-up can end the work."""

    def __init__(self, histories: Mapping[str, History], steps: Steps, message: str) -> None:
        self._histories = histories
        self._first = next(iter(histories), None)
        self._steps = steps
        self._message = message

    def __getitem__(self, name: str) -> History:
        self._steps.take(self._message, count=name == self._first)
        return self._histories[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._histories)

    def __len__(self) -> int:
        return len(self._histories)
