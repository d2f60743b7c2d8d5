"""A report as CSV: a line for each control, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import unicodedata

from trueline_server.compliance.export.report import UNMET, Report, instant, what_to_do
from trueline_server.compliance.model import ControlResult, FoundEvidence, FrameworkResult

COLUMNS = (
    "framework",
    "control",
    "title",
    "group",
    "severity",
    "status",
    "reason",
    "missing_facts",
    "evidence",
    "waiver",
    "waived_until",
    "remediation",
    "subject",
    "at",
    "known_at",
    "rule_revision",
)
# What spreadsheets take for the beginning of a formula; full-width signs, too, and what they may cut off before it.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001
_CUT_OFF = ("\t", "\r", "\n")
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})


def csv_report(report: Report) -> bytes:
    """The report: UTF-8, RFC 4180. A cell that a spreadsheet would compute begins with an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    known = "" if report.known_us is None else instant(report.known_us)
    tail = (str(report.subject), instant(report.at_us), known, report.revision)
    writer.writerows([safe(cell) for cell in (*_cells(result, one), *tail)] for result, one in report.controls())
    return file.getvalue().encode()


def safe(cell: str) -> str:
    """A text that no spreadsheet computes."""
    first = next((one for one in cell if unicodedata.category(one) not in _UNSEEN), "")
    return f"'{cell}" if cell.startswith(_CUT_OFF) or first in _FORMULA else cell


def _cells(result: FrameworkResult, one: ControlResult) -> tuple[str, ...]:
    control, waiver = one.control, one.waiver
    return (
        result.framework.metadata.name,
        control.id,
        control.title,
        control.group or control.area,
        control.severity,
        one.status,
        one.reason,
        ", ".join(one.missing),
        "; ".join(map(_evidence, one.evidence)),
        "" if waiver is None else waiver.id,
        "" if waiver is None else instant(waiver.expires_at_us),
        what_to_do(control) if one.status in UNMET else "",
    )


def _evidence(found: FoundEvidence) -> str:
    if found.evidence is None:
        return f"{found.type} {found.state}"
    return f"{found.type} {found.state} ({found.evidence.id}, counts until {instant(found.fresh_until_us)})"
