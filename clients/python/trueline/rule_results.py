"""What the clients answer about alert rules: rules in force, problems of rule files, decisions with their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

# A value of a fact; None = missing. A timedelta is only told, of operands.
FactValue: TypeAlias = float | Decimal | str | bool | datetime | timedelta | frozenset[str] | None


class Decision(StrEnum):
    """What the conditions of a rule come to; UNKNOWN: one that could hold is not known not to."""

    UNSPECIFIED = "unspecified"
    NONE = "none"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How wrong something is; CRITICAL wins."""

    UNSPECIFIED = "unspecified"
    WARNING = "warning"
    CRITICAL = "critical"


class FactOrigin(StrEnum):
    """What the value of a fact comes from."""

    UNSPECIFIED = "unspecified"
    METRIC = "metric"
    KPI = "kpi"
    FACT = "fact"


class FactType(StrEnum):
    """The type of a fact."""

    UNSPECIFIED = "unspecified"
    NUMBER = "number"
    DECIMAL = "decimal"
    TEXT = "text"
    BOOL = "bool"
    DATETIME = "datetime"
    TEXTS = "texts"


class FindingKind(StrEnum):
    """What a part of a condition is; CONDITION is one without parts."""

    UNSPECIFIED = "unspecified"
    AND = "and"
    OR = "or"
    NOT = "not"
    CONDITION = "condition"


class CaseOutcome(StrEnum):
    """What became of a case of a test: FAIL is another decision than expected, ERROR is none at all."""

    UNSPECIFIED = "unspecified"
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    ERROR = "error"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class RuleFact:
    """A name in the conditions of a rule, and where its value comes from.

    Attributes:
        source: name of the metric, KPI or fact type.
        aggregate: what is taken of its values: "last", "avg", "max", …, "absent".
        over: length of the window of values; None = the last value only.
        by: labels kept where label sets are joined; None = each label set stands for itself.

    """

    name: str
    type: FactType
    unit: str
    nullable: bool
    origin: FactOrigin
    source: str
    aggregate: str
    over: timedelta | None
    offset: timedelta | None
    by: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alert rule in force; `warning` and `critical` are "" where there is none.

    Attributes:
        labels: that its alerts have beside those of their facts.
        label_facts: label -> the fact, among `facts`, whose text is its value.
        limit: most alerts at once.

    """

    name: str
    description: str
    owner: str
    runbook: str
    summary: str
    facts: tuple[RuleFact, ...]
    warning: str
    critical: str
    for_duration: timedelta
    keep_firing_for: timedelta
    on_missing: str
    on_no_data: str
    on_error: str
    labels: Mapping[str, str]
    limit: int
    label_facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertRules:
    """The alert rules in force, by name, and the revision of their rule set."""

    rules: tuple[AlertRule, ...]
    rule_revision: str


@dataclass(frozen=True, slots=True)
class RulePlace:
    """Where something stands in rule files; line 0 = the file as a whole."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """`file:line:column`, as compilers write it; `file` for the file as a whole."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """Something wrong in a rule file."""

    place: RulePlace
    message: str


@dataclass(frozen=True, slots=True)
class RuleWarning:
    """Something in rules that load that is most likely a mistake; `document` is like "AlertRule churn_rate_high"."""

    check: str
    document: str
    place: RulePlace
    message: str


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """What is wrong with rule files; all but `problems` is told only of files that load.

    Attributes:
        warnings: at most 200 of `total_warnings`.
        analysed: whether mistakes were looked for: not in more than 5,000 alert rules.
        documents: kind -> number, the default pack's among them.
        rule_revision: that the rule set would have; "" if the files do not load.

    """

    problems: tuple[RuleProblem, ...]
    warnings: tuple[RuleWarning, ...]
    total_warnings: int
    analysed: bool
    documents: Mapping[str, int]
    rule_revision: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case of a test; `message` says why it did not pass."""

    test: str
    rule: str
    case: str
    outcome: CaseOutcome
    message: str


@dataclass(frozen=True, slots=True)
class ConditionCoverage:
    """What tests showed of a single condition, of `c ? a : b` or of `a ?? b`: whether it was true or `a` was taken, and
    whether it was false or `b` was taken."""

    severity: Severity
    text: str
    seen_true: bool
    seen_false: bool


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """What tests showed of a rule: whether it fired, whether it did not; `gaps` says in words what no case showed."""

    rule: str
    fires: bool
    rests: bool
    conditions: tuple[ConditionCoverage, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleTestReport:
    """What became of tests; if there are problems, none was run.

    Attributes:
        passed: the files load, and no case failed or ended in an error.
        results, coverage: maybe fewer than `total_results` and `total_rules`; what is well is left out first.
        branch_share: share of the branches of all conditions that were taken, 0 to 1.

    """

    problems: tuple[RuleProblem, ...]
    passed: bool
    results: tuple[CaseResult, ...]
    coverage: tuple[RuleCoverage, ...]
    branch_share: float
    rule_revision: str
    total_results: int
    total_rules: int


@dataclass(frozen=True, slots=True)
class FindingOperand:
    """What a condition looked at: a part of its text, the value, and the value as the language writes it."""

    text: str
    value: FactValue
    shown: str


@dataclass(frozen=True, slots=True)
class ConditionFinding:
    """What was found of a condition and of those within it; truth None = unknown."""

    text: str
    kind: FindingKind
    truth: bool | None
    operands: tuple[FindingOperand, ...]
    missing: tuple[str, ...]
    parts: tuple[ConditionFinding, ...]


@dataclass(frozen=True, slots=True)
class FactChange:
    """What would have to be, and what it is now; `fact` and `value` name a value that would do, where one can be."""

    text: str
    now: str
    fact: str
    value: FactValue


@dataclass(frozen=True, slots=True)
class Flip:
    """Changes which together make a condition come to `truth`."""

    truth: bool | None
    changes: tuple[FactChange, ...]


@dataclass(frozen=True, slots=True)
class ConditionExplanation:
    """Why the condition of a severity came out as it did; truth None = unknown, flip None = none is known."""

    severity: Severity
    text: str
    truth: bool | None
    sentence: str
    missing: tuple[str, ...]
    finding: ConditionFinding
    flip: Flip | None


@dataclass(frozen=True, slots=True)
class RuleRow:
    """What a rule decides about one label set; `conditions` has critical first."""

    labels: Mapping[str, str]
    values: Mapping[str, FactValue]
    decision: Decision
    conditions: tuple[ConditionExplanation, ...]
    decision_id: str = ""


@dataclass(frozen=True, slots=True)
class RuleDecision:
    """What a rule decides.

    Attributes:
        decision: the worst of all rows; UNKNOWN if there is none.
        at: the instant judged.
        watermark: up to where the events behind facts read live were complete; None if there are none.
        rows: the label sets, the worst first; maybe fewer than `total_rows`.
        notes: fact that was not given -> why it has no value, for people.
        decision_id: in the decision log, of the first row; for `explain_decision`.
        counts: label sets of each decision; those that none has are left out.
        pushed_down: whether the warehouse decided about all subjects of facts that were put in at once.
        pushdown_note: why it did not, although the rule reads such facts; "" else.

    """

    rule: str
    decision: Decision
    rule_revision: str
    at: datetime | None
    watermark: datetime | None
    rows: tuple[RuleRow, ...]
    total_rows: int
    notes: Mapping[str, str]
    decision_id: str = ""
    counts: Mapping[Decision, int] = field(default_factory=dict)
    pushed_down: bool = False
    pushdown_note: str = ""
