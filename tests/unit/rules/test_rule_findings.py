"""What `rules check` warns of: what is most likely a mistake although it loads."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from alert_texts import METRIC, alert, fact
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rule_texts import document
from test_rule_analysis import FACTS, KEYS, NUMBERS, SIGNS, VALUES, conditions, rows
from trueline_rules.alert_model import AlertRule, FactSource
from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.operands import Operand
from trueline_rules.analysis.finding import judge
from trueline_rules.analysis.findings import Finding, analyse
from trueline_rules.analysis.idle import idle_part
from trueline_rules.analysis.overlaps import overlapping
from trueline_rules.expressions import compile_expression
from trueline_rules.expressions.closure import compile_condition
from trueline_rules.expressions.tree import Logic, walk
from trueline_rules.loader import load_rules
from trueline_rules.model import Metadata, Place


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
    """Each disorder of thresholds is one finding, at the condition, with the ranges in it."""
    found = [one for one in _analysed(tmp_path, METRIC, _rule(spec, source=source)) if one.check != "shadowed"]
    assert [one.check for one in found] == [check]
    assert message in found[0].message
    assert (found[0].place.line, found[0].document) == (METRIC.count("\n") + 7, "AlertRule r")
    assert found[0].place.column == len("  warning: ") + 1


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


def test_rules_over_several_facts_that_say_the_same(tmp_path: Path) -> None:
    """A copy is told whatever its facts are called and however it is written; other policies or labels, one fact more
    or an own meaning of what is missing make a difference."""
    pair = "  facts: {x: {metric: sales}, t: {fact: tier}}\n  warning: x > 5 and t == 'gold'\n"
    tier = fact("  subject: account\n  type: text\n")
    copy = "  facts: {n: {metric: sales}, t: {fact: tier}}\n  warning: t in ['gold'] and (5 < n)\n"
    (found,) = _analysed(tmp_path, METRIC, tier, alert(pair, "one"), alert(copy, "two"))
    assert (found.check, found.document) == ("shadowed", "AlertRule two")
    (found,) = _analysed(tmp_path, METRIC, tier, alert(pair, "one"), alert(copy.replace("5 <", "7 <"), "two"))
    assert (found.check, found.document) == ("shadowed", "AlertRule two")
    for other in (
        copy + "  labels: {team: x}\n",
        copy + "  on_missing: 'true'\n",
        copy + "  keep_firing_for: 5m\n",
        copy.replace("5 <", "3 < n or t == 'x' and 9 <"),
        copy.replace("'gold'", "'pro'"),
        "  facts: {n: {metric: sales}}\n  warning: 9 < n\n",
        "  facts: {n: {metric: sales}, t: {fact: tier}, p: {metric: sales, offset: 1h}}\n"
        "  warning: t == 'gold' and 5 < n and p > 1\n",
    ):
        found_there = _analysed(tmp_path, METRIC, tier, alert(pair, "one"), alert(other, "two"))
        told = {(one.check, one.document) for one in found_there}
        assert ("shadowed", "AlertRule two") not in told, other


def test_a_fact_that_only_labels_read_hides_no_copy(tmp_path: Path) -> None:
    """Of rules with the same labels from facts, one over a number covers one over the number and more."""
    facts = "  facts: {x: {metric: sales}, t: {fact: tier}}\n  labels: {tier: {fact: t}}\n"
    tier = fact("  subject: account\n  type: text\n")
    wide, narrow = facts + "  warning: x > 5\n", facts + "  warning: x > 7 and t == 'a'\n"
    for order in (("wide", wide), ("narrow", narrow)), (("narrow", narrow), ("wide", wide)):
        (found,) = _analysed(tmp_path, METRIC, tier, *(alert(spec, name) for name, spec in order))
        assert (found.check, found.document) == ("shadowed", "AlertRule narrow")


def test_thresholds_over_several_facts(tmp_path: Path) -> None:
    """A warning that critical hides, contradictions and what is always true are told of any condition."""
    facts = "  facts: {x: {metric: sales}, t: {fact: tier}}\n"
    tier = fact("  subject: account\n  type: text\n")
    for spec, check in (
        ("  warning: x > 5 and t == 'a'\n  critical: x > 3 and t in ['a', 'b']\n", "hidden warning"),
        ("  warning: x > 5 and t == 'a' and t == 'b'\n", "never true"),
        ("  warning: x > 5 or t == 'a' or x <= 5\n", "always true"),
    ):
        assert [one.check for one in _analysed(tmp_path, METRIC, tier, alert(facts + spec))] == [check]


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        ("x > 5 or x > 10", "x > 10"),
        ("x > 3 and x > 5", "x > 3"),
        ("x > 9 and (x < 3 or t == 'a' or x < 2)", "x < 2"),
        ("1 < 2 and x > 3", "1 < 2"),
        ("x > 5 and x < 3 or x > 10", "x > 5 and x < 3"),
        ("x > t.length and t.length < x", "t.length < x"),
        ("t in ['a', 'b'] and t != 'c'", "t != 'c'"),
        # A guard makes false what would be unknown.
        ("x != null and x > 5", ""),
        ("x > 5 or t == 'a'", ""),
        ("x > 0 and t.length / x > 5", ""),
        ("x > 5 and x < 9", ""),
        ("x > 100 and (x > 200 or t == null)", ""),
    ],
)
def test_a_part_that_changes_nothing(tmp_path: Path, condition: str, part: str) -> None:
    """A limit within another one, a constant, a part that is never true: told at its words; guards are no findings."""
    sources = {"x": "x: {metric: sales}", "t": "t: {fact: tier}"}
    read = ", ".join(source for name, source in sources.items() if re.search(rf"\b{name}\b", condition))
    tier = fact("  subject: account\n  type: text\n")
    found = _analysed(tmp_path, METRIC, tier, alert(f'  facts: {{{read}}}\n  warning: "{condition}"\n'))
    told = [one for one in found if one.check == "idle"]
    assert [one.message.split(" changes")[0] for one in told] == ([f"warning: '{part}'"] if part else [])
    if part:
        assert told[0].place.column == len('  warning: "') + 1 + condition.rindex(part)


@settings(deadline=None, max_examples=200)
@given(conditions, st.lists(rows, min_size=20, max_size=40))
def test_without_an_idle_part_a_rule_decides_the_same(text: str, probes: list[dict[str, object]]) -> None:
    """Whichever part is told, the condition without it is true, false and unknown for the same facts."""
    compiled = compile_expression(text, FACTS)
    for node in (node for node in walk(compiled.tree) if isinstance(node, Logic)):
        part = idle_part(node, KEYS)
        if part is None:
            continue
        rest = tuple(operand for operand in node.operands if operand is not part)
        whole, without = compile_condition(node), compile_condition(replace(node, operands=rest))
        assert [whole(row) for row in probes] == [without(row) for row in probes], text[part.start : part.end]


def test_a_fact_that_is_promised_is_not_asked_for(tmp_path: Path) -> None:
    """`== null` of a fact that is not nullable is told, once; of an hour ago nothing is promised."""
    tier = fact("  subject: account\n  type: text\n  nullable: false\n")
    spec = "  facts: {x: {metric: sales}, t: {fact: tier}}\n  warning: x > 5 and t == 'a' or t == null\n"
    (found,) = _analysed(tmp_path, METRIC, tier, alert(spec))
    assert found.check == "never missing"
    assert found.message == (
        "warning: 't == null' is never true, for FactType tier says nullable: false; take it out, or let the fact be "
        "nullable"
    )
    assert found.place.column == len("  warning: x > 5 and t == 'a' or ") + 1
    assert _analysed(tmp_path, METRIC, tier, alert(spec.replace("fact: tier", "fact: tier, offset: 1h"))) == []


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (
            "x > 5 and x < 9",
            "x > 7 and x < 12",
            "warning holds together with that of one (above 7 below 9): two alerts",
        ),
        ("x > 5 or t == 'a'", "x > 7 or t == 'b'", "warning holds together with that of one: two alerts"),
        ("x < 5", "x > 9", ""),
        ("x < 5", "x < 9", ""),
        ("x > 5 and t == 'a'", "x > 3 and t == 'b'", ""),
        # What is not looked into may never hold together.
        ("x > 5 or t =~ 'a'", "x > 7 or t =~ 'b'", ""),
        ("x * x > 5 or t == 'a'", "x > 7 or t == 'b'", ""),
    ],
)
def test_rules_that_overlap_in_part(tmp_path: Path, one: str, other: str, told: str) -> None:
    """Two rules with the same labels that both fire for some facts, and each alone for others, page twice for one
    matter; parted rules, nested ones and those that cannot be told for certain are no findings. Another label, another
    severity or another fact makes a difference."""
    facts = "  facts: {x: {metric: sales}, t: {fact: tier}}\n" if "t " in one else "  facts: {x: {metric: sales}}\n"
    tier = fact("  subject: account\n  type: text\n")
    first = alert(f"{facts}  warning: {one}\n", "one")
    second = f"{facts}  warning: {other}\n"
    found = [each for each in _analysed(tmp_path, METRIC, tier, first, alert(second, "two")) if each.check == "overlap"]
    assert [each.document for each in found] == (["AlertRule two"] if told else [])
    if not told:
        return
    assert found[0].message.startswith(told)
    assert found[0].place.column == len("  warning: ") + 1
    for different in (
        second + "  labels: {team: x}\n",
        second.replace("warning", "critical"),
        second.replace("sales}", "sales, offset: 1h}"),
    ):
        found = _analysed(tmp_path, METRIC, tier, first, alert(different, "two"))
        assert "overlap" not in {each.check for each in found}


@settings(deadline=None, max_examples=60)
@example(["a < 0", "a > -1"], ["b < -1", "b < -1"], "and", "and")
@given(
    st.lists(
        st.builds("{} {} {:g}".format, st.sampled_from("ab"), SIGNS, st.sampled_from(NUMBERS))
        | st.sampled_from(["t == 'x'", "t in ['x', 'z']", "a == null", "not ok"]),
        min_size=2,
        max_size=2,
    ),
    st.lists(
        st.builds("{} {} {:g}".format, st.sampled_from("ab"), SIGNS, st.sampled_from(NUMBERS))
        | st.sampled_from(["t != 'x'", "t == 'y'", "a != null", "ok"]),
        min_size=2,
        max_size=2,
    ),
    st.sampled_from(["and", "or"]),
    st.sampled_from(["and", "or"]),
)
def test_an_overlap_is_told_if_and_only_if_there_is_one(
    one: list[str], other: list[str], first: str, second: str
) -> None:
    """Of plain conditions all combinations of values that make a difference are tried: some row fires both rules, some
    the one alone and some the other alone, just where an overlap is told."""
    texts = [f" {word} ".join(parts) for word, parts in ((first, one), (second, other))]
    rules = [_plain_rule(name, text) for name, text in zip(("one", "two"), texts, strict=True)]
    told = list(overlapping([judged for rule in rules if (judged := judge(rule)) is not None]))
    evaluate = [rule.conditions["warning"].evaluate for rule in rules]
    rows = (dict(zip(VALUES, row, strict=True)) for row in product(*VALUES.values()))
    seen = {tuple(each(row) is True for each in evaluate) for row in rows}
    assert bool(told) == (seen >= {(True, True), (True, False), (False, True)})


def _plain_rule(name: str, text: str) -> CompiledRule:
    sources = {known: FactSource("fact", known, Operand()) for known in FACTS}
    metadata = Metadata(name, place=Place("r.yaml", 1, 1))
    rule = AlertRule(metadata, sources, text, "", 0, 0, "no_data", "no_data", "no_data", {}, 10, "")
    return CompiledRule(rule, FACTS, {"warning": compile_expression(text, FACTS)})


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("paid > price", ""),
        ("rate > price", "'rate > price' joins 'ratio' and 'USD'"),
        ("paid - rate > 3", "'paid - rate' joins 'usd' and 'ratio'"),
        ("(rate ?? price) > 3", "'rate ?? price' joins 'ratio' and 'USD'"),
        ("(price > 3 ? rate : price) > 1", "'price > 3 ? rate : price' joins 'ratio' and 'USD'"),
        ("-rate + 1 < price", "'-rate + 1 < price' joins 'ratio' and 'USD'"),
        ("rate * 100 > share", ""),
        ("rate > share", "'rate > share' joins 'ratio' and 'percent'"),
        ("share == percents", ""),
        ("rate > 0.5 and price > 10", ""),
        ("bare > price", ""),
    ],
)
def test_units_that_do_not_go_together(tmp_path: Path, condition: str, told: str) -> None:
    """Values of different units that are compared, added or chosen between are told at their place; products and
    quotients, constants and facts without a unit go with everything."""
    units = {"price": "USD", "paid": "usd", "rate": "ratio", "share": "%", "percents": "percent", "bare": ""}
    types = [
        fact(f"  subject: account\n  type: number\n{f'  unit: {unit!r}{chr(10)}' if unit else ''}", name)
        for name, unit in units.items()
    ]
    read = ", ".join(f"{name}: {{fact: {name}}}" for name in units if name in condition)
    found = _analysed(tmp_path, *types, alert(f"  facts: {{{read}}}\n  warning: |\n    {condition}\n"))
    messages = [one for one in found if one.check == "units"]
    assert [f"warning: {told};" in one.message for one in messages] == ([True] if told else [])
    if told:
        part = told[1:].partition("'")[0]
        assert messages[0].place.column == len("    ") + condition.index(part) + 1


def test_units_of_kpis_and_of_what_is_aggregated(tmp_path: Path) -> None:
    """KPIs and metrics have units, too; how many values there were, and a rate, have not that of the values."""
    price = fact("  subject: account\n  type: number\n  unit: usd\n", "price")
    for source, told in (("kpi: churn_rate", True), ("kpi: churn_rate, agg: count, over: 1h", False)):
        spec = f"  facts: {{x: {{{source}}}, p: {{fact: price}}}}\n  warning: x > p\n"
        assert [one.check for one in _analysed(tmp_path, price, alert(spec))] == (["units"] if told else [])


@pytest.mark.parametrize(
    ("subject", "source", "condition", "part"),
    [
        ("account", "fact: tier", "x > 5 and t.as_lower == 'gold'", "t.as_lower"),
        ("account", "fact: tier", "x > 5 and t == 'gold'", ""),
        ("account", "fact: tier, offset: 1h", "x > 5 and t.as_lower == 'gold'", "t.as_lower"),
        ("account", "fact: tier, by: []", "x > 5 and t.as_lower == 'gold'", ""),
        ("tenant", "fact: tier", "x > 5 and t.as_lower == 'gold'", ""),
    ],
)
def test_a_condition_without_sql_is_told(tmp_path: Path, subject: str, source: str, condition: str, part: str) -> None:
    """Where the warehouse could judge many subjects at once, what has no SQL is told at its place with the way out;
    facts of the tenant are one row, and so is what is added up."""
    tier = fact(f"  subject: {subject}\n  type: text\n")
    spec = f"  facts: {{x: {{metric: sales}}, t: {{{source}}}}}\n  warning: {condition}\n"
    found = _analysed(tmp_path, METRIC, tier, alert(spec))
    assert [one.check for one in found] == (["not in SQL"] if part else [])
    if part:
        assert found[0].message == (
            f"warning: '{part}' has no SQL, so the warehouse cannot judge all subjects at once; '.as_lower' of "
            "ClickHouse differs from Unicode's in some letters: use =~ '(?i)…'"
        )
        assert found[0].place.column == len("  warning: ") + condition.index(part) + 1


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("x > 5 # and x < 9", True),
        ("x > 5   # or x < 1  # as last year", True),
        ("x > 5 # and what else", False),
        ("x > 5 # since May", False),
        ("x > 5 # x < 1", False),
        ("x > 5 #and x < 9", True),
        ("'x > 5' # and x < 9", False),
        ("|\n    x > 5 # and x < 9", False),
    ],
)
def test_a_comment_that_would_go_on_with_the_condition(tmp_path: Path, written: str, told: bool) -> None:
    """YAML ends an unquoted text at a blank and '#'; where the comment reads on as the condition that is told."""
    found = _analysed(tmp_path, METRIC, _rule(f"  warning: {written}\n", source="metric: sales"))
    assert [one.check for one in found] == (["comment"] if told else [])
    assert not told or found[0].place.column == len("  warning: x > 5") + 1
    assert not told or "put the whole condition in quotes" in found[0].message


def test_texts_are_no_templates(tmp_path: Path) -> None:
    """A place for a value, as other systems fill it in, is told: it is shown as it stands."""
    spec = "  warning: x > 5\n  summary: 'Low in {{ $labels.instance }}'\n"
    (found,) = _analysed(tmp_path, METRIC, _rule(spec, source="metric: sales"))
    assert (found.check, "'{{ $labels.instance }}'" in found.message) == ("template", True)
    assert found.place.column == len("  summary: 'Low in ") + 1


def test_time_grows_with_the_number_of_rules(tmp_path: Path) -> None:
    """Many rules over one metric are compared in order, not each with each, and what is superfluous is found."""
    import time

    def analysed(count: int) -> tuple[float, int]:
        texts = [
            _rule(f"  warning: x > {n}\n  critical: x > {n * 2 + 1}\n", f"r{n}", "metric: sales") for n in range(count)
        ]
        path = tmp_path / "rules.yaml"
        path.write_text("---\n".join([METRIC, *texts]), encoding="utf-8")
        rules = load_rules([path])
        started = time.perf_counter()
        found = analyse(rules)
        return time.perf_counter() - started, sum(one.check == "shadowed" for one in found)

    analysed(50)
    few_s, few = analysed(200)
    many_s, many = analysed(1600)
    assert (few, many) == (199, 1599)
    # Eight times as many rules: far less than the 64 times that comparing all pairs takes.
    assert many_s < few_s * 24 + 0.5


def test_names_that_nothing_produces_or_reads(tmp_path: Path) -> None:
    """A metric whose roles no event plays, and a fact type that no rule reads."""
    silent = document("Metric", "  roles: [touch]\n  aggregation: count\n  window: 1h\n", "touches")
    mapping = document("EventMapping", "  fields: {id: i, source: s, name: n, occurred_at: t}\n", "plain")
    tier = fact("  subject: account\n  type: text\n")
    found = _analysed(tmp_path, mapping, silent, _rule("  warning: x > 1\n", source="metric: touches"), tier)
    assert [one.check for one in found] == ["no events", "unused"]
    assert "metric touches reads roles that no event plays in the mapping plain" in found[0].message
    assert str(found[1]).endswith("FactType tier: no rule reads it")
