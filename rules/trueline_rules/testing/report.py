"""What a run of rule tests answers: outcomes of cases, and coverage of conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.model import Place


class Outcome(StrEnum):
    """What became of a case: FAIL is another decision than expected, ERROR is none at all."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    ERROR = "error"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: what became of it, why it did not pass, and where it stands."""

    test: str
    rule: str
    case: str
    outcome: Outcome
    message: str = ""
    place: Place | None = None


class Fork(StrEnum):
    """Where an expression can go two ways: a single condition, `c ? a : b`, `a ?? b`."""

    CONDITION = "condition"
    CHOICE = "choice"
    FALLBACK = "fallback"


# What is said of a way that no case went: the first, the second.
_NEVER = {
    Fork.CONDITION: ("is never true", "is never false"),
    Fork.CHOICE: ("never takes what stands before ':'", "never takes what stands behind ':'"),
    Fork.FALLBACK: ("never has what stands before '??'", "never takes what stands behind '??'"),
}


@dataclass(frozen=True, slots=True)
class ConditionCoverage:
    """A place where a rule's expression goes one of two ways, and whether tests saw both.

    Attributes:
        rule: whose.
        severity: of the expression that it stands in.
        text: as written.
        seen_true: whether some case made a single condition true, took `a` of `c ? a : b`, had a value for `a` of
            `a ?? b`.
        seen_false: whether some case made it false, took `b`. Unknown is neither.
        kind: what forks.

    """

    rule: str
    severity: str
    text: str
    seen_true: bool
    seen_false: bool
    kind: Fork = Fork.CONDITION

    @property
    def branches(self) -> int:
        """How many of its two branches were taken."""
        return int(self.seen_true) + int(self.seen_false)


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """What the tests of one rule showed of it: whether it fires, whether it does not, and its conditions."""

    rule: str
    fires: bool
    rests: bool
    conditions: tuple[ConditionCoverage, ...]

    @property
    def gaps(self) -> tuple[str, ...]:
        """What no case showed, in words."""
        missing = [] if self.fires else ["no case in which it fires"]
        missing += [] if self.rests else ["no case in which it does not fire"]
        for condition in self.conditions:
            for seen, never in zip((condition.seen_true, condition.seen_false), _NEVER[condition.kind], strict=True):
                if not seen:
                    missing.append(f"{condition.severity}: '{condition.text}' {never}")
        return tuple(missing)


@dataclass(frozen=True, slots=True)
class TestReport:
    """A whole run."""

    # pytest would else take it for tests of its own.
    __test__ = False

    results: tuple[CaseResult, ...]
    coverage: tuple[RuleCoverage, ...]

    def count(self, outcome: Outcome) -> int:
        """Cases with an outcome."""
        return sum(result.outcome is outcome for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether no case failed or ended in an error."""
        return not (self.count(Outcome.FAIL) or self.count(Outcome.ERROR))

    @property
    def branch_share(self) -> float:
        """Share of the branches of all conditions that were taken, 0 to 1; 1 if there is no condition."""
        conditions: Sequence[ConditionCoverage] = [one for rule in self.coverage for one in rule.conditions]
        taken = sum(condition.branches for condition in conditions)
        return taken / (2 * len(conditions)) if conditions else 1.0
