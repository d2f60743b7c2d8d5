"""The kinds of compliance: what their documents become, and what is told about those that are wrong, and where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator
from trueline_rules.compliance_model import (
    ComplianceFramework,
    Control,
    ControlMapping,
    ControlPair,
    ControlSeverity,
    EvidenceNeed,
    MappedFramework,
    Relation,
)
from trueline_rules.compliance_rules import compile_framework
from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.loader import load_rules, load_texts
from trueline_rules.privacy_model import PrivacyProfile
from trueline_rules.schema import schema_for
from trueline_rules.writing import write_document

DAY_US = 86_400_000_000
FACTS = """\
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
kind: FactType
metadata: {name: solvent}
spec: {subject: account, type: bool}
---
"""
FRAMEWORK = """\
apiVersion: trueline/v1
kind: ComplianceFramework
metadata: {name: post}
spec:
  title: Post
  version: "1"
  subject: parcel
  controls:
    - {id: A.1, title: Parcels are sealed., severity: high, rule: sealed}
    - {id: A.2, title: Parcels are insured., severity: low, subject: tenant, rule: insured}
"""
MAPPING = """\
---
apiVersion: trueline/v1
kind: ControlMapping
metadata: {name: post_to_rail}
spec:
  from: post
  to: {name: rail, external: true}
  pairs:
    - {from: A.1, to: R1, relation: equal}
