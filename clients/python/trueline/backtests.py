"""Backtests: what alert rules would have done on the history of a tenant; and their messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from trueline.mapping import enum_names, instant
from trueline.rule_mapping import ORIGINS, SEVERITIES
from trueline.rule_results import FactOrigin, Severity
from trueline.v1 import backtest_pb2, rule_set_pb2


class FiringChangeKind(StrEnum):
    """What became of a firing: ADDED has none before, REMOVED none after, CHANGED moved or weighs otherwise."""

    UNSPECIFIED = "unspecified"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class RuleSource:
    """Names a rule set: files, a revision that is kept, or the base alone; none of them = the rules in force.

    Attributes:
        files: name -> text, in the order in which they are loaded.
        mapping: name of the event mapping in force of the files; "" = the one loaded last.
        revision: instead of files.
        on_base: whether files stand on the operator's files, as when activated; else on the default pack alone.
        base_alone: instead of files: the default pack and the operator's files.

    """

    files: Mapping[str, str] = field(default_factory=dict)
    mapping: str = ""
    revision: str = ""
    on_base: bool = False
    base_alone: bool = False


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert from the evaluation at which it began to fire to the one at which it was over; None = it still fired."""

    rule: str
    labels: Mapping[str, str]
    severity: Severity
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class RuleBacktest:
    """What one rule would have done.

    Attributes:
        firings: by their beginning; maybe fewer than `total_firings`.
        without_data: how many of the evaluations lacked a fact that the conditions read.
        failed: how many of them could not be done; `failure` says why the last could not.

    """

    rule: str
    firings: tuple[Firing, ...]
    total_firings: int
    evaluations: int
    without_data: int
    failed: int
    failure: str


@dataclass(frozen=True, slots=True)
class FiringChange:
    """A firing that differs from the baseline's."""

    change: FiringChangeKind
    before: Firing | None
    after: Firing | None


@dataclass(frozen=True, slots=True)
class HistoryNote:
    """What must be known of the values of a metric, KPI or fact to trust a backtest."""

    origin: FactOrigin
    source: str
    message: str


@dataclass(frozen=True, slots=True)
class Backtest:
    """What rules would have done.

    Attributes:
        start, end, every: the evaluations.
        rules: by name.
        baseline: what the baseline would have done, by name; () without one.
        changes: what differs, by time; maybe fewer than `total_changes`.
        notes: what must be known of the values.
        watermark: up to where the events behind them were complete; None before the first event.

    """

    start: datetime | None
    end: datetime | None
    every: timedelta
    rule_revision: str
    baseline_revision: str
    rules: tuple[RuleBacktest, ...]
    baseline: tuple[RuleBacktest, ...]
    changes: tuple[FiringChange, ...]
    total_changes: int
    notes: tuple[HistoryNote, ...]
    watermark: datetime | None


_CHANGES = enum_names(FiringChangeKind, backtest_pb2.FiringChangeKind)


def source_to_proto(source: RuleSource) -> rule_set_pb2.RuleSource:
    """A rule set as it is named in a request."""
    files = [rule_set_pb2.RuleFile(name=name, text=text) for name, text in source.files.items()]
    return rule_set_pb2.RuleSource(
        files=files,
        mapping=source.mapping,
        revision=source.revision,
        on_base=source.on_base,
        base_alone=source.base_alone,
    )


def backtest(message: backtest_pb2.BacktestRulesResult) -> Backtest:
    """What rules would have done."""
    return Backtest(
        start=instant(message, "start_time"),
        end=instant(message, "end_time"),
        every=message.every.ToTimedelta(),
        rule_revision=message.rule_revision,
        baseline_revision=message.baseline_revision,
        rules=_rules(message.rules),
        baseline=_rules(message.baseline),
        changes=tuple(
            FiringChange(
                _CHANGES.get(item.change, FiringChangeKind.UNSPECIFIED),
                _firing(item.before) if item.HasField("before") else None,
                _firing(item.after) if item.HasField("after") else None,
            )
            for item in message.changes
        ),
        total_changes=message.total_changes,
        notes=history_notes(message.notes),
        watermark=instant(message, "watermark"),
    )


def history_notes(messages: Iterable[backtest_pb2.HistoryNote]) -> tuple[HistoryNote, ...]:
    """What must be known of values."""
    return tuple(
        HistoryNote(ORIGINS.get(item.origin, FactOrigin.UNSPECIFIED), item.source, item.message) for item in messages
    )


def _rules(messages: Iterable[backtest_pb2.RuleBacktest]) -> tuple[RuleBacktest, ...]:
    return tuple(
        RuleBacktest(
            rule=item.rule,
            firings=tuple(_firing(firing) for firing in item.firings),
            total_firings=item.total_firings,
            evaluations=item.evaluations,
            without_data=item.without_data,
            failed=item.failed,
            failure=item.failure,
        )
        for item in messages
    )


def _firing(message: backtest_pb2.Firing) -> Firing:
    return Firing(
        rule=message.rule,
        labels=dict(sorted(message.labels.items())),
        severity=SEVERITIES.get(message.severity, Severity.UNSPECIFIED),
        since=instant(message, "since"),
        until=instant(message, "until"),
    )
