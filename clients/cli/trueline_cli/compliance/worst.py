"""What is open on about a screen: how many by status and severity, then the worst, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from trueline_cli import style
from trueline_cli.compliance.showing import OPEN, severity_word, status_word

if TYPE_CHECKING:
    from trueline import SecurityAssessment, SubjectPosture

# So many are shown unless all are asked for: with what stands above them about a screen.
SHOWN = 12
# The most severe first.
SEVERITIES = ("critical", "high", "medium", "low")
# Of longer names so many characters are shown.
_CONTROL_WIDTH, _SUBJECT_WIDTH = 28, 18


@dataclass(frozen=True, slots=True)
class OpenControl:
    """A control that fails or is not known; status and severity as the contract names them."""

    subject: str
    framework: str
    control_id: str
    severity: str
    status: str
    title: str


def open_of_postures(postures: Iterable[SubjectPosture]) -> list[OpenControl]:
    """What is open of some subjects; they must have been read with their controls."""
    return [
        OpenControl(
            each.subject.id or each.subject.kind, name, one.control_id, one.severity.value, one.status.value, one.title
        )
        for each in postures
        for name, framework in each.frameworks.items()
        for one in framework.controls.values()
        if one.status.value in OPEN
    ]


def open_of_security(found: SecurityAssessment) -> list[OpenControl]:
    """The findings of an assessment of security."""
    return [
        OpenControl("", "", each.control_id, each.severity.value, each.status.value, each.title)
        for each in found.findings
    ]


def severity_rank(severity: str) -> int:
    """0 for the most severe; one that is not known here comes last."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def worst_first(controls: Iterable[OpenControl]) -> list[OpenControl]:
    """The most severe first, of them what fails before what is not known; else the order stays."""
    return sorted(controls, key=lambda one: (severity_rank(one.severity), one.status != OPEN[0]))


def show_worst(controls: Sequence[OpenControl], all_of_them: str) -> None:
    """Print how many are open by status and severity, and the worst; `all_of_them` are the options that show the rest.

    Subjects and frameworks are named where there is more than one.
    """
    if not controls:
        style.show("", "nothing is open")
        return
    counts = style.table("open", *SEVERITIES, right=SEVERITIES)
    for status in OPEN:
        of_status = [one.severity for one in controls if one.status == status]
        counts.add_row(status_word(status), *(f"{of_status.count(severity):,}" for severity in SEVERITIES))
    subjects = ("subject",) if len({one.subject for one in controls}) > 1 else ()
    named = len({one.framework for one in controls}) > 1
    width = {"control": _CONTROL_WIDTH, "subject": _SUBJECT_WIDTH}
    made = style.table(*subjects, "control", "severity", "status", "asks for", fold=("asks for",), cut=width)
    for one in worst_first(controls)[:SHOWN]:
        control = f"{one.framework} {one.control_id}" if named else one.control_id
        subject = (one.subject,) if subjects else ()
        # Where the line is too short, it is the title that is cut.
        title = Text(one.title, no_wrap=True, overflow="ellipsis")
        made.add_row(*subject, control, severity_word(one.severity), status_word(one.status), title)
    style.show("", counts, "", made)
    more = len(controls) - SHOWN
    told = f"{more:,} more; {all_of_them} shows them, with reasons" if more > 0 else f"{all_of_them} shows the reasons"
    style.show("", Text(told, style="dim"))
