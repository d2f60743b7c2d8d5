"""GetPosture, evidence and waivers over gRPC: as it is, and as it was on any day."""

from __future__ import annotations

import hashlib

import pytest
from google.rpc import error_details_pb2
from trueline.v1 import compliance_service_pb2 as pb
from trueline_rules.loader import load_texts

from tests.integration.compliance.compliance_world import ComplianceWorld, subject

PASS, FAIL = pb.CONTROL_STATUS_PASS, pb.CONTROL_STATUS_FAIL
INSUFFICIENT, WAIVED = pb.CONTROL_STATUS_INSUFFICIENT_EVIDENCE, pb.CONTROL_STATUS_WAIVED
POST = """\
apiVersion: trueline/v1
kind: FactType
metadata: {name: sealed}
spec: {subject: parcel, type: bool}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: insured}
spec: {subject: tenant, type: bool}
---
apiVersion: trueline/v1
kind: ComplianceFramework
metadata: {name: post}
spec:
  title: Post
  version: "1"
  subject: parcel
  controls:
    - {id: A.1, title: Sealed., severity: critical, rule: sealed, evidence: [{type: photo, freshness: 30d}]}
    - {id: A.2, title: Sealed well., severity: low, rule: sealed, waivable: false}
    - {id: B.1, title: In., severity: low, subject: tenant, rule: insured, evidence: [{type: policy, freshness: 90d}]}
"""
P1 = subject("p1", "parcel")


@pytest.fixture
def post(world: ComplianceWorld) -> ComplianceWorld:
    """A world of parcels."""
    world.rules = load_texts([("post.yaml", POST)])
    return world


def _statuses(world: ComplianceWorld, *, ago: float = 0, whom: pb.ComplianceSubject = P1) -> dict[str, int]:
    request = pb.GetPostureRequest(subject=whom, frameworks=["post"], at=world.at(ago), with_controls=True)
    (found,) = world.call("GetPosture", request).subjects
    return {control.control_id: control.status for control in found.frameworks[0].controls}


def _evidence(world: ComplianceWorld, **more: object) -> pb.Evidence:
    request = pb.RecordEvidenceRequest(subject=P1, type="photo", source="camera", **more)  # type: ignore[arg-type]
    return world.call("RecordEvidence", request).evidence


def _waiver(world: ComplianceWorld, **more: object) -> pb.GrantWaiverRequest:
    request = pb.GrantWaiverRequest(
        subject=P1,
        framework="post",
        control_id="A.1",
        reason="no tape",
        compensating_control="rope",
        requested_by="ada",
        approved_by="grace",
        expires_at=world.at(-30),
    )
    request.MergeFrom(pb.GrantWaiverRequest(**more))  # type: ignore[arg-type]
    return request


def test_posture_of_any_day_is_as_it_was_then(post: ComplianceWorld) -> None:
    """By the facts, the evidence and the waivers of that day; what came later does not change it."""
    post.put({"sealed": False}, "p1")
    post.turn(1)
    waiver = post.call("GrantWaiver", _waiver(post)).waiver
    post.turn(1)
    post.put({"sealed": True}, "p1")
    post.turn(1)
    _evidence(post)
    post.turn(1)
    post.call("RevokeWaiver", pb.RevokeWaiverRequest(waiver_id=waiver.waiver_id, revoked_by="eve"))
    post.turn(40)
    told = [_statuses(post, ago=days)["A.1"] for days in (45, 44, 43, 42, 41, 40, 0)]
    assert told == [INSUFFICIENT, FAIL, WAIVED, WAIVED, PASS, PASS, INSUFFICIENT]


def test_a_waiver_ends_by_itself(post: ComplianceWorld) -> None:
    """No timer is needed: it is computed. What it hides is told beside it."""
    post.put({"sealed": False}, "p1")
    post.call("GrantWaiver", _waiver(post))
    request = pb.GetPostureRequest(subject=P1, with_controls=True)
    (found,) = post.call("GetPosture", request).subjects
    control = found.frameworks[0].controls[0]
    assert (control.status, control.status_without_waiver, control.waiver_id) == (WAIVED, FAIL, "waiver-1")
    assert control.waived_until == post.at(-30)
    assert (found.frameworks[0].waived, found.frameworks[0].open_critical) == (1, 0)
    post.turn(30)
    assert _statuses(post)["A.1"] == FAIL


def test_rules_of_the_day_count(post: ComplianceWorld) -> None:
    """The revision that was in force then is used, and told."""
    post.put({"sealed": True}, "p1")
    before = post.rules.revision
    post.turn(1)
    post.replace_rules(
        load_texts(
            [
                (
                    "post.yaml",
                    POST.replace(
                        "title: Sealed well., severity: low, rule: sealed",
                        "title: Not., severity: low, rule: not sealed",
                    ),
                )
            ]
        )
    )
    post.turn(1)
    assert (_statuses(post, ago=1.5)["A.2"], _statuses(post)["A.2"]) == (PASS, FAIL)
    answer = post.call("GetPosture", pb.GetPostureRequest(subject=P1, at=post.at(1.5)))
    assert answer.rule_revision == before
    assert post.call("GetPosture", pb.GetPostureRequest(subject=P1)).rule_revision == post.rules.revision


