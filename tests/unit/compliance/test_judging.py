"""Statuses of controls: a pure function of rule, facts, evidence, waivers and the instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from parcels import DAY_US, FRAMEWORK, NOW_US, PARCEL, known, photo, post, waiver
from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.judging import Moment
from trueline_server.compliance.model import (
    THE_TENANT,
    ControlResult,
    Evidence,
    EvidenceState,
    Facts,
    Status,
    Subject,
    Waiver,
)

NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW_US)


def _judged(
    facts: Facts,
    *,
    evidence: list[Evidence] | None = None,
    waivers: list[Waiver] | None = None,
    subject: Subject = PARCEL,
    at_us: int = NOW_US,
    known_us: int | None = None,
    framework: str = FRAMEWORK,
) -> dict[str, ControlResult]:
    moment = Moment.of(AsOf(at_us, known_us), evidence or [], waivers or [])
    found = post(framework)
    results = found.judge(subject, facts, moment).controls
    values = {name: fact.value for name, fact in facts.items()}
    assert found.statuses(subject, values, moment) == [each.status for each in results]
    return {each.control.id: each for each in results}


def test_a_control_passes_with_its_rule_and_fresh_evidence() -> None:
    """What it saw is told: the value, and when it was observed."""
    result = _judged(known(sealed=True), evidence=[photo()])["A.1"]
    assert (result.status, result.reason) == (Status.PASS, "it is met, as sealed is true")
    assert result.facts == known(sealed=True)
    (found,) = result.evidence
    assert (found.state, found.fresh_until_us) == (EvidenceState.FRESH, NOW_US + 29 * DAY_US)


def test_a_rule_that_does_not_hold_fails_whatever_evidence_there_is() -> None:
    """Evidence stands beside the rule and not for it."""
    result = _judged(known(sealed=False), evidence=[photo()])["A.1"]
    assert (result.status, result.reason) == (Status.FAIL, "it is not met, as sealed is false")


def test_what_is_not_known_is_insufficient_and_names_the_fact() -> None:
    """So is evidence that was never recorded; both are told."""
    result = _judged({})["A.1"]
    assert (result.status, result.missing) == (Status.INSUFFICIENT, ("sealed",))
    told = "it is not known whether it is met, as sealed is missing; evidence photo was never recorded"
    assert result.reason == told
    assert result.facts == {"sealed": None}


def test_only_facts_that_would_decide_are_missing() -> None:
    """Of an `or` that the other side decides nothing is missing, nor of one that holds already."""
    assert _judged(known(insured=True))["A.3"].status is Status.PASS
    assert _judged(known(contents=frozenset({"fireworks"})))["A.3"].missing == ("insured",)
    assert _judged({})["A.3"].missing == ("contents", "insured")


def test_missing_and_expired_evidence_is_told_apart() -> None:
    """Evidence counts for the freshness that the control allows, and no longer than its own expiry."""
    facts = known(sealed=True)
    missing = _judged(facts)["A.1"]
    assert missing.reason == "its rule holds, as sealed is true, but evidence photo was never recorded"
    old = _judged(facts, evidence=[photo(collected_us=NOW_US - 31 * DAY_US)])["A.1"]
    assert (old.status, old.evidence[0].state) == (Status.INSUFFICIENT, EvidenceState.EXPIRED)
    assert old.reason.endswith("but evidence photo counted until 2024-10-03")
    expired = _judged(facts, evidence=[photo(expires_us=NOW_US)])["A.1"]
    assert expired.evidence[0].state is EvidenceState.EXPIRED


def test_evidence_ends_at_its_very_instant() -> None:
    """A microsecond before it still counts."""
    facts, evidence = known(sealed=True), [photo(collected_us=NOW_US - 30 * DAY_US)]
    assert _judged(facts, evidence=evidence, at_us=NOW_US - 1)["A.1"].status is Status.PASS
    assert _judged(facts, evidence=evidence)["A.1"].status is Status.INSUFFICIENT


def test_evidence_that_came_later_or_is_of_another_does_not_count() -> None:
    """What was recorded after the instant, though collected before, counts by what is known now, and not by then."""
    facts = known(sealed=True)
    others = [photo(subject=Subject("parcel", "p2")), photo(subject=THE_TENANT), replace(photo(), type="video")]
    for evidence in ([photo(collected_us=NOW_US + 1)], others):
        assert _judged(facts, evidence=evidence)["A.1"].status is Status.INSUFFICIENT
    later = [replace(photo(), recorded_at_us=NOW_US + 1)]
    assert _judged(facts, evidence=later)["A.1"].status is Status.PASS
    assert _judged(facts, evidence=later, known_us=NOW_US + 1)["A.1"].status is Status.PASS
    assert _judged(facts, evidence=later, known_us=NOW_US)["A.1"].status is Status.INSUFFICIENT


def test_the_piece_that_counts_longest_is_told() -> None:
    """A newer one that expires sooner does not hide an older one."""
    short = photo(number=2, expires_us=NOW_US - 1)
    (found,) = _judged(known(sealed=True), evidence=[photo(), short])["A.1"].evidence
    assert found.evidence is not None
    assert (found.evidence.number, found.state) == (1, EvidenceState.FRESH)


def test_a_control_may_not_concern_a_subject() -> None:
    """If that is not known it does, and says so."""
    heavy = known(weight=9.0)
    assert _judged(heavy | known(fragile=False))["A.2"].status is Status.NOT_APPLICABLE
    assert _judged(heavy | known(fragile=True))["A.2"].status is Status.FAIL
    assert _judged(heavy)["A.2"].status is Status.FAIL
    unknown = _judged({})["A.2"]
    assert (unknown.status, unknown.missing) == (Status.INSUFFICIENT, ("fragile", "weight"))
    assert "nor whether it concerns the subject, as fragile is missing" in unknown.reason


def test_a_waiver_stands_in_for_what_fails_or_is_not_known() -> None:
    """The status without it is kept; it ends by itself, and there is none for what passes."""
    for facts, without in ((known(sealed=False), Status.FAIL), ({}, Status.INSUFFICIENT)):
        result = _judged(facts, waivers=[waiver()])["A.1"]
        assert (result.status, result.without_waiver) == (Status.WAIVED, without)
        assert result.reason.endswith("; waived, as rope stands in for it")
        assert _judged(facts, waivers=[waiver(days=1)])["A.1"].status is without
    passing = _judged(known(sealed=True), evidence=[photo()], waivers=[waiver()])["A.1"]
    assert (passing.status, passing.waiver) == (Status.PASS, None)


def test_a_waiver_holds_from_its_grant_to_its_end_or_its_revocation() -> None:
    """One of another subject, control or time, or for a control that allows none, does nothing."""
    revoked = replace(waiver(), revoked_at_us=NOW_US, revoked_by="eve")
    facts = known(sealed=False)
    assert _judged(facts, waivers=[revoked], at_us=NOW_US - 1)["A.1"].status is Status.WAIVED
    assert _judged(facts, waivers=[revoked])["A.1"].status is Status.FAIL
    for other in (waiver(granted_us=NOW_US + 1), waiver("A.2"), waiver(subject=Subject("parcel", "p2"))):
        assert _judged(facts, waivers=[other])["A.1"].status is Status.FAIL
    assert _judged(known(packed_at=NOW - timedelta(days=11)), waivers=[waiver("A.4")])["A.4"].status is Status.FAIL


def test_conditions_see_the_instant_judged() -> None:
    """What is new enough today is too old next week."""
    facts = known(packed_at=NOW - timedelta(days=9))
    assert _judged(facts)["A.4"].status is Status.PASS
    assert _judged(facts, at_us=NOW_US + 2 * DAY_US)["A.4"].status is Status.FAIL


def test_controls_of_the_tenant_count_for_each_subject_and_only_they_for_the_tenant() -> None:
    """Their evidence and waivers are the tenant's; what is asked of each parcel is not asked of the tenant."""
    facts = known(insured=False)
    assert _judged(facts, waivers=[waiver("B.1", subject=THE_TENANT)])["B.1"].status is Status.WAIVED
    assert _judged(facts, waivers=[waiver("B.1")])["B.1"].status is Status.FAIL
    tenant = _judged(known(insured=True), subject=THE_TENANT)
    assert {name: each.status for name, each in tenant.items()} == {
        **dict.fromkeys(("A.1", "A.2", "A.3", "A.4"), Status.NOT_APPLICABLE),
        "B.1": Status.PASS,
    }
    assert tenant["A.1"].reason == "it is asked of each parcel, not of the tenant as a whole"


def test_facts_that_contradict_each_other_are_not_known() -> None:
    """What reads them is insufficient, and says what is wrong; the rest is as it was."""
    judged = _judged(known(fragile=True, weight=200.0, insured=True))
    assert (judged["A.2"].status, judged["B.1"].status) == (Status.INSUFFICIENT, Status.PASS)
    assert judged["A.2"].reason == (
        "it is not known whether it is met, as weight is contradicted; nor whether it concerns the subject, as fragile "
        "is contradicted; facts contradict each other: Nothing fragile is that heavy"
    )


def test_values_of_sensitive_facts_are_not_told() -> None:
    """The status is as ever; reason and facts have no value."""
    moment = Moment.of(AsOf(NOW_US))
    result = post(sensitive="weight").judge(PARCEL, known(fragile=True, weight=9.5), moment).controls[1]
    assert result.status is Status.FAIL
    assert "9.5" not in result.reason
    assert result.facts["weight"] is not None
    assert str(result.facts["weight"].value) == "•••"
    assert "weight = 9.5" in post().judge(PARCEL, known(fragile=True, weight=9.5), moment).controls[1].reason
