"""Alert rules, fact types and tests of rules: what is wrong with them is told at its place, the rest reads back."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_texts import ALONE, METRIC, RULE, TIER, TOGETHER, alert, rule_test
from jsonschema import Draft7Validator
from rule_texts import MARK, Broken
from trueline_rules.documents import dump_document, parse_rules
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_rules
from trueline_rules.model import Place
from trueline_rules.schema import schema_for

FULL = """
  facts:
    a: {metric: sales, agg: rate, over: 5m, offset: 10m, by: [country, plan]}
    gone: {metric: sales, agg: absent}
    tier: {fact: tier}
  warning: a < 5 and not gone
  critical: |
    a < 2
      or tier in ['gold', 'pro']
  for: 5m
  keep_firing_for: 10m
  on_missing: "false"
  on_no_data: keep
  on_error: alerting
  labels: {team: growth}
  limit: 7
  summary: Sales are low
"""
TESTS = """
  rule: r
  interval: 30s
  cases:
    - name: over time
      series:
        - {fact: a, labels: {country: DE}, values: "1+1x5 _ stale"}
      expect:
        - {at: 90s, alerts: [{labels: {country: DE}, state: firing, severity: critical}, {state: no_data}]}
    - name: at once
      each:
        - {given: {a: 1, tier: gold, gone: false}, expect: {severity: critical}}
        - {given: {}, expect: {severity: unknown}, skip: not decided yet}
"""


def _place(marked: str, file: str) -> Place:
    before = marked[: marked.index(MARK)]
    return Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


@pytest.mark.parametrize("broken", ALONE, ids=lambda broken: broken.name)
def test_a_mistake_in_one_document_is_told_once_at_its_place(broken: Broken) -> None:
    """One mistake is one problem, which says where it is and what is wrong; the schema sees those that it can see."""
    text = broken.text.replace(MARK, "")
    with pytest.raises(RuleFileError) as caught:
        parse_rules(text, "rules.yaml")
    assert [str(problem) for problem in caught.value.problems] == [str(caught.value.problems[0])]
    assert broken.message in caught.value.problems[0].message
    assert caught.value.problems[0].place == _place(broken.text, "rules.yaml")
    document = yaml.safe_load(text)
    assert Draft7Validator(schema_for(document["kind"])).is_valid(document) != broken.seen


@pytest.mark.parametrize("broken", TOGETHER, ids=lambda broken: broken.name)
def test_a_mistake_between_documents_is_told_once_at_its_place(broken: Broken, tmp_path: Path) -> None:
    """So are those that need the other documents: names, types, and what an expression says, to the column."""
    path = tmp_path / "rules.yaml"
    path.write_text(broken.text.replace(MARK, ""), encoding="utf-8")
    with pytest.raises(RuleFileError) as caught:
        load_rules([path])
    assert [str(problem) for problem in caught.value.problems] == [str(caught.value.problems[0])]
    assert broken.message in caught.value.problems[0].message
    assert caught.value.problems[0].place == _place(broken.text, str(path))


def test_a_broken_fact_type_is_told_once(tmp_path: Path) -> None:
    """A rule that reads it is not told off as well."""
    path = tmp_path / "rules.yaml"
    path.write_text(
        METRIC + "---\n" + TIER.replace("type: text", "type: txet") + "---\n" + alert(RULE), encoding="utf-8"
    )
    with pytest.raises(RuleFileError) as caught:
        load_rules([path])
    assert len(caught.value.problems) == 1
    assert "did you mean 'text'?" in caught.value.problems[0].message


@pytest.mark.parametrize("text", [TIER, alert(FULL), rule_test(TESTS)], ids=["FactType", "AlertRule", "RuleTest"])
def test_what_was_read_is_written_back(text: str) -> None:
    """Written and read again a document says the same, and its schema accepts both."""
    (document,) = parse_rules(text, "rules.yaml")
    written: dict[str, Any] = dump_document(document.kind, document.model)
    (again,) = parse_rules(yaml.safe_dump(written), "rules.yaml")
    # What it says again, not where it stands, is compared.
    assert dump_document(again.kind, again.model) == written
    for one in (yaml.safe_load(text), written):
        assert [error.message for error in Draft7Validator(schema_for(document.kind)).iter_errors(one)] == []


def test_each_becomes_cases_of_their_own() -> None:
    """A table of facts is as many cases, numbered, and each may be skipped by itself."""
    (document,) = parse_rules(rule_test(TESTS), "rules.yaml")
    assert [(case.name, case.skip) for case in document.model.cases] == [
        ("over time", ""),
        ("at once [1]", ""),
        ("at once [2]", "not decided yet"),
    ]