def test_all_subjects_of_a_kind_page_by_page(post: ComplianceWorld) -> None:
    """Each once, by id, as of one instant; with controls at most ten a page, and their counts agree."""
    for number in range(25):
        post.put({"sealed": number % 2 == 0}, f"p{number:02}")
    request = pb.GetPostureRequest(subject=pb.ComplianceSubject(kind="parcel"), page_size=10)
    told: list[tuple[str, int, int]] = []
    while True:
        answer = post.call("GetPosture", request)
        assert answer.total_subjects == 25
        told += [(one.subject.id, one.frameworks[0].failed, len(one.frameworks[0].controls)) for one in answer.subjects]
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
        post.clock.turn(60)
        post.put({"sealed": False}, "p24")
    assert [one[0] for one in told] == [f"p{number:02}" for number in range(25)]
    assert [one[1] for one in told] == [0 if number % 2 == 0 else 2 for number in range(25)]
    assert {one[2] for one in told} == {0}
    whole = pb.GetPostureRequest(subject=pb.ComplianceSubject(kind="parcel"), page_size=100, with_controls=True)
    answer = post.call("GetPosture", whole)
    assert len(answer.subjects) == 10
    assert all(len(one.frameworks[0].controls) == 3 for one in answer.subjects)
    request.page_size = 5
    request.page_token = "x" * 20
    assert post.refused("GetPosture", request)[1].reason == "INVALID_TOKEN"


def test_the_tenant_as_a_whole_is_asked_what_is_asked_of_it(post: ComplianceWorld) -> None:
    """Its facts are those of the subject "tenant"; its evidence counts for each parcel's control of the tenant."""
    post.put({"insured": True}, "tenant")
    policy = pb.RecordEvidenceRequest(type="policy", source="insurer")
    post.call("RecordEvidence", policy)
    assert _statuses(post, whom=pb.ComplianceSubject())["B.1"] == PASS
    assert _statuses(post)["B.1"] == PASS
    answer = post.call("GetPosture", pb.GetPostureRequest())
    assert [one.subject.kind for one in answer.subjects] == ["tenant"]


def test_evidence_is_hashed_and_the_same_request_answers_the_same(post: ComplianceWorld) -> None:
    """The content is not kept; another request under the id is refused."""
    made = _evidence(post, content=b"picture", request_id="r1", note="front", uri="https://x.example/1")
    assert made.sha256 == hashlib.sha256(b"picture").hexdigest()
    post.clock.turn(5)
    assert _evidence(post, content=b"picture", request_id="r1", note="front", uri="https://x.example/1") == made
    second = _evidence(post, collected_at=post.at(3), expires_at=post.at(-3), sha256="AB" * 32)
    assert second.sha256 == "ab" * 32
    listed = post.call("ListEvidence", pb.ListEvidenceRequest(subject=P1, type="photo", page_size=1))
    assert listed.evidence == [second]
    request = pb.ListEvidenceRequest(subject=P1, type="photo", page_size=1, page_token=listed.next_page_token)
    assert post.call("ListEvidence", request).evidence == [made]
    assert post.call("ListEvidence", pb.ListEvidenceRequest(type="policy")).evidence == []
    again = pb.RecordEvidenceRequest(subject=P1, type="photo", source="other", request_id="r1")
    assert post.refused("RecordEvidence", again)[1].metadata["field"] == "request_id"


@pytest.mark.parametrize(
    ("change", "reason", "told"),
    [
        ({"type": "foto"}, "UNKNOWN_EVIDENCE_TYPE", "did you mean 'photo'?"),
        ({"ago": -1}, "EVIDENCE_FROM_FUTURE", "Z, ahead of the server's clock, 20"),
        ({"source": ""}, "INVALID_FIELD", "source"),
        ({"source": "  "}, "INVALID_FIELD", "source is blank"),
        ({"sha256": "xyz"}, "INVALID_FIELD", "not 64 hexadecimal digits"),
        ({"sha256": "a" * 64, "content": b"x"}, "INVALID_FIELD", "together with content"),
        ({"ends": 1}, "INVALID_FIELD", "not after collected_at, 20"),
        ({"type": "policy"}, "INVALID_FIELD", "asked of a tenant; leave the subject out"),
    ],
)
def test_evidence_that_shows_nothing_is_refused(
    post: ComplianceWorld, change: dict[str, object], reason: str, told: str
) -> None:
    """From the future, without a source, of a type that nobody needs, or that never counts."""
    request = pb.RecordEvidenceRequest(subject=P1, type="photo", source="camera")
    if "ago" in change:
        request.collected_at.CopyFrom(post.at(float(str(change.pop("ago")))))
    if "ends" in change:
        request.expires_at.CopyFrom(post.at(float(str(change.pop("ends")))))
    for name, value in change.items():
        setattr(request, name, value)
    _, info, message = post.refused("RecordEvidence", request)
    assert (info.reason, told in message) == (reason, True)


