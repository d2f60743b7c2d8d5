"""A framework that somebody else writes as a file: own facts, own controls, a mapping to the packs, and no code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from trueline.v1 import compliance_service_pb2 as pb
from trueline_rules.loader import load_rules

from tests.integration.compliance.compliance_world import NOW_US, ComplianceWorld, given, subject

FILE = Path(__file__).with_name("house_rules.yaml")
NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW_US)
PASS, FAIL = pb.CONTROL_STATUS_PASS, pb.CONTROL_STATUS_FAIL
UNKNOWN, OUTSIDE = pb.CONTROL_STATUS_INSUFFICIENT_EVIDENCE, pb.CONTROL_STATUS_NOT_APPLICABLE
WAIVED = pb.CONTROL_STATUS_WAIVED
EPISODE = subject("e1", "episode")
GOOD = {
    "has_sponsor": False,
    "releases_signed": True,
    "loudness": -16.0,
    "music_licensed_at": NOW - timedelta(days=300),
}


@pytest.fixture
def house(world: ComplianceWorld) -> ComplianceWorld:
    """A world in which the file is in force beside the packs."""
    world.rules = load_rules([FILE])
    return world


def _assessed(world: ComplianceWorld, *facts: pb.GivenFact) -> tuple[dict[str, int], pb.AssessPatternResponse]:
    request = pb.AssessPatternRequest(subject=EPISODE, frameworks=["house_rules"], facts=facts)
    answer = world.call("AssessPattern", request)
    return {each.control_id: each.status for each in answer.frameworks[0].controls}, answer


def test_facts_evidence_and_time_decide(house: ComplianceWorld) -> None:
    """All is judged as with the packs: what is not known, fails, is shown, does not concern, and what ages."""
    nothing, answer = _assessed(house)
    assert set(nothing.values()) == {UNKNOWN}
    assert not answer.validation_passed
    house.put(GOOD, "e1")
    house.put({"editor_named": True}, "tenant")
    house.turn(1)
    known, _ = _assessed(house)
    assert known == {"H1": OUTSIDE, "H2": UNKNOWN, "H3": PASS, "H4": PASS, "H5": PASS}
    house.call("RecordEvidence", pb.RecordEvidenceRequest(subject=EPISODE, type="release_form", source="office"))
    shown, answer = _assessed(house)
    assert shown == {**known, "H2": PASS}
    assert answer.validation_passed
    assert not answer.recommendations
    loud, answer = _assessed(house, *given({"loudness": -9.0}))
    assert loud == {**shown, "H3": FAIL}
    assert [each.text for each in answer.recommendations] == ["Bring it to -16 LUFS."]
    house.turn(91)
    old, _ = _assessed(house)
    assert old == {**shown, "H2": UNKNOWN, "H4": FAIL}


def test_posture_waivers_and_contradictions_know_it(house: ComplianceWorld) -> None:
    """A control that allows no waiver gets none; facts that cannot hold together are refused in its words."""
    house.put({**GOOD, "has_sponsor": True, "sponsor_named": False, "loudness": -9.0}, "e1")
    waiver = pb.GrantWaiverRequest(
        subject=EPISODE,
        framework="house_rules",
        control_id="H3",
        reason="live from a stadium",
        compensating_control="a warning at the start",
        requested_by="ada",
        approved_by="grace",
        expires_at=house.at(-30),
    )
    house.call("GrantWaiver", waiver)
    request = pb.GetPostureRequest(subject=EPISODE, frameworks=["house_rules"], with_controls=True)
    (found,) = house.call("GetPosture", request).subjects
    statuses = {each.control_id: each.status for each in found.frameworks[0].controls}
    assert statuses == {"H1": FAIL, "H2": UNKNOWN, "H3": WAIVED, "H4": PASS, "H5": UNKNOWN}
    waiver.control_id = "H1"
    _, _, told = house.refused("GrantWaiver", waiver)
    assert "H1" in told
    contradiction = given({"has_sponsor": False, "sponsor_named": True})
    request = pb.AssessPatternRequest(subject=EPISODE, frameworks=["house_rules"], facts=contradiction)
    _, info, told = house.refused("AssessPattern", request)
    assert info.reason == "CONTRADICTORY_FACTS"
    assert "yet one that is named" in told


def test_its_mapping_joins_it_to_the_packs(house: ComplianceWorld) -> None:
    """What it covers of the GDPR, and through that of the standards that are mapped to it, is told with the reason."""
    request = pb.GetCoverageRequest(framework="gdpr", by_framework="house_rules", control_ids=["H2"], hops=1)
    covered = {each.control_id: each for each in house.call("GetCoverage", request).controls}
    (hop,) = covered["Art. 7(1)"].hops
    assert (hop.relation, hop.strength) == (pb.CONTROL_RELATION_INTERSECTS, 6)
    assert hop.rationale == "A signed form is a consent that can be shown."
    request = pb.GetCoverageRequest(framework="soc2", by_framework="house_rules", control_ids=["H2"])
    covered = {each.control_id: each for each in house.call("GetCoverage", request).controls}
    assert [hop.framework for hop in covered["P2.1"].hops] == ["house_rules", "gdpr"]
