"""ExportReport over gRPC: the same bytes for the same posture, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from trueline.v1 import compliance_service_pb2 as pb
from trueline_server.transport.times import timestamp_of
from trueline_stores.warehouse.client import Warehouse

from tests.integration.compliance.compliance_world import NOW_US, REPORTING, ComplianceWorld, given, subject

FORMS = (
    pb.REPORT_FORMAT_OSCAL_ASSESSMENT_RESULTS,
    pb.REPORT_FORMAT_OSCAL_PLAN_OF_ACTION,
    pb.REPORT_FORMAT_CSV,
    pb.REPORT_FORMAT_HTML,
)


def _export(
    world: ComplianceWorld, form: int = pb.REPORT_FORMAT_OSCAL_ASSESSMENT_RESULTS, **more: Any
) -> pb.ExportReportResponse:
    request = pb.ExportReportRequest(subject=subject(), frameworks=["gdpr", "soc2"], format=form, **more)  # type: ignore[arg-type]
    answer: pb.ExportReportResponse = world.call("ExportReport", request)
    return answer


def _all(world: ComplianceWorld, at: Timestamp) -> list[bytes]:
    return [_export(world, form, at=at).content for form in FORMS]


def _file(world: ComplianceWorld) -> None:
    """Evidence and a waiver are kept."""
    world.call(
        "RecordEvidence", pb.RecordEvidenceRequest(subject=subject(), type="encryption_report", source="scanner")
    )
    world.call(
        "GrantWaiver",
        pb.GrantWaiverRequest(
            subject=subject(),
            framework="gdpr",
            control_id="Art. 7(1)",
            reason="tool is late",
            compensating_control="review by two",
            requested_by="ada",
            approved_by="grace",
            expires_at=timestamp_of(NOW_US + 30 * 86_400_000_000),
        ),
    )


def test_the_same_posture_is_the_same_bytes_after_time_and_a_restart(warehouse: Warehouse, tmp_path: Path) -> None:
    """As of one instant: however late it is asked, by whichever process; what comes later does not change it."""
    tenant = f"exports-{abs(hash(str(tmp_path)))}"
    world = ComplianceWorld(warehouse, tmp_path, tenant)
    world.put(REPORTING)
    _file(world)
    at = timestamp_of(NOW_US)
    before = _all(world, at)
    assert _all(world, at) == before
    world.turn(40)
    world.put({"encryption_implemented": False})
    world.close()
    again = ComplianceWorld(warehouse, tmp_path, tenant)
    again.turn(41)
    try:
        assert _all(again, at) == before
        assert _export(again).content != before[0]
    finally:
        again.close()


def test_a_report_has_evidence_and_waivers_that_are_kept(world: ComplianceWorld) -> None:
    """And facts that the call brings along; the instant and the revision of the rules are told."""
    _file(world)
    answer = _export(world, pb.REPORT_FORMAT_CSV, facts=given(REPORTING))
    rows = {(row["framework"], row["control"]): row for row in csv.DictReader(io.StringIO(answer.content.decode()))}
    assert rows["gdpr", "Art. 7(1)"]["status"] == "waived"
    assert rows["gdpr", "Art. 7(1)"]["waiver"] == "waiver-1"
    assert rows["gdpr", "Art. 32(1)(a)"]["status"] == "pass"
    assert "evidence-1" in rows["gdpr", "Art. 32(1)(a)"]["evidence"]
    assert (answer.at, answer.rule_revision) == (timestamp_of(NOW_US), world.rules.revision)
    plan = json.loads(_export(world, pb.REPORT_FORMAT_OSCAL_PLAN_OF_ACTION).content)
    risks = plan["plan-of-action-and-milestones"]["risks"]
    assert [each["deadline"] for each in risks if each["status"] == "deviation-approved"] == ["2027-02-14T08:00:00Z"]


def test_the_tenant_has_a_report_of_all_frameworks(world: ComplianceWorld) -> None:
    """Without a subject and without names."""
    request = pb.ExportReportRequest(format=pb.REPORT_FORMAT_OSCAL_ASSESSMENT_RESULTS, oscal_version="1.0.4")
    answer = world.call("ExportReport", request)
    found = json.loads(answer.content)["assessment-results"]
    assert found["metadata"]["oscal-version"] == "1.0.4"
    assert len(found["results"]) >= 6
    assert answer.file_name == "compliance-tenant-assessment-results.json"


@pytest.mark.parametrize(
    ("request_", "reason", "text"),
    [
        (pb.ExportReportRequest(), "INVALID_FIELD", "format"),
        (pb.ExportReportRequest(format=pb.REPORT_FORMAT_CSV, oscal_version="1.2.1"), "INVALID_FIELD", "oscal_version"),
        (
            pb.ExportReportRequest(format=pb.REPORT_FORMAT_OSCAL_PLAN_OF_ACTION, oscal_version="1.1.2"),
            "INVALID_FIELD",
            "1.2.1, 1.0.4",
        ),
        (pb.ExportReportRequest(format=pb.REPORT_FORMAT_CSV, frameworks=["gdrp"]), "UNKNOWN_FRAMEWORK", "gdpr"),
        (
            pb.ExportReportRequest(
                format=pb.REPORT_FORMAT_CSV,
                subject=subject(),
                frameworks=["gdpr"],
                facts=given(
                    {"encryption_implemented": True, "encryption_at_rest": False, "encryption_in_transit": False}
                ),
            ),
            "CONTRADICTORY_FACTS",
            "neither at rest nor in transit",
        ),
    ],
    ids=["no form", "version of csv", "unknown version", "unknown framework", "contradictory facts"],
)
def test_what_cannot_be_written_is_refused(
    world: ComplianceWorld, request_: pb.ExportReportRequest, reason: str, text: str
) -> None:
    """With the field, the value and the way out."""
    _, info, message = world.refused("ExportReport", request_)
    assert info.reason == reason
    assert text in message
