"""OSCAL assessment results and plans of action: valid by validators of others, stable, and true to the posture."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.compliance_model import ComplianceFramework, Control, ControlSeverity, EvidenceNeed
from trueline_rules.loader import load_rules
from trueline_rules.model import Metadata
from trueline_server.compliance.export.exporting import Form, check_version, write_report
from trueline_server.compliance.export.oscal_values import tokens_of
from trueline_server.compliance.export.report import Report
from trueline_server.compliance.frameworks import FrameworkBook
from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.judging import Moment
from trueline_server.compliance.model import (
    THE_TENANT,
    ControlResult,
    Evidence,
    EvidenceState,
    FoundEvidence,
    FrameworkResult,
    KnownFact,
    Status,
    Subject,
    Waiver,
)
from trueline_server.errors import TruelineError

from tests.unit.compliance.parcels import DAY_US, NOW_US, PARCEL, known, photo
from tests.unit.compliance.reports import FORMS, assert_valid, document, parcel_report

TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*", re.ASCII)


@pytest.fixture(scope="module")
def schemas(request: pytest.FixtureRequest) -> Path | None:
    """Folder of NIST's schemas of 1.0.4; None where the real data is not: what is 1.2.1 is validated all the same."""
    try:
        data_dir: Path = request.getfixturevalue("data_dir")
    except pytest.skip.Exception:
        return None
    return data_dir / "compliance"


def _props(of: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in of["props"]}


def _findings(report: Report) -> dict[str, dict[str, Any]]:
    (result,) = document(report, Form.OSCAL)["results"]
    return {_props(each)["control-reference"]: each for each in result["findings"]}


def _uuids(node: object) -> list[str]:
    """All UUIDs that something is known by in a document."""
    if isinstance(node, list):
        return [*chain.from_iterable(map(_uuids, node))]
    if isinstance(node, dict):
        own = [node["uuid"]] if "uuid" in node else []
        return [*own, *chain.from_iterable(map(_uuids, node.values()))]
    return []


def _references(node: object) -> set[str]:
    """All UUIDs that a document refers to."""
    if isinstance(node, list):
        return set().union(*map(_references, node))
    if isinstance(node, dict):
        own = {value for name, value in node.items() if name.endswith("-uuid") and isinstance(value, str)}
        return own.union(*map(_references, node.values()))
    return set()


def test_documents_are_valid_in_both_versions(schemas: Path | None) -> None:
    """By trestle's models of 1.2.1, and by NIST's schemas of 1.0.4; they differ only in the version that they name."""
    assert_valid(parcel_report(), schemas)


def test_a_finding_says_what_the_control_came_to() -> None:
    """Only a pass is satisfied; what is not known or waived is not, and says so."""
    found = _findings(parcel_report())
    states = {id_: (each["target"]["status"]["state"], _props(each)["status"]) for id_, each in found.items()}
    assert states == {
        "A.1": ("satisfied", "pass"),
        "A.2": ("not-satisfied", "waived"),
        "A.3": ("not-satisfied", "fail"),
        "A.4": ("not-satisfied", "insufficient_evidence"),
        "B.1": ("not-satisfied", "fail"),
    }
    assert "Waived by waiver-1 until 2024-11-02" in found["A.2"]["target"]["status"]["remarks"]
    assert "not known" in found["A.4"]["target"]["status"]["remarks"]
    assert _props(found["A.4"])["missing-fact"] == "packed_at"
    assert "related-risks" not in found["A.1"]


