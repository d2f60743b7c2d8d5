"""AssessPrivacyImpact and GetCoverage over gRPC."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from trueline.v1 import compliance_service_pb2 as pb
from trueline_rules.loader import load_texts

from tests.integration.compliance.compliance_world import ComplianceWorld, days, subject
from tests.integration.compliance.test_posture import POST

RIGHTS = ("information", "access", "rectification", "erasure", "restriction", "portability", "withdrawal")


def _request(**more: object) -> pb.AssessPrivacyImpactRequest:
    request = pb.AssessPrivacyImpactRequest(
        subject=subject(),
        name="Automated Reporting",
        data=[
            pb.DataUse(
                data_type="email",
                purpose="Send reports.",
                retention=days(365),
                legal_basis="consent",
                consent_recorded=True,
                encrypted=True,
            ),
            pb.DataUse(
                data_type="campaign_data",
                purpose="Make reports.",
                retention=days(365),
                legal_basis="contract",
                encrypted=True,
            ),
        ],
        rights=[pb.RightGiven(right=right, supported=True, how="By the settings.") for right in RIGHTS],
        people=500,
        automated_decisions=False,
    )
    request.MergeFrom(pb.AssessPrivacyImpactRequest(**more))  # type: ignore[arg-type]
    return request


def test_a_processing_that_is_in_order_passes(world: ComplianceWorld) -> None:
    """All is known, nothing is wrong, no full assessment is required, and what does not apply says why."""
    answer = world.call("AssessPrivacyImpact", _request())
    assert [finding.text for finding in answer.findings] == []
    assert (answer.passed, answer.assessment_required, answer.prior_consultation) == (True, False, False)
    assert (answer.risk, answer.residual_risk) == (pb.RISK_LEVEL_LOW, pb.RISK_LEVEL_LOW)
    email = answer.data[0]
    assert (email.sensitivity, email.category) == (pb.RISK_LEVEL_MEDIUM, "contact")
    assert email.retention_limit == days(1095)
    rights = {right.right: right for right in answer.rights}
    assert rights["objection"].support == pb.RIGHT_SUPPORT_NOT_APPLICABLE
    assert rights["no_automated_decision"].support == pb.RIGHT_SUPPORT_NOT_APPLICABLE
    assert (rights["erasure"].support, rights["erasure"].reason) == (pb.RIGHT_SUPPORT_SUPPORTED, "By the settings.")
    assert rights["erasure"].reference == "GDPR Art. 17"


def test_what_nobody_said_is_a_finding(world: ComplianceWorld) -> None:
    """Never a pass: purpose, retention, basis, encryption and rights that are not told are each unknown."""
    request = pb.AssessPrivacyImpactRequest(subject=subject(), data=[pb.DataUse(data_type="email")])
    answer = world.call("AssessPrivacyImpact", request)
    assert not answer.passed
    assert all(finding.unknown for finding in answer.findings)
    references = {finding.reference for finding in answer.findings if finding.about == "email"}
    assert {"GDPR Art. 5(1)(b)", "GDPR Art. 5(1)(e)", "GDPR Art. 6(1)", "GDPR Art. 32(1)(a)"} <= references
    assert {right.support for right in answer.rights} == {pb.RIGHT_SUPPORT_UNKNOWN}
    assert (answer.assessment_required, "cannot be ruled out" in answer.assessment_reason) == (True, True)
    empty = world.call("AssessPrivacyImpact", pb.AssessPrivacyImpactRequest(subject=subject()))
    assert (empty.passed, empty.risk) == (False, pb.RISK_LEVEL_UNSPECIFIED)


def test_what_would_require_a_full_assessment_must_be_known(world: ComplianceWorld) -> None:
    """All else is in order: how many people, and whether it decides by itself, is asked for, as no pass rests on it."""
    request = _request()
    request.people = 0
    request.ClearField("automated_decisions")
    answer = world.call("AssessPrivacyImpact", request)
    assert (answer.passed, answer.assessment_required) == (False, True)
    asked = [finding for finding in answer.findings if finding.about == "processing"]
    assert [(finding.unknown, finding.reference) for finding in asked] == [(True, "GDPR Art. 35(3)(a)")]
    assert "whether it decides about people by itself" in asked[0].text
    request.automated_decisions = True
    decided = world.call("AssessPrivacyImpact", request)
    assert [finding.text for finding in decided.findings if finding.about == "processing"] == []
    assert "GDPR Art. 35(3)(a)" in decided.assessment_reason


def test_a_high_risk_requires_a_full_assessment_whatever_measures_leave(world: ComplianceWorld) -> None:
    """Also if it is high only by what is not known, which is asked for then; a medium one requires none."""
    health = pb.DataUse(
        data_type="health",
        purpose="Research.",
        retention=days(30),
        legal_basis="consent",
        consent_recorded=True,
        encrypted=True,
        shared_with=[pb.DataSharing(recipient="Lab", country="DE", contract=True)],
    )
    answer = world.call("AssessPrivacyImpact", _request(data=[health], measures=["anonymisation"]))
    assert (answer.risk, answer.residual_risk) == (pb.RISK_LEVEL_HIGH, pb.RISK_LEVEL_MEDIUM)
    assert (answer.assessment_required, answer.prior_consultation) == (True, False)
    assert answer.assessment_reason == "the risk to people is high (GDPR Art. 35(1))"
    del health.shared_with[:]
    known = world.call("AssessPrivacyImpact", _request(data=[health]))
    assert (known.risk, known.assessment_required) == (pb.RISK_LEVEL_MEDIUM, False)
    health.ClearField("encrypted")
    perhaps = world.call("AssessPrivacyImpact", _request(data=[health]))
    assert (perhaps.risk, perhaps.assessment_required) == (pb.RISK_LEVEL_HIGH, True)
    assert "cannot be ruled out that the risk to people is high" in perhaps.assessment_reason
    asked = [finding.text for finding in perhaps.findings if finding.about == "processing"]
    assert ["whether it is encrypted" in text for text in asked] == [True]


def test_a_high_risk_that_is_left_asks_for_the_authority(world: ComplianceWorld) -> None:
    """High is enough; of a risk that is not known the page says so."""
    health = pb.DataUse(data_type="health", purpose="Research.", retention=days(30), legal_basis="public_task")
    answer = world.call("AssessPrivacyImpact", _request(data=[health]))
    assert (answer.residual_risk, answer.prior_consultation) == (pb.RISK_LEVEL_HIGH, True)
    assert answer.assessment_required
    assert "It must be asked before." in answer.report_html
    nothing = world.call("AssessPrivacyImpact", pb.AssessPrivacyImpactRequest(subject=subject()))
    assert not nothing.prior_consultation
    assert "Whether it must be asked before is not known" in nothing.report_html


def test_sensitive_data_abroad_is_a_high_risk_that_measures_lower(world: ComplianceWorld) -> None:
    """A transfer without a safeguard, kept too long, unencrypted, about many: the authority must be asked before."""
    health = pb.DataUse(
        data_type="health",
        purpose="Research.",
        retention=days(4000),
        legal_basis="consent",
        consent_recorded=False,
        encrypted=False,
        shared_with=[pb.DataSharing(recipient="Lab <b>Ltd</b>", country="us", contract=False)],
    )
    answer = world.call("AssessPrivacyImpact", _request(data=[health], people=50_000))
    assert (answer.risk, answer.residual_risk) == (pb.RISK_LEVEL_VERY_HIGH, pb.RISK_LEVEL_VERY_HIGH)
    assert answer.prior_consultation
    assert answer.assessment_required
    wrong = {finding.reference for finding in answer.findings if not finding.unknown}
    assert {"GDPR Art. 7(1)", "GDPR Art. 9-10", "GDPR Art. 5(1)(e)", "GDPR Art. 28(3)", "GDPR Art. 44-46"} <= wrong
    severities = [finding.severity for finding in answer.findings]
    assert severities == sorted(severities, reverse=True)
    lowered = world.call(
        "AssessPrivacyImpact",
        _request(data=[health], people=50_000, measures=["anonymisation", "end_to_end_encryption"]),
    )
    assert lowered.risk == pb.RISK_LEVEL_VERY_HIGH
    assert lowered.residual_risk < pb.RISK_LEVEL_VERY_HIGH
    assert not lowered.prior_consultation
    assert "it is lowered" in lowered.risk_reason


@pytest.mark.parametrize(
    ("country", "safeguard", "wrong"),
    [("US", "", True), ("US", "standard_contractual_clauses", False), ("DE", "", False), ("", "", None)],
)
def test_a_transfer_to_a_third_country_needs_a_safeguard(
    world: ComplianceWorld, country: str, safeguard: str, wrong: bool | None
) -> None:
    """Inside of the area of the law none is needed; of a country that is not known nobody can say."""
    request = _request()
    request.data[0].shared_with.add(recipient="Mailer", country=country, safeguard=safeguard, contract=True)
    answer = world.call("AssessPrivacyImpact", request)
    transfers = [finding for finding in answer.findings if finding.reference == "GDPR Art. 44-46"]
    assert [finding.unknown for finding in transfers] == ([] if wrong is False else [wrong is None])
    assert all(f"Recipient: Mailer ({country or 'country not known'})." in each.text for each in transfers)


class _Page(HTMLParser):
    """What a page shows, and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember what is open."""
        if tag != "meta":
            self.open.append(tag)
        self.fetched += [str(value) for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        """Tags close in order."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Remember the text."""
        self.text.append(data)


