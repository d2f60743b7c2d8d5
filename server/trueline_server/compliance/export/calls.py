"""Reports over the wire: ExportReport of ComplianceService."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from trueline.v1 import compliance_service_pb2 as pb

from trueline_server.compliance.assessing import Asked, Assessments
from trueline_server.compliance.export.exporting import Form, check_version, write_report
from trueline_server.compliance.export.report import Report
from trueline_server.compliance.given_facts import given_of
from trueline_server.compliance.model import THE_TENANT
from trueline_server.compliance.subjects import one_subject_of
from trueline_server.errors import invalid_field
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in, timestamp_if, timestamp_of

_FORMS: Mapping[int, Form] = {
    pb.REPORT_FORMAT_OSCAL_ASSESSMENT_RESULTS: Form.OSCAL,
    pb.REPORT_FORMAT_OSCAL_PLAN_OF_ACTION: Form.PLAN,
    pb.REPORT_FORMAT_CSV: Form.CSV,
    pb.REPORT_FORMAT_HTML: Form.HTML,
}


async def export_report(assessments: Assessments, request: pb.ExportReportRequest) -> pb.ExportReportResponse:
    """The posture of a subject as a file.

    Raises:
        TruelineError: UNKNOWN_FRAMEWORK, UNKNOWN_FACT, CONTRADICTORY_FACTS, INVALID_FIELD.

    """
    form = _FORMS.get(request.format)
    if form is None:
        raise invalid_field("format", f"is {request.format}; say which form the report has: OSCAL, CSV or HTML")
    asked = Asked(
        subject=one_subject_of(request.subject) if request.HasField("subject") else THE_TENANT,
        frameworks=tuple(request.frameworks),
        given=given_of(request.facts),
        at_us=instant_in(request, "at"),
        known_us=instant_in(request, "known_at"),
    )
    version = check_version(form, request.oscal_version)
    tenant = current_tenant()
    # Kept facts that contradict each other are told, and count as not known; a call that brings them is wrong.
    made = await asyncio.to_thread(assessments.assess, tenant, asked, refuse=bool(asked.given))
    report = Report(tenant, made.subject, made.results, made.when.at_us, made.revision, made.when.known_us)
    file = await asyncio.to_thread(write_report, report, form, version)
    return pb.ExportReportResponse(
        content=file.content,
        media_type=file.media_type,
        file_name=file.name,
        at=timestamp_of(made.when.at_us),
        known_at=timestamp_if(made.when.known_us),
        rule_revision=made.revision,
    )
