"""The analysis of rules: sets of numbers, and what is most likely a mistake although it loads."""

from pathlib import Path

import pytest
from alert_texts import METRIC, alert, fact
from hypothesis import given
from hypothesis import strategies as st
from rule_texts import document
from trueline_rules.analysis.findings import Finding, analyse
from trueline_rules.analysis.ranges import ALL, NONE, Ranges, true_where
from trueline_rules.expressions import Fact, FactType, compile_expression
from trueline_rules.loader import load_rules

NUMBERS = (-1.0, 0.0, 1.0, 2.0, 3.0)
PROBES = [number + step for number in NUMBERS for step in (-0.5, 0.0, 0.5)]
FACTS = {"a": Fact("a", FactType.NUMBER), "b": Fact("b", FactType.NUMBER)}
comparisons = st.builds(
    lambda flipped, sign, number: f"{number:g} {sign} a" if flipped else f"a {sign} {number:g}",
    st.booleans(),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.sampled_from(NUMBERS),
)
conditions = st.recursive(
    comparisons,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | inner.map("not ({})".format)
    ),
    max_leaves=6,
)


def _where(text: str) -> Ranges:
    found = true_where(compile_expression(text, FACTS).tree, "a")
    assert found is not None
    return found


@given(conditions, conditions)
def test_ranges_are_where_the_condition_is_true(one: str, other: str) -> None:
    """A number is in the set if and only if the compiled condition is true of it; so for unions, sections, rests."""
    first, second = _where(one), _where(other)
    for number in PROBES:
        is_first = compile_expression(one, FACTS).evaluate({"a": number}) is True
        is_second = compile_expression(other, FACTS).evaluate({"a": number}) is True
        assert (number in first) == is_first
        assert (number in first | second) == (is_first or is_second)
        assert (number in first & second) == (is_first and is_second)
        assert (number in ~first) == (not is_first)
    # The numbers probed lie between and on all borders, so a subset of them is a subset.
    assert (first <= second) == all(number in second for number in PROBES if number in first)
    assert bool(first) == any(number in first for number in PROBES)
    assert (first == ALL) == all(number in first for number in PROBES)


@pytest.mark.parametrize("text", ["a < b", "a < 1 and b < 2", "a + 1 < 2", "a in [1, 2]"])
def test_what_says_something_else_is_not_judged(text: str) -> None:
    """Conditions over several facts, computed values and sets have no ranges."""
    assert true_where(compile_expression(text, FACTS).tree, "a") is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a < 1", "below 1"),
        ("a >= 1 and a <= 2", "from 1 up to 2"),
        ("a == 1 or a > 2", "1 or above 2"),
        ("a < 1 and a > 1", "nothing"),
        ("a < 1 or a >= 1", "any number"),
    ],
)
def test_ranges_read_as_words(text: str, shown: str) -> None:
    """Messages say ranges in words."""
    assert str(_where(text)) == shown


def test_no_numbers_have_no_holes() -> None:
    """The empty set and a single interval have nothing between."""
    assert not NONE.holes
    assert not _where("a < 1").holes
    assert str(_where("a < 1 or a > 2").holes) == "from 1 up to 2"


def _analysed(tmp_path: Path, *texts: str) -> list[Finding]:
    path = tmp_path / "rules.yaml"
    path.write_text("---\n".join(texts), encoding="utf-8")
    return [finding for finding in analyse(load_rules([path])) if finding.place.file == str(path)]


def _rule(spec: str, name: str = "r", source: str = "kpi: churn_rate", more: str = "") -> str:
    return alert(f"  facts: {{x: {{{source}}}}}\n{spec}{more}", name)


