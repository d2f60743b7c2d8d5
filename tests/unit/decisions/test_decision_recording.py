"""What is recorded of a judgement: nothing from which the value of a sensitive fact can be read."""

from __future__ import annotations

from typing import Any

import pytest
from trueline_rules.alert_rules import compile_rule
from trueline_rules.expressions.masking import MASKED
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.clock import ManualClock
from trueline_server.decisions.model import Decision
from trueline_server.decisions.recording import DecisionRecorder, Judged, sensitive_facts

SECRET = "zz-secret-zz"
HEAD = "apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
TEXTS = "---\n".join(
    [
        HEAD.format(kind="FactType", name="salary_band", spec="{subject: user, type: text, sensitive: true}"),
        HEAD.format(kind="FactType", name="salary", spec="{subject: user, type: number, sensitive: true}"),
        HEAD.format(kind="FactType", name="seats", spec="{subject: user, type: number}"),
        HEAD.format(
            kind="AlertRule",
            name="odd",
            spec="{facts: {band: {fact: salary_band}, seats: {fact: seats}, "
            "paid: {fact: salary, agg: max, over: 1h}}, warning: seats > 3 and (band == 'zz-secret-zz' or paid > 5)}",
        ),
    ]
)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """A rule over two sensitive facts and one that is not."""
    return load_texts([("odd.yaml", TEXTS)])


def record(rules: RuleSet, **given: Any) -> Decision:
    """What is recorded of the rule."""
    rule = compile_rule(rules.alert_rules["odd"], rules.fact_types)
    facts = given.pop("facts", {"band": SECRET, "seats": 4.0, "paid": 7.5})
    judged = Judged(
        rules=rules, rule=rule, tenant="t", at_us=1, watermark_us=None, labels=(("user", "u"),), facts=facts, **given
    )
    return DecisionRecorder(b"key", ManualClock(2)).record(judged, kind="transition")


def test_values_of_sensitive_types_are_masked_whatever_is_taken_of_them(rules: RuleSet) -> None:
    """A fact that aggregates a sensitive one is as sensitive; the others are there."""
    assert sensitive_facts(compile_rule(rules.alert_rules["odd"], rules.fact_types), rules) == {"band", "paid"}
    decision = record(rules)
    assert decision.facts == {"band": MASKED, "seats": 4.0, "paid": MASKED}
    assert decision.masked == ("band", "paid")
    assert (decision.decision, decision.truths) == ("warning", {"warning": ".11"})
    assert SECRET not in repr(decision)


def test_a_missing_value_is_not_masked(rules: RuleSet) -> None:
    """That nothing is known is no secret, and NaN is nothing known."""
    decision = record(rules, facts={"band": None, "seats": 4.0, "paid": float("nan")})
    assert decision.facts == {"band": None, "seats": 4.0, "paid": None}
    assert (decision.decision, decision.truths) == ("unknown", {"warning": ".??"})


def test_the_digest_tells_masked_values_apart(rules: RuleSet) -> None:
    """Whether two decisions saw the same can be told without knowing what they saw."""
    one, same, other = (record(rules, facts={"band": band, "seats": 4.0}) for band in (SECRET, SECRET, "else"))
    assert one.facts == other.facts
    assert one.facts_digest == same.facts_digest != other.facts_digest


def test_an_error_that_may_quote_a_value_is_not_kept(rules: RuleSet) -> None:
    """Messages of a rule over sensitive facts are replaced, of which nobody knows what they quote."""
    decision = record(rules, facts={}, decision="unknown", reason="failed", message=f"'{SECRET}' is no number")
    assert SECRET not in decision.message
    assert "sensitive" in decision.message


def test_a_type_that_says_nothing_is_not_sensitive_and_digests_as_before(rules: RuleSet) -> None:
    """`sensitive` that is false changes no revision; one that is true does."""
    plain = rules.fact_types["seats"]
    assert not plain.sensitive
    written = TEXTS.replace("{subject: user, type: number}", "{subject: user, type: number, sensitive: false}")
    assert load_texts([("odd.yaml", written)]).revision == rules.revision
    masked = TEXTS.replace("{subject: user, type: number}", "{subject: user, type: number, sensitive: true}")
    assert load_texts([("odd.yaml", masked)]).revision != rules.revision


def test_values_that_are_known_only_masked_count_as_missing(rules: RuleSet) -> None:
    """What was restored masked cannot be judged again, so nothing is logged that a replay could contradict."""
    decision = record(rules, facts={"band": MASKED, "seats": 4.0, "paid": 7.5}, decision="critical")
    assert decision.facts == {"band": None, "seats": None, "paid": None}
    assert (decision.decision, decision.truths) == ("unknown", {"warning": ".??"})
    assert decision.message != ""
