"""Compliance end to end: a server, the SDK and the command line; the usage example, and a control that turns."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from trueline import (
    AsyncTruelineClient,
    ControlStatus,
    DataSharing,
    DataUse,
    Fact,
    InvalidRequestError,
    NotFoundError,
    PreconditionError,
    ReportFormat,
    RiskLevel,
    TruelineClient,
)
from trueline.v1 import compliance_service_pb2, compliance_service_pb2_grpc

from benchmarks.server_process import ServerProcess

REPORTING = {
    "personal_data_involved": True,
    "data_types_collected": {"email", "campaign_data"},
    "encryption_implemented": True,
    "user_consent_required": True,
}
PATTERN = """\
subject: automated_reporting
name: Automated Reporting
frameworks: [gdpr, soc2]
facts:
  personal_data_involved: true
  data_types_collected: [email, campaign_data]
  encryption_implemented: true
  user_consent_required: true
"""
POST = """\
apiVersion: trueline/v1
kind: FactType
metadata: {name: sealed}
spec: {subject: parcel, type: bool}
---
apiVersion: trueline/v1
kind: ComplianceFramework
metadata: {name: post}
spec:
  title: Post
  version: "1"
  subject: parcel
  controls:
    - {id: A.1, title: Parcels are sealed., severity: critical, rule: sealed, remediation: Seal it.}
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: controls_turned}
spec:
  events: [compliance_control_turned]
  aggregation: count
  group_by: [properties.framework, properties.to, properties.severity]
  window: 1d
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that looks at controls every second, with a framework that somebody wrote."""
    folder = tmp_path_factory.mktemp("compliance")
    (folder / "post.yaml").write_text(POST)
    settings = {"TRUELINE_RULES": str(folder / "post.yaml"), "TRUELINE_COMPLIANCE_INTERVAL_S": "1"}
    with ServerProcess(folder, settings) as process:
        yield process


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[TruelineClient]:
    """A client of it."""
    with TruelineClient(server.address) as client:
        yield client


def _cli(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trueline_cli", "compliance", *arguments, "--address", server.address]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_usage_example_has_a_verdict_findings_and_recommendations(client: TruelineClient) -> None:
    """Validation does not pass while what is needed is not known, and each reason names values or what is missing."""
    found = client.assess_pattern("automated_reporting", ["gdpr", "soc2"], REPORTING, name="Automated Reporting")
    assert not found.validation_passed
    assert list(found.frameworks) == ["gdpr", "soc2"]
    controls = [control for each in found.frameworks.values() for control in each.controls.values()]
    assert {control.status for control in controls} >= {ControlStatus.PASS, ControlStatus.INSUFFICIENT_EVIDENCE}
    for control in controls:
        assert control.reason
        if control.status is ControlStatus.INSUFFICIENT_EVIDENCE:
            lacking = [need for need in control.evidence if need.state != "fresh"]
            assert control.missing_facts or lacking
    assert found.recommendations
    assert all(each.text and each.controls for each in found.recommendations)


def test_the_command_line_tells_the_same_and_exits_with_1(server: ServerProcess, tmp_path: Path) -> None:
    """A table of at most 80 columns, JSON and CSV; a file that says something else is wrong use."""
    file = tmp_path / "pattern.yaml"
    file.write_text(PATTERN)
    table = _cli(server, "assess", str(file))
    assert (table.returncode, table.stderr) == (1, "")
    assert "Automated Reporting: not passed" in table.stdout
    for heading in ("what to do first", "what is not known", "evidence that is not there"):
        assert heading in table.stdout
    assert "purpose_documented" in table.stdout
    lines = table.stdout.splitlines()
    assert (len(lines) <= 60, max(map(len, lines)) <= 80) == (True, True)
    for option in ("--controls", "--all"):
        in_full = _cli(server, "assess", str(file), option).stdout
        assert "purpose_documented is missing" in in_full
        assert max(map(len, in_full.splitlines())) <= 80
        # What passes is told only where every control is asked for.
        assert ("Art. 6(1) " in in_full) == (option == "--all")
    told = json.loads(_cli(server, "assess", str(file), "--output", "json").stdout)
    assert told["validation_passed"] is False
    assert "purpose_documented" in [fact["name"] for fact in told["undecided_facts"]]
    rows = list(csv.DictReader(io.StringIO(_cli(server, "assess", str(file), "--output", "csv").stdout)))
    assert {row["framework"] for row in rows} == {"gdpr", "soc2"}
    file.write_text(PATTERN.replace("facts:", "fcats:"))
    wrong = _cli(server, "assess", str(file))
    assert (wrong.returncode, "did you mean 'facts'?" in wrong.stderr) == (2, True)
    file.write_text(PATTERN.replace("[gdpr, soc2]", "[gdrp]"))
    unknown = _cli(server, "assess", str(file))
    assert (unknown.returncode, "did you mean 'gdpr'?" in unknown.stderr) == (2, True)


def test_a_framework_of_ones_own_lets_a_build_pass(server: ServerProcess, tmp_path: Path) -> None:
    """Exit status 0 if all is known and holds, 1 if it fails or is not known."""
    file = tmp_path / "parcel.json"
    for facts, status in (({"sealed": True}, 0), ({"sealed": False}, 1), ({}, 1)):
        file.write_text(json.dumps({"subject": "p0", "kind": "parcel", "frameworks": ["post"], "facts": facts}))
        assert _cli(server, "assess", str(file)).returncode == status


def test_evidence_and_waivers_from_the_command_line(
    server: ServerProcess, client: TruelineClient, tmp_path: Path
) -> None:
    """What is recorded counts, what is waived is told so, and what may not be is refused."""
    report = tmp_path / "report.pdf"
    report.write_bytes(b"report")
    add = ("evidence", "add", "encryption_report", "--source", "scanner", "--subject", "automated_reporting")
    added = _cli(server, *add, "--file", str(report), "--output", "json")
    assert added.returncode == 0, added.stderr
    evidence = json.loads(added.stdout)
    assert client.list_evidence("automated_reporting")[0].evidence_id == evidence["evidence_id"]
    assert evidence["sha256"] == hashlib.sha256(b"report").hexdigest()
    assert "encryption_report" in _cli(server, "evidence", "list").stdout
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    waive = ("waive", "post", "A.1", "--subject", "p1", "--kind", "parcel", "--reason", "no tape", "--instead", "rope")
    refused = _cli(server, *waive, "--by", "ada", "--approved-by", "Ada", "--until", until)
    assert (refused.returncode, "another person" in refused.stderr) == (2, True)
    twice = ("--by", "ada", "--approved-by", "grace", "--until", until, "--request-id", "w1", "--output", "json")
    granted = _cli(server, *waive, *twice)
    assert granted.returncode == 0, granted.stderr
    assert _cli(server, *waive, *twice).stdout == granted.stdout
    posture = _cli(server, "posture", "p1", "--kind", "parcel", "--all")
    assert (posture.returncode, "waived" in posture.stdout) == (0, True)
    waiver = json.loads(granted.stdout)["waiver_id"]
    assert _cli(server, "revoke", waiver, "--by", "eve").returncode == 0
    assert _cli(server, "posture", "p1", "--kind", "parcel").returncode == 1
    assert waiver in _cli(server, "waivers", "--ended", "--output", "csv").stdout


def test_security_privacy_controls_and_coverage_from_the_command_line(server: ServerProcess, tmp_path: Path) -> None:
    """Tables of at most 80 columns, a page to file, and a mapping that is not there."""
    pattern, processing, page = (tmp_path / name for name in ("pattern.yaml", "processing.yaml", "report.html"))
    pattern.write_text(PATTERN)
    security = _cli(server, "security", str(pattern))
    assert (security.returncode, "authentication" in security.stdout) == (1, True)
    processing.write_text(
        "subject: automated_reporting\nname: Automated Reporting\npeople: 500\nautomated_decisions: false\n"
        "data:\n  - {data_type: email, purpose: Send reports., retention: 365d, legal_basis: consent,\n"
        "     consent_recorded: true, encrypted: true,\n"
        "     shared_with: [{recipient: Mailer, country: NO, contract: true}]}\n"
        "rights: {access: By the settings., erasure: true}\n"
    )
    privacy = _cli(server, "privacy", str(processing), "--html", str(page))
    assert (privacy.returncode, privacy.stderr) == (1, "")
    assert page.read_text().startswith("<!DOCTYPE html>")
    controls = _cli(server, "controls", "gdpr")
    assert (controls.returncode, "Art. 32(1)(a)" in controls.stdout) == (0, True)
    frameworks = _cli(server, "controls")
    # Long versions take no room from titles and names.
    assert {"security_baseline", "CCPA", "controls"} <= set(frameworks.stdout.split())
    for shown in (security, privacy, controls, frameworks):
        assert max(map(len, shown.stdout.splitlines())) <= 80
    unknown = _cli(server, "coverage", "iso2701", "--by", "post")
    assert (unknown.returncode, "iso2701" in unknown.stderr) == (2, True)


def test_what_is_open_is_told_on_about_a_screen(server: ServerProcess, tmp_path: Path) -> None:
    """Counts by status and severity, the worst first, how many more there are; `--all` and JSON have all of them."""
    file = tmp_path / "pattern.yaml"
    told = PATTERN.replace("automated_reporting", "of_a_screen")
    file.write_text(told.replace("facts:", "facts:\n  secrets_in_code: true\n  mfa_enabled: false"))
    assert _cli(server, "assess", str(file), "--framework", "security_baseline", "--keep").returncode == 1
    of_posture = ("posture", "of_a_screen", "--framework", "security_baseline", "--controls")
    for command in (("security", str(file)), of_posture):
        screen = _cli(server, *command)
        lines = screen.stdout.splitlines()
        assert (screen.returncode, max(map(len, lines)) <= 80, len(lines) <= 32) == (1, True, True)
        assert [line.split()[0] for line in lines if line.startswith(("open", "fail"))] == ["open", "fail"]
        shown = [line.split()[:3] for line in lines if line[:3].isupper()]
        # What fails comes before what is not known, and the more severe before the less.
        assert (len(shown), shown[0]) == (12, ["SEC-1", "critical", "fail"])
        assert ["AUTH-2", "high", "fail"] in shown
        assert lines[-1].startswith("26 more; ")
        in_full = _cli(server, *command, "--all").stdout
        assert ("ACC-5" in in_full, "more;" in in_full, "secrets_in_code is true" in in_full) == (True, False, True)
        assert "ACC-5" in _cli(server, *command, "--output", "json").stdout


def test_many_subjects_have_a_line_each(server: ServerProcess, client: TruelineClient) -> None:
    """A screen tells where 20 of them stand, and how to see more of one; one alone has a line for each framework."""
    client.put_facts([Fact(subject_id=f"crate{number:02}", name="sealed", value=number > 0) for number in range(25)])
    many = _cli(server, "posture", "--kind", "parcel")
    lines = many.stdout.splitlines()
    assert (many.returncode, len(lines) <= 30, max(map(len, lines)) <= 80) == (1, True, True)
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("crate")}
    assert rows["crate00"] == ["0", "of", "1", "0", "1", "0", "0", "0", "1"]
    assert rows["crate01"] == ["1", "of", "1", "1", "0", "0", "0", "0", "0"]
    assert any(line.endswith("--limit 0 tells all") for line in lines)
    assert "post " in _cli(server, "posture", "crate01", "--kind", "parcel").stdout
    in_full = _cli(server, "posture", "--kind", "parcel", "--limit", "0", "--controls", "--all").stdout
    assert (in_full.count("parcel crate"), in_full.count("sealed is false")) == (25, 1)


def test_a_report_from_the_command_line_is_that_of_the_sdk(
    server: ServerProcess, client: TruelineClient, tmp_path: Path
) -> None:
    """Each form goes to a file or to standard output, the same bytes for the same instant, and is valid OSCAL."""
    at = datetime.now(UTC).replace(microsecond=0)
    export = ("export", "automated_reporting", "--framework", "gdpr", "--framework", "soc2", "--at", at.isoformat())
    forms = {
        "oscal": ReportFormat.OSCAL_ASSESSMENT_RESULTS,
        "poam": ReportFormat.OSCAL_PLAN_OF_ACTION,
        "csv": ReportFormat.CSV,
        "html": ReportFormat.HTML,
    }
    for name, form in forms.items():
        file = tmp_path / name
        written = _cli(server, *export, "--format", name, "-o", str(file))
        assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
        told = client.export_report("automated_reporting", form, frameworks=["gdpr", "soc2"], at=at)
        assert (file.read_bytes(), told.at) == (told.content, at)
    printed = _cli(server, *export, "--format", "csv")
    assert {row["framework"] for row in csv.DictReader(io.StringIO(printed.stdout))} == {"gdpr", "soc2"}
    for name in ("oscal", "poam"):
        valid = _cli(server, "validate", str(tmp_path / name))
        assert (valid.returncode, "valid OSCAL 1.2.1" in valid.stdout) == (0, True)
    earlier = _cli(server, *export, "--oscal-version", "1.0.4")
    assert json.loads(earlier.stdout)["assessment-results"]["metadata"]["oscal-version"] == "1.0.4"
    unknown = _cli(server, *export, "--oscal-version", "9.9")
    assert (unknown.returncode, "1.2.1, 1.0.4" in unknown.stderr) == (2, True)


def test_a_file_that_is_not_valid_oscal_is_told_with_its_place(server: ServerProcess, tmp_path: Path) -> None:
    """Exit status 1 and what is wrong; what is no JSON is wrong use."""
    file = tmp_path / "results.json"
    _cli(server, "export", "automated_reporting", "--framework", "gdpr", "-o", str(file))
    document = json.loads(file.read_text())
    document["assessment-results"]["results"][0]["findings"][0]["remark"] = "x"
    file.write_text(json.dumps(document))
    wrong = _cli(server, "validate", str(file))
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("assessment-results/results/0/findings/0: has 'remark'")
    assert "did you mean remarks?" in wrong.stdout
    told = json.loads(_cli(server, "validate", str(file), "--output", "json").stdout)
    assert (told["valid"], len(told["problems"])) == (False, 1)
    file.write_text("{")
    assert _cli(server, "validate", str(file)).returncode == 2


def test_the_async_client_has_the_same_calls(server: ServerProcess) -> None:
    """Assessments, posture and privacy."""

    async def run() -> None:
        async with AsyncTruelineClient(server.address) as client:
            frameworks = await client.list_frameworks("gdpr", with_controls=True)
            assert len(frameworks.frameworks["gdpr"].controls) == frameworks.frameworks["gdpr"].total_controls
            found = await client.assess_security("automated_reporting", REPORTING)
            assert found.areas
            assert found.level == "unknown"
            use = DataUse(
                "health", retention=timedelta(days=9999), shared_with=[DataSharing("Lab", "US")], encrypted=False
            )
            privacy = await client.assess_privacy_impact("automated_reporting", [use], people=50_000)
            assert privacy.residual_risk is RiskLevel.VERY_HIGH
            assert privacy.prior_consultation
            posture = await client.get_posture(frameworks=["soc2"])
            assert [str(each.subject) for each in posture.subjects] == ["tenant"]
            report = await client.export_report(form="csv", frameworks=["soc2"], facts={})
            assert (report.file_name, report.media_type) == ("compliance-tenant.csv", "text/csv; charset=utf-8")
            with pytest.raises(InvalidRequestError, match="oscal_plan_of_action, csv"):
                await client.export_report(form="pdf")

    asyncio.run(run())


def test_errors_are_those_of_the_sdk(client: TruelineClient) -> None:
    """Unknown names, contradictions, evidence that nobody needs, a waiver of one person alone."""
    with pytest.raises(NotFoundError) as caught:
        client.assess_pattern("x", ["gdrp"])
    assert (caught.value.reason, caught.value.metadata["nearest"]) == ("UNKNOWN_FRAMEWORK", "gdpr")
    facts = {"encryption_implemented": True, "encryption_at_rest": False, "encryption_in_transit": False}
    with pytest.raises(InvalidRequestError, match="neither at rest nor in transit"):
        client.assess_pattern("x", ["gdpr"], facts)
    with pytest.raises(NotFoundError, match="did you mean 'encryption_report'"):
        client.record_evidence("encryption_reprot", "scanner", subject="x")
    with pytest.raises(PreconditionError, match="another person"):
        client.grant_waiver(
            "post",
            "A.1",
            reason="no tape",
            compensating_control="rope",
            requested_by="ada",
            approved_by="ADA",
            expires_at=datetime.now(UTC) + timedelta(days=1),
            subject="p1",
            kind="parcel",
        )


def test_a_control_that_turns_is_an_event_that_metrics_count(client: TruelineClient) -> None:
    """It goes through the log like any other event, once."""
    first = client.get_posture("p9", kind="parcel")
    assert first.subjects[0].frameworks["post"].insufficient == 1
    client.put_facts([Fact(subject_id="p9", name="sealed", value=True)])
    deadline = time.monotonic() + 60
    # The first look tells nothing; it has been there once the metric counts what turned after it.
    sealed, turned = True, 0.0
    while not turned and time.monotonic() < deadline:
        sealed = not sealed
        client.put_facts([Fact(subject_id="p9", name="sealed", value=sealed)])
        until = time.monotonic() + 4
        while not turned and time.monotonic() < until:
            client.status(min_position=client.status().accepted_position)
            points = client.query_metric("controls_turned", labels={"properties.framework": "post"}).points
            turned = sum(point.value or 0.0 for point in points)
    assert turned >= 1


def test_a_past_day_is_judged_by_the_rules_of_then(client: TruelineClient) -> None:
    """Rules that were activated later do not change what was; the revision tells which were used."""
    client.put_facts([Fact(subject_id="p5", name="sealed", value=True)])
    before = client.get_posture("p5", kind="parcel")
    assert before.subjects[0].frameworks["post"].passed == 1
    stricter = POST[
        POST.index("apiVersion: trueline/v1\nkind: ComplianceFramework") : POST.index(
            "---\napiVersion: trueline/v1\nkind: Metric"
        )
    ]
    client.activate_rules({"strict.yaml": stricter.replace("rule: sealed", "rule: not sealed")})
    try:
        now, then = client.get_posture("p5", kind="parcel"), client.get_posture("p5", kind="parcel", at=before.at)
        assert (now.subjects[0].frameworks["post"].failed, then.subjects[0].frameworks["post"].passed) == (1, 1)
        assert then.rule_revision == before.rule_revision != now.rule_revision
    finally:
        client.rollback_rules()


def test_the_service_is_reflected(server: ServerProcess) -> None:
    """A stub of the contract reaches it."""
    with grpc.insecure_channel(server.address) as channel:
        stub = compliance_service_pb2_grpc.ComplianceServiceStub(channel)
        answer = stub.ListFrameworks(compliance_service_pb2.ListFrameworksRequest(), timeout=30)
    assert "post" in {framework.name for framework in answer.frameworks}
