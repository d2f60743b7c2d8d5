"""What the alert state machine takes and answers, as frozen values: specification, instance, evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from trueline_rules.alerting.vectors import Labels, Value

# True, False, or None = unknown, because of missing values.
Condition: TypeAlias = Callable[[Mapping[str, object]], bool | None]

RESOLVED_RETENTION_US = 15 * 60 * 1_000_000
DEFAULT_LIMIT = 1_000


class State(StrEnum):
    """Where an instance is.

    PENDING: the condition holds, not yet for long enough. RECOVERING: it holds no more, and `keep_firing_for` keeps the
    alert firing. RESOLVED: it fired, and is over. NO_DATA and ERROR: nobody knows.
    """

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    NO_DATA = "no_data"
    ERROR = "error"


# The states that are an alert, and that a rule's limit counts.
ACTIVE = frozenset({State.PENDING, State.FIRING, State.RECOVERING})


class Severity(StrEnum):
    """Which of the conditions holds; CRITICAL wins."""

    WARNING = "warning"
    CRITICAL = "critical"


class OnMissing(StrEnum):
    """What an unknown condition counts as; NO_DATA leaves it to the policy for no data."""

    NO_DATA = "no_data"
    FALSE = "false"
    TRUE = "true"


class OnNoData(StrEnum):
    """What becomes of an instance without data: a state of its own, as if false, unchanged, as if true."""

    NO_DATA = "no_data"
    OK = "ok"
    KEEP = "keep"
    ALERTING = "alerting"


class OnError(StrEnum):
    """What becomes of the instances of a rule that fails: a state of its own, as if false, unchanged, as if true."""

    ERROR = "error"
    OK = "ok"
    KEEP = "keep"
    ALERTING = "alerting"


class OnVanished(StrEnum):
    """What becomes of a label set that has no row any more: over (as if false), or without data."""

    RESOLVE = "resolve"
    NO_DATA = "no_data"


class Reason(StrEnum):
    """What the last evaluation said of an instance."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"
    VANISHED = "vanished"
    NO_ROWS = "no_rows"
    FAILED = "failed"
    OVER_LIMIT = "over_limit"


class Outcome(StrEnum):
    """What became of an evaluation; all but DONE and FAILED left everything as it was."""

    DONE = "done"
    FAILED = "failed"
    BEYOND_WATERMARK = "beyond_watermark"
    REPEATED = "repeated"
    BACKWARDS = "backwards"


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """An alert rule as the state machine sees it.

    Attributes:
        name: of the rule.
        warning: condition; None = there is no warning. One of the two must be there. Conditions do not raise.
        critical: condition that wins over the warning.
        for_us: how long a condition must hold, of either severity, before the alert fires.
        keep_firing_for_us: how long it fires on, counted from the first evaluation that is not true.
        on_missing: what an unknown condition counts as.
        on_no_data: what becomes of an instance without data.
        on_error: what becomes of the instances when the rule fails.
        on_vanished: what becomes of a label set that has no row any more.
        vanished_after: how many evaluations in a row it must be gone; until then it stays as it is.
        retention_us: how long a resolved instance is kept.
        labels: added to each alert; they win over the row's.
        limit: most active instances; beyond it none is taken, and the rule as a whole is an error. 0 = no limit.

    Raises:
        ValueError: there is no condition, or a number is out of its range.

    """

    name: str
    warning: Condition | None = None
    critical: Condition | None = None
    for_us: int = 0
    keep_firing_for_us: int = 0
    on_missing: OnMissing = OnMissing.NO_DATA
    on_no_data: OnNoData = OnNoData.NO_DATA
    on_error: OnError = OnError.ERROR
    on_vanished: OnVanished = OnVanished.RESOLVE
    vanished_after: int = 1
    retention_us: int = RESOLVED_RETENTION_US
    labels: Mapping[str, str] = field(default_factory=dict)
    limit: int = DEFAULT_LIMIT

    def __post_init__(self) -> None:
        if self.warning is None and self.critical is None:
            raise ValueError(f"rule {self.name} has no condition; give it a warning, a critical one, or both")
        for name in ("for_us", "keep_firing_for_us", "retention_us", "limit"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} of rule {self.name} must not be negative, is {getattr(self, name)}")
        if self.vanished_after < 1:
            raise ValueError(f"vanished_after of rule {self.name} must be at least 1, is {self.vanished_after}")

    @property
    def worst(self) -> Severity:
        """The severity of what nobody knows: the worst that it may be."""
        return Severity.WARNING if self.critical is None else Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Instance:
    """One label set of a rule; `rule` and `labels` are its identity through all revisions of the rule. Instants in µs.

    Whoever restores one from text makes State, Severity and Reason of it again: they are compared by identity.

    Attributes:
        rule: name of the rule.
        labels: of the row, without those that the rule adds; () also stands for the rule as a whole.
        state: where it is.
        severity: of an alert; what it was while RESOLVED; None without one.
        since_us: when it came into the state.
        evaluated_us: the last evaluation.
        active_since_us: first evaluation of those that held without a break.
        fired_us: when it began to fire; kept while it fires, recovers, or nobody knows.
        last_true_us: last evaluation that held.
        false_since_us: first evaluation of those that did not, while `keep_firing_for` runs.
        missed: evaluations in a row in which its label set was gone.
        reason: what the last evaluation said.
        message: the error, if it failed.
        values: the facts that were seen last, by name; None = missing.

    """

    rule: str
    labels: Labels
    state: State = State.INACTIVE
    severity: Severity | None = None
    since_us: int | None = None
    evaluated_us: int | None = None
    active_since_us: int | None = None
    fired_us: int | None = None
    last_true_us: int | None = None
    false_since_us: int | None = None
    missed: int = 0
    reason: Reason = Reason.FALSE
    message: str = ""
    values: tuple[tuple[str, Value | None], ...] = ()

    def alert_labels(self, spec: AlertSpec) -> dict[str, str]:
        """The labels that its alert is routed by: the row's, and over them the rule's."""
        return {**dict(self.labels), **spec.labels}


@dataclass(frozen=True, slots=True)
class Transition:
    """An instance changed its state, its severity, or both; `after` is what it was from `at_us` on."""

    at_us: int
    before: Instance
    after: Instance


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation made of the instances.

    Attributes:
        instances: all that are to be kept, in order of labels; as they were given if the evaluation was refused.
        transitions: in order of labels. They chain: each begins with the state in which the one before it ended, the
            first with INACTIVE, and a dropped instance was INACTIVE last.
        outcome: whether it was done.
        message: why it was not.

    """

    instances: tuple[Instance, ...]
    transitions: tuple[Transition, ...]
    outcome: Outcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """The rows of an evaluation could not be had."""

    message: str