def test_evidence_is_an_observation_that_expires() -> None:
    """With who collected it, when, until when it counts, and its hash; a fact is one, too, as of when it was seen."""
    evidence = replace(photo(), sha256="ab" * 32, uri="https://files.example/a photo.png", note="front side")
    (result,) = document(parcel_report(evidence=(evidence,)), Form.OSCAL)["results"]
    titles = {each["title"]: each for each in result["observations"]}
    photo_seen = titles["Evidence evidence-1: photo"]
    assert (photo_seen["methods"], photo_seen["collected"]) == (["EXAMINE"], "2024-10-03T00:00:00Z")
    assert photo_seen["expires"] == "2024-11-02T00:00:00Z"
    (relevant,) = photo_seen["relevant-evidence"]
    assert relevant["href"] == "https://files.example/a%20photo.png"
    assert (relevant["description"], _props(relevant)) == ("front side", {"sha256": "ab" * 32})
    assert titles["Fact weight"]["collected"] == "2024-10-03T23:00:00Z"
    assert "weight is 9" in titles["Fact weight"]["description"]
    assert "Fact packed_at" not in titles


def test_what_does_not_concern_the_subject_is_left_out_with_the_reason() -> None:
    """It is an excluded control with a property, and no finding."""
    report = parcel_report(known(sealed=True, fragile=False))
    (result,) = document(report, Form.OSCAL)["results"]
    (selection,) = result["reviewed-controls"]["control-selections"]
    assert selection["exclude-controls"] == [{"control-id": "A.2"}]
    (left_out,) = [each for each in selection["props"] if each["name"] == "not-applicable"]
    assert (left_out["value"], "fragile" in left_out["remarks"]) == ("A.2", True)
    assert "A.2" not in _findings(report)


def test_a_waiver_is_a_deviation_with_a_deadline_and_a_milestone() -> None:
    """The risk is approved until the waiver ends; the compensating control mitigates it; others are open."""
    plan = document(parcel_report(), Form.PLAN)
    risks = {_props(each)["control-reference"]: each for each in plan["risks"]}
    assert {id_: each["status"] for id_, each in risks.items()} == {
        "A.2": "deviation-approved",
        "A.3": "open",
        "A.4": "open",
        "B.1": "open",
    }
    waived = risks["A.2"]
    assert waived["deadline"] == "2024-11-02T00:00:00Z"
    assert [each["description"] for each in waived["mitigating-factors"]] == ["rope"]
    (entry,) = waived["risk-log"]["entries"]
    assert "ada" in entry["description"]
    assert "approved by grace" in entry["description"]
    ((milestone,),) = [each["tasks"] for each in waived["remediations"]]
    assert (milestone["type"], milestone["timing"]["on-date"]["date"]) == ("milestone", "2024-11-02T00:00:00Z")
    assert waived["characterizations"][0]["facets"][0]["value"] == "high"
    assert len(plan["poam-items"]) == 4


def test_a_plan_says_what_to_do() -> None:
    """Its items have the remediation of the framework, else what the control asks for."""
    plan = document(parcel_report(known(sealed=False, fragile=True), waivers=()), Form.PLAN)
    items = {_props(each)["control-reference"]: each for each in plan["poam-items"]}
    assert items["A.1"]["description"] == "Seal it."
    assert "Parcels are insured" in items["B.1"]["description"]


@pytest.mark.parametrize("form", FORMS)
def test_references_lead_to_something_and_names_are_given_once(form: Form) -> None:
    """Every UUID is unique in its document, and whatever is referred to is there."""
    found = document(parcel_report(), form)
    uuids = _uuids(found)
    assert len(uuids) == len(set(uuids))
    assert _references(found) <= set(uuids)
    if form is Form.OSCAL:
        assert found["import-ap"]["href"].removeprefix("#") in uuids


@pytest.mark.parametrize("form", list(Form))
def test_the_same_posture_is_the_same_bytes(form: Form) -> None:
    """However often it is written; the instant is the only time in it that is not of the data."""
    version = check_version(form, "")
    assert write_report(parcel_report(), form, version) == write_report(parcel_report(), form, version)


def test_a_later_instant_changes_only_times() -> None:
    """Identifiers are the same as long as the things are."""
    before, after = (document(parcel_report(at_us=at), Form.OSCAL) for at in (NOW_US, NOW_US + DAY_US))
    assert before["metadata"]["last-modified"] != after["metadata"]["last-modified"]
    assert sorted(_uuids(before)) == sorted(_uuids(after))