def test_the_report_is_a_page_of_its_own_with_all_text_escaped(world: ComplianceWorld) -> None:
    """It fetches nothing, its tags close, and names of others are text."""
    request = _request(name="<script>alert(1)</script>")
    request.data[0].shared_with.add(recipient="<img src=x>", country="US", contract=True)
    answer = world.call("AssessPrivacyImpact", request)
    assert "<script>" not in answer.report_html
    assert "<img" not in answer.report_html
    page = _Page()
    page.feed(answer.report_html)
    page.close()
    assert (page.open, page.fetched) == ([], [])
    shown = " ".join(page.text)
    for text in ("<script>alert(1)</script>", "<img src=x>", "GDPR Art. 44-46", "To have data erased", "Send reports."):
        assert text in shown
    for text in ("Consent (GDPR Art. 6(1)(a)), recorded", "it is given to others; ", "Automated decisions", "Sign-off"):
        assert text in shown


def test_names_that_the_profile_does_not_have_are_told(world: ComplianceWorld) -> None:
    """With the nearest that it has, and the field."""
    _, info, told = world.refused("AssessPrivacyImpact", _request(data=[pb.DataUse(data_type="emial")]))
    assert (info.reason, info.metadata["nearest"], "data[2]" in told) == ("UNKNOWN_DATA_TYPE", "email", True)
    for change, field in (
        ({"measures": ["pseudonymization"]}, "measures"),
        ({"rights": [pb.RightGiven(right="forgetting")]}, "rights"),
        ({"rights": [pb.RightGiven(right="access")]}, "rights[7].right"),
        ({"data": [pb.DataUse(data_type="email", legal_basis="interest")]}, "data[2].legal_basis"),
        ({"data": [pb.DataUse(data_type="email", retention=days(-1))]}, "data[2].retention"),
        ({"profile": "other"}, "profile"),
    ):
        _, info, _ = world.refused("AssessPrivacyImpact", _request(**change))
        assert (info.reason, info.metadata["field"]) == ("INVALID_FIELD", field)
    shared = pb.DataUse(data_type="email", shared_with=[pb.DataSharing(recipient="x", country="D1")])
    _, info, _ = world.refused("AssessPrivacyImpact", _request(data=[shared]))
    assert info.metadata["field"] == "data[2].shared_with[0].country"


