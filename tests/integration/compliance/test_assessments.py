"""AssessPattern, AssessSecurity and ListFrameworks over gRPC, on the packs that come with Trueline."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from trueline.v1 import compliance_service_pb2 as pb
from trueline_rules.loader import load_texts
from trueline_server.facts.service import PutFact

from tests.integration.compliance.compliance_world import NOW_US, REPORTING, ComplianceWorld, given, subject

NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW_US)
OWN = """\
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
    - {id: A.1, title: Parcels are sealed., severity: high, rule: sealed, remediation: Seal it.}
"""


def _request(**more: object) -> pb.AssessPatternRequest:
    request = pb.AssessPatternRequest(
        subject=subject("automated_reporting"),
        name="Automated Reporting",
        frameworks=["gdpr", "soc2"],
        facts=given(REPORTING),
    )
    request.MergeFrom(pb.AssessPatternRequest(**more))  # type: ignore[arg-type]
    return request


def test_the_usage_example_has_a_verdict_with_reasons(world: ComplianceWorld) -> None:
    """What is given decides what it can; what is not known is no pass, and each recommendation names its controls."""
    answer = world.call("AssessPattern", _request())
    assert not answer.validation_passed
    assert [each.framework for each in answer.frameworks] == ["gdpr", "soc2"]
    gdpr = {each.control_id: each for each in answer.frameworks[0].controls}
    assert gdpr["Art. 6(1)"].status == pb.CONTROL_STATUS_PASS
    encryption = gdpr["Art. 32(1)(a)"]
    assert encryption.status == pb.CONTROL_STATUS_INSUFFICIENT_EVIDENCE
    assert "encryption_implemented is true" in encryption.reason
    assert encryption.evidence[0].state == pb.EVIDENCE_STATE_MISSING
    seen = {fact.name: fact for fact in encryption.facts}
    assert (seen["encryption_implemented"].value, seen["encryption_implemented"].given) == ("true", True)
    for framework in answer.frameworks:
        assert framework.failed == 0
        assert framework.insufficient > 0
        assert not framework.satisfied
        assert framework.passed + framework.insufficient + framework.not_applicable == len(framework.controls)
        for control in framework.controls:
            assert control.status != pb.CONTROL_STATUS_PASS or not control.missing_facts
            assert control.reason
    named = {name for each in answer.recommendations for name in each.controls}
    assert "gdpr Art. 32(1)(a)" in named
    severities = [each.severity for each in answer.recommendations]
    assert severities == sorted(severities, reverse=True)
    assert answer.rule_revision == world.rules.revision
    lacking = {fact for each in answer.frameworks for control in each.controls for fact in control.missing_facts}
    assert {fact.name for fact in answer.undecided_facts} == lacking
    weights = [fact.weight for fact in answer.undecided_facts]
    assert weights == sorted(weights, reverse=True)
    purpose = next(fact for fact in answer.undecided_facts if fact.name == "purpose_documented")
    assert {"gdpr Art. 5(1)(b)", "soc2 P3.1"} <= {*purpose.controls}
    assert (purpose.type, purpose.subject_kind) == ("bool", "pattern")
    assert purpose.description


def test_validation_passes_once_all_is_known_and_shown(world: ComplianceWorld) -> None:
    """A framework that somebody wrote as a file works without code."""
    world.rules = load_texts([("post.yaml", OWN)])
    parcel = subject("p1", "parcel")
    for sealed, status, passed in (
        (None, pb.CONTROL_STATUS_INSUFFICIENT_EVIDENCE, False),
        (False, pb.CONTROL_STATUS_FAIL, False),
        (True, pb.CONTROL_STATUS_PASS, True),
    ):
        facts = given({} if sealed is None else {"sealed": sealed})
        answer = world.call("AssessPattern", pb.AssessPatternRequest(subject=parcel, frameworks=["post"], facts=facts))
        assert (answer.frameworks[0].controls[0].status, answer.validation_passed) == (status, passed)
        assert [each.text for each in answer.recommendations] == {
            None: ["Find out and put in: sealed. Should that show a gap: Seal it."],
            False: ["Seal it."],
            True: [],
        }[sealed]


def test_given_facts_win_over_those_that_are_kept_and_are_kept_if_asked(world: ComplianceWorld) -> None:
    """Kept ones say when they were observed; what is kept is there for the next call."""
    world.put({"encryption_implemented": False}, "automated_reporting")
    kept = world.call(
        "AssessPattern", pb.AssessPatternRequest(subject=subject("automated_reporting"), frameworks=["gdpr"])
    )
    encryption = {each.control_id: each for each in kept.frameworks[0].controls}["Art. 32(1)(a)"]
    seen = {fact.name: fact for fact in encryption.facts}["encryption_implemented"]
    assert (seen.value, seen.given, seen.observed_at.ToMicroseconds()) == ("false", False, NOW_US)
    world.clock.turn(60)
    world.call("AssessPattern", _request(keep_facts=True))
    world.clock.turn(60)
    again = world.call(
        "AssessPattern", pb.AssessPatternRequest(subject=subject("automated_reporting"), frameworks=["gdpr"])
    )
    encryption = {each.control_id: each for each in again.frameworks[0].controls}["Art. 32(1)(a)"]
    seen = {fact.name: fact for fact in encryption.facts}["encryption_implemented"]
    assert (seen.value, seen.given) == ("true", False)


def test_facts_of_the_tenant_are_given_and_kept_for_all_patterns(world: ComplianceWorld) -> None:
    """A control of the tenant passes for each pattern by them."""
    facts = {"service_commitments_documented": True, "external_communication_defined": True}
    world.call(
        "AssessPattern",
        pb.AssessPatternRequest(subject=subject("one"), frameworks=["soc2"], facts=given(facts), keep_facts=True),
    )
    world.clock.turn(60)
    for whom in (subject("another"), pb.ComplianceSubject()):
        answer = world.call("AssessPattern", pb.AssessPatternRequest(subject=whom, frameworks=["soc2"]))
        controls = {each.control_id: each for each in answer.frameworks[0].controls}
        assert controls["CC2.3"].status == pb.CONTROL_STATUS_PASS
    assert controls["CC6.1"].status == pb.CONTROL_STATUS_NOT_APPLICABLE


def test_bad_requests_name_field_value_and_way_out(world: ComplianceWorld) -> None:
    """Unknown standard, unknown fact, wrong type, contradictory facts, a subject of another kind, the future."""
    code, info, told = world.refused("AssessPattern", _request(frameworks=["gdrp"]))
    assert (code, info.reason, info.metadata["nearest"]) == ("NOT_FOUND", "UNKNOWN_FRAMEWORK", "gdpr")
    assert "did you mean 'gdpr'?" in told
    code, info, _ = world.refused("AssessPattern", _request(facts=given({"encryption_implementd": True})))
    assert (info.reason, info.metadata["nearest"]) == ("UNKNOWN_FACT", "encryption_implemented")
    code, info, told = world.refused("AssessPattern", _request(facts=given({"tls_version": "new"})))
    assert (code, info.reason, info.metadata["field"]) == ("INVALID_ARGUMENT", "INVALID_FIELD", "facts[4].value")
    assert "'new' for tls_version, which is a number; give a number" in told
    for endless in (math.nan, math.inf, -math.inf):
        _, info, told = world.refused("AssessPattern", _request(facts=given({"tls_version": endless})))
        assert (info.reason, info.metadata["field"]) == ("INVALID_FIELD", "facts[4].value")
        assert "give a number, or null" in told
    for impossible, said in (
        ({"training_completion_share": 95.0}, "must be at most 1, is 95"),
        ({"critical_patch_days": -1.0}, "must be at least 0, is -1"),
        ({"incident_response_tested_at": NOW + timedelta(days=400)}, "must have been by 2027"),
    ):
        _, info, told = world.refused("AssessPattern", _request(facts=given(impossible)))
        assert (info.reason, info.metadata["field"], said in told) == ("INVALID_FIELD", "facts[4].value", True)
    twice = _request(facts=given({"encryption_implemented": False}))
    code, info, told = world.refused("AssessPattern", twice)
    assert (info.reason, info.metadata["facts"]) == ("CONTRADICTORY_FACTS", "encryption_implemented")
    denied = _request(facts=given({"encryption_at_rest": False, "encryption_in_transit": False}))
    code, info, told = world.refused("AssessPattern", denied)
    assert (code, info.reason) == ("INVALID_ARGUMENT", "CONTRADICTORY_FACTS")
    assert info.metadata["facts"] == "encryption_at_rest, encryption_implemented, encryption_in_transit"
    assert "neither at rest nor in transit" in told
    request = pb.AssessPatternRequest(subject=subject("x", "segment"), frameworks=["gdpr"])
    _, info, told = world.refused("AssessPattern", request)
    assert (info.reason, info.metadata["field"]) == ("INVALID_FIELD", "subject.kind")
    assert "gdpr judges a pattern" in told
    _, info, _ = world.refused("AssessPattern", pb.AssessPatternRequest(subject=subject(""), frameworks=["gdpr"]))
    assert info.metadata["field"] == "subject.id"
    _, info, _ = world.refused("AssessPattern", _request(at=world.at(-1)))
    assert (info.reason, info.metadata["field"]) == ("INVALID_FIELD", "at")


def test_who_is_asked_for_nothing_does_not_pass(world: ComplianceWorld) -> None:
    """A framework without controls of the tenant cannot judge it: a subject that was left out is no pass."""
    request = pb.AssessPatternRequest(subject=pb.ComplianceSubject(), frameworks=["gdpr", "security_baseline"])
    _, info, told = world.refused("AssessPattern", request)
    assert (info.reason, info.metadata["field"]) == ("INVALID_FIELD", "subject.kind")
    assert "security_baseline asks nothing; say which pattern it is about" in told
    _, info, _ = world.refused("AssessSecurity", pb.AssessSecurityRequest(subject=pb.ComplianceSubject()))
    assert info.metadata["field"] == "subject.kind"
    posture = world.call("GetPosture", pb.GetPostureRequest())
    assert "security_baseline" not in [each.framework for each in posture.subjects[0].frameworks]


def test_a_test_that_is_yet_to_come_shows_nothing(world: ComplianceWorld) -> None:
    """Neither now nor as of a day before it: what a call says of later is refused, what is put in too."""
    tested = {"restore_tested_at": NOW - timedelta(days=1), "backup_enabled": True}
    assert world.call("AssessPattern", _request(facts=given(tested))).frameworks
    code, info, told = world.refused("AssessPattern", _request(facts=given(tested), at=world.at(30)))
    assert (code, info.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert "restore_tested_at, which must have been by" in told
    put = PutFact("reporting", "restore_tested_at", NOW + timedelta(days=30))
    accepted, (rejection,) = world.putting.put(world.tenant, [put])
    assert (accepted, rejection.field, rejection.reason) == (0, "value", "VALUE_OUT_OF_RANGE")


def test_facts_that_contradict_each_other_in_store_are_refused_too(world: ComplianceWorld) -> None:
    """A given fact that settles it wins."""
    world.put(
        {"encryption_implemented": True, "encryption_at_rest": False, "encryption_in_transit": False},
        "automated_reporting",
    )
    request = pb.AssessPatternRequest(subject=subject("automated_reporting"), frameworks=["gdpr"])
    _, info, _ = world.refused("AssessPattern", request)
    assert info.reason == "CONTRADICTORY_FACTS"
    request.facts.extend(given({"encryption_in_transit": True}))
    world.call("AssessPattern", request)


def test_security_by_area_with_level_and_mitigation(world: ComplianceWorld) -> None:
    """A critical control that fails makes it critical; with nothing known the level is unknown, never a good one."""
    unknown = world.call("AssessSecurity", pb.AssessSecurityRequest(subject=subject()))
    assert unknown.level == "unknown"
    assert not unknown.HasField("score") or unknown.score == 0
    facts = given({"secrets_in_code": True, "authentication_required": True, "encryption_in_transit": True})
    answer = world.call("AssessSecurity", pb.AssessSecurityRequest(subject=subject(), facts=facts))
    assert answer.level == "critical"
    assert "failed_critical > 0 is true (failed_critical = 1)" in answer.level_reason
    areas = {area.area: area for area in answer.areas}
    assert list(areas) == [
        "authentication",
        "encryption",
        "input_validation",
        "secrets",
        "logging",
        "dependencies",
        "access",
    ]
    assert (areas["secrets"].failed, areas["secrets"].worst) == (1, pb.CONTROL_SEVERITY_CRITICAL)
    first = answer.findings[0]
    assert (first.control_id, first.area, first.status) == ("SEC-1", "secrets", pb.CONTROL_STATUS_FAIL)
    assert first.mitigation.startswith("Take secrets out")
    severities = [finding.severity for finding in answer.findings]
    assert severities == sorted(severities, reverse=True)


def test_frameworks_are_listed_with_their_controls(world: ComplianceWorld) -> None:
    """By name, and with controls only if asked for."""
    answer = world.call("ListFrameworks", pb.ListFrameworksRequest())
    names = [each.name for each in answer.frameworks]
    assert names == sorted(names)
    assert {"gdpr", "soc2", "security_baseline"} <= set(names)
    assert all(not each.controls and each.total_controls for each in answer.frameworks)
    (gdpr,) = world.call("ListFrameworks", pb.ListFrameworksRequest(frameworks=["gdpr"], with_controls=True)).frameworks
    assert len(gdpr.controls) == gdpr.total_controls
    control = {each.control_id: each for each in gdpr.controls}["Art. 32(1)(a)"]
    assert control.evidence[0].freshness.ToTimedelta() == timedelta(days=90)
    _, info, _ = world.refused("ListFrameworks", pb.ListFrameworksRequest(frameworks=["sox"]))
    assert info.reason == "UNKNOWN_FRAMEWORK"