def test_a_changed_fact_changes_only_what_reads_it() -> None:
    """Findings, risks and observations of other controls are as they were, to the byte."""
    facts = known(sealed=True, fragile=True, weight=9.0, contents=frozenset({"fireworks"}), insured=False)
    before, after = (
        document(parcel_report({**facts, **changed}), Form.OSCAL)["results"][0]
        for changed in ({}, known(contents=frozenset({"socks"})))
    )
    for part in ("observations", "findings", "risks"):
        old, new = ({each["uuid"]: each for each in of[part]} for of in (before, after))
        unlike = [old.get(uuid) or new[uuid] for uuid in old.keys() | new.keys() if old.get(uuid) != new.get(uuid)]
        assert len(unlike) == 1, part
        assert "contents" in json.dumps(unlike) or "A.3" in json.dumps(unlike)
    unlike_parts = {name for name in before if before[name] != after.get(name)}
    assert unlike_parts == {"observations", "findings", "risks"}


def test_other_tenants_and_subjects_have_other_identifiers() -> None:
    """No document's names are those of another one."""
    report = parcel_report()
    reports = [report, replace(report, tenant="beta"), replace(report, subject=Subject("parcel", "p2"))]
    uuids = [uuid for each in reports for form in FORMS for uuid in _uuids(document(each, form))]
    assert len(uuids) == len(set(uuids))


def test_an_empty_posture_is_a_valid_document(schemas: Path | None) -> None:
    """OSCAL asks for at least one result and item: they say that there is nothing. So is one where all is well."""
    empty = Report("acme", THE_TENANT, (), NOW_US, "r1")
    assert_valid(empty, schemas)
    assert document(empty, Form.OSCAL)["results"][0]["title"] == "Nothing was assessed"
    assert document(empty, Form.PLAN)["poam-items"][0]["title"] == "Nothing to do"
    none = Report("acme", PARCEL, (FrameworkResult(_framework([]), ()),), NOW_US, "r1")
    assert_valid(none, schemas)
    apart = [replace(each, status=Status.NOT_APPLICABLE) for each in parcel_report().results[0].controls]
    assert_valid(replace(none, results=(FrameworkResult(_framework([]), tuple(apart)),)), schemas)


def test_all_frameworks_of_the_pack_are_valid(schemas: Path | None) -> None:
    """With some facts, evidence and a waiver; each subject by each framework that judges it."""
    rules = load_rules([])
    frameworks = FrameworkBook().named(rules, [])
    names = {each.name for each in frameworks}
    assert names >= {"gdpr", "ccpa", "soc2", "hipaa", "pci_dss", "iso27001"}
    facts = {
        name: KnownFact(value, observed_at_us=NOW_US - DAY_US)
        for name, value in {"personal_data_involved": True, "encryption_implemented": False}.items()
    }
    for subject in (Subject("pattern", "automated_reporting"), THE_TENANT):
        evidence = Evidence("evidence-1", 1, subject, "encryption_report", "scanner", NOW_US - DAY_US, NOW_US - DAY_US)
        control = next(each for each in frameworks if each.name == "gdpr").framework.controls[0].id
        waived = Waiver(
            "waiver-1", 1, subject, "gdpr", control, "late", "review", "ada", "grace", NOW_US, NOW_US + DAY_US
        )
        moment = Moment.of(AsOf(NOW_US), [evidence], [waived])
        results = tuple(each.judge(subject, facts, moment) for each in frameworks)
        assert_valid(Report("acme", subject, results, NOW_US, rules.revision), schemas)


@pytest.mark.parametrize("version", ["1.1.2", "1.2", "latest"])
def test_a_version_that_is_not_written_is_refused(version: str) -> None:
    """With those that are."""
    with pytest.raises(TruelineError, match=re.escape("1.2.1, 1.0.4")):
        check_version(Form.OSCAL, version)