MAPPING = """\
---
apiVersion: trueline/v1
kind: ControlMapping
metadata: {name: post_to_rail}
spec:
  from: post
  to: {name: rail, external: true}
  pairs:
    - {from: A.1, to: R1, relation: equal, strength: 8, rationale: The same seal.}
    - {from: A.2, to: R2, relation: intersects}
"""


def test_coverage_by_controls_that_pass_or_are_named(world: ComplianceWorld) -> None:
    """Without names those that pass for the subject are in place; each chain tells its reasons."""
    world.rules = load_texts([("post.yaml", POST + MAPPING)])
    world.put({"sealed": True}, "p1")
    request = pb.GetCoverageRequest(framework="rail", by_framework="post", subject=subject("p1", "parcel"))
    answer = world.call("GetCoverage", request)
    assert (answer.targets, answer.covered_any, answer.uncovered) == (2, 1, ["R1"])
    named = world.call("GetCoverage", pb.GetCoverageRequest(framework="rail", by_framework="post", control_ids=["A.1"]))
    (hop,) = named.controls[0].hops
    assert (hop.framework, hop.control_id, hop.strength, hop.rationale) == ("post", "A.1", 8, "The same seal.")
    assert (named.controls[0].full, named.controls[0].relation) == (True, pb.CONTROL_RELATION_EQUAL)
    assert named.mean_share == 0.5
    for change, reason in (
        ({"framework": "ral"}, "UNKNOWN_FRAMEWORK"),
        ({"control_ids": ["A.9"]}, "UNKNOWN_CONTROL"),
        ({"by_framework": "rail"}, "INVALID_FIELD"),
        ({"framework": "post", "by_framework": "rail"}, "INVALID_FIELD"),
    ):
        asked = pb.GetCoverageRequest(framework="rail", by_framework="post")
        asked.MergeFrom(pb.GetCoverageRequest(**change))
        assert world.refused("GetCoverage", asked)[1].reason == reason