"""
PROFILE = Path(__file__).parents[3] / "rules/trueline_rules/packs/compliance_privacy.yaml"


def _problems(text: str) -> list[Problem]:
    with pytest.raises(RuleFileError) as caught:
        load_texts([("post.yaml", text)])
    return list(caught.value.problems)


def _problem(text: str) -> Problem:
    (problem,) = _problems(text)
    return problem


def _framework(text: str = FRAMEWORK) -> ComplianceFramework:
    model = load_texts([("post.yaml", FACTS + text)]).documents["ComplianceFramework"]["post"]
    assert isinstance(model, ComplianceFramework)
    return model


def test_a_framework_that_somebody_wrote_loads_without_code() -> None:
    """Its controls are there in the order of the file, with the subject that each is about."""
    framework = _framework()
    assert framework.controls == (
        Control("A.1", "Parcels are sealed.", ControlSeverity.HIGH, "sealed", "parcel"),
        Control("A.2", "Parcels are insured.", ControlSeverity.LOW, "insured", "tenant"),
    )
    assert [control.severity.weight for control in framework.controls] == [7, 1]


def test_conditions_read_the_facts_of_the_subject_and_of_the_tenant() -> None:
    """Compiled conditions know which facts they read; all of them may be missing, whatever their type promises."""
    text = FRAMEWORK.replace("rule: sealed", "applies: insured, rule: sealed and insured")
    rules = load_texts([("post.yaml", FACTS + text)])
    compiled = compile_framework(rules.documents["ComplianceFramework"]["post"], rules.fact_types)  # type: ignore[arg-type]
    assert compiled.controls[0].facts == ("insured", "sealed")
    assert list(compiled.facts) == ["insured", "sealed"]
    assert all(fact.nullable for fact in compiled.facts.values())


def test_a_framework_is_written_as_it_was_read() -> None:
    """Written back and read again it is the same, whatever it says."""
    text = FRAMEWORK.replace(
        "rule: sealed",
        "group: Sealing, area: access, applies: insured, rule: sealed, waivable: false, remediation: Seal it., "
        "evidence: [{type: photo, description: Of the seal., freshness: 30d}]",
    )
    text += (
        "  reference: https://post.example\n  contradictions: [{when: sealed and not insured, text: Odd.}]\n"
        "  levels: [{name: bad, when: failed_high > 0}, {name: good, when: score >= 0.5}]\n"
    )
    framework = _framework(text)
    assert framework.controls[0].evidence == (EvidenceNeed("photo", "Of the seal.", 30 * DAY_US),)
    written = write_document("ComplianceFramework", framework)
    assert replace(_framework(written), metadata=framework.metadata) == framework


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("id: A.2", "id: §A.1", "id is 'A.1', as on line 24 already", id="control twice"),
        pytest.param("rule: sealed", "rule: §seald", "unknown fact 'seald'; did you mean 'sealed'?", id="unknown fact"),
        pytest.param(
            "rule: sealed",
            "rule: §solvent",
            "reads 'solvent', a fact of subject account; conditions read facts of their own subject and of the tenant",
            id="fact of another subject",
        ),
        pytest.param("rule: insured", "rule: §sealed", "reads 'sealed', a fact of subject parcel", id="tenant"),
        pytest.param("rule: sealed", "rule: §sealed > 3", "does not compile", id="type error"),
        pytest.param(
            "rule: sealed",
            "rule: §sealed == null",
            "asks whether a fact is known; what is not known is neither met nor missed",
            id="rule that what is not known would pass",
        ),
        pytest.param(
            "rule: sealed",
            "rule: (§sealed ?? true)",
            "asks whether a fact is known",
            id="rule that takes what is not known for met",
        ),
        pytest.param(
            "rule: sealed",
            "rule: '§1 == 1'",
            "is true whatever is known, so that its status would be asserted",
            id="pass by hand",
        ),
        pytest.param("rule: sealed", "rule: §sealed or true", "is true whatever is known", id="pass beside a fact"),
        pytest.param("rule: sealed", "rule: §sealed and false", "is false whatever is known", id="fail beside a fact"),
        pytest.param(
            "rule: sealed",
            "applies: '§false', rule: sealed",
            "applies does not compile: is false whatever is known",
            id="not applicable by hand",
        ),
        pytest.param("subject: tenant", "subject: §user", "is 'user', must be parcel or tenant", id="another subject"),
        pytest.param("severity: high", "severity: §hgih", "did you mean 'high'?", id="severity"),
        pytest.param(
            "{id: A.1, title: Parcels are sealed., severity: high, rule: sealed}",
            "§{id: A.1, title: Parcels are sealed., severity: high}",
            "lacks the key 'rule'",
            id="no rule",
        ),
        pytest.param("{id: A.1, ", "§{", "lacks the key 'id'", id="no id"),
        pytest.param(
            "rule: sealed",
            "rule: sealed, evidence: [{type: x, freshness: §3 months}]",
            "a length of time such as 30s",
            id="freshness in months",
        ),
        pytest.param(
            "rule: sealed",
            "rule: sealed, evidence: [{type: x, freshness: 1d}, {type: §x, freshness: 2d}]",
            "is 'x', as on line 24 already",
            id="evidence twice",
        ),
    ],
)
def test_a_mistake_in_a_framework_has_its_place(old: str, new: str, message: str) -> None:
    """One mistake is one problem, at its line and column (where § stands), with the way out."""
    text = FACTS + FRAMEWORK.replace(old, new, 1)
    problem = _problem(text.replace("§", ""))
    assert message in problem.message
    before = text[: text.index("§")]
    assert problem.place.line == before.count("\n") + 1
    assert problem.place.column == len(before) - before.rfind("\n")


def test_a_level_reads_counts_only() -> None:
    """A fact is no count; the counts are told."""
    problem = _problem(FACTS + FRAMEWORK + "  levels: [{name: bad, when: fialed > 0}]\n")
    assert "unknown fact 'fialed'; did you mean 'failed'?" in problem.message


def test_a_broken_fact_type_is_told_once() -> None:
    """What reads it is not told to read an unknown fact."""
    problem = _problem(FACTS.replace("type: bool", "type: boll", 1) + FRAMEWORK)
    assert "did you mean 'bool'?" in problem.message


def test_a_mapping_may_point_to_a_framework_that_no_document_describes() -> None:
    """If it says so; a name alone must be that of a framework, and the controls its own."""
    rules = load_texts([("post.yaml", FACTS + FRAMEWORK + MAPPING)])
    mapping = rules.documents["ControlMapping"]["post_to_rail"]
    assert isinstance(mapping, ControlMapping)
    assert mapping.target == MappedFramework("rail", external=True)
    assert mapping.pairs == (ControlPair("A.1", "R1", Relation.EQUAL),)
    written = write_document("ControlMapping", mapping)
    again = load_texts([("post.yaml", FACTS + FRAMEWORK + "---\n" + written)]).documents["ControlMapping"]
    assert again["post_to_rail"] == replace(mapping, metadata=again["post_to_rail"].metadata)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        pytest.param(
            "{name: rail, external: true}",
            "rail",
            32,
            "there is no ComplianceFramework of that name",
            id="framework that nobody wrote",
        ),
        pytest.param("from: post", "from: psot", 31, "did you mean 'post'?", id="misspelt framework"),
        pytest.param("from: A.1", "from: A.9", 34, "no control of post; did you mean", id="control that is not there"),
        pytest.param("{name: rail, external: true}", "post", 32, "a mapping joins two frameworks", id="of itself"),
        pytest.param("relation: equal", "relation: same", 34, "relation is 'same'", id="relation"),
        pytest.param("relation: equal", "relation: equal, strength: 11", 34, "from 1 up to 10", id="strength"),
        pytest.param(
            "relation: equal}",
            "relation: equal}\n    - {from: A.1, to: R1, relation: subset}",
            35,
            "maps 'A.1' to 'R1', as on line 34 already",
            id="pair twice",
        ),
    ],
)
def test_a_mistake_in_a_mapping_has_its_place(old: str, new: str, line: int, message: str) -> None:
    """A mapping that points nowhere is refused, at the line of what is wrong."""
    problems = _problems(FACTS + FRAMEWORK + MAPPING.replace(old, new))
    assert message in problems[0].message
    assert problems[0].place.line == line


def _circle(*pairs: str) -> str:
    return FACTS + FRAMEWORK + MAPPING[: MAPPING.index("    - {")] + "".join(f"    - {{{pair}}}\n" for pair in pairs)


def test_a_circle_with_a_strict_relation_is_refused_with_its_path() -> None:
    """A control cannot ask for more than itself, whatever equal ones lie between."""
    text = _circle(
        "from: A.1, to: R1, relation: superset",
        "from: A.2, to: R1, relation: equal",
        "from: A.2, to: R2, relation: superset",
        "from: A.1, to: R2, relation: equal",
    )
    problem = _problems(text)[0]
    assert "post A.1 ⊃ rail R1 = post A.2 ⊃ rail R2 = post A.1" in problem.message
    assert problem.place.line == 34


def test_a_circle_over_two_documents_is_refused() -> None:
    """What one file says and another denies: a ⊃ b here, b ⊃ a there."""
    back = """\
