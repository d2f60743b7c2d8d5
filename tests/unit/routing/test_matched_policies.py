"""Which policy an alert takes: the one that its route names, else the first that matches its labels."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.analysis.findings import analyse
from trueline_rules.errors import RuleFileError
from trueline_rules.escalation_model import EscalationPolicy
from trueline_rules.loader import load_texts
from trueline_rules.model import Metadata, RuleSet
from trueline_rules.routing.matchers import all_match, parse_matcher
from trueline_rules.routing.tree import RouteTree
from trueline_rules.routing_model import MATCHED, NO_ESCALATION, Route, RouteNode
from trueline_rules.writing import write_document

LEVELS = "levels: [{name: L1, notify: [{channel: log}]}]"


def policy(name: str, spec: str) -> str:
    """An EscalationPolicy that tells the log."""
    return f"apiVersion: trueline/v1\nkind: EscalationPolicy\nmetadata: {{name: {name}}}\nspec:\n  {LEVELS}\n  {spec}\n"


def route(name: str, spec: str) -> str:
    """A Route."""
    return f"apiVersion: trueline/v1\nkind: Route\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"


def load(*texts: str) -> RuleSet:
    """The default pack with these documents."""
    return load_texts([("rules.yaml", "---\n".join(texts))])


def taken(rules: RuleSet, **labels: str) -> str:
    """The policy of an alert with these labels."""
    documents: Any = rules.documents
    tree = RouteTree.of(documents["Route"].values(), documents["EscalationPolicy"].values())
    (found,) = tree.destinations({"kind": "alert", "rule": "r", **labels})
    return found.escalation


OWN = (
    policy("agencies", "match: ['persona=~\"agency|brand\"']\n  order: 20"),
    policy("enterprise", "match: [tier=enterprise, severity=critical]"),
    policy("unwell", "match: ['health=~\"at_risk|critical\"', tier!=free]\n  order: 10"),
)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"severity": "critical", "tier": "enterprise"}, "enterprise"),
        ({"severity": "critical", "tier": "pro"}, "critical"),
        ({"severity": "warning", "tier": "enterprise"}, "standard"),
        ({"severity": "P1", "tier": "pro", "health": "at_risk"}, "unwell"),
        ({"severity": "P1", "tier": "free", "health": "at_risk"}, "p1"),
        ({"severity": "high", "persona": "agency"}, "agencies"),
        # `order` decides where several hold; without it a policy comes first of all.
        ({"severity": "critical", "persona": "brand", "health": "critical", "tier": "pro"}, "unwell"),
        ({"severity": "critical", "persona": "brand", "health": "critical", "tier": "enterprise"}, "enterprise"),
    ],
)
def test_policies_by_severity_persona_tier_and_health(labels: dict[str, str], expected: str) -> None:
    """Policies of one's own come before those of the pack, in their own order; what they leave is the pack's."""
    assert taken(load(*OWN), **labels) == expected


def test_a_route_has_the_last_word() -> None:
    """What a route names holds for it and for those inside; `matched` goes back to what matches, `none` is none."""
    rules = load(
        *OWN,
        route(
            "named",
            "matchers: [team=a], escalation: high, "
            "routes: [{matchers: [env=live], escalation: matched}, {matchers: [env=test], escalation: none}]",
        ),
    )
    labels = {"severity": "critical", "tier": "enterprise", "team": "a"}
    assert [taken(rules, **labels, env=each) for each in ("", "live", "test")] == ["high", "enterprise", ""]


def test_a_policy_that_is_replaced_is_matched_as_before() -> None:
    """Who writes other people into `critical` need not repeat whom it is for, and may say otherwise."""
    assert taken(load(policy("critical", "acknowledge_timeout: 1h")), severity="critical") == "critical"
    moved = load(policy("critical", "match: [severity=fatal]"))
    assert [taken(moved, severity=each) for each in ("critical", "fatal")] == ["standard", "critical"]


def test_a_policy_without_match_is_taken_by_name_only() -> None:
    """It is there for routes that name it."""
    rules = load(policy("mine", "repeat: 0"), route("team", "matchers: [team=a], escalation: mine"))
    assert (taken(rules, team="a"), taken(rules, team="b")) == ("mine", "standard")


def test_alerts_of_a_group_have_one_policy() -> None:
    """Alerts that take another policy on the same route are another group: the policy is part of the path."""
    rules: Any = load(*OWN).documents
    tree = RouteTree.of(rules["Route"].values(), rules["EscalationPolicy"].values())
    paths = {
        tree.destinations({"severity": "critical", "tier": tier})[0].path for tier in ("enterprise", "pro", "free")
    }
    assert paths == {("default", "policy:enterprise"), ("default", "policy:critical")}
    assert paths <= {found.path for found in tree.all_destinations}


_POLICIES = st.lists(
    st.tuples(
        st.one_of(
            st.none(),
            st.lists(
                st.sampled_from(['a="1"', 'a!="1"', 'b=~"1|2"', 'b!~"2"', 'a=""', 'c="3"']), max_size=3, unique=True
            ),
        ),
        st.integers(-1, 2),
    ),
    max_size=6,
)


@given(
    _POLICIES,
    st.dictionaries(st.sampled_from("abc"), st.sampled_from("123"), max_size=3),
    st.sampled_from([None, MATCHED, NO_ESCALATION, "p0"]),
)
def test_the_first_that_holds_is_taken(
    given_policies: list[tuple[list[str] | None, int]], labels: dict[str, str], said: str | None
) -> None:
    """As a plain reading has it: by order, then by name, the first whose matchers all hold, where none is named."""
    policies = [
        EscalationPolicy(
            Metadata(f"p{number}"),
            (),
            match=None if match is None else tuple(map(parse_matcher, match)),
            order=order,
        )
        for number, (match, order) in enumerate(given_policies)
    ]
    tree = RouteTree.of([Route(Metadata("default"), RouteNode(escalation=said))], policies)
    (found,) = tree.destinations(labels)
    if said == MATCHED:
        ordered = sorted(policies, key=lambda each: (each.order, each.metadata.name))
        held = (each.metadata.name for each in ordered if each.match is not None and all_match(each.match, labels))
        expected = next(held, "")
    else:
        # A root that says nothing has no escalation.
        expected = "" if said in {None, NO_ESCALATION} else str(said)
    assert found.escalation == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (policy("a", "order: 3"), "needs match: only policies that match are asked in order"),
        (policy("matched", "match: [a=b]"), "by which routes say that the one that matches is taken; rename it"),
        (policy("a", "match: [severity]"), "which has no sign"),
        (route("r", "matchers: [a=b], escalation: matchd"), "did you mean 'matched'?"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    """They name the way out."""
    with pytest.raises(RuleFileError) as refused:
        load(text)
    assert message in str(refused.value)


def test_written_policies_say_the_same() -> None:
    """Also that it matches everything, and the order."""
    text = policy("a", "match: []\n  order: 7") + "---\n" + policy("b", "match: ['x=~\"y|z\"']")
    documents: Any = load(text).documents["EscalationPolicy"]
    again: Any = load(*(write_document("EscalationPolicy", documents[name]) for name in "ab")).documents
    assert [(again["EscalationPolicy"][name].match, again["EscalationPolicy"][name].order) for name in "ab"] == [
        ((), 7),
        ((parse_matcher('x=~"y|z"'),), 0),
    ]


RULE = """\
apiVersion: trueline/v1
kind: AlertRule
metadata: {{name: low, labels: {{{metadata}}}}}
spec: {{facts: {{a: {{kpi: churn_rate}}}}, warning: a > 1, labels: {{{own}}}}}
"""


@pytest.mark.parametrize(
    ("metadata", "own", "told"),
    [
        ("severity: P2, kind: feature_request", "", ["kind", "severity"]),
        ("team: billing, panel: kpis", "", ["team"]),
        ("severity: P2, team: billing", "severity: P2, team: billing", []),
    ],
)
def test_labels_that_stand_in_the_metadata(metadata: str, own: str, told: list[str]) -> None:
    """`severity` and `kind`, and what a policy or a route asks for, do nothing there: a warning says so."""
    rules = load(RULE.format(metadata=metadata, own=own), policy("a", "match: [team=billing]"))
    found = [each for each in analyse(rules) if each.check == "misplaced label"]
    assert [each.message.split("'")[1] for each in found] == told
    assert all("write it into spec.labels" in each.message and each.place.line == 3 for each in found)
