"""The frameworks of the default pack, control by control, against what an auditor would say (packs/*.yaml)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from parcels import NOW_US
from trueline_rules.compliance_model import TENANT, Control, ControlMapping, Relation
from trueline_rules.compliance_rules import compile_known, readable
from trueline_rules.expressions import ExpressionError
from trueline_rules.loader import load_rules
from trueline_rules.model import RuleSet
from trueline_rules.spans import parse_span
from trueline_server.compliance.frameworks import FrameworkBook, JudgedFramework
from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.judging import Moment
from trueline_server.compliance.model import THE_TENANT, Evidence, KnownFact, Status, Subject
from trueline_server.facts.store import FactContent

FILES = sorted((Path(__file__).parent / "packs").glob("*.yaml"))
FRAMEWORKS = ("ccpa", "gdpr", "hipaa", "iso27001", "pci_dss", "soc2")
PATTERN = Subject("pattern", "reporting")
NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW_US)
EXPECTED = {
    "passes": Status.PASS,
    "fails": Status.FAIL,
    "unknown": Status.INSUFFICIENT,
    "outside": Status.NOT_APPLICABLE,
}
# Slips of the pen that the cases of a control must notice.
SLIPS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r" and ", " or "),
    (r" or ", " and "),
    (r"\bnot ", ""),
    (r"<=", "<"),
    (r">=", ">"),
    (r"==", "!="),
    (r"(?<= )(\d+)\b", lambda found: str(int(found[1]) + 1)),
    (r"P(\d+)D", lambda found: f"P{int(found[1]) + 1}D"),
    (r"P(\d+)D", lambda found: f"P{int(found[1]) - 1}D"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """Facts, and what a control comes to with them."""

    control: str
    facts: Mapping[str, Any]
    status: Status


@dataclass(frozen=True, slots=True)
class Audit:
    """A file of cases: of which framework, and the facts that they all start from."""

    framework: str
    base: Mapping[str, Any]
    cases: Mapping[str, tuple[Case, ...]]


@cache
def _rules() -> RuleSet:
    return load_rules([])


@cache
def _framework(name: str) -> JudgedFramework:
    (found,) = FrameworkBook().named(_rules(), [name])
    return found


@cache
def _audit(file: Path) -> Audit:
    read = yaml.safe_load(file.read_text(encoding="utf-8"))
    base, outside = read["base"], read.get("outside", [])
    controls = _framework(read["framework"]).framework.by_id
    cases: dict[str, tuple[Case, ...]] = {}
    for control, told in read["controls"].items():
        found = [Case(control, base | facts, EXPECTED[kind]) for kind in told for facts in told[kind]]
        # With nothing known but the base, nothing is.
        found.append(Case(control, base, Status.INSUFFICIENT))
        found += [
            Case(control, base | facts, Status.NOT_APPLICABLE)
            for facts in outside
            if any(re.search(rf"\b{name}\b", controls[control].applies) for name in facts)
        ]
        cases[control] = tuple(found)
    return Audit(read["framework"], base, cases)


def _values(facts: Mapping[str, Any]) -> dict[str, FactContent]:
    """Facts as conditions read them: of an instant a case tells how long ago it was."""
    types = _rules().fact_types
    found: dict[str, FactContent] = {}
    for name, value in facts.items():
        if types[name].type == "datetime":
            found[name] = NOW - timedelta(microseconds=parse_span(value).us)
        elif types[name].type == "texts":
            found[name] = frozenset(value)
        else:
            found[name] = float(value) if types[name].type == "number" else value
    return found


def _evidence(control: Control, *, age_us: int = 0, without: str = "") -> list[Evidence]:
    """All evidence that a control needs, but for one type; collected so long ago."""
    whose = THE_TENANT if control.subject == TENANT else PATTERN
    at_us = NOW_US - age_us
    return [
        Evidence(f"evidence-{number}", number, whose, need.type, "audit", at_us, at_us)
        for number, need in enumerate(control.evidence, 1)
        if need.type != without
    ]


def _status(case: Case, framework: JudgedFramework, evidence: list[Evidence]) -> Status:
    known = {name: KnownFact(value) for name, value in _values(case.facts).items()}
    found = framework.judge(PATTERN, known, Moment.of(AsOf(NOW_US), evidence))
    return {each.control.id: each.status for each in found.controls}[case.control]


def _truth(control: Control, rule: str, applies: str, case: Case) -> Status:
    """What a control would come to if it were written otherwise; evidence aside."""
    facts, values = readable(control.subject, _rules().fact_types), _values(case.facts)
    if applies and compile_known(applies, facts).evaluate(values, NOW) is False:
        return Status.NOT_APPLICABLE
    found = compile_known(rule, facts).evaluate(values, NOW)
    return Status.INSUFFICIENT if found is None else Status.PASS if found else Status.FAIL


def _slips(text: str) -> Iterator[str]:
    """The text, with one slip in each."""
    for pattern, put in SLIPS:
        for found in re.finditer(pattern, text):
            yield text[: found.start()] + (put if isinstance(put, str) else put(found)) + text[found.end() :]


ALL = [(file.stem, control) for file in FILES for control in _audit(file).cases]
each_control = pytest.mark.parametrize(("stem", "control"), ALL, ids=[" ".join(each) for each in ALL])


def _cases(stem: str, control: str) -> tuple[JudgedFramework, Control, tuple[Case, ...]]:
    (file,) = (each for each in FILES if each.stem == stem)
    framework = _framework(stem)
    return framework, framework.framework.by_id[control], _audit(file).cases[control]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_each_framework_is_worth_its_name_and_has_cases_for_each_control(name: str) -> None:
    """Thirty controls or more, each with a title, a group, a remediation, and cases of all that it can come to."""
    framework = _framework(name).framework
    assert len(framework.controls) >= 30
    assert framework.version
    (file,) = (each for each in FILES if each.stem == name)
    audit = _audit(file)
    assert (audit.framework, list(audit.cases)) == (name, [control.id for control in framework.controls])
    for control in framework.controls:
        assert control.title.endswith("."), control.id
        assert control.remediation.endswith("."), control.id
        assert control.group, control.id
        statuses = {case.status for case in audit.cases[control.id]}
        expected = set(EXPECTED.values()) if control.applies else set(EXPECTED.values()) - {Status.NOT_APPLICABLE}
        assert statuses == expected, control.id


@each_control
def test_a_control_comes_to_what_an_auditor_would_say(stem: str, control: str) -> None:
    """With all its evidence in hand; a pass without a piece of it, or with one that is too old, is none."""
    framework, written, cases = _cases(stem, control)
    for case in cases:
        assert _status(case, framework, _evidence(written)) is case.status, case
        if case.status is not Status.PASS:
            continue
        for need in written.evidence:
            assert _status(case, framework, _evidence(written, without=need.type)) is Status.INSUFFICIENT
            assert _status(case, framework, _evidence(written, age_us=need.freshness_us)) is Status.INSUFFICIENT


@each_control
def test_the_cases_of_a_control_notice_a_slip_of_its_rule(stem: str, control: str) -> None:
    """A connective, a `not`, a comparison or a number that is wrong, or a fact that nothing hangs on."""
    _, written, cases = _cases(stem, control)
    wrong = [(slip, written.applies) for slip in _slips(written.rule)]
    wrong += [(written.rule, slip) for slip in _slips(written.applies)]
    for rule, applies in wrong:
        try:
            noticed = any(_truth(written, rule, applies, case) is not case.status for case in cases)
        except ExpressionError:
            continue
        assert noticed, f"no case notices: {applies} | {rule}"
    facts = readable(written.subject, _rules().fact_types)
    read = {*compile_known(written.rule, facts).facts}
    read |= {*compile_known(written.applies, facts).facts} if written.applies else set()
    for name in sorted(read):
        bare = [Case(control, {k: v for k, v in case.facts.items() if k != name}, case.status) for case in cases]
        told = f"no case hangs on {name}"
        assert any(_truth(written, written.rule, written.applies, each) is not each.status for each in bare), told


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_more_facts_never_turn_a_pass_into_a_fail(data: st.DataObject) -> None:
    """Whatever else becomes known of the subject: a pass stays one, or the control turns out not to concern it."""
    stem, control = data.draw(st.sampled_from(ALL))
    _, written, cases = _cases(stem, control)
    case = data.draw(st.sampled_from(cases))
    others = data.draw(st.lists(st.sampled_from(ALL), max_size=4))
    more = {k: v for each in others for other in _cases(*each)[2] for k, v in other.facts.items()}
    found = _truth(written, written.rule, written.applies, Case(control, {**more, **case.facts}, case.status))
    stays = {case.status, Status.NOT_APPLICABLE} if case.status is not Status.INSUFFICIENT else set(EXPECTED.values())
    assert found in stays


def test_the_usage_example_passes_what_its_facts_decide_and_fails_nothing() -> None:
    """Four facts: there is a legal basis; encryption is claimed, yet nobody showed it; the rest is not known."""
    facts = {
        "personal_data_involved": True,
        "data_types_collected": ["email", "campaign_data"],
        "encryption_implemented": True,
        "user_consent_required": True,
    }
    known = {name: KnownFact(value) for name, value in _values(facts).items()}
    found = {
        name: _framework(name).judge(PATTERN, known, Moment.of(AsOf(NOW_US))).controls for name in ("gdpr", "soc2")
    }
    assert [each.control.id for each in found["gdpr"] if each.status is Status.PASS] == ["Art. 6(1)"]
    assert {each.status for each in found["soc2"]} == {Status.INSUFFICIENT}
    assert Status.FAIL not in {each.status for each in found["gdpr"]}
    without = {(name, each.control.id) for name, controls in found.items() for each in controls if not each.missing}
    assert without == {("gdpr", "Art. 6(1)"), ("gdpr", "Art. 32(1)(a)")}


MAPPINGS = sorted(_rules().documents["ControlMapping"])


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_mapping_claims_all_of_a_control_only_where_its_rule_says_so(name: str) -> None:
    """What passes the one that asks for more, passes the other; else they only have something in common."""
    mapping = cast(ControlMapping, _rules().documents["ControlMapping"][name])
    sides = (mapping.source.name, mapping.target.name)
    assert len(mapping.pairs) >= 20
    for pair in mapping.pairs:
        assert pair.strength
        assert pair.rationale.endswith(".")
        ends = list(zip(sides, (pair.source, pair.target), strict=True))
        ways = {
            Relation.EQUAL: [(ends[0], ends[1]), (ends[1], ends[0])],
            Relation.SUPERSET: [(ends[0], ends[1])],
            Relation.SUBSET: [(ends[1], ends[0])],
            Relation.INTERSECTS: [],
        }[pair.relation]
        for (wide, control), (narrow, met) in ways:
            _, _, cases = _cases(wide, control)
            for case in cases:
                if case.status is Status.PASS:
                    written = _framework(narrow).framework.by_id[met]
                    assert _truth(written, written.rule, "", case) is Status.PASS, f"{control} {met}: {case}"
