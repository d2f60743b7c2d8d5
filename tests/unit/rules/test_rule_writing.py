"""Documents written as YAML: read again they are the same, and people can read them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from trueline_rules.loader import load_rules, load_texts
from trueline_rules.model import RuleSet
from trueline_rules.writing import write_document

from tests.unit.rules.test_rule_properties import _load, rule_documents


def _written(rules: RuleSet) -> str:
    models = ((kind, model) for kind, models in rules.documents.items() for model in models.values())
    return "---\n".join(write_document(kind, model) for kind, model in models)


def test_the_default_pack_written_and_read_is_the_same_rule_set() -> None:
    """All kinds of documents, as they are really written."""
    pack = load_rules([])
    name = pack.mapping.metadata.name
    assert load_texts([("pack.yaml", _written(pack))], default_pack=False, mapping=name).revision == pack.revision


@settings(max_examples=60, deadline=None)
@given(documents=rule_documents())
def test_whatever_is_written_reads_as_the_same(documents: list[dict[str, Any]]) -> None:
    """Awkward texts, numbers and labels survive."""
    rules = _load(documents)
    again = load_texts([("a.yaml", _written(rules))], default_pack=False, mapping=rules.mapping.metadata.name)
    assert again.revision == rules.revision


def test_people_can_read_it() -> None:
    """Keys in the order of the kind, statements as blocks, nothing that says nothing."""
    pack = load_rules([])
    rule = write_document("AlertRule", pack.alert_rules["churn_rate_high"])
    head, spec = rule.split("spec:\n")
    assert head.startswith("apiVersion: trueline/v1\nkind: AlertRule\nmetadata:\n  name: churn_rate_high\n")
    keys = [line.split(":")[0].strip() for line in spec.splitlines() if line.startswith("  ") and line[2] != " "]
    assert keys[:3] == ["facts", "warning", "critical"]
    assert "{}" not in rule
    assert "  statement: |\n" in write_document("Kpi", pack.kpis["churn_rate"])
