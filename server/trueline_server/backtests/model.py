"""What a backtest is asked for, and what it comes to. No protobuf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trueline_rules.alert_model import AlertRule
from trueline_rules.backtesting.comparing import FiringChange
from trueline_rules.backtesting.replay import Replay
from trueline_rules.model import RuleSet


@dataclass(frozen=True, slots=True)
class RuleSource:
    """Names a rule set: files, a stored revision, or the base alone; none of them = the rules in force.

    Attributes:
        files: (name, text), in the order in which they are loaded.
        mapping: name of the event mapping in force of the files; "" = the one loaded last.
        revision: stored; "" with files.
        on_base: whether files stand on the operator's files, too, as they would when activated.
        base_alone: the default pack and the operator's files.

    """

    files: tuple[tuple[str, str], ...] = ()
    mapping: str = ""
    revision: str = ""
    on_base: bool = False
    base_alone: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The instants of a backtest: from start to end, both included, in steps; µs (since 1970, UTC)."""

    start_us: int
    end_us: int
    every_us: int

    def of(self, rule: AlertRule) -> Span:
        """The instants at which one rule is evaluated: it may ask for fewer, at multiples of a time of its own."""
        if rule.every_us <= self.every_us:
            return self
        return Span(-(-self.start_us // rule.every_us) * rule.every_us, self.end_us, rule.every_us)

    @property
    def count(self) -> int:
        """How many instants there are."""
        return max(0, (self.end_us - self.start_us) // self.every_us + 1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A backtest as it is asked for; None = the default.

    Attributes:
        source: the rules.
        baseline: what they are compared with; None = with nothing.
        start_us, end_us: first and last instant (µs since 1970, UTC).
        length_us: of the span, where `start_us` is None.
        every_us: distance of evaluations.
        rule_names: only these alert rules; () = all.

    """

    source: RuleSource
    baseline: RuleSource | None = None
    start_us: int | None = None
    end_us: int | None = None
    length_us: int | None = None
    every_us: int | None = None
    rule_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """Some alert rules of a rule set."""

    rules: RuleSet
    names: tuple[str, ...]

    @property
    def alert_rules(self) -> Sequence[AlertRule]:
        """The rules that are replayed."""
        return [self.rules.alert_rules[name] for name in self.names]


@dataclass(frozen=True, slots=True)
class Note:
    """What must be known of the values of a source: its kind ("metric", "kpi", "fact"), its name, and what."""

    kind: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a backtest came to.

    Attributes:
        span: what was replayed.
        revision: of the rules.
        replays: by rule.
        baseline_revision: "" if there is no baseline.
        baseline: its replays, by rule.
        changes: what differs from the baseline.
        notes: on the values.
        watermark_us: up to where the events behind the values were complete; None before any.

    """

    span: Span
    revision: str
    replays: Mapping[str, Replay]
    baseline_revision: str = ""
    baseline: Mapping[str, Replay] | None = None
    changes: Sequence[FiringChange] = ()
    notes: Sequence[Note] = ()
    watermark_us: int | None = None
