"""What a report tells, and the instants in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trueline_rules.compliance_model import Control, ControlSeverity

from trueline_server.compliance.model import ControlResult, FrameworkResult, Status, Subject

OPEN = frozenset({Status.FAIL, Status.INSUFFICIENT})
# Controls with something left to do.
UNMET = OPEN | {Status.WAIVED}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# OSCAL has the years 1900 to 2999.
_EARLIEST_US = -2_208_988_800_000_000
_LATEST_US = 32_503_679_999_000_000
_SEVERITIES = list(ControlSeverity)


@dataclass(frozen=True, slots=True)
class Report:
    """What a subject of a tenant came to by some frameworks, at an instant (µs since 1970, UTC), by some rules.

    `known_us` is told if what was recorded later was left out; None = it was not.
    """

    tenant: str
    subject: Subject
    results: tuple[FrameworkResult, ...]
    at_us: int
    revision: str
    known_us: int | None = None

    def controls(self) -> Iterator[tuple[FrameworkResult, ControlResult]]:
        """All controls, framework by framework, in the order of their files."""
        return ((result, control) for result in self.results for control in result.controls)


def severest(controls: Iterator[ControlResult]) -> list[ControlResult]:
    """Controls with the most severe first; those that fail before those that are not known."""
    rank = {Status.FAIL: 0, Status.INSUFFICIENT: 1}
    return sorted(
        controls, key=lambda each: (-_SEVERITIES.index(each.control.severity), rank.get(each.without_waiver, 2))
    )


def what_to_do(control: Control) -> str:
    """What would meet a control; its framework need not say."""
    return control.remediation or f"Meet what it asks for: {control.title}"


def instant(at_us: int) -> str:
    """An instant as RFC 3339 in UTC; those before the year 1900 or after 2999 are told as its first or last."""
    at = _EPOCH + timedelta(microseconds=min(max(at_us, _EARLIEST_US), _LATEST_US))
    return at.isoformat().replace("+00:00", "Z")


def minute(at_us: int) -> str:
    """An instant for people, e.g. "2026-03-31 14:05 UTC"."""
    return f"{instant(at_us)[:16].replace('T', ' ')} UTC"
