"""The index of rules by what they read."""

from pathlib import Path

from alert_texts import METRIC, TIER, alert
from trueline_rules.alert_rules import compile_rule
from trueline_rules.loader import load_rules
from trueline_rules.rule_index import RuleIndex

BOTH = "  facts: {a: {metric: sales}, t: {fact: tier}}\n  warning: a < 5 and t == 'gold'\n"


def test_a_change_wakes_the_rules_that_read_it(tmp_path: Path) -> None:
    """Each rule once, in the order of the set; a change that nobody reads wakes none."""
    path = tmp_path / "rules.yaml"
    path.write_text("---\n".join([METRIC, TIER, alert(name="one"), alert(BOTH, "two")]), encoding="utf-8")
    rules = load_rules([path])
    index = RuleIndex(compile_rule(rules.alert_rules[name], rules.fact_types) for name in ("one", "two"))
    assert (len(index), index.sources) == (2, {("metric", "sales"), ("fact", "tier")})

    def woken(*sources: tuple[str, str]) -> list[str]:
        return [rule.rule.metadata.name for rule in index.woken_by(sources)]

    assert woken(("metric", "sales")) == ["one", "two"]
    assert woken(("fact", "tier")) == ["two"]
    assert woken(("fact", "tier"), ("metric", "sales")) == ["one", "two"]
    assert woken(("kpi", "sales")) == []
