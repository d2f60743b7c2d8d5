"""Writes reports: which form, in which file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.names import quoted

from trueline_server.compliance.export.assessment_results import assessment_results
from trueline_server.compliance.export.csv_report import csv_report
from trueline_server.compliance.export.html_report import html_report
from trueline_server.compliance.export.oscal_parts import LATEST, VERSIONS
from trueline_server.compliance.export.oscal_values import Object, written
from trueline_server.compliance.export.plan_of_action import plan_of_action
from trueline_server.compliance.export.report import Report
from trueline_server.errors import invalid_field


class Form(StrEnum):
    """Forms of a report."""

    OSCAL = "assessment-results"
    PLAN = "plan-of-action"
    CSV = "csv"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report as a file."""

    content: bytes
    media_type: str
    name: str


_OSCAL: Mapping[Form, Callable[[Report, str], Object]] = {Form.OSCAL: assessment_results, Form.PLAN: plan_of_action}


def check_version(form: Form, version: str) -> str:
    """The version of OSCAL of a form; "" if it has none.

    Raises:
        TruelineError: INVALID_FIELD, for one that cannot be written, or of a form without versions.

    """
    if form not in _OSCAL:
        if version:
            raise invalid_field("oscal_version", f"is {quoted(version)}, but {form} has none; leave it out")
        return ""
    if version and version not in VERSIONS:
        raise invalid_field("oscal_version", f"is {quoted(version)}; give one of {', '.join(VERSIONS)}")
    return version or LATEST


def write_report(report: Report, form: Form, version: str) -> ReportFile:
    """A report as a file; `version` as check_version tells it."""
    name = _name(report, form)
    if form in _OSCAL:
        return ReportFile(written(_OSCAL[form](report, version)), "application/json", f"{name}.json")
    if form is Form.CSV:
        return ReportFile(csv_report(report), "text/csv; charset=utf-8", f"{name}.csv")
    return ReportFile(html_report(report).encode(), "text/html; charset=utf-8", f"{name}.html")


def _name(report: Report, form: Form) -> str:
    """A file name of letters, digits, "-", "_" and "." on any system."""
    subject = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{report.subject.kind}-{report.subject.id}").strip("-.")
    return f"compliance-{subject}-{form}" if form in _OSCAL else f"compliance-{subject}"
