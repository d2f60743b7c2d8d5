"""The past by what was known then: with both instants an answer and a report are the same for ever."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from trueline.v1 import compliance_service_pb2 as pb
from trueline_rules.loader import load_texts
from trueline_server.facts.service import PutFact
from trueline_server.transport.times import microseconds_of

from tests.integration.compliance.compliance_world import NOW_US, ComplianceWorld
from tests.integration.compliance.test_exports import FORMS
from tests.integration.compliance.test_posture import FAIL, INSUFFICIENT, P1, PASS, POST, WAIVED, _waiver


@pytest.fixture
def post(world: ComplianceWorld) -> ComplianceWorld:
    """A parcel that is sealed, with a photograph, and a second one that is waived; a day has passed since."""
    world.rules = load_texts([("post.yaml", POST)])
    world.put({"sealed": True}, "p1")
    world.put({"sealed": False}, "p2")
    world.call("RecordEvidence", pb.RecordEvidenceRequest(subject=P1, type="photo", source="camera"))
    world.call("GrantWaiver", _waiver(world, subject=pb.ComplianceSubject(id="p2")))
    world.turn(1)
    return world


def _late_fact(world: ComplianceWorld) -> None:
    at_us = NOW_US + 21_600_000_000
    assert world.putting.put(world.tenant, [PutFact("p1", "sealed", False, at_us)]) == (1, [])


def _fact_put_again(world: ComplianceWorld) -> None:
    """For the very instant of the one that is there."""
    (row,) = world.facts.as_of(world.tenant, "parcel", world.clock(), ids=["p1"])
    assert world.putting.put(world.tenant, [PutFact("p1", "sealed", False, row.observed_at_us)]) == (1, [])


def _late_evidence(world: ComplianceWorld) -> None:
    request = pb.RecordEvidenceRequest(type="policy", source="insurer", collected_at=world.at(10))
    world.call("RecordEvidence", request)


def _late_fact_of_the_tenant(world: ComplianceWorld) -> None:
    at_us = world.clock() - 3 * 86_400_000_000
    assert world.putting.put(world.tenant, [PutFact("tenant", "insured", True, at_us)]) == (1, [])


def _another_revision(world: ComplianceWorld) -> None:
    world.replace_rules(
        load_texts([("post.yaml", POST.replace("rule: sealed, waivable", "rule: not sealed, waivable"))])
    )


def _revoked_waiver(world: ComplianceWorld) -> None:
    world.call("RevokeWaiver", pb.RevokeWaiverRequest(waiver_id="waiver-1", revoked_by="eve"))


def _files(world: ComplianceWorld, whom: pb.ComplianceSubject, **instants: Any) -> list[bytes]:
    return [
        world.call(
            "ExportReport", pb.ExportReportRequest(subject=whom, frameworks=["post"], format=form, **instants)
        ).content  # type: ignore[arg-type]
        for form in FORMS
    ]


CHANGES = (_late_fact, _fact_put_again, _late_evidence, _late_fact_of_the_tenant, _another_revision, _revoked_waiver)


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__.strip("_"))
def test_reports_by_both_instants_are_the_same_bytes(
    post: ComplianceWorld, change: Callable[[ComplianceWorld], None]
) -> None:
    """In each form and for each parcel, whatever comes in later about the day, however often."""
    then = {"at": post.at(0.5), "known_at": post.at(0)}
    whom = [P1, pb.ComplianceSubject(kind="parcel", id="p2")]
    before = [_files(post, one, **then) for one in whom]
    post.turn(1)
    for _ in range(2):
        change(post)
        post.turn(1)
        assert [_files(post, one, **then) for one in whom] == before


def test_what_comes_late_is_told_of_its_day_unless_it_is_left_out(post: ComplianceWorld) -> None:
    """By all that is known a late fact and late evidence count from their day; by what was known then they do not."""
    then = {"at": post.at(0.5)}
    known = post.at(0)
    post.turn(1)
    _late_fact_of_the_tenant(post)
    _late_evidence(post)

    def statuses(**instants: Any) -> list[int]:
        request = pb.GetPostureRequest(subject=P1, frameworks=["post"], with_controls=True, **instants)  # type: ignore[arg-type]
        answer = post.call("GetPosture", request)
        assert answer.HasField("known_at") == ("known_at" in instants)
        return [each.status for each in answer.subjects[0].frameworks[0].controls]

    assert statuses(**then) == [PASS, PASS, PASS]
    assert statuses(**then, known_at=known) == [PASS, PASS, INSUFFICIENT]
    assert statuses(known_at=known) == [PASS, PASS, INSUFFICIENT]
    _late_fact(post)
    assert statuses(**then) == [FAIL, FAIL, PASS]
    assert statuses(**then, known_at=known) == [PASS, PASS, INSUFFICIENT]


def test_all_of_a_kind_by_what_was_known_page_by_page(post: ComplianceWorld) -> None:
    """A parcel that came in late for an earlier day is not among them, nor in their number."""
    known = post.at(0)
    post.turn(1)
    assert post.putting.put(post.tenant, [PutFact("p0", "sealed", True, 1_700_000_000_000_000)]) == (1, [])
    _late_fact(post)
    kind = pb.ComplianceSubject(kind="parcel")
    for with_controls in (False, True):
        request = pb.GetPostureRequest(subject=kind, known_at=known, page_size=1, with_controls=with_controls)
        told = []
        while True:
            answer = post.call("GetPosture", request)
            assert (answer.total_subjects, answer.at, answer.known_at) == (2, known, known)
            told += [(each.subject.id, each.frameworks[0].passed) for each in answer.subjects]
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
        assert told == [("p1", 2), ("p2", 0)]
    assert post.call("GetPosture", pb.GetPostureRequest(subject=kind)).total_subjects == 3


def test_a_waiver_that_was_not_known_to_be_revoked_is_in_force(post: ComplianceWorld) -> None:
    """As of a day after its revocation, by what was known before; and one that was not known to be granted is not."""
    granted, before = post.at(1), post.at(0)
    post.turn(1)
    _revoked_waiver(post)
    post.turn(1)
    p2 = pb.ComplianceSubject(kind="parcel", id="p2")

    def status(**instants: Any) -> int:
        request = pb.GetPostureRequest(subject=p2, with_controls=True, **instants)  # type: ignore[arg-type]
        return int(post.call("GetPosture", request).subjects[0].frameworks[0].controls[0].status)

    now = post.at(0)
    assert [status(at=now, known_at=now), status(at=now, known_at=before), status(at=before)] == [FAIL, WAIVED, WAIVED]
    granted.FromMicroseconds(microseconds_of(granted, "at") - 1)
    assert status(at=before, known_at=granted) == INSUFFICIENT


def test_assessments_by_what_was_known(post: ComplianceWorld) -> None:
    """Facts that the call brings win as ever; both instants are told."""
    known = post.at(0)
    post.turn(1)
    _fact_put_again(post)
    request = pb.AssessPatternRequest(subject=P1, frameworks=["post"], known_at=known)
    made = post.call("AssessPattern", request)
    assert ([each.status for each in made.frameworks[0].controls], made.at, made.known_at) == (
        [PASS, PASS, INSUFFICIENT],
        known,
        known,
    )
    request.ClearField("known_at")
    assert [each.status for each in post.call("AssessPattern", request).frameworks[0].controls][:2] == [FAIL, FAIL]


def test_reports_tell_both_instants(post: ComplianceWorld) -> None:
    """Only where the second was asked for: in OSCAL, in each line of CSV, and on the page."""
    at, known = post.at(0.5), post.at(0)
    results, plan, lines, page = _files(post, P1, at=at, known_at=known)
    told = known.ToJsonString()
    for document in (results, plan):
        (body,) = json.loads(document).values()
        props = {each["name"]: each["value"] for each in body["metadata"]["props"]}
        assert (props["known-at"], body["metadata"]["version"]) == (told, f"{at.ToJsonString()} known {told}")
        assert body["metadata"]["last-modified"] == at.ToJsonString()
    assert {row["known_at"] for row in csv.DictReader(io.StringIO(lines.decode()))} == {told}
    assert f"by what was known at {told[:10]}" in page.decode()
    plain = _files(post, P1, at=at)
    assert all(b"known-at" not in each and b"what was known" not in each for each in plain)


def test_knowledge_to_come_is_refused(post: ComplianceWorld) -> None:
    """With the field, as nobody can tell what will be known."""
    _, info, told = post.refused("GetPosture", pb.GetPostureRequest(subject=P1, known_at=post.at(-1)))
    assert (info.reason, info.metadata["field"]) == ("INVALID_FIELD", "known_at")
    assert told.startswith("known_at is 20")
    assert "ahead of the server's clock" in told
    assert told.endswith("so leave it out for now")
