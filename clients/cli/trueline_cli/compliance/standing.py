"""Where subjects stand, in words and tables of at most 80 columns: by subject, by framework and by control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from trueline_cli import style
from trueline_cli.compliance.showing import OPEN, severity_word, status_word

if TYPE_CHECKING:
    from trueline import CompliancePosture, ControlAssessment, FrameworkAssessment, SubjectPosture

_COUNTS = ("pass", "fail", "unknown", "waived", "n/a")


def show_posture(posture: CompliancePosture, *, reasons: bool, every: bool) -> None:
    """Print where subjects stand; with `reasons` each control that is open, or `every` one, too.

    Of one subject its frameworks have a line each; without reasons several subjects have a line each.
    """
    style.show(f"as of {style.moment(posture.at)} UTC, rules {posture.rule_revision}")
    several = len(posture.subjects) > 1
    if several and not reasons:
        style.show("", _subjects_table(posture.subjects))
    for each in posture.subjects if reasons or not several else ():
        style.show("", Text(str(each.subject), style="bold"), frameworks_table(each.frameworks))
        for framework in each.frameworks.values() if reasons else ():
            show_controls(framework, every=every)
    if not posture.subjects:
        style.show("nothing is known of any subject of this kind")
    elif posture.total_subjects > len(posture.subjects):
        style.show("", f"{len(posture.subjects):,} of {posture.total_subjects:,}; --limit 0 tells all")
    if several and not reasons:
        style.show("", Text("name one to see its frameworks; --output csv has a line for each", style="dim"))


def show_controls(framework: FrameworkAssessment, *, every: bool) -> None:
    """Print the controls of a framework that are open, or `every` one, with their reasons."""
    controls = [one for one in framework.controls.values() if every or one.status.value in OPEN]
    if not controls:
        return
    made = style.table("control", "severity", "status", "why", fold=("why",), cut={"control": 18})
    for one in controls:
        made.add_row(one.control_id, severity_word(one.severity.value), status_word(one.status.value), _why(one))
    style.show("", Text(f"{framework.title} {framework.version}", style="bold"), made)


def frameworks_table(frameworks: Mapping[str, FrameworkAssessment]) -> Any:
    """Counts by framework."""
    made = style.table("framework", *_COUNTS, "score", right=(*_COUNTS, "score"), fold=("framework",))
    for name, one in frameworks.items():
        counts = (one.passed, one.failed, one.insufficient, one.waived, one.not_applicable)
        score = style.NOTHING if one.weighted_score is None else f"{one.weighted_score * 100:.0f} %"
        made.add_row(name, *map(str, counts), score)
    return made


def open_controls(frameworks: Iterable[FrameworkAssessment]) -> bool:
    """Whether anything fails or is not known."""
    return any(not one.satisfied for one in frameworks)


def _subjects_table(subjects: Sequence[SubjectPosture]) -> Any:
    """Counts by subject over its frameworks; "critical" are critical controls that are open."""
    columns = ("satisfied", *_COUNTS, "critical")
    made = style.table("subject", *columns, right=columns, fold=("subject",))
    for each in subjects:
        found = each.frameworks.values()
        satisfied = f"{sum(one.satisfied for one in found)} of {len(found)}"
        counts = (
            sum(one.passed for one in found),
            sum(one.failed for one in found),
            sum(one.insufficient for one in found),
            sum(one.waived for one in found),
            sum(one.not_applicable for one in found),
            sum(one.open_critical for one in found),
        )
        made.add_row(each.subject.id or each.subject.kind, satisfied, *(f"{count:,}" for count in counts))
    return made


def _why(one: ControlAssessment) -> str:
    return f"{one.title}\n{one.reason}"