@pytest.mark.parametrize(
    ("spec", "source", "check", "message"),
    [
        ("  warning: x > 3 and x < 2\n", "kpi: churn_rate", "never true", "warning is never true"),
        ("  warning: x > 0.1 or x <= 0.1\n", "kpi: churn_rate", "always true", "says nothing"),
        (
            "  warning: x > 0.3\n  critical: x > 0.2\n",
            "kpi: churn_rate",
            "hidden warning",
            "the warning (above 0.3) is never seen: critical (above 0.2) holds wherever it does; were the two limits",
        ),
        (
            "  warning: x > 50 and x < 59\n  critical: x > 61\n",
            "metric: sales",
            "gap",
            "between warning (above 50 below 59) and critical (above 61) is a gap: from 59 up to 61",
        ),
        (
            "  warning: x < 0.03\n",
            "kpi: churn_rate",
            "turned sign",
            "it fires where churn_rate is good (below 0.03), for lower is better; is '>' meant?",
        ),
        (
            "  warning: x < 0.5\n",
            "kpi: activation_rate",
            "beyond target",
            "at the target of activation_rate, 0.4 ratio",
        ),
    ],
)
def test_thresholds_out_of_order(tmp_path: Path, spec: str, source: str, check: str, message: str) -> None:
    """Each disorder of thresholds is one finding, at the rule's name, with the ranges in it."""
    found = [one for one in _analysed(tmp_path, METRIC, _rule(spec, source=source)) if one.check != "shadowed"]
    assert [one.check for one in found] == [check]
    assert message in found[0].message
    assert (found[0].place.line, found[0].document) == (METRIC.count("\n") + 4, "AlertRule r")


@pytest.mark.parametrize(
    "spec",
    [
        "  warning: x > 0.2\n  critical: x > 0.3\n",
        "  warning: x < 0 or x > 0.2\n  critical: x > 0.3\n",
        "  warning: x > 0.2 and x <= 0.3\n  critical: x > 0.3\n",
        "  critical: x > 0.5\n",
    ],
)
def test_thresholds_in_order(tmp_path: Path, spec: str) -> None:
    """Nested, adjoining and two-sided thresholds are no findings."""
    assert _analysed(tmp_path, METRIC, _rule(spec, source="metric: sales")) == []


def test_a_rule_that_another_makes_superfluous(tmp_path: Path) -> None:
    """Of two rules over the same number the one that never fires alone is told; another operand, a shorter `for` or
    another severity makes a difference."""
    wide = _rule("  warning: x > 5\n", "wide", "metric: sales")
    narrow = _rule("  warning: x > 7\n", "narrow", "metric: sales", "  for: 5m\n")
    (found,) = _analysed(tmp_path, METRIC, wide, narrow)
    assert (found.check, found.document) == ("shadowed", "AlertRule narrow")
    assert found.message.startswith("whenever it fires, wide does with the same severity")
    slow = _rule("  warning: x > 5\n", "wide", "metric: sales", "  for: 10m\n")
    other = _rule("  warning: x > 5\n", "wide", "metric: sales, offset: 1h")
    worse = _rule("  critical: x > 7\n", "narrow", "metric: sales")
    assert _analysed(tmp_path, METRIC, slow, narrow) == []
    assert _analysed(tmp_path, METRIC, other, narrow) == []
    assert _analysed(tmp_path, METRIC, wide, worse) == []


def test_names_that_nothing_produces_or_reads(tmp_path: Path) -> None:
    """A metric whose roles no event plays, and a fact type that no rule reads."""
    silent = document("Metric", "  roles: [touch]\n  aggregation: count\n  window: 1h\n", "touches")
    mapping = document("EventMapping", "  fields: {id: i, source: s, name: n, occurred_at: t}\n", "plain")
    tier = fact("  subject: account\n  type: text\n")
    found = _analysed(tmp_path, mapping, silent, _rule("  warning: x > 1\n", source="metric: touches"), tier)
    assert [one.check for one in found] == ["no events", "unused"]
    assert "metric touches reads roles that no event plays in the mapping plain" in found[0].message
    assert str(found[1]).endswith("FactType tier: no rule reads it")