def _reason(info: error_details_pb2.ErrorInfo) -> tuple[str, str]:
    return info.reason, info.metadata["field"]


def test_a_waiver_needs_two_persons_an_end_and_a_control(post: ComplianceWorld) -> None:
    """Who asks does not approve, however the name is written; at most 90 days; a control that may be waived."""
    for approver in ("ada", "ADA ", " Ada", "A da", "ada.", "\u200bada", "a\u00add\u2060a", "\uff21da"):
        _, info, told = post.refused("GrantWaiver", _waiver(post, approved_by=approver))
        assert info.reason == "WAIVER_NEEDS_SECOND_PERSON"
        assert "another person" in told
    for person in ("requested_by", "approved_by"):
        _, info, told = post.refused("GrantWaiver", _waiver(post, **{person: "gr\u0430ce"}))
        assert _reason(info) == ("INVALID_FIELD", person)
        assert "LATIN (g, U+0067) and CYRILLIC (\u0430, U+0430)" in told
    assert _reason(post.refused("GrantWaiver", _waiver(post, expires_at=post.at(-91)))[1]) == (
        "INVALID_FIELD",
        "expires_at",
    )
    assert _reason(post.refused("GrantWaiver", _waiver(post, expires_at=post.at(0)))[1]) == (
        "INVALID_FIELD",
        "expires_at",
    )
    without = _waiver(post)
    without.ClearField("expires_at")
    assert post.refused("GrantWaiver", without)[1].metadata["field"] == "expires_at"
    bare = _waiver(post)
    bare.compensating_control = " "
    assert _reason(post.refused("GrantWaiver", bare)[1]) == ("INVALID_FIELD", "compensating_control")
    _, info, told = post.refused("GrantWaiver", _waiver(post, control_id="A.7"))
    assert (info.reason, "known: A.1, A.2, B.1" in told or "did you mean" in told) == ("UNKNOWN_CONTROL", True)
    _, info, told = post.refused("GrantWaiver", _waiver(post, framework="gdpr", control_id="Art. 13"))
    assert (info.metadata["nearest"], "did you mean 'Art. 13(1)'?" in told) == ("Art. 13(1)", True)
    assert post.refused("GrantWaiver", _waiver(post, framework="psot"))[1].reason == "UNKNOWN_FRAMEWORK"
    _, info, told = post.refused("GrantWaiver", _waiver(post, control_id="A.2"))
    assert (info.reason, "waivable: false" in told) == ("INVALID_FIELD", True)


def test_waivers_are_listed_and_revoked(post: ComplianceWorld) -> None:
    """Those that ended only if asked for; a revoked one stays as it was revoked first."""
    request = _waiver(post, request_id="w1")
    first = post.call("GrantWaiver", request).waiver
    post.clock.turn(5)
    assert post.call("GrantWaiver", request).waiver == first
    second = post.call("GrantWaiver", _waiver(post, expires_at=post.at(-1))).waiver
    assert post.call("ListWaivers", pb.ListWaiversRequest(subject=P1)).waivers == [second, first]
    post.turn(2)
    assert post.call("ListWaivers", pb.ListWaiversRequest(framework="post")).waivers == [first]
    revoked = post.call("RevokeWaiver", pb.RevokeWaiverRequest(waiver_id=first.waiver_id, revoked_by="eve")).waiver
    assert (revoked.revoked_by, revoked.revoked_at) == ("eve", post.at(0))
    post.turn(1)
    again = pb.RevokeWaiverRequest(waiver_id=first.waiver_id, revoked_by="bob")
    assert post.call("RevokeWaiver", again).waiver == revoked
    assert post.call("ListWaivers", pb.ListWaiversRequest()).waivers == []
    ended = post.call("ListWaivers", pb.ListWaiversRequest(with_ended=True)).waivers
    assert [each.waiver_id for each in ended] == [second.waiver_id, first.waiver_id]
    for waiver in ("waiver-9", "evidence-1", "x"):
        request_ = pb.RevokeWaiverRequest(waiver_id=waiver, revoked_by="eve")
        assert post.refused("RevokeWaiver", request_)[1].reason == "UNKNOWN_WAIVER"
    blank = pb.RevokeWaiverRequest(waiver_id=first.waiver_id, revoked_by=" ")
    assert _reason(post.refused("RevokeWaiver", blank)[1]) == ("INVALID_FIELD", "revoked_by")
    over = pb.RevokeWaiverRequest(waiver_id=second.waiver_id, revoked_by="eve")
    assert "ended by itself" in post.refused("RevokeWaiver", over)[2]


def test_a_kind_that_no_framework_judges_is_told(post: ComplianceWorld) -> None:
    """With those that there are."""
    _, info, told = post.refused("GetPosture", pb.GetPostureRequest(subject=subject("x", "parcle")))
    assert (info.reason, "did you mean 'parcel'?" in told) == ("INVALID_FIELD", True)
    _, info, _ = post.refused("GetPosture", pb.GetPostureRequest(subject=pb.ComplianceSubject(id="x")))
    assert info.metadata["field"] == "subject.id"