def test_a_form_without_versions_has_none() -> None:
    """CSV of OSCAL 1.2.1 is a misunderstanding."""
    with pytest.raises(TruelineError, match="leave it out"):
        check_version(Form.CSV, "1.2.1")


def test_references_of_standards_become_tokens() -> None:
    """Tokens stay; others become like them; those that would be alike are told apart, whatever their order."""
    ids = ["Art. 32(1)(a)", "CC8.1", "164.312(a)(1)", "A.5.1", "3.5.1"]
    assert list(tokens_of(ids).values()) == ["Art.-32-1-a", "CC8.1", "_164.312-a-1", "A.5.1", "_3.5.1"]
    alike = tokens_of(["a b", "a/b", "a-b"])
    assert alike["a-b"] == "a-b"
    assert len(set(alike.values())) == 3
    assert tokens_of(["a-b", "a/b", "a b"]) == alike


@given(ids=st.lists(st.text(max_size=12), max_size=12, unique=True))
def test_tokens_are_tokens_and_unlike(ids: list[str]) -> None:
    """Of any ids."""
    tokens = tokens_of(ids)
    assert len(set(tokens.values())) == len(ids)
    assert all(TOKEN.fullmatch(token) for token in tokens.values())


ODD = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", " ", "\x00", "a\nb", "\u2028", "\ufeff", "é", "\U0001d4b3", "../x", "<b>", "=1+1", "\x85", "a\x1cb", "\u00a0"]
)
INSTANTS = st.integers(-(2**55), 2**60)


@st.composite
def odd_reports(draw: st.DrawFn) -> Report:
    """Reports of odd texts, ids and times, in which statuses, evidence and waivers come as they like."""
    controls = []
    for number, id_ in enumerate(draw(st.lists(ODD, max_size=4, unique=True))):
        status = draw(st.sampled_from(list(Status)))
        control = Control(
            id_,
            draw(ODD),
            draw(st.sampled_from(list(ControlSeverity))),
            draw(ODD),
            "parcel",
            evidence=(EvidenceNeed("photo", draw(ODD), DAY_US),),
            remediation=draw(ODD),
        )
        piece = Evidence("evidence-1", 1, PARCEL, "photo", draw(ODD), draw(INSTANTS), 0, uri=draw(ODD), note=draw(ODD))
        words = (draw(ODD), draw(ODD), draw(ODD), draw(ODD))
        granted = Waiver(f"waiver-{number}", number, PARCEL, "post", id_, *words, 0, draw(INSTANTS))
        controls.append(
            ControlResult(
                control,
                status,
                status,
                draw(ODD),
                facts={draw(ODD): KnownFact(draw(ODD), observed_at_us=draw(INSTANTS))},
                missing=(draw(ODD),),
                evidence=(FoundEvidence("photo", draw(st.sampled_from(list(EvidenceState))), piece, draw(INSTANTS)),),
                waiver=granted if status is Status.WAIVED else None,
            )
        )
    framework = replace(_framework([each.control for each in controls]), title=draw(ODD), reference=draw(ODD))
    result = FrameworkResult(framework, tuple(controls))
    return Report(draw(ODD), Subject("parcel", draw(ODD)), (result,), draw(st.integers(0, 2**52)), draw(ODD))


@settings(max_examples=60)
@given(report=odd_reports())
def test_odd_texts_make_valid_documents(schemas: Path | None, report: Report) -> None:
    """Whatever people call their controls, both versions are valid, and no name is given twice."""
    assert_valid(report, schemas)
    for form in FORMS:
        uuids = _uuids(document(report, form))
        assert len(uuids) == len(set(uuids))


def _framework(controls: list[Control]) -> ComplianceFramework:
    return ComplianceFramework(Metadata("post"), "Post", "1", "parcel", tuple(controls))
