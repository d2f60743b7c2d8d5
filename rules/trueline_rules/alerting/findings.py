"""What an evaluation finds about an instance: conditions and policies, before any state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from trueline_rules.alerting.model import (
    AlertSpec,
    Condition,
    Instance,
    OnError,
    OnMissing,
    OnNoData,
    Reason,
    Severity,
)
from trueline_rules.alerting.vectors import Row, Value


class Course(Enum):
    """What an instance is to take the evaluation for."""

    TRUE = auto()
    FALSE = auto()
    KEEP = auto()
    NO_DATA = auto()
    ERROR = auto()


@dataclass(frozen=True, slots=True)
class Finding:
    """The course to take, and why; values None = none were seen, so that those known stay."""

    course: Course
    reason: Reason
    severity: Severity | None = None
    message: str = ""
    values: tuple[tuple[str, Value | None], ...] | None = None


_NO_DATA = {
    OnNoData.NO_DATA: Course.NO_DATA,
    OnNoData.OK: Course.FALSE,
    OnNoData.KEEP: Course.KEEP,
    OnNoData.ALERTING: Course.TRUE,
}
_ERROR = {
    OnError.ERROR: Course.ERROR,
    OnError.OK: Course.FALSE,
    OnError.KEEP: Course.KEEP,
    OnError.ALERTING: Course.TRUE,
}


def judge(spec: AlertSpec, instance: Instance, row: Row) -> Finding:
    """Judge a row by the conditions.

    A warning that holds is one even if the critical condition is unknown; an alert that is critical then stays
    critical, for not knowing is no improvement.
    """
    values = tuple(sorted(row.values.items()))
    critical, warning = (_truth(spec, condition, row) for condition in (spec.critical, spec.warning))
    if critical:
        return Finding(Course.TRUE, Reason.TRUE, Severity.CRITICAL, values=values)
    if warning:
        stays = critical is None and instance.active_since_us is not None and instance.severity is not None
        return Finding(Course.TRUE, Reason.TRUE, instance.severity if stays else Severity.WARNING, values=values)
    if critical is None or warning is None:
        return without_data(spec, instance, Reason.UNKNOWN, values)
    return Finding(Course.FALSE, Reason.FALSE, values=values)


def without_rows(spec: AlertSpec, instance: Instance) -> Finding:
    """What no row at all means: an unknown condition."""
    match spec.on_missing:
        case OnMissing.FALSE:
            return Finding(Course.FALSE, Reason.NO_ROWS)
        case OnMissing.TRUE:
            return Finding(Course.TRUE, Reason.NO_ROWS, instance.severity or spec.worst)
    return without_data(spec, instance, Reason.NO_ROWS)


def without_data(
    spec: AlertSpec,
    instance: Instance,
    reason: Reason,
    values: tuple[tuple[str, Value | None], ...] | None = None,
) -> Finding:
    """What the policy makes of an instance without data."""
    return Finding(_NO_DATA[spec.on_no_data], reason, instance.severity or spec.worst, values=values)


def failed(spec: AlertSpec, instance: Instance, message: str) -> Finding:
    """What the policy makes of an instance of a rule that fails."""
    return Finding(_ERROR[spec.on_error], Reason.FAILED, instance.severity or spec.worst, message)


def over_limit(spec: AlertSpec, message: str) -> Finding:
    """What a rule with more alerts than its limit is: an error, whatever its policy for errors says."""
    return Finding(Course.ERROR, Reason.OVER_LIMIT, spec.worst, message)


def _truth(spec: AlertSpec, condition: Condition | None, row: Row) -> bool | None:
    if condition is None:
        return False
    truth = condition(row.values)
    if truth is None and spec.on_missing is not OnMissing.NO_DATA:
        return spec.on_missing is OnMissing.TRUE
    return truth