---
apiVersion: trueline/v1
kind: ControlMapping
metadata: {name: rail_to_post}
spec: {from: {name: rail, external: true}, to: post, pairs: [{from: R1, to: A.1, relation: superset}]}
"""
    problems = _problems(_circle("from: A.1, to: R1, relation: superset") + back)
    assert ["post A.1 ⊃ rail R1 ⊃ post A.1" in problem.message for problem in problems] == [True]


def test_what_is_equal_or_intersects_may_go_round() -> None:
    """Circles without a strict relation say nothing wrong; nor does a subset told from its other side."""
    load_texts(
        [
            (
                "post.yaml",
                _circle(
                    "from: A.1, to: R1, relation: equal",
                    "from: A.2, to: R1, relation: equal",
                    "from: A.1, to: R2, relation: intersects",
                    "from: A.2, to: R2, relation: subset",
                    "from: A.2, to: R3, relation: superset",
                ),
            )
        ]
    )


def test_the_default_profile_is_written_as_it_was_read() -> None:
    """All that a profile says is kept."""
    profile = load_rules([]).documents["PrivacyProfile"]["default"]
    assert isinstance(profile, PrivacyProfile)
    written = write_document("PrivacyProfile", profile)
    again = load_texts([("p.yaml", written)]).documents["PrivacyProfile"]["default"]
    assert isinstance(again, PrivacyProfile)
    assert replace(again, metadata=profile.metadata) == profile


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(
            "low: [low, low, medium, medium]",
            "low: [high, low, medium, medium]",
            "spec.matrix.low[1] is low, less than the risk of less severity or likelihood beside it",
            id="risk that falls",
        ),
        pytest.param("rule: encrypted", "rule: encryptd", "did you mean 'encrypted'?", id="unknown word"),
        pytest.param("name: encryption\n", "name: contract\n", "as on line", id="check twice"),
        pytest.param("sensitivity: low, category: contact", "sensitivity: lwo, category: contact", "'low'", id="level"),
        pytest.param("[AT, BE", "[at, BE", "two capital letters", id="country"),
        pytest.param(
            "rule: encrypted", "rule: (encrypted ?? true)", "asks whether a fact is known", id="taken for met"
        ),
    ],
)
def test_a_mistake_in_a_profile_is_told(old: str, new: str, message: str) -> None:
    """With the key, what is wrong, and the way out."""
    text = PROFILE.read_text(encoding="utf-8")
    assert old in text
    assert message in _problems(text.replace(old, new, 1))[0].message


@pytest.mark.parametrize("kind", ["ComplianceFramework", "ControlMapping", "PrivacyProfile"])
def test_the_schema_accepts_what_loads(kind: str) -> None:
    """Editors see no mistake in a document without one, and see a key that there is not."""
    written = {
        "ComplianceFramework": FRAMEWORK,
        "ControlMapping": MAPPING.removeprefix("---\n"),
        "PrivacyProfile": PROFILE.read_text(encoding="utf-8"),
    }[kind]
    schema, document = Draft7Validator(schema_for(kind)), yaml.safe_load(written)
    assert [error.message for error in schema.iter_errors(document)] == []
    assert not schema.is_valid({**document, "spec": {**document["spec"], "contrls": []}})
