"""What to do about controls that do not pass, and which facts it pays to find out first."""

from __future__ import annotations

from trueline_rules.compliance_model import ControlSeverity
from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.judging import Moment
from trueline_server.compliance.model import Evidence, FrameworkResult, KnownFact, Status, Waiver
from trueline_server.compliance.recommending import recommend
from trueline_server.compliance.undecided import undecided_facts

from tests.unit.compliance.parcels import FRAMEWORK, NOW_US, PARCEL, known, photo, post, rules, waiver

SHOWN = """
    - id: A.5
      title: Fragile parcels are shown.
      severity: medium
      applies: fragile
      rule: weight < 9
      evidence: [{type: photo, freshness: 30d}, {type: scale_slip, freshness: 30d}]
      remediation: Weigh it.
    - id: B.2
      title: The insurer is known.
      severity: low
      subject: tenant
      rule: insured
      evidence: [{type: policy, freshness: 365d}]
  contradictions:
"""
WIDER = FRAMEWORK.replace("\n  contradictions:\n", SHOWN)


def _result(
    facts: dict[str, KnownFact], *, evidence: list[Evidence] | None = None, waivers: list[Waiver] | None = None
) -> FrameworkResult:
    return post(WIDER).judge(PARCEL, facts, Moment.of(AsOf(NOW_US), evidence or [], waivers or []))


def _told(result: FrameworkResult) -> dict[str, tuple[str, ...]]:
    return {each.text: each.controls for each in recommend([result])}


def test_missing_facts_and_missing_evidence_are_both_told() -> None:
    """Each as a thing to do of its own; one that several controls lack is told once, with all of them."""
    told = _told(_result({}))
    assert told["Find out and put in: sealed. Should that show a gap: Seal it."] == ("post A.1",)
    assert told["Collect and record evidence: photo."] == ("post A.1", "post A.5")
    assert told["Collect and record evidence: scale_slip."] == ("post A.5",)
    assert told["Collect and record evidence of the tenant: policy."] == ("post B.2",)
    shown = _told(_result(known(sealed=True), evidence=[photo()]))
    assert "Collect and record evidence: photo." not in shown


def test_what_fails_is_told_what_to_do_without_evidence() -> None:
    """Evidence of what is not so helps nobody."""
    told = _told(_result(known(sealed=False, fragile=False)))
    assert told["Seal it."] == ("post A.1",)
    assert "Collect and record evidence: photo." not in told


def test_what_fails_and_may_not_concern_the_subject_says_so() -> None:
    """Its status stays a fail; reason, missing facts and what to do name the fact that would rule it out."""
    result = _result(known(weight=20.0))
    (found,) = (each for each in result.controls if each.control.id == "A.5")
    assert (found.status, found.missing) == (Status.FAIL, ("fragile",))
    assert found.reason.endswith("; whether it concerns the subject is not known, as fragile is missing")
    told = "Find out and put in: fragile. Unless that shows that it does not matter here: Weigh it."
    assert _told(result)[told] == ("post A.5",)


def test_the_most_severe_comes_first_then_what_is_wrong_then_what_weighs_most() -> None:
    """Whatever the order of the controls is."""
    facts = known(fragile=True, weight=8.0, contents=frozenset({"fireworks"}), insured=False)
    found = recommend([_result(facts)])
    order = [(each.severity, each.wrong, each.weight) for each in found]
    assert [severity for severity, _, _ in order] == sorted(
        (severity for severity, _, _ in order), key=lambda one: -one.weight
    )
    for severity in ControlSeverity:
        ranked = [(not wrong, -weight) for each, wrong, weight in order if each is severity]
        assert ranked == sorted(ranked)
    assert [each.text for each in found][:2] == [
        "Collect and record evidence: photo.",
        "Find out and put in: sealed. Should that show a gap: Seal it.",
    ]


def test_facts_that_decide_most_come_first() -> None:
    """By the weights of the controls, with their names, what they say and whose they are."""
    types = rules(WIDER).fact_types
    found = undecided_facts([_result({})], types)
    told = [(each.type.metadata.name, each.weight, each.controls) for each in found]
    assert told == [
        ("fragile", 10, ("post A.2", "post A.5")),
        ("sealed", 10, ("post A.1",)),
        ("weight", 10, ("post A.2", "post A.5")),
        ("insured", 5, ("post A.3", "post B.1", "post B.2")),
        ("contents", 3, ("post A.3",)),
        ("packed_at", 1, ("post A.4",)),
    ]
    assert found[0].severity is ControlSeverity.HIGH
    assert found[3].type.subject == "tenant"


def test_facts_of_waived_controls_and_of_decided_ones_are_not_asked_for() -> None:
    """Nothing hangs on them for now."""
    types = rules(WIDER).fact_types
    found = undecided_facts([_result(known(fragile=False, insured=True), waivers=[waiver()])], types)
    assert [each.type.metadata.name for each in found] == ["packed_at"]
    assert undecided_facts([], types) == []
