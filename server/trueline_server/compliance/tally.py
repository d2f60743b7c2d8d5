"""Counts and scores of controls: what share passes, plainly and weighted by severity. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.compliance_model import ControlSeverity

from trueline_server.compliance.model import Status


class Standing(StrEnum):
    """Where a control stands in a score, whatever judged it."""

    PASS = "pass"  # noqa: S105 - no password
    PARTIAL = "partial"
    FAIL = "fail"
    NOT_ASSESSED = "not_assessed"
    NOT_APPLICABLE = "not_applicable"


_VALUES: Mapping[Standing, float] = {Standing.PASS: 1.0, Standing.PARTIAL: 0.5}
_STANDINGS: Mapping[Status, Standing] = {
    Status.PASS: Standing.PASS,
    Status.FAIL: Standing.FAIL,
    Status.INSUFFICIENT: Standing.NOT_ASSESSED,
    # A waived control is in force, does not pass, and nobody holds it against the subject for now.
    Status.WAIVED: Standing.NOT_ASSESSED,
    Status.NOT_APPLICABLE: Standing.NOT_APPLICABLE,
}


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of controls that pass, 0 to 1; None where there are none to take a share of.

    Attributes:
        applicable: how many apply.
        assessed: how many of these are known to pass, in part or not at all.
        pass_rate_assessed: among those assessed.
        pass_rate_applicable: among those that apply; what is not assessed counts as 0.
        weighted_score: the same, weighted by severity.

    """

    applicable: int
    assessed: int
    pass_rate_assessed: float | None
    pass_rate_applicable: float | None
    weighted_score: float | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many controls came to what, and the shares.

    Attributes:
        statuses: status -> how many.
        by_severity: (status, severity) -> how many.
        rates: the shares.

    """

    statuses: Mapping[Status, int]
    by_severity: Mapping[tuple[Status, ControlSeverity], int]
    rates: Rates

    @property
    def open_critical(self) -> int:
        """Controls of critical severity that fail or are not known, and are not waived."""
        critical = ControlSeverity.CRITICAL
        return sum(self.by_severity.get((status, critical), 0) for status in (Status.FAIL, Status.INSUFFICIENT))

    @property
    def satisfied(self) -> bool:
        """Whether all that apply pass or are waived."""
        return not (self.statuses.get(Status.FAIL) or self.statuses.get(Status.INSUFFICIENT))

    def counts(self) -> dict[str, float | None]:
        """What levels of a framework are told by, see compliance_rules.COUNTS."""
        found: dict[str, float | None] = {
            "passed": float(self.statuses.get(Status.PASS, 0)),
            "applicable": float(self.rates.applicable),
            "score": self.rates.weighted_score,
        }
        for name, status in (("failed", Status.FAIL), ("unknown", Status.INSUFFICIENT)):
            found[name] = float(self.statuses.get(status, 0))
            for severity in ControlSeverity:
                found[f"{name}_{severity}"] = float(self.by_severity.get((status, severity), 0))
        return found


def rates_of(standings: Iterable[tuple[Standing, ControlSeverity]]) -> Rates:
    """The shares of some controls; their order does not count."""
    groups = Counter(standings)
    # By the order of severities and standings, so that sums of floats do not depend on that of the controls.
    applying = [(one, groups[one]) for one in sorted(groups) if one[0] is not Standing.NOT_APPLICABLE]
    applicable = sum(count for _, count in applying)
    assessed = sum(count for (standing, _), count in applying if standing is not Standing.NOT_ASSESSED)
    gained = sum(_VALUES.get(standing, 0.0) * count for (standing, _), count in applying)
    weight = sum(severity.weight * count for (_, severity), count in applying)
    weighted = sum(_VALUES.get(standing, 0.0) * severity.weight * count for (standing, severity), count in applying)
    return Rates(
        applicable=applicable,
        assessed=assessed,
        pass_rate_assessed=gained / assessed if assessed else None,
        pass_rate_applicable=gained / applicable if applicable else None,
        weighted_score=weighted / weight if weight else None,
    )


def tally_of(results: Iterable[tuple[Status, ControlSeverity]]) -> Tally:
    """Count what controls came to."""
    by_severity = Counter(results)
    statuses: Counter[Status] = Counter()
    for (status, _), count in by_severity.items():
        statuses[status] += count
    standings = ((_STANDINGS[status], severity) for (status, severity), n in by_severity.items() for _ in range(n))
    return Tally(statuses, by_severity, rates_of(standings))
